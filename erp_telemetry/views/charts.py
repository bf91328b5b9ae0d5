"""Charts: one layer for each column that is there."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from erp_telemetry import catalog
from erp_telemetry.contexts import Context
from erp_telemetry.errors import FrameError
from erp_telemetry.objectives import Objectives
from erp_telemetry.quantities import readable
from erp_telemetry.schema import DIMENSIONS
from erp_telemetry.views.marks import marks
from erp_telemetry.views.theme import SERIES_COLOURS, STATE_COLOURS, inert
from erp_telemetry.views.timelines import timeline

Drawing = alt.LayerChart | alt.FacetChart | alt.VConcatChart
_READINGS = ("measure", "time", "value")
_SCORECARD = ("kpi", "service", "state", "value", "unit")
_HEALTH = ("kpi", "service", "time", "state")
_WHOLE = "whole system"
_BANDED = 3
_MARKS = {"met": "✓", "normal": "✓", "missed": "✗", "critical": "✗", "warning": "!", "insufficient": "≈"}
_UNIT_WORDS = {"ratio": "%", "1": "count", "1/s": "per second"}


def chart(frame: pl.DataFrame, *, context: Context | None = None) -> Drawing:
    """Draw readings as lines over time, a scorecard as a matrix of states, or health as a timeline of them.

    Readings: one line for each key, holes left open, provisional steps dashed; for up to three keys
    a band between ``value_low`` and ``value_high`` (of more the bands would hide the lines), cut off
    at one and a half times the largest value. With a ``context``, incidents of the services drawn are
    shaded and changes made to them are dashed uprights. Times are UTC.

    Health: a strip for each service and band, thicker and redder where the held state is worse; of steps
    narrower than a pixel the worst seen is shown, and those that may still change are pale. The ``context``
    gives the units of bands that only your own objectives know.

    Raises:
        FrameError: the frame is none of these.
    """
    columns = set(frame.columns)
    frame = _inert(frame)
    if columns.issuperset(_HEALTH):
        return timeline(frame, context.objectives if context is not None else Objectives.load())
    if columns.issuperset(_SCORECARD):
        return _states(frame)
    if columns.issuperset(_READINGS):
        drawn: Drawing = _readings(frame, context)
        return drawn
    raise FrameError(
        f"a chart needs readings ({', '.join(_READINGS)}), a scorecard ({', '.join(_SCORECARD)}) or health "
        f"({', '.join(_HEALTH)}); found columns {', '.join(frame.columns) or 'none'}: "
        "pass what measure(), score() or health() gave"
    )


def _inert(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with texts that no page can be broken by."""
    return frame.with_columns(
        frame[name].replace_strict({text: inert(text) for text in frame[name].drop_nulls().unique()}, default=None,
                                   return_dtype=pl.String)
        for name, kind in frame.schema.items() if kind == pl.String())


def _readings(frame: pl.DataFrame, context: Context | None) -> Any:
    names = frame["measure"].unique().sort().to_list()
    behind = marks(frame, context) if context is not None else []
    layers = [_layered(frame.filter(pl.col("measure") == name), behind, name) for name in names]
    if not layers:
        layers = [_layered(frame, [], "no readings")]
    if len(layers) == 1:
        return layers[0].properties(width=640, height=260)
    stack = [layer.properties(width=640, height=180) for layer in layers]
    return alt.vconcat(*stack)


def _layered(frame: pl.DataFrame, behind: list[alt.Chart], title: str) -> Any:
    """All layers over one copy of the rows: Altair copies what each of them holds many times."""
    unit = _unit(frame)
    rows = _rows(frame, unit)
    return alt.layer(*behind, *_layers(frame, unit, rows), data=alt.InlineData(values=rows), title=title)


def _layers(frame: pl.DataFrame, unit: str, rows: list[dict[str, Any]]) -> list[alt.Chart]:
    base = alt.Chart().encode(
        x=alt.X("time:T", scale=alt.Scale(type="utc"), title="time, UTC"),
        # a legend of one entry says what the title says
        color=alt.Color("key:N", title=None, scale=alt.Scale(range=list(SERIES_COLOURS)))
        if len({row["key"] for row in rows}) > 1 else alt.value(SERIES_COLOURS[0]),
    )
    title = f"{_name(frame)}, {_UNIT_WORDS.get(unit, unit)}" if unit else _name(frame)
    line: Any = {"invalid": "break-paths-show-domains", "strokeWidth": 1.5}
    layers = []
    few = len({row["key"] for row in rows}) <= _BANDED
    if few and any(row["value_low"] is not None for row in rows):
        layers.append(base.mark_area(opacity=0.15, clip=True, invalid="break-paths-show-domains").encode(
            y=alt.Y("value_low:Q", title=title, scale=_scale(rows)), y2=alt.Y2("value_high:Q")))
    is_late = any(row["provisional"] is not None for row in rows)
    if not is_late or any(row["settled"] is not None for row in rows):
        layers.append(base.mark_line(**line).encode(y=alt.Y("settled:Q", title=title)))
    if is_late:
        layers.append(base.mark_line(strokeDash=[4, 3], **line).encode(y=alt.Y("provisional:Q", title=title)))
    if any(row["alone"] is not None for row in rows):
        layers.append(base.mark_point(size=12, filled=True).encode(y=alt.Y("alone:Q")))
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
