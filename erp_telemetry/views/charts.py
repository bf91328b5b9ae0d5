"""Charts: one layer for each column that is there."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from erp_telemetry import catalog
from erp_telemetry.errors import FrameError
from erp_telemetry.schema import DIMENSIONS
from erp_telemetry.views.theme import SERIES_COLOURS, STATE_COLOURS, readable

Drawing = alt.LayerChart | alt.FacetChart | alt.VConcatChart
_READINGS = ("measure", "time", "value")
_SCORECARD = ("kpi", "service", "state", "value", "unit")
_WHOLE = "whole system"
_BANDED = 3
_MARKS = {"met": "✓", "normal": "✓", "missed": "✗", "critical": "✗", "warning": "!", "insufficient": "≈"}
_UNIT_WORDS = {"ratio": "%", "1": "count", "1/s": "per second"}


def chart(frame: pl.DataFrame) -> Drawing:
    """Draw readings as lines over time, or a scorecard as a matrix of states.

    Readings: one line for each key, holes left open, provisional steps dashed; for up to three keys
    a band between ``value_low`` and ``value_high`` (of more the bands would hide the lines), cut off
    at one and a half times the largest value. Times are UTC.

    Raises:
        FrameError: the frame is neither readings nor a scorecard.
    """
    columns = set(frame.columns)
    if columns.issuperset(_SCORECARD):
        return _states(frame)
    if columns.issuperset(_READINGS):
        return _readings(frame)
    raise FrameError(
        f"a chart needs readings ({', '.join(_READINGS)}) or a scorecard ({', '.join(_SCORECARD)}); "
        f"found columns {', '.join(frame.columns) or 'none'}: pass what measure() or score() gave"
    )


def _readings(frame: pl.DataFrame) -> Drawing:
    names = frame["measure"].unique().sort().to_list()
    layers = [alt.layer(*_layers(frame.filter(pl.col("measure") == name)), title=name) for name in names]
    if not layers:
        layers = [alt.layer(*_layers(frame), title="no readings")]
    if len(layers) == 1:
        return layers[0].properties(width=640, height=260)
    stack = [layer.properties(width=640, height=180) for layer in layers]
    return alt.vconcat(*stack)


def _layers(frame: pl.DataFrame) -> list[alt.Chart]:
    unit = _unit(frame)
    rows = _rows(frame, unit)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("time:T", scale=alt.Scale(type="utc"), title="time, UTC"),
        color=alt.Color("key:N", title=None, scale=alt.Scale(range=list(SERIES_COLOURS)))
        if rows else alt.value(SERIES_COLOURS[0]),
    )
    title = f"{_name(frame)}, {_UNIT_WORDS.get(unit, unit)}" if unit else _name(frame)
    line: Any = {"invalid": "break-paths-show-domains", "strokeWidth": 1.5}
    layers = []
    few = len({row["key"] for row in rows}) <= _BANDED
    if few and any(row["value_low"] is not None for row in rows):
        layers.append(base.mark_area(opacity=0.15, clip=True, invalid="break-paths-show-domains").encode(
            y=alt.Y("value_low:Q", title=title, scale=_scale(rows)), y2="value_high:Q"))
    layers.append(base.mark_line(**line).encode(y=alt.Y("settled:Q", title=title)))
    if any(row["provisional"] is not None for row in rows):
        layers.append(base.mark_line(strokeDash=[4, 3], **line).encode(y="provisional:Q"))
    if any(row["alone"] is not None for row in rows):
        layers.append(base.mark_point(size=12, filled=True).encode(y="alone:Q"))
    return layers


def _scale(rows: list[dict[str, Any]]) -> alt.Scale:
    """Room for the lines: a wide interval of a quiet hour is cut off rather than flattening them."""
    values = [row[name] for row in rows for name in ("settled", "provisional") if row[name] is not None]
    top = max(values, default=0.0)
    return alt.Scale(domain=[min([0.0, *values]), top * 1.5]) if top > 0 else alt.Scale()


def _rows(frame: pl.DataFrame, unit: str) -> list[dict[str, Any]]:
    """One record for each reading; a value with holes on both sides also stands ``alone``, or no line shows it."""
    keys = [name for name in DIMENSIONS if name in frame.columns]
    key = pl.concat_str([pl.col(name) for name in keys], separator=" · ", ignore_nulls=True) if keys else pl.lit("")
    for name in ("value_low", "value_high"):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(None, pl.Float64).alias(name))
    if "is_provisional" not in frame.columns:
        frame = frame.with_columns(pl.lit(False).alias("is_provisional"))
    scale = 100.0 if unit == "ratio" else 1.0
    value, late = pl.col("value"), pl.col("is_provisional")
    next_is_late = late.shift(-1).over("key").fill_null(False)
    frame = frame.with_columns(pl.when(key == "").then(pl.lit(_WHOLE)).otherwise(key).alias("key")).sort("key", "time")
    frame = frame.with_columns((pl.col(name) * scale).fill_nan(None) for name in ("value", "value_low", "value_high"))
    drawn = frame.select(
        pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%SZ"), "key", "value_low", "value_high",
        pl.when(~late).then(value).alias("settled"),
        pl.when(late | next_is_late).then(value).alias("provisional"),
        pl.when(value.shift(1).over("key").is_null() & value.shift(-1).over("key").is_null()).then(value)
        .alias("alone"),
    )
    if not frame["is_provisional"].any():
        drawn = drawn.with_columns(pl.lit(None).alias("provisional"))
    return drawn.to_dicts()


def _name(frame: pl.DataFrame) -> str:
    return str(frame["measure"][0]) if frame.height else "value"


def _unit(frame: pl.DataFrame) -> str:
    name = _name(frame)
    known = name in catalog.names("measures")
    return catalog.query(f"measures/{name}").header.get("unit", "") if known else ""


def _states(frame: pl.DataFrame) -> Drawing:
    rows = [
        {"kpi": row["kpi"], "service": row["service"] or _WHOLE, "state": row["state"],
         "value": f"{_MARKS.get(row['state'], '?')} {readable(row['value'], row['unit'])}"}
        for row in frame.iter_rows(named=True)
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("service:N", title=None, sort=None), y=alt.Y("kpi:N", title=None, sort=None))
    colours = alt.Scale(domain=list(STATE_COLOURS), range=list(STATE_COLOURS.values()))
    tiles = base.mark_rect(stroke="white").encode(
        color=alt.Color("state:N", scale=colours, title="state"), tooltip=["kpi:N", "service:N", "state:N", "value:N"])
    words = base.mark_text(color="white", fontSize=10).encode(text="value:N")
    return alt.layer(tiles, words).properties(width=alt.Step(84), height=alt.Step(24))
