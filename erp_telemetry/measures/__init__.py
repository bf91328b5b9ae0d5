"""Measures: named questions to the store over time; the answer is readings.

Each measure is one SQL file in ``queries/measures/`` that answers the cells where something was
seen. This module asks it, and lays the answer on the full grid of key and moment: what was observed
and empty is a fact, what was not observed is a hole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import polars as pl

from erp_telemetry.analyses.intervals import wilson
from erp_telemetry.errors import QueryError, nearest
from erp_telemetry.measures.condensing import condensed, is_condensed
from erp_telemetry.measures.grids import Sight, grid, refuse_dropped
from erp_telemetry.measures.questions import FIVE, HOUR, QUANTILES, WHOLE, Question, fits, question
from erp_telemetry.objectives import Objectives
from erp_telemetry.redactions import redact, redact_keys
from erp_telemetry.store import Store, answers, shortfalls
from erp_telemetry.window import Window

__all__ = ["WHOLE", "Question", "Sight", "answerable", "ask", "ask_all", "condensed", "is_condensed",
           "measure", "question"]


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
        exact: percentiles of requests from raw rows instead of sketches, as they always are by ``operation``;
            counts, rates and ratios are exact already.
        objectives: gives the policy for client errors; default: the handbook's.
        is_redacted: secrets in keys, such as an address in a path, are replaced by marks.

    Returns:
        Readings: ``measure``, the columns of ``by``, ``time`` (start of the step), ``value``,
        ``value_low``, ``value_high`` (95 %), ``count``, ``effective_count``, ``is_supported``,
        ``coverage``, ``is_provisional``; one row per key and step, in order; ``value`` is null where
        nothing was seen. A percentile is supported where its rank interval lies within what was seen,
        Apdex where 100 effective requests were.

    Raises:
        QueryError: no such measure, a dimension it cannot be asked by, a step it cannot answer.
        ValueError: ``every`` or ``zone`` is written wrongly.

    Warns:
        ShortfallWarning: rows of the window are known to be missing, as a pull that keeps parts found.
    """
    if not isinstance(window, Window):
        raise TypeError(f"window is an et.Window, such as Window.parse('2026-06-22/2026-07-06'), not {window!r}")
    policy = Objectives.wanted(objectives).client_errors
    asked = question(name, window, every, by, where, zone, exact, policy)
    with store.reading() as connection:
        shortfalls.warn(connection, window)
        readings = ask(Sight(connection), asked, objectives)
    return redact_keys(readings, asked.keys) if is_redacted else readings


def ask(sight: Sight, asked: Question, objectives: Objectives | None = None) -> pl.DataFrame:
    """Put a question to the store: the readings, keys as they are kept."""
    return ask_all(sight, (asked,), objectives)[0]


def ask_all(sight: Sight, asked: Sequence[Question], objectives: Objectives | None = None) -> list[pl.DataFrame]:
    """Put many questions, whose answers are laid on their grids at once."""
    laid = [_laid(sight, one, objectives) for one in asked]
    return [_kept(one, frame) for one, frame in zip(asked, pl.collect_all(laid), strict=True)]


def _laid(sight: Sight, asked: Question, objectives: Objectives | None) -> pl.LazyFrame:
    if asked.name == "apdex":
        _check_thresholds(sight.connection, asked, objectives)
    refuse_dropped(sight, asked)
    whole = grid(sight, asked)
    if not sight.services(asked):
        # nothing ever spoke of it
        nothing = pl.DataFrame(schema={"time": pl.Datetime("us", "UTC"), **dict.fromkeys(asked.keys, pl.String)})
        return _readings(asked, nothing, whole)
    if asked.query.header["reads"].startswith("request_cells") and fits(asked.edges, HOUR) and sight.are_hours_fewer:
        # counters merge: those of all operations of an hour are those of its minutes
        asked = replace(asked, grain="hour")
    statement = asked.statement
    answer = answers.few if len(asked.edges) == 2 else answers.frame
    return _readings(asked, answer(sight.connection, statement.sql, statement.parameters), whole)


def answerable(window: Window, dropped_before: Mapping[str, datetime], name: str) -> Window:
    """The part of a window over which a percentile is merged from sketches: whole 5 minutes, or hours.

    ``dropped_before`` gives by table the moment before which rows were dropped. A window of an hour or
    less whose raw rows are all there is asked exactly.
    """
    if name not in QUANTILES:
        return window
    fine = dropped_before.get("latency_sketches")
    grain = HOUR if fine is not None and window.start < fine else FIVE
    raw = dropped_before.get("requests")
    is_whole = raw is None or window.start >= raw
    if fits([window.start, window.stop], grain) or (window.duration <= HOUR and is_whole):
        return window
    midnight = window.start.replace(hour=0, minute=0, second=0, microsecond=0)
    start, stop = (midnight + -(-(window.start - midnight) // grain) * grain,
                   midnight + (window.stop - midnight) // grain * grain)
    return Window(start, stop) if start < stop else window


def _check_thresholds(connection: answers.Connection, asked: Question, objectives: Objectives | None) -> None:
    """Apdex is counted at the T of the pull: refuse another T, or two of them in one answer."""
    counted = answers.rows(
        connection,
        "select service, list(distinct apdex_ms) from request_minutes "
        "where time >= $start and time < $stop group by service",
        {"start": asked.edges[0], "stop": asked.edges[-1]})
    for service, found in counted:
        wanted = None if objectives is None else objectives.threshold("apdex_ms", service)
        if len(found) > 1 or wanted not in (None, found[0]):
            raise QueryError(
                f"apdex of {service} was counted at T = {', '.join(f'{t:g}' for t in sorted(found))} ms"
                f"{'' if wanted is None else f', not {wanted:g}'}: pull into a new store with the T you want")


def _readings(asked: Question, cells: pl.DataFrame, whole: pl.LazyFrame) -> pl.LazyFrame:
    header = asked.definition.header
    missing = {"value", "value_low", "value_high", "count", "weight_squares"} - set(cells.columns)
    nothing = [pl.lit(None, pl.Float64).alias(column) for column in sorted(missing)]
    own = cells.lazy().with_columns(nothing).select(
        "time", *asked.keys, "value", "value_low", "value_high", "count", "weight_squares")
    frame = whole.join(own, on=["time", *asked.keys], how="left", nulls_equal=True)
    if header.get("empty") == "zero":
        is_empty = pl.col("value").is_null() & (pl.col("coverage") > 0)
        frame = frame.with_columns(pl.when(is_empty).then(0.0).otherwise(pl.col("value")).alias("value"))
    frame = frame.with_columns(
        pl.when(pl.col("coverage") > 0).then(pl.col("count").fill_null(0.0)).otherwise(pl.col("count")).alias("count"))
    # what is counted without weights counts as it is
    frame = frame.with_columns(
        pl.when(pl.col("weight_squares") > 0).then(pl.col("count") ** 2 / pl.col("weight_squares"))
        .otherwise(pl.col("count")).alias("effective_count"))
    if header.get("interval") == "wilson":
        low, high = wilson(pl.col("value"), pl.col("effective_count"))
        frame = frame.with_columns(low.alias("value_low"), high.alias("value_high"))
    frame = frame.with_columns(_support(asked).alias("is_supported"))
    return frame.select(
        pl.lit(asked.name).alias("measure"), *asked.keys, "time", "value", "value_low", "value_high", "count",
        "effective_count", "is_supported", "coverage", "is_provisional",
    ).sort(*asked.keys, "time")


def _support(asked: Question) -> pl.Expr:
    fewest = asked.definition.header.get("support")
    is_enough = pl.lit(True)
    if fewest is not None:
        is_enough = pl.col("effective_count") >= float(fewest)
    elif asked.definition.header["reads"].split()[0].endswith("_sketches"):
        is_enough = pl.col("value_high").is_not_null()
    return pl.when(pl.col("value").is_not_null()).then(is_enough)


def _kept(asked: Question, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows whose keys have the values asked for."""
    for dimension, wanted in asked.where.items():
        held = frame[dimension].drop_nulls().unique().to_list()
        if held and wanted not in held:
            raise QueryError(f"no {dimension} {wanted!r} in {asked.name}. {redact(nearest(str(wanted), held)).value}")
        frame = frame.filter(pl.col(dimension) == wanted)
    return frame
