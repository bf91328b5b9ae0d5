"""States: which health band each service was in, step by step."""

from __future__ import annotations

import math
from datetime import timedelta

import polars as pl

from erp_telemetry.errors import QueryError
from erp_telemetry.measures import measure
from erp_telemetry.objectives import Objectives
from erp_telemetry.redactions import redact_keys
from erp_telemetry.schema import HEALTH, polars_schema
from erp_telemetry.states.held import hold
from erp_telemetry.store import Store
from erp_telemetry.window import Window

FEWEST = 30
"""Observations below which an interval of 95 % proves nothing among the hundreds of steps of a review."""
WORST_FIRST = ("critical", "warning", "unknown", "normal")
"""Which state stands for several at once: what is not known is worse than what is well."""
_BOUNDS = {"kpi": pl.String(), "service": pl.String(), "version": pl.String(), **dict.fromkeys(
    ("normal", "critical", "hysteresis", "for_seconds", "recover_seconds"), pl.Float64())}


def health(
    store: Store, window: Window, every: str = "1h", *, objectives: Objectives | None = None
) -> pl.DataFrame:
    """Every health band of every service over the steps of a window.

    Args:
        window: whole steps of 5 minutes, or of what ``every`` asks.
        every: width of a step, such as ``5m``, ``1h``, ``1d``.

    Returns:
        ``kpi, service, time, stop`` (start and end of the step), ``value, state, held_state, since,
        is_certain, coverage, is_provisional, version``; states are normal, warning, critical, or
        unknown where nothing was seen. ``state`` reads the value alone, as the handbook does;
        ``held_state`` is what hysteresis, ``for`` and ``recover_for`` of the band make of it and of what
        was before (the same, where the band has none), and began at ``since``. What was before the
        window is asked as far back as the longest ``for`` and ``recover_for`` reach, where it still can
        be. ``is_certain`` is false where the 95 % interval leaves a better ``state`` possible, or fewer
        than 30 observations are behind a value that has one (one failure of eleven requests is no proof
        of 1 %, where thousands of steps are asked). ``version`` is ``Band.version`` of the band that
        held. A band has rows for the services that its measure ever spoke of.

    Raises:
        QueryError: a step that cannot be answered.
    """
    wanted = Objectives.wanted(objectives)
    span = _led(window, every, wanted)
    with store.reading():
        parts = [_part(store, name, window, span, every, wanted)
                 for name in sorted({band.measure for band in wanted.bands})]
    beside = pl.concat(parts).sort("service", "kpi", "time")
    found = hold(beside).filter(pl.col("time") >= window.start).select(
        _state(pl.col("value")).alias("state"), _is_certain().alias("is_certain"),
        *(name for name in polars_schema(HEALTH) if name not in ("state", "is_certain")),
    ).match_to_schema(polars_schema(HEALTH))
    return redact_keys(found, ("service",))


def _led(window: Window, every: str, wanted: Objectives) -> Window:
    """A window begun as many whole steps earlier as the longest ``for`` and ``recover_for`` of a band take."""
    bands = [band for service in (None, *_named(wanted)) for band in wanted.bands_of(service)]
    memory = timedelta(seconds=max((band.for_seconds + band.recover_seconds for band in bands), default=0.0))
    if not memory:
        return window
    edges = window.steps(every)
    width = edges[1] - edges[0]
    led = Window(window.start - max(0, math.ceil(memory / width) - 1) * width, window.stop)
    # steps of days and longer begin at midnight, wherever the window does
    return led if window.start in led.steps(every) else window


def _named(wanted: Objectives) -> set[str]:
    return {*wanted.services, *(name for band in wanted.bands for name in band.services)}


def _part(store: Store, name: str, window: Window, span: Window, every: str, wanted: Objectives) -> pl.DataFrame:
    """The readings of one measure beside the bounds of the bands that read it."""
    try:
        readings = measure(store, name, span, every, objectives=wanted, is_redacted=False)
    except QueryError:
        if span == window:
            raise
        # of before the window the raw rows may be pruned
        span = window
        readings = measure(store, name, span, every, objectives=wanted, is_redacted=False)
    known = readings.filter(pl.col("service").is_not_null())
    # every key has every step
    steps = known.select(pl.col("time").unique().sort()).with_columns(
        pl.col("time").shift(-1).fill_null(span.stop).alias("stop"))
    return known.join(_bounds(name, known["service"].unique().to_list(), wanted), on="service").join(steps, on="time")


def _bounds(name: str, services: list[str], wanted: Objectives) -> pl.DataFrame:
    """The bands that read a measure, as they hold for each service."""
    rows = [{"kpi": band.name, "service": service, "version": band.version, "normal": band.normal,
             "critical": band.critical, "hysteresis": band.hysteresis, "for_seconds": band.for_seconds,
             "recover_seconds": band.recover_seconds}
            for service in services for band in wanted.bands_of(service) if band.measure == name]
    return pl.DataFrame(rows, schema=_BOUNDS)


def _is_certain() -> pl.Expr:
    """Whether the better end of the interval gives the same state, and enough was seen to say so."""
    is_better_low = pl.col("critical") > pl.col("normal")
    better_end = pl.when(is_better_low).then(pl.col("value_low")).otherwise(pl.col("value_high"))
    state = _state(pl.col("value"))
    is_enough = better_end.is_null() | (pl.col("count") >= FEWEST) | state.is_in(["normal", "unknown"])
    return (state == _state(pl.coalesce(better_end, pl.col("value")))) & is_enough


def _state(seen: pl.Expr) -> pl.Expr:
    """``Band.state`` for whole columns."""
    sign = pl.when(pl.col("critical") > pl.col("normal")).then(1.0).otherwise(-1.0)
    value = seen.fill_nan(None)
    return (
        pl.when(value.is_null()).then(pl.lit("unknown"))
        .when(sign * value > sign * pl.col("critical")).then(pl.lit("critical"))
        .when(sign * value < sign * pl.col("normal")).then(pl.lit("normal"))
        .otherwise(pl.lit("warning")))
