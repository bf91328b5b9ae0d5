"""Marks: what happened, drawn behind readings: incidents as shades, changes as dashed uprights."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import altair as alt
import polars as pl

from erp_telemetry.contexts import Context
from erp_telemetry.views.theme import CHANGE_COLOUR, INCIDENT_COLOUR, inert

_STAMP = "%Y-%m-%dT%H:%M:%SZ"


def marks(frame: pl.DataFrame, context: Context) -> list[alt.Chart]:
    """Layers of the incidents and changes that touch the services of some readings, clipped to their times."""
    if frame.is_empty():
        return []
    first, last = frame["time"].min(), frame["time"].max()
    assert isinstance(first, datetime) and isinstance(last, datetime)
    services = frame["service"].unique().to_list() if "service" in frame.columns else None
    layers = []
    shades = _shades(context, services, first, last)
    if shades:
        shade = alt.Chart(alt.InlineData(values=shades)).encode(
            x=alt.X("from:T", scale=alt.Scale(type="utc")), tooltip=_told("incident:N", "from:T", "to:T"))
        layers.append(shade.mark_rect(opacity=0.22, color=INCIDENT_COLOUR).encode(x2=alt.X2("to:T")))
        # minutes in weeks are narrower than a hair: where it began is always seen
        layers.append(shade.mark_rule(opacity=0.8, strokeWidth=1.5, color=INCIDENT_COLOUR))
    uprights = _uprights(context, services, first, last)
    if uprights:
        layers.append(alt.Chart(alt.InlineData(values=uprights)).mark_rule(
            strokeDash=[3, 3], strokeWidth=1, color=CHANGE_COLOUR,
        ).encode(x=alt.X("at:T", scale=alt.Scale(type="utc")), tooltip=_told("change:N", "at:T")))
    return layers


def _told(*fields: str) -> list[alt.Tooltip]:
    # a bare text would be looked up in all of Vega-Lite's schema, each time for 20 ms
    return [alt.Tooltip(field) for field in fields]


def _shades(
    context: Context, services: list[str | None] | None, first: datetime, last: datetime
) -> list[dict[str, Any]]:
    found = []
    for one in context.incidents:
        start, stop = max(one.impact_start, first), min(one.until(last), last)
        if stop >= start and (services is None or any(one.touches(name) for name in services)):
            found.append({"from": start.strftime(_STAMP), "to": stop.strftime(_STAMP), "incident": inert(one.title)})
    return found


def _uprights(
    context: Context, services: list[str | None] | None, first: datetime, last: datetime
) -> list[dict[str, Any]]:
    made = context.changes.filter(pl.col("time").is_between(first, last))
    if services is not None:
        made = made.filter(pl.col("service").is_in([name for name in services if name is not None]))
    return [{"at": row["time"].strftime(_STAMP),
             "change": inert(" ".join(filter(None, (row["kind"], row["version"], row["description"]))))}
            for row in made.iter_rows(named=True)]
