"""Grids: every key times every step, with how much of the step was observed: holes are rows too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

import polars as pl

from erp_telemetry.errors import QueryError
from erp_telemetry.measures.questions import HOUR, WHOLE, Question, steps, whole
from erp_telemetry.store import ROLLUPS, answers

_FEW = 256
_TIME = pl.Datetime("us", "UTC")
# what only a load test saw is no key: no telemetry speaks of it
_HEARD = " where population <> 'synthetic'"
_NAMES = {"cache_hit_ratio": "cache_hits", "restart_count": "restarts"}

# of one step the service alone is grouped by, which the engine does in a quarter of the time
_OBSERVED_STEP = """select $start as time, service, count(*)::double as minutes
    from observed_minutes where time >= $start and time < $stop group by service"""
# counted by unit first: a step is looked up for each unit, not for each minute
_OBSERVED_STEPS = """with units as (
        select (epoch_us(o.time) - epoch_us($start)) // $unit_us as unit, o.service, count(*) as minutes
        from observed_minutes as o where o.time >= $start and o.time < $stop group by all)
    select $starts[1 + unit] as time, service, sum(minutes)::double as minutes from units group by all"""


@dataclass(slots=True)
class Sight:
    """What the store has seen, asked once for all measures of one connection."""

    connection: answers.Connection
    _keys: dict[tuple[str, ...], pl.DataFrame] = field(default_factory=dict)
    _observed: dict[tuple[datetime, ...], pl.DataFrame] = field(default_factory=dict)
    _told: dict[str, datetime] | None = None
    _dropped: dict[str, datetime] | None = None
    _are_hours_fewer: bool | None = None

    @property
    def dropped_before(self) -> dict[str, datetime]:
        """The moment before which rows were dropped to save room, by table."""
        if self._dropped is None:
            self._dropped = dict(answers.rows(
                self.connection, "select table_name, max(before) from sealed group by table_name"))
        return self._dropped

    @property
    def are_hours_fewer(self) -> bool:
        """Whether the counters of operations by the hour are fewer rows than those of services by the minute."""
        if self._are_hours_fewer is None:
            hours, minutes = (answers.count(self.connection, f"store.main.{name}")
                              for name in ("operation_hours", "request_minutes"))
            self._are_hours_fewer = hours < minutes
        return self._are_hours_fewer

    def keys(self, asked: Question) -> pl.DataFrame:
        """Every key that a measure ever spoke of; the whole system is one key, seen or not."""
        if not asked.keys:
            return pl.DataFrame({"nothing": [0]})
        return self._distinct(asked, asked.keys)

    def services(self, asked: Question) -> list[str | None]:
        """The services that a measure ever spoke of."""
        return self._distinct(asked, ("service",))["service"].to_list()

    def observed(self, edges: tuple[datetime, ...]) -> pl.DataFrame:
        """Minutes in which anything was heard of a service, by step: ``time, service, minutes``."""
        if edges not in self._observed:
            found = steps(edges)
            if len(edges) == 2:
                self._observed[edges] = answers.few(
                    self.connection, _OBSERVED_STEP, {name: found[name] for name in ("start", "stop")})
            else:
                self._observed[edges] = answers.frame(
                    self.connection, _OBSERVED_STEPS,
                    {name: found[name] for name in ("starts", "start", "stop", "unit_us")})
        return self._observed[edges]

    def told_until(self, asked: Question) -> datetime | None:
        """Event time up to which rows of the table behind a measure were told."""
        return self.told(asked.definition.header["reads"].split()[0])

    def told(self, table: str) -> datetime | None:
        """Event time up to which rows of a table, or of that behind a rollup, were told; ``None`` if none ever were."""
        if self._told is None:
            self._told = dict(answers.rows(
                self.connection, "select table_name, max(time) from watermarks group by table_name"))
        return self._told.get(_root(table))

    def _distinct(self, asked: Question, keys: tuple[str, ...]) -> pl.DataFrame:
        table = asked.definition.header["reads"].split()[0]
        if self.told(table) is None:
            return pl.DataFrame(schema=dict.fromkeys(keys, pl.String))
        source = "operation_hours" if "operation" in keys else _GRAIN.get(table, table)
        if source == "request_minutes" and self.are_hours_fewer:
            source = "operation_hours"  # the same services, read in fewer rows
        named = " where name = $canonical" if source == "metric_minutes" else ""
        named = named or (_HEARD if source in ("request_minutes", "operation_hours") else "")
        canonical = _NAMES.get(asked.name, asked.name) if "$" in named else ""
        mark = (source, canonical, *keys)
        if mark not in self._keys:
            self._keys[mark] = answers.few(
                self.connection, f"select distinct {', '.join(keys)} from store.main.{source}{named}",
                {"canonical": canonical} if canonical else {})
        return self._keys[mark]


# where the keys of a measure are known from, by the rollup it reads
_GRAIN = {"request_cells": "request_minutes", "latency_sketches": "request_minutes",
          "dependency_sketches": "dependency_minutes"}


def _root(table: str) -> str:
    """The canonical table behind a rollup."""
    name = _GRAIN.get(table, table)
    while name in ROLLUPS:
        name = ROLLUPS[name].table
    return name


def grid(sight: Sight, asked: Question) -> pl.LazyFrame:
    """Every key that was ever seen, times every step: ``time, stop``, ``coverage``, ``is_provisional``."""
    every = _steps(asked.edges, asked.steps["unit_us"])
    services = sight.services(asked)
    observed = sight.observed(asked.edges).lazy().filter(pl.col("service").is_in(_some(services), nulls_equal=True))
    keys = sight.keys(asked).lazy()
    on = ["service", "time"] if "service" in asked.keys else ["time"]
    # of the whole system as much was observed as of its services on average
    total = observed.group_by("time").agg(pl.col("minutes").sum() / max(1, len(services)))
    if asked.with_whole:
        named = pl.lit(WHOLE).alias("service")
        keys = pl.concat([keys, pl.LazyFrame({"service": [WHOLE]})])
        observed = pl.concat([observed, total.select("time", named, "minutes")])
    elif on == ["time"]:
        observed = total
    found = keys.join(every.lazy(), how="cross").join(observed, on=on, how="left", nulls_equal=True)
    minutes = (pl.col("stop") - pl.col("time")).dt.total_seconds() / 60
    until = sight.told_until(asked)
    late = pl.lit(True) if until is None else pl.col("stop") > until
    return found.with_columns(
        (pl.col("minutes").fill_null(0) / minutes).alias("coverage"), late.alias("is_provisional"))


def refuse_dropped(sight: Sight, asked: Question) -> None:
    """Raise ``QueryError`` where a question needs rows that were dropped to save room, and say what can be asked."""
    tables = asked.query.header["reads"].split()
    needs_raw = tables[0] == "requests"
    hours = whole(asked.edges, HOUR)
    needs_fine = tables[0].endswith("_sketches") and (hours[0] > asked.edges[0] or hours[1] < asked.edges[-1])
    if not (needs_raw or needs_fine):
        return
    # of sketches only the ends beside whole hours are read by 5 minutes
    first = asked.edges[0] if needs_raw or hours[0] > asked.edges[0] else hours[1]
    before = sight.dropped_before.get(tables[0])
    if before is None or first >= before:
        return
    moment = f"{before:%Y-%m-%d %H:%M} UTC"
    if needs_fine:
        raise QueryError(f"{asked.name} before {moment} is kept by the hour: ask for 1h, 2h … from a whole hour UTC, "
                         "or for a later window")
    how = "by operation" if "operation" in asked.keys else "at this step"
    instead = ("for a later window, or without operation" if "operation" in asked.keys
               else "for 1m by service, or for 5m or a multiple of it")
    raise QueryError(f"{asked.name} {how} needs raw rows, and those before {moment} were pruned: ask {instead}")


@lru_cache(maxsize=16)
def _steps(edges: tuple[datetime, ...], unit_us: int) -> pl.DataFrame:
    """``time`` and ``stop`` of each step."""
    if len(edges) > _FEW:
        # steps of one width: a range is made a hundred times faster than it is read from objects
        starts = pl.datetime_range(edges[0], edges[-2], timedelta(microseconds=unit_us), time_unit="us", eager=True)
        if len(starts) == len(edges) - 1:
            return pl.DataFrame({"time": starts, "stop": starts.shift(-1).fill_null(edges[-1])})
    return pl.DataFrame({"time": edges[:-1], "stop": edges[1:]}, schema={"time": _TIME, "stop": _TIME})


def _some(services: Sequence[str | None]) -> pl.Series:
    return pl.Series(services, dtype=pl.String).implode()
