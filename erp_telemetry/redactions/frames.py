"""Frames: redacts the text in the columns of a frame, fast: only what may hold something is looked at closely."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from erp_telemetry.redactions import keyed
from erp_telemetry.redactions.kinds import CANDIDATE
from erp_telemetry.redactions.texts import HIDDEN, Passage

# ids in hexadecimal may look like the number of a card
_IDS = ("trace_id", "span_id", "parent_id", "id")
_HEX = r"^[0-9a-fA-F]{16}(?:[0-9a-fA-F]{16}(?::[0-9a-fA-F]{16})?)?$"


def redact_frame(frame: pl.DataFrame) -> tuple[pl.DataFrame, Counter[str]]:
    """The frame with marks, and how many of each kind."""
    counts: Counter[str] = Counter()
    carried: dict[int, set[str]] = {}
    columns = {}
    for column in frame.get_columns():
        if _has_text(column.dtype):
            columns[column.name] = _redacted(column, counts, carried)
    frame = frame.with_columns(columns.values())
    return (_without(frame, list(columns), carried, counts) if carried else frame), counts


def redact_keys(frame: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """Redact columns that are keys; marks are numbered, so that two keys never become one."""
    for name in names:
        if frame.schema.get(name) != pl.String():
            continue
        held = frame[name].drop_nulls().unique().sort()
        shown = redact_frame(held.to_frame())[0][name].to_list()
        changed = {old: new for old, new in zip(held, shown, strict=True) if old != new}
        taken = Counter([*changed.values(), *(old for old in held if old not in changed)])
        for number, (old, new) in enumerate(changed.items(), 1):
            if taken[new] > 1:
                changed[old] = new.replace("]", f" {number}]", 1)
        if changed:
            frame = frame.with_columns(pl.col(name).replace(changed))
    return frame


def _has_text(dtype: pl.DataType) -> bool:
    if isinstance(dtype, pl.List | pl.Array):
        return _has_text(dtype.inner)  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return any(_has_text(field.dtype) for field in dtype.fields)  # type: ignore[arg-type]
    return isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Binary)


def _redacted(column: pl.Series, counts: Counter[str], carried: dict[int, set[str]]) -> pl.Series:
    """One column with marks; the secrets of each row that shows elsewhere are added to ``carried``."""
    is_secret = keyed.is_secret(column.name)
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        shown = _texts(column.cast(pl.String()), is_secret, counts, carried)
        return column if shown.equals(column.cast(pl.String())) else shown
    if isinstance(column.dtype, pl.String):
        return _texts(column, is_secret, counts, carried)
    return _nested(column, is_secret, counts, carried)


def _texts(column: pl.Series, is_secret: bool, counts: Counter[str], carried: dict[int, set[str]]) -> pl.Series:
    held = column.drop_nulls().unique()
    if not is_secret:
        held = held.filter(_may_hold(held))
        if column.name in _IDS:
            held = held.filter(~held.str.contains(_HEX))
    changed: dict[str, str] = {}
    found: dict[str, Passage] = {}
    for text in held.to_list():
        passage = Passage()
        shown = passage.value(text, is_secret)
        if shown != text:
            changed[text], found[text] = shown, passage
    if not changed:
        return column
    rows = column.is_in(list(changed)).fill_null(False).arg_true()
    for row, text in zip(rows.to_list(), column.gather(rows).to_list(), strict=True):
        counts.update(found[text].counts)
        if found[text].secrets:
            carried.setdefault(row, set()).update(found[text].secrets)
    return column.replace(changed)


def _may_hold(texts: pl.Series) -> pl.Series:
    """Which texts are worth a closer look, hidden characters taken out."""
    is_hiding = texts.str.contains(HIDDEN)
    if is_hiding.any():
        texts = texts.to_frame("text").select(
            pl.when(is_hiding).then(pl.col("text").str.replace_all(HIDDEN, "")).otherwise("text")).to_series()
    return texts.str.contains(CANDIDATE)


def _nested(column: pl.Series, is_secret: bool, counts: Counter[str], carried: dict[int, set[str]]) -> pl.Series:
    """Lists and structs, row by row; the names of a struct's fields count as names."""
    made, is_changed = [], False
    for row, value in enumerate(column.to_list()):
        passage = Passage()
        shown = passage.value(value, is_secret)
        made.append(shown)
        if passage.counts:
            is_changed = True
            counts.update(passage.counts)
            if passage.secrets:
                carried.setdefault(row, set()).update(passage.secrets)
    return _rebuilt(column, made) if is_changed else column


def _rebuilt(column: pl.Series, values: list[Any]) -> pl.Series:
    return pl.Series(column.name, values, dtype=_marked(column.dtype), strict=False)


def _marked(dtype: Any) -> Any:
    """The type a column has once marks are in it: an enumeration becomes text."""
    if isinstance(dtype, pl.List):
        return pl.List(_marked(dtype.inner))
    if isinstance(dtype, pl.Array):
        return pl.Array(_marked(dtype.inner), dtype.size)
    if isinstance(dtype, pl.Struct):
        return pl.Struct({field.name: _marked(field.dtype) for field in dtype.fields})
    return pl.String() if isinstance(dtype, pl.Categorical | pl.Enum) else dtype


def _without(
    frame: pl.DataFrame, names: list[str], carried: Mapping[int, set[str]], counts: Counter[str]
) -> pl.DataFrame:
    """Take what one column of a row names out of the other columns of that row."""
    rows = sorted(carried)
    columns = []
    for name in names:
        column = frame[name]
        held = column.gather(rows).to_list()
        made = [_other(value, carried[row], counts) for row, value in zip(rows, held, strict=True)]
        if made != held:
            whole = column.to_list()
            for row, value in zip(rows, made, strict=True):
                whole[row] = value
            columns.append(_rebuilt(column, whole))
    return frame.with_columns(columns)


def _other(value: Any, secrets: set[str], counts: Counter[str]) -> Any:
    passage = Passage()
    shown = passage.without(value, secrets)
    counts.update(passage.counts)
    return shown
