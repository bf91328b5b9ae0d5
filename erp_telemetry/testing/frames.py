"""Frames of users as a table takes them: columns with names and types of KQL, moments in UTC, values that fit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_INTEGERS: Mapping[Any, str] = {pl.Int8: "int", pl.Int16: "int", pl.Int32: "int", pl.UInt8: "int", pl.UInt16: "int"}
_KINDS: Mapping[Any, str] = {
    pl.Boolean: "bool", pl.String: "string", pl.Null: "string", pl.Datetime: "datetime", pl.Duration: "timespan",
    pl.Struct: "dynamic", pl.List: "dynamic", pl.Decimal: "decimal", pl.Categorical: "string", pl.Enum: "string",
}
_BOUNDS = {"int": (-(2**31), 2**31 - 1, pl.Int32()), "long": (-(2**63), 2**63 - 1, pl.Int64())}
_NUMBERS = ("int", "long", "real", "decimal")
_TAKES: Mapping[str, tuple[str, ...]] = {
    "real": _NUMBERS, "decimal": _NUMBERS, "int": ("real", *_NUMBERS), "long": ("real", *_NUMBERS),
    "string": ("string", "bool", *_NUMBERS), "guid": ("string",),
    "dynamic": ("dynamic", "string", "bool", *_NUMBERS),
}
"""What a column of a kind takes beside its own kind."""
_NEVER_NULL = "TimeGenerated"


def check_name(what: str, name: str, taken: Iterable[str]) -> None:
    """Refuse a name that is none, or that differs from another in case only, which the engine cannot tell apart.

    Raises:
        ValueError: it is so.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a {what}: letters, digits and underscores")
    same = [other for other in taken if other.lower() == name.lower() and other != name]
    if same:
        raise ValueError(f"the {what} {name} differs from {same[0]} in case only: give it that name or quite another")


def kql_type(table: str, name: str, kind: pl.DataType) -> str:
    """The KQL type of a column nobody declared.

    Raises:
        ValueError: KQL has none for it.
    """
    if kind.is_integer():
        return _INTEGERS.get(kind.base_type(), "long")
    if kind.is_float():
        return "real"
    if kind.base_type() not in _KINDS:
        raise ValueError(f"{table}.{name} is {kind}, which KQL has no type for")
    return _KINDS[kind.base_type()]


def fitted(table: str, frame: pl.DataFrame, kinds: Mapping[str, str]) -> pl.DataFrame:
    """The rows as a table of columns of these KQL types takes them: moments in UTC without a zone, whole numbers cast.

    Raises:
        ValueError: a moment without a time zone or missing, a column of another type, a value that does not fit.
    """
    if frame.height and _NEVER_NULL not in frame.columns:
        raise ValueError(f"{table} has rows without {_NEVER_NULL}: every row of Azure has one, with a time zone")
    if frame.height and _NEVER_NULL in kinds and frame[_NEVER_NULL].null_count():
        raise ValueError(f"{table}.{_NEVER_NULL} is null in {frame[_NEVER_NULL].null_count():,} rows: every row of "
                         "Azure has one")
    return frame.with_columns(_column(table, frame[name], kinds[name]) for name in frame.columns)


def _column(table: str, values: pl.Series, kind: str) -> pl.Series:
    if values.dtype == pl.Null or (values.null_count() == len(values) and not values.dtype.is_temporal()):
        return values
    found = kql_type(table, values.name, values.dtype)
    if found != kind and found not in _TAKES.get(kind, ()):
        raise ValueError(f"{table}.{values.name} is {kind} and the frame has {values.dtype}, such as "
                         f"{values.drop_nulls().first()!r}{_advice(kind, found)}")
    if kind in _BOUNDS:
        return _whole(table, values, kind)
    if kind == "datetime":
        return _in_utc(table, values)
    return values


def _advice(kind: str, found: str) -> str:
    if kind == "datetime" and found == "string":
        return ": make it moments, as .str.to_datetime(time_zone='UTC') does"
    return ": cast it, or leave the column out"


def _whole(table: str, values: pl.Series, kind: str) -> pl.Series:
    """Whole numbers of a width; floats, which a column with nulls may have become, where they are whole."""
    least, most, dtype = _BOUNDS[kind]
    cast = values.cast(dtype, strict=False)
    wrong = values.filter(values.is_not_null() & (cast.is_null() | (cast.cast(values.dtype, strict=False) != values)))
    if len(wrong):
        raise ValueError(f"{table}.{values.name} is {kind}, a whole number from {least} to {most}, and the frame has "
                         f"{wrong.first()!r}: another column takes it, or the value is wrong")
    return cast


def _in_utc(table: str, moments: pl.Series) -> pl.Series:
    """The same moments without a zone; a moment that never had one is refused."""
    if moments.dtype.time_zone is None:  # type: ignore[attr-defined]
        raise ValueError(f"{table}.{moments.name} has no time zone: say which, such as .dt.replace_time_zone('UTC')")
    return moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
