"""Questions: which statement answers a measure for some steps and keys, with all its parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any

from erp_telemetry import catalog
from erp_telemetry.errors import QueryError, nearest
from erp_telemetry.schema import DIMENSIONS
from erp_telemetry.window import Window

MICROSECOND = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
FIVE = timedelta(minutes=5)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WHOLE = "\0"
"""The whole system where it stands beside its services as one of them; no service has this name."""
QUANTILES = {"latency_p50": 0.50, "latency_p95": 0.95, "latency_p99": 0.99}


@dataclass(frozen=True, slots=True)
class Question:
    """A measure asked for some steps: its definition, the query that answers, and what is bound to it."""

    definition: catalog.Query
    query: catalog.Query
    edges: tuple[datetime, ...]
    keys: tuple[str, ...]
    where: Mapping[str, str]
    client_errors: str
    grain: str = "minute"
    with_whole: bool = False

    @property
    def name(self) -> str:
        """The measure, such as ``error_ratio``."""
        return self.definition.name.removeprefix("measures/")

    @property
    def steps(self) -> dict[str, Any]:
        """The parameters that say in which step a moment lies."""
        return steps(self.edges)

    @property
    def statement(self) -> catalog.Statement:
        """The SQL with its parameters."""
        flags = {f"by_{dimension}": dimension in self.keys for dimension in DIMENSIONS}
        return self.query.bind(
            **flags, **self.steps, client_errors=self.client_errors,
            grain="hour" if "operation" in self.keys else self.grain,
            # what is condensed for the whole stands in the hours
            **tiers(self.edges, with_days=not self.with_whole), q=QUANTILES.get(self.name))


def question(
    name: str, window: Window, every: str, by: Sequence[str], where: Mapping[str, str] | None, zone: str, exact: bool,
    client_errors: str,
) -> Question:
    """Choose what answers a measure: rollups where they can, raw rows where they must.

    Raises:
        QueryError: no such measure, a dimension it cannot be asked by, a step it cannot answer.
    """
    known = catalog.names("measures")
    if name not in known:
        raise QueryError(f"no measure {name!r}. {nearest(name, known)}")
    definition = catalog.query(f"measures/{name}")
    keys = _keys(definition, by, where)
    edges = tuple(window.steps(every, zone))
    _check(definition, edges, every, keys)
    query = definition
    if exact and name.startswith("dependency_latency"):
        raise QueryError(f"{name} is kept as sketches and is not asked exactly: leave exact out")
    if name in QUANTILES:
        is_each_minute = keys == ("service",) and all(b - a == MINUTE for a, b in pairwise(edges))
        if exact or "operation" in keys or not (fits(edges, FIVE) or is_each_minute):
            query = catalog.query("exact/latency")
        elif is_each_minute:
            query = catalog.query("exact/minute_percentiles")
    return Question(definition, query, edges, keys, where or {}, client_errors)


def fits(edges: Sequence[datetime], grain: timedelta) -> bool:
    """Whether every edge lies on a whole grain, counted from midnight UTC."""
    epoch = edges[0].replace(year=2000, month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    return all((edge - epoch) % grain == timedelta(0) for edge in edges)


def whole(edges: Sequence[datetime], grain: timedelta) -> tuple[datetime, datetime]:
    """The hours or days of UTC that no edge cuts: from the first to the end of the last; none where steps are finer."""
    start, stop = edges[0], edges[-1]
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    first = midnight + -(-(start - midnight) // grain) * grain
    last = midnight + (stop - midnight) // grain * grain
    return (first, last) if first < last and fits(edges[1:-1] or [first], grain) else (stop, stop)


def tiers(edges: Sequence[datetime], *, with_days: bool = True) -> dict[str, datetime]:
    """The parameters that say which sketches are read by the hour, and which of those by the day."""
    hours = whole(edges, HOUR)
    days = whole(edges, DAY) if with_days else (hours[1], hours[1])
    if days[0] == days[1]:
        days = (hours[1], hours[1])
    return {"hours_start": hours[0], "hours_stop": hours[1], "days_start": days[0], "days_stop": days[1]}


def steps(edges: tuple[datetime, ...]) -> dict[str, Any]:
    """The parameters that say in which of the steps between edges a moment lies."""
    unit, starts, seconds = _lookup(edges)
    return {"start": edges[0], "stop": edges[-1], "unit_us": unit, "starts": starts, "seconds": seconds}


@lru_cache(maxsize=16)
def _lookup(edges: tuple[datetime, ...]) -> tuple[int, list[datetime], list[float]]:
    """In which step a moment lies: the start and length of its step, by units counted from the first edge.

    All steps of one width are their own units; steps of the calendar are cut into units that divide each.
    """
    widths = [(b - a) // MICROSECOND for a, b in pairwise(edges)]
    unit = widths[0]
    if widths[:-1] != [unit] * (len(widths) - 1) or widths[-1] > unit:
        unit = math.gcd(*widths)
    counts = [-(-width // unit) for width in widths]
    starts = [edge for edge, count in zip(edges, counts, strict=False) for _ in range(count)]
    seconds = [width / 1e6 for width, count in zip(widths, counts, strict=True) for _ in range(count)]
    return unit, starts, seconds


def _keys(query: catalog.Query, by: Sequence[str], where: Mapping[str, str] | None) -> tuple[str, ...]:
    if where is not None and not isinstance(where, Mapping):
        raise TypeError(f"where gives values by dimension, such as {{'service': 'orders'}}, not {where!r}")
    asked = (by,) if isinstance(by, str) else tuple(by)
    name = query.name.removeprefix("measures/")
    for dimension in (*asked, *(where or {})):
        if dimension not in query.by:
            raise QueryError(f"{name} cannot be asked by {dimension!r}; it can by: {', '.join(query.by)}")
    return tuple(one for one in DIMENSIONS if one in asked or one in (where or {}))


def _check(query: catalog.Query, edges: Sequence[datetime], every: str, keys: tuple[str, ...]) -> None:
    name = query.name.removeprefix("measures/")
    if not fits(edges, MINUTE):
        raise QueryError(
            f"a window and its steps are whole minutes; {every} from {edges[0]:%H:%M:%S} is not: "
            "ask for 1m or a multiple")
    if "operation" in keys and name not in QUANTILES and not fits(edges, HOUR):
        raise QueryError(f"{name} by operation is kept by the hour: ask for 1h, 2h … 1d from a whole hour")
    if name.startswith("dependency_latency") and not fits(edges, FIVE):
        raise QueryError(f"{name} is kept by 5 minutes: ask for 5m, 10m, 1h … from a whole 5 minutes")
