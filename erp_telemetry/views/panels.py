"""Panels: small charts of one service each, on one common span, with what happened drawn behind."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from erp_telemetry import catalog
from erp_telemetry.contexts import Context
from erp_telemetry.measures import measure
from erp_telemetry.store import Store
from erp_telemetry.views.charts import chart
from erp_telemetry.views.drawings import can_draw, drawing
from erp_telemetry.views.theme import MEASURE_NAMES
from erp_telemetry.window import Window

CHARTED = ("request_rate", "error_ratio", "latency_p99", "cpu_ratio", "memory_ratio",
           "db_connection_ratio", "cache_hit_ratio")
CHARTED_WHOLE = ("request_rate", "error_ratio", "latency_p99")
SHOWN_SERVICES = 12
STEPS = {"5m": 5, "10m": 10, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "3h": 180, "6h": 360, "12h": 720, "1d": 1440,
         "7d": 10080}
_MOST_STEPS = 180
_WIDTH, _HEIGHT = 300, 84


def step_for(window: Window) -> tuple[str, timedelta]:
    """The narrowest step that cuts a window into at most 180: a panel is no wider than that in pixels."""
    minutes = window.duration.total_seconds() / 60
    name = next((name for name, width in STEPS.items() if minutes <= width * _MOST_STEPS), "7d")
    return name, timedelta(minutes=STEPS[name])


def aligned(window: Window, width: timedelta) -> Window:
    """The window grown to whole steps counted from midnight, so that rollups can answer it."""
    midnight = window.start.replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight + (window.start - midnight) // width * width
    return Window(start, start + -((start - window.stop) // width) * width)


def panels(
    store: Store, window: Window, context: Context, order: list[str]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Charts of the whole system and of each service that has something to show.

    Args:
        order: services by urgency; the first twelve are drawn, the rest named.

    Returns:
        entries ``service`` (``None`` = whole system) and ``panels``: ``drawing, measure, title, unit,
        extreme (what the next is called), worst,
        worst_time, last, last_time, seen`` and ``steps``; and the SVG of each key.
    """
    every, width = step_for(window)
    span = aligned(window, width)
    asked = [(name, ("service",)) for name in CHARTED] + [(name, ()) for name in CHARTED_WHOLE]
    readings = {(name, by): measure(store, name, span, every, by, objectives=context.objectives) for name, by in asked}
    drawings: dict[str, str] = {}
    entries = []
    for number, service in enumerate((None, *order[:SHOWN_SERVICES])):
        shown = []
        for name in CHARTED_WHOLE if service is None else CHARTED:
            part = _part(readings[name, ()] if service is None else readings[name, ("service",)], service)
            if part["value"].is_not_null().any():
                key = f"chart-{number}-{name}"
                shown.append(_told(key, name, part))
                if can_draw():
                    drawings[key] = drawing(
                        chart(part, context=context), key, width=_WIDTH, height=_HEIGHT,
                        stamp="%-d %b" if span.duration > timedelta(days=2) else "%H:%M")
        if shown:
            entries.append({"service": service, "panels": shown})
    return entries, drawings


def _part(readings: pl.DataFrame, service: str | None) -> pl.DataFrame:
    return readings if service is None else readings.filter(pl.col("service") == service)


def _told(key: str, name: str, part: pl.DataFrame) -> dict[str, Any]:
    """What the chart shows, in numbers, for whoever does not see it."""
    query = catalog.query(f"measures/{name}")
    seen = part.filter(pl.col("value").is_not_null())
    # worst is what the measure calls worse; where it calls nothing better, the highest
    worst = seen.sort("value", descending=query.header["better"] != "higher").row(0, named=True)
    last = seen.sort("time").row(-1, named=True)
    moment: datetime = worst["time"]
    return {"drawing": key, "measure": name, "title": MEASURE_NAMES.get(name, name), "unit": query.header["unit"],
            "extreme": "worst" if query.header["better"] in ("lower", "higher") else "highest",
            "worst": worst["value"], "worst_time": moment, "last": last["value"], "last_time": last["time"],
            "seen": seen.height, "steps": part.height}
