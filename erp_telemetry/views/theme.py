"""Theme: the colours of states, how a number with a unit is read aloud, and a row of numbers as bars."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

DASH = "–"  # noqa: RUF001  an en dash is what a missing number looks like
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
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_SPANS = ((86400.0, "d"), (3600.0, "h"), (60.0, "m"))


def clean(value: object) -> str:
    """Text without what a terminal or a reader's eye could be steered by."""
    return _CONTROL.sub("", str(value))


def inert(text: str | None) -> str | None:
    """Text for a chart: pages carry its data inside a script, which ``<`` could close or open; control characters go.

    >>> "<" in inert("</script>")
    False
    """
    return None if text is None else clean(text).replace("<", "＜")  # noqa: RUF001


def readable(value: float | None, unit: str) -> str:
    """Write a value for a person: ratios as percent, durations and bytes in the unit that suits, null as a dash.

    >>> readable(0.000526, "ratio"), readable(1234.5, "ms"), readable(5400, "s"), readable(1_234_567, "By")
    ('0.0526 %', '1.23 s', '1 h 30 m', '1.23 MB')
    """
    if value is None or value != value:
        return DASH
    if unit == "ratio":
        return f"{_ratio(value)} %"
    if unit == "ms":
        return f"{value:.3g} ms" if abs(value) < 999.5 else readable(value / 1000, "s")
    if unit == "s":
        return _duration(value)
    if unit == "1/s":
        return _rate(value)
    if unit == "By":
        return _size(value)
    text = f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:.4g}"
    return text if unit in ("", "1") else f"{text} {unit}"


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



def _rate(value: float) -> str:
    """Events per the span in which at least one is to be expected; the second where there are many."""
    for seconds, name in ((1, "second"), (60, "minute"), (3600, "hour")):
        if value == 0 or abs(value) * seconds >= 0.1 or name == "hour":
            shown = value * seconds
            return f"{shown:,.0f} a {name}" if abs(shown) >= 1000 else f"{shown:.3g} a{'n' * (name == 'hour')} {name}"
    raise AssertionError("unreachable: the hour takes all")


def _ratio(value: float) -> str:
    percent = value * 100
    if 99 < percent < 100:
        # 99.9995 must not read as 100: show the missing part to three digits
        digits = next((d for d in range(2, 9) if 10 ** (2 - d) <= 100 - percent), 9)
        return f"{percent:.{digits}f}".rstrip("0")
    return f"{percent:.0f}" if percent == round(percent) else f"{percent:.3g}"


def _size(value: float) -> str:
    """Bytes by powers of 1000."""
    for name in ("B", "kB", "MB", "GB"):
        # rounded first, so that 999,999 bytes are 1 MB and not 1e+03 kB
        if abs(value) < 999.5:
            return f"{value:.3g} {name}"
        value /= 1000
    return f"{value:,.4g} TB"


def _duration(seconds: float) -> str:
    if abs(seconds) < 59.95:
        return f"{seconds:.3g} s"
    for (width, name), (finer, mark) in zip(_SPANS, [*_SPANS[1:], (1.0, "s")], strict=True):
        # rounded first, so that 3599.9 s is an hour and not 60 minutes
        steps, per = round(seconds / finer), round(width / finer)
        if abs(steps) >= per:
            whole, rest = divmod(steps, per)
            return f"{whole} {name} {rest} {mark}" if rest else f"{whole} {name}"
    raise AssertionError("unreachable: what rounds to a minute has minutes")
