"""States: which health band each service was in, step by step."""

from __future__ import annotations

import polars as pl

from erp_telemetry.measures import measure
from erp_telemetry.objectives import Objectives
from erp_telemetry.schema import HEALTH, polars_schema
from erp_telemetry.store import Store
from erp_telemetry.window import Window

FEWEST = 30
"""Observations below which an interval of 95 % proves nothing among the hundreds of steps of a review."""
WORST_FIRST = ("critical", "warning", "unknown", "normal")
"""Which state stands for several at once: what is not known is worse than what is well."""


def health(
    store: Store, window: Window, every: str = "1h", *, objectives: Objectives | None = None
) -> pl.DataFrame:
    """Every health band of every service over the steps of a window.

    Args:
        window: whole steps of 5 minutes, or of what ``every`` asks.
        every: width of a step, such as ``5m``, ``1h``, ``1d``.

    Returns:
        ``kpi, service, time`` (start of the step), ``value, state, is_certain, coverage,
        is_provisional``; state is normal, warning, critical, or unknown where nothing was seen. It
        reads the value alone, as the handbook does; ``is_certain`` is false where the 95 % interval
        leaves a better state possible, or fewer than 30 observations are behind a value that has one
        (one failure of eleven requests is no proof of 1 %, where thousands of steps are asked). A band
        has rows for the services that its measure ever spoke of.

    Raises:
        QueryError: a step that cannot be answered.
    """
    wanted = objectives if objectives is not None else Objectives.load()
    parts = []
    with store.reading():
        for name in sorted({band.measure for band in wanted.bands}):
            readings = measure(store, name, window, every, objectives=wanted).filter(pl.col("service").is_not_null())
            bounds = _bounds(name, readings["service"].unique().to_list(), wanted)
            parts.append(readings.join(bounds, on="service"))
    return pl.concat(parts).select(
        "kpi", "service", "time", "value", _state(pl.col("value")).alias("state"),
        _is_certain().alias("is_certain"), "coverage", "is_provisional",
    ).match_to_schema(polars_schema(HEALTH)).sort("service", "kpi", "time")


def _bounds(name: str, services: list[str], wanted: Objectives) -> pl.DataFrame:
    """The bounds that hold for each service of a measure."""
    rows = [(band.name, service, band.normal, band.critical)
            for service in services for band in wanted.bands_of(service) if band.measure == name]
    return pl.DataFrame(rows, schema={"kpi": pl.String, "service": pl.String, "normal": pl.Float64,
                                      "critical": pl.Float64}, orient="row")


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
