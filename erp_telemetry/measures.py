"""Measures: named questions to the store over time; the answer is readings.

Each measure is one SQL file in ``queries/measures/`` that answers the cells where something was
seen. This module asks it, and lays the answer on the full grid of key and moment: what was observed
and empty is a fact, what was not observed is a hole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from erp_telemetry import catalog
from erp_telemetry.analyses.intervals import wilson
from erp_telemetry.errors import QueryError, nearest
from erp_telemetry.objectives import Objectives
from erp_telemetry.redactions import redact, redact_keys
from erp_telemetry.schema import DIMENSIONS
from erp_telemetry.store import Store, answers
from erp_telemetry.window import Window

_MINUTE = timedelta(minutes=1)
_FIVE = timedelta(minutes=5)
_QUANTILES = {"latency_p50": 0.50, "latency_p95": 0.95, "latency_p99": 0.99}
# where the keys of a measure are known from, by the rollup it reads
_GRAIN_TABLE = {"request_cells": "request_minutes", "latency_sketches": "request_minutes"}


def measure(
    store: Store, name: str, window: Window, every: str = "1m", by: Sequence[str] = ("service",),
    where: Mapping[str, str] | None = None, zone: str = "UTC", exact: bool = False, *,
    objectives: Objectives | None = None, is_redacted: bool = True,
) -> pl.DataFrame:
    """Ask a measure for every step of a window.

    Args:
        name: a measure, such as ``error_ratio``; ``catalog.names("measures")`` lists them.
        window: whole minutes.
        every: width of a step: ``1m``, ``5m``, ``1h``, or ``1d``, ``1w``, ``1mo`` in ``zone``.
        by: dimensions that make the key; ``()`` for the whole system.
        where: keep only keys with these values, such as ``{"service": "orders"}``.
        zone: IANA zone of calendar steps.
        exact: percentiles from raw rows instead of sketches, as they always are by ``operation``.
        objectives: gives the policy for client errors; default: the handbook's.
        is_redacted: secrets in keys, such as an address in a path, are replaced by marks.

    Returns:
        Readings: ``measure``, the columns of ``by``, ``time`` (start of the step), ``value``,
        ``value_low``, ``value_high`` (95 %), ``count``, ``coverage``, ``is_provisional``; one row per
        key and step, in order; ``value`` is null where nothing was seen.

    Raises:
        QueryError: no such measure, a dimension it cannot be asked by, a step it cannot answer.
    """
    if not isinstance(window, Window):
        raise TypeError(f"window is an et.Window, such as Window.parse('2026-06-22/2026-07-06'), not {window!r}")
    known = catalog.names("measures")
    if name not in known:
        raise QueryError(f"no measure {name!r}. {nearest(name, known)}")
    query = catalog.query(f"measures/{name}")
    keys = _keys(query, by, where)
    edges = window.steps(every, zone)
    _check(query, edges, every, keys)
    # no sketch is kept by operation
    use_raw = name in _QUANTILES and (exact or "operation" in keys or not _fits(edges, _FIVE))
    asked = catalog.query("exact/latency") if use_raw else query
    policy = (objectives if objectives is not None else Objectives.load()).client_errors
    if name == "apdex":
        _check_thresholds(store, window, objectives)
    statement = asked.bind(**_parameters(query, edges, keys, policy))
    with store.reading() as connection:
        if use_raw:
            _refuse_pruned(connection, window, name, keys)
        cells = answers.frame(connection, statement.sql, statement.parameters)
        grid = _grid(connection, query, edges, keys)
    readings = _readings(query, cells, grid, keys, edges, where or {})
    return redact_keys(readings, keys) if is_redacted else readings


def answerable(store: Store, name: str, window: Window) -> Window:
    """The part of a window that a measure can still answer: all of it, unless raw rows were pruned.

    Percentiles then come from sketches alone, so the window shrinks to whole 5 minutes.
    """
    if name not in _QUANTILES or _fits([window.start, window.stop], _FIVE):
        return window
    with store.reading() as connection:
        before = answers.value(connection, "select max(before) from sealed where table_name = 'requests'")
    start, stop = window.start + (-_past(window.start) % _FIVE), window.stop - _past(window.stop) % _FIVE
    return window if before is None or window.start >= before or stop <= start else Window(start, stop)


def _past(moment: datetime) -> timedelta:
    return moment - moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _short(query: catalog.Query) -> str:
    return query.name.removeprefix("measures/")


def _keys(query: catalog.Query, by: Sequence[str], where: Mapping[str, str] | None) -> tuple[str, ...]:
    asked = (by,) if isinstance(by, str) else tuple(by)
    for dimension in (*asked, *(where or {})):
        if dimension not in query.by:
            raise QueryError(f"{_short(query)} cannot be asked by {dimension!r}; it can by: {', '.join(query.by)}")
    return tuple(name for name in DIMENSIONS if name in asked or name in (where or {}))


def _check(query: catalog.Query, edges: list[datetime], every: str, keys: tuple[str, ...]) -> None:
    if not _fits(edges, _MINUTE):
        raise QueryError(
            f"a window and its steps are whole minutes; {every} from {edges[0]:%H:%M:%S} is not: "
            "ask for 1m or a multiple")
    is_percentile = _short(query) in _QUANTILES
    if "operation" in keys and not is_percentile and not _fits(edges, timedelta(hours=1)):
        raise QueryError(f"{_short(query)} by operation is kept by the hour: ask for 1h, 2h … 1d from a whole hour")
    if query.name.startswith("measures/dependency_latency") and not _fits(edges, _FIVE):
        raise QueryError(f"{_short(query)} is kept by 5 minutes: ask for 5m, 10m, 1h … from a whole 5 minutes")


def _check_thresholds(store: Store, window: Window, objectives: Objectives | None) -> None:
    """Apdex is counted at the T of the pull: refuse another T, or two of them in one answer."""
    with store.reading() as connection:
        counted = answers.rows(
            connection,
            "select service, list(distinct apdex_ms) from request_minutes "
            "where time >= $start and time < $stop group by service",
            {"start": window.start, "stop": window.stop})
    for service, found in counted:
        asked = None if objectives is None else objectives.threshold("apdex_ms", service)
        if len(found) > 1 or asked not in (None, found[0]):
            raise QueryError(
                f"apdex of {service} was counted at T = {', '.join(f'{t:g}' for t in sorted(found))} ms"
                f"{'' if asked is None else f', not {asked:g}'}: pull into a new store with the T you want")


def _fits(edges: list[datetime], grain: timedelta) -> bool:
    epoch = edges[0].replace(year=2000, month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    return all((edge - epoch) % grain == timedelta(0) for edge in edges)


def _parameters(
    query: catalog.Query, edges: list[datetime], keys: tuple[str, ...], client_errors: str
) -> dict[str, Any]:
    flags = {f"by_{dimension}": dimension in keys for dimension in DIMENSIONS}
    return {
        **flags, "start": edges[0], "stop": edges[-1], "edges": edges[:-1], "client_errors": client_errors,
        "grain": "hour" if "operation" in keys else "minute",
        "q": _QUANTILES.get(_short(query)),
    }


def _refuse_pruned(connection: answers.Connection, window: Window, name: str, keys: tuple[str, ...]) -> None:
    before = answers.value(connection, "select max(before) from sealed where table_name = 'requests'")
    if before is not None and window.start < before:
        how = "by operation" if "operation" in keys else "at this step"
        instead = "for a later window, or without operation" if "operation" in keys else "for 5m or a multiple of it"
        raise QueryError(
            f"{name} {how} needs raw rows, and those before {before:%Y-%m-%d %H:%M} UTC were pruned: ask {instead}")


def _grid(
    connection: answers.Connection, query: catalog.Query, edges: list[datetime], keys: tuple[str, ...]
) -> pl.DataFrame:
    """Every key that was ever seen, times every step, with the observed share of the step."""
    table = query.header["reads"].split()[0]
    source = "operation_hours" if "operation" in keys else _GRAIN_TABLE.get(table, table)
    # what only a load test saw is no key: no telemetry speaks of it
    named = {"metric_minutes": " where name = $canonical", "request_minutes": " where population <> 'synthetic'",
             "operation_hours": " where population <> 'synthetic'"}.get(source, "")
    canonical = _short(query)
    canonical = {"cache_hit_ratio": "cache_hits", "restart_count": "restarts"}.get(canonical, canonical)
    parameters = {"canonical": canonical} if "$canonical" in named else {}
    # the whole system is one key, seen or not
    seen = (answers.frame(connection, f"select distinct {', '.join(keys)} from {source}{named}", parameters)
            if keys else pl.DataFrame({"nothing": [0]}))
    steps = pl.DataFrame({"time": edges[:-1], "stop": edges[1:]},
                         schema={"time": pl.Datetime("us", "UTC"), "stop": pl.Datetime("us", "UTC")})
    by_service = "service" in keys
    known = f"(select distinct service from {source}{named})"
    observed = _observed(connection, edges, by_service, known, parameters)
    on = ["service", "time"] if by_service else ["time"]
    grid = seen.join(steps, how="cross").join(observed, on=on, how="left", nulls_equal=True)
    minutes = (pl.col("stop") - pl.col("time")).dt.total_seconds() / 60
    services = 1 if by_service else max(1, answers.value(connection, f"select count(*) from {known}", parameters))
    until = answers.value(connection, "select max(time) from watermarks")
    late = pl.lit(True) if until is None else pl.col("stop") > until
    return grid.with_columns(
        (pl.col("minutes").fill_null(0) / (minutes * services)).alias("coverage"),
        late.alias("is_provisional"), (minutes * 60).alias("seconds"),
    )


def _observed(
    connection: answers.Connection, edges: list[datetime], by_service: bool, known: str,
    parameters: Mapping[str, Any],
) -> pl.DataFrame:
    """Observed minutes by step; without a service, summed over the services the measure knows."""
    return answers.frame(
        connection,
        f"""with steps as (select unnest($edges) as step)
        select s.step as time, case when $by_service then o.service end as service, count(*)::double as minutes
        from observed_minutes as o asof join steps as s on o.time >= s.step
        where o.time >= $start and o.time < $stop
          and exists (select 1 from {known} as k where k.service is not distinct from o.service) group by all""",
        {"edges": edges[:-1], "start": edges[0], "stop": edges[-1], "by_service": by_service, **parameters},
    ).select("time", "minutes", *(["service"] if by_service else []))


def _readings(
    query: catalog.Query, cells: pl.DataFrame, grid: pl.DataFrame, keys: tuple[str, ...], edges: list[datetime],
    where: Mapping[str, str],
) -> pl.DataFrame:
    name = _short(query)
    for column in ("value_low", "value_high", "weight_squares"):
        if column not in cells.columns:
            cells = cells.with_columns(pl.lit(None, pl.Float64).alias(column))
    own = cells.select("time", *keys, "value", "value_low", "value_high", "count", "weight_squares")
    frame = grid.join(own, on=["time", *keys], how="left", nulls_equal=True)
    is_empty = pl.col("value").is_null() & (pl.col("coverage") > 0)
    if query.header.get("empty") == "zero":
        frame = frame.with_columns(pl.when(is_empty).then(0.0).otherwise(pl.col("value")).alias("value"))
    frame = frame.with_columns(
        pl.when(pl.col("coverage") > 0).then(pl.col("count").fill_null(0.0)).otherwise(pl.col("count")).alias("count"))
    if query.header.get("per") == "second":
        frame = frame.with_columns(pl.col("value") / pl.col("seconds"))
    if query.header.get("interval") == "wilson":
        low, high = wilson(pl.col("value"), pl.col("count") ** 2 / pl.col("weight_squares"))
        frame = frame.with_columns(low.alias("value_low"), high.alias("value_high"))
    for dimension, wanted in where.items():
        held = frame[dimension].drop_nulls().unique().to_list()
        if held and wanted not in held:
            raise QueryError(f"no {dimension} {wanted!r} in {name}. {redact(nearest(str(wanted), held)).value}")
        frame = frame.filter(pl.col(dimension) == wanted)
    return frame.select(
        pl.lit(name).alias("measure"), *keys, "time", "value", "value_low", "value_high", "count", "coverage",
        "is_provisional",
    ).sort(*keys, "time")
