"""Theme: the colours of states, the names of KPIs and a row of numbers as bars."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from erp_telemetry.quantities import clean

STATE_COLOURS: Mapping[str, str] = MappingProxyType({
    "met": "#2e7d4f", "normal": "#2e7d4f", "missed": "#b3261e", "critical": "#b3261e",
    "warning": "#a15c00", "insufficient": "#6a5acd", "no_data": "#6b7280", "unknown": "#6b7280",
})
"""Each readable on white and beside its own word; colour never stands alone."""
SERIES_COLOURS = ("#1f6feb", "#d1590a", "#2e7d4f", "#a0318f", "#8a6d00", "#0b7f8c", "#b3261e", "#5b5bd6")
INCIDENT_COLOUR = "#d64545"
CHANGE_COLOUR = "#7a7f87"
"""Marks behind readings: they read on white and on dark."""
KPI_NAMES: Mapping[str, str] = MappingProxyType({
    "uptime": "Uptime", "mttr": "Mean time to repair", "mttd": "Mean time to detect",
    "rto": "Recovery time (RTO)", "rpo": "Data loss (RPO)", "error_ratio": "Error ratio", "latency_p99": "P99 latency",
    "cpu_band": "CPU", "memory_band": "Memory", "latency_band": "Latency (P95)", "error_band": "Errors",
    "gateway_cpu_band": "Gateway CPU", "db_connection_band": "Database connections",
    "cache_hit_band": "Cache hits",
})
MEASURE_NAMES: Mapping[str, str] = MappingProxyType({
    "request_rate": "Requests per second", "error_ratio": "Error ratio, %", "latency_p95": "P95 latency, ms",
    "latency_p99": "P99 latency, ms", "cpu_ratio": "CPU, % of its limit", "memory_ratio": "Memory, % of its limit",
    "db_connection_ratio": "Database connections, % of those allowed", "cache_hit_ratio": "Cache hits, %",
})
_BARS, _PLAIN_BARS = "▁▂▃▄▅▆▇█", "_.-:=+*#"


def inert(text: str | None) -> str | None:
    """Text for a chart: pages carry its data inside a script, which ``<`` could close or open; control characters go.

    >>> "<" in inert("</script>")
    False
    """
    return None if text is None else clean(text).replace("<", "＜")  # noqa: RUF001


def sparkline(values: Sequence[float | None], width: int = 16, *, is_plain: bool = False) -> str:
    """Draw values as a line of bars from 0 to the largest; null is a gap, and only 0 stands on the floor.

    More values than ``width`` share bars: each shows the largest of its own, so that no peak is lost.
    ``is_plain`` draws with ASCII, for a terminal that knows no blocks.

    >>> sparkline([0, 1, None, 4, 8]), sparkline([0, 1, None, 4, 8], width=2, is_plain=True)
    ('▁▂ ▅█', '.#')
    """
    if width < 1:
        raise ValueError(f"a sparkline is at least 1 wide, got {width}")
    bars = _PLAIN_BARS if is_plain else _BARS
    count = min(width, len(values))
    cuts = [len(values) * place // count for place in range(count + 1)] if count else [0]
    tops = [max((value for value in values[start:stop] if value is not None and math.isfinite(value)), default=None)
            for start, stop in itertools.pairwise(cuts)]
    seen = [0.0, *(top for top in tops if top is not None)]
    floor, height = min(seen), (max(seen) - min(seen)) or 1.0
    return "".join(" " if top is None else bars[math.ceil((top - floor) / height * (len(bars) - 1))] for top in tops)
