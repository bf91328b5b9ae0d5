"""Episodes: how long each state was held, one row for each run of steps."""

from __future__ import annotations

import polars as pl

from erp_telemetry.errors import FrameError
from erp_telemetry.objectives import Objectives
from erp_telemetry.schema import EPISODES, HEALTH, polars_schema

_BADNESS = {"unknown": 0, "normal": 1, "warning": 2, "critical": 3}


def episodes(health: pl.DataFrame, *, objectives: Objectives | None = None) -> pl.DataFrame:
    """Runs of steps in which a band held one state, in the order of service, band and time.

    The runs of a band tile its time: silence is an episode too, of state *unknown*. An episode that
    began before the frame starts where the frame does, unless ``since`` knows better.

    Args:
        health: what ``health()`` gave, or rows of it.
        objectives: those that ``health()`` was asked with; they say which side of a value is worse.

    Returns:
        ``kpi, service, state, start, stop, duration_s, peak, is_certain, is_provisional, version``.

    Raises:
        FrameError: the frame is not of health, or of bands that the objectives do not know.
    """
    missing = [column.name for column in HEALTH if column.name not in health.columns]
    if missing:
        raise FrameError(f"episodes are of a health frame; {', '.join(missing)} is missing: pass what health() gave")
    signs = _signs(Objectives.wanted(objectives))
    strange = sorted(set(health["kpi"].unique()) - set(signs))
    if strange:
        raise FrameError(f"no band {', '.join(strange)} in these objectives: pass those that health() was asked with")
    ordered = health.sort("service", "kpi", "time")
    is_start = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(name).shift(1)) for name in ("service", "kpi", "held_state", "since", "version"))
    sign = pl.col("kpi").replace_strict(signs, return_dtype=pl.Float64)
    is_as_bad = _badness("state") >= _badness("held_state")
    return ordered.group_by(is_start.cum_sum().alias("run"), maintain_order=True).agg(
        pl.col("kpi", "service", "version").first(), pl.col("held_state").first().alias("state"),
        pl.col("since").first().alias("start"), pl.col("stop", "is_provisional").last(),
        ((pl.col("value").fill_nan(None) * sign).max() * sign.first()).alias("peak"),
        (pl.col("is_certain") & is_as_bad).any().alias("is_certain"),
    ).with_columns(
        ((pl.col("stop") - pl.col("start")).dt.total_microseconds() / 1e6).alias("duration_s"),
    ).select(polars_schema(EPISODES).keys()).match_to_schema(polars_schema(EPISODES))


def _signs(wanted: Objectives) -> dict[str, float]:
    return {band.name: 1.0 if band.is_higher_worse else -1.0 for band in wanted.bands}


def _badness(name: str) -> pl.Expr:
    return pl.col(name).replace_strict(_BADNESS, return_dtype=pl.Int8)
