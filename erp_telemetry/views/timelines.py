"""Timelines: health over time, one strip for each service and band; the thicker and redder, the worse."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import altair as alt
import polars as pl
from altair.utils.schemapi import debug_mode

from erp_telemetry import catalog
from erp_telemetry.objectives import Objectives
from erp_telemetry.quantities import readable
from erp_telemetry.views.theme import KPI_NAMES, STATE_COLOURS

_WIDTH = 640
"""Pixels across, and so the most cells that a strip can show."""
_THICKNESS = {"unknown": 0.2, "normal": 0.3, "warning": 0.6, "critical": 0.95}
"""Of each state as a share of its strip, because colour never stands alone; the thickest of several is drawn."""
_STEP = ["service", "kpi", "time", "stop", "state", "since", "value", "is_provisional"]
_STAMP = "%Y-%m-%dT%H:%M:%SZ"


def timeline(frame: pl.DataFrame, objectives: Objectives) -> alt.LayerChart | alt.FacetChart:
    """Draw a health frame: the held state where it is there, else what the value alone says.

    Where steps are narrower than a pixel, the worst that was seen in a pixel is shown; steps that may
    still change are pale. Each run tells its band, since when, and between which values.
    """
    rows = _told(_runs(_cells(_steps(frame))), _units(objectives))
    strips = list(dict.fromkeys(row["strip"] for row in rows))
    colours = alt.Scale(domain=list(_THICKNESS), range=[STATE_COLOURS[state] for state in _THICKNESS])
    base = alt.Chart().encode(
        x=alt.X("from:T", scale=alt.Scale(type="utc"), title="time, UTC"), x2=alt.X2("until:T"),
        y=alt.Y("strip:N", title=None, sort=strips, axis=alt.Axis(labelLimit=280)),
        color=alt.Color("state:N", scale=colours, title=None, legend=alt.Legend(orient="top")),
        opacity=alt.Opacity("opacity:Q", scale=None),
        tooltip=[alt.Tooltip(name) for name in ("strip:N", "state:N", "since:N", "to:N", "values:N")],
    )
    # a layer without a row has no extent, of which Vega warns
    seen = {row["state"] for row in rows} or {"unknown"}
    layers = [base.transform_filter(alt.datum.state == state).mark_bar(height={"band": share})
              for state, share in _THICKNESS.items() if state in seen]
    # Altair would hold each of our rows against its schema, which takes longer than all the rest
    with debug_mode(False):
        data = alt.InlineData(values=rows)
    return alt.layer(*layers, data=data).properties(width=_WIDTH, height=alt.Step(20))


def _steps(frame: pl.DataFrame) -> pl.DataFrame:
    """Steps with all that is drawn; what a frame lacks is made up from what it has."""
    by = ["service", "kpi"]
    if "held_state" in frame.columns:
        frame = frame.with_columns(pl.col("held_state").alias("state"))
    if "stop" not in frame.columns:
        width = (pl.col("time").shift(-1) - pl.col("time")).over(by, order_by="time")
        frame = frame.with_columns((pl.col("time") + width.fill_null(strategy="forward").fill_null(timedelta(0)))
                                   .alias("stop"))
    lacking = {"since": pl.col("time"), "value": pl.lit(None, pl.Float64), "is_provisional": pl.lit(False)}
    return frame.with_columns(
        *(made.alias(name) for name, made in lacking.items() if name not in frame.columns),
    ).select(_STEP).sort(*by, "time")


def _cells(steps: pl.DataFrame) -> pl.DataFrame:
    """At most one step for each pixel of a strip: the worst seen of those that share it, over all their time."""
    if steps.is_empty():
        return steps
    span = steps.select((pl.col("stop").max() - pl.col("time").min()) / _WIDTH).item()
    if steps.select((pl.col("stop") - pl.col("time")).min() >= span).item():
        return steps
    thickness = pl.col("state").replace_strict(_THICKNESS, return_dtype=pl.Float64)
    pixel = ((pl.col("time") - pl.col("time").min()) / span).floor()
    worst = pl.col("state", "since").sort_by(-thickness, pl.col("time")).first()
    found = steps.group_by("service", "kpi", pixel.alias("pixel"), maintain_order=True).agg(
        pl.col("time").min(), pl.col("stop").max(), worst, pl.col("value").min().alias("low"),
        pl.col("value").max().alias("high"), pl.col("is_provisional").any())
    return found.drop("pixel")


def _runs(cells: pl.DataFrame) -> pl.DataFrame:
    """Cells of one state in a row, as one."""
    if "low" not in cells.columns:
        cells = cells.with_columns(pl.col("value").alias("low"), pl.col("value").alias("high"))
    is_start = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(name).shift(1)) for name in ("service", "kpi", "state", "is_provisional"))
    return cells.group_by(is_start.cum_sum().alias("run"), maintain_order=True).agg(
        pl.col("service", "kpi", "state", "is_provisional", "time", "since").first(), pl.col("stop").last(),
        pl.col("low").fill_nan(None).min(), pl.col("high").fill_nan(None).max())


def _told(runs: pl.DataFrame, units: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{
        "strip": f"{run['service']} · {KPI_NAMES.get(run['kpi'], run['kpi'])}", "state": run["state"],
        "from": run["time"].strftime(_STAMP), "until": run["stop"].strftime(_STAMP),
        "since": f"{run['since']:%Y-%m-%d %H:%M} UTC", "to": f"{run['stop']:%Y-%m-%d %H:%M} UTC",
        "values": _between(run["low"], run["high"], units.get(run["kpi"], "")),
        "opacity": 0.45 if run["is_provisional"] else 1.0,
    } for run in runs.iter_rows(named=True)]


def _between(low: float | None, high: float | None, unit: str) -> str:
    return readable(low, unit) if low == high else f"{readable(low, unit)} to {readable(high, unit)}"


def _units(objectives: Objectives) -> dict[str, str]:
    """The unit of each band's measure, where there is such a measure."""
    known = set(catalog.names("measures"))
    return {band.name: catalog.query(f"measures/{band.measure}").header.get("unit", "")
            for band in objectives.bands if band.measure in known}
