"""Exports: files that Azure Monitor wrote become the tables they came from, for a loopback to hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from erp_telemetry.testing.workspaces import declared_tables

_TYPES: dict[str, type[pl.DataType]] = {
    "bool": pl.Boolean, "int": pl.Int32, "long": pl.Int64, "real": pl.Float64, "datetime": pl.String}
_ZONED = r"(?:Z|[+-]\d\d:\d\d)$"


def exported(*paths: str | Path) -> dict[str, pl.DataFrame]:
    """The tables of files of continuous export (``PT05M.json``), or of folders of them, by their name.

    Each line is a record with its table in ``Type``; columns have the types of Azure's reference, what it
    does not know is text. Times without a zone are UTC.

    Raises:
        ValueError: a line is no record, names no table of the reference, or has a value of another type.
    """
    records: dict[str, list[dict[str, Any]]] = {}
    for file in _files(paths):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            record = _record(line)
            if record is None:
                raise ValueError(f"{file}:{number}: no record of a table of Azure's reference")
            records.setdefault(record["Type"], []).append(record)
    return {table: _frame(table, found) for table, found in records.items()}


def _record(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and str(record.get("Type")) in declared_tables() else None


def _files(paths: tuple[str | Path, ...]) -> Iterator[Path]:
    for path in map(Path, paths):
        yield from sorted(path.rglob("*.json")) if path.is_dir() else (path,)


def _frame(table: str, records: list[dict[str, Any]]) -> pl.DataFrame:
    declared = declared_tables()[table]
    names = dict.fromkeys(name for record in records for name in record)
    columns = {}
    for name in names:
        told = declared.get(name, "string")
        values = [_text(record.get(name)) if told not in _TYPES or told == "datetime" else record.get(name)
                  for record in records]
        try:
            column = pl.Series(name, values, dtype=_TYPES.get(told, pl.String))
            columns[name] = _moments(column) if told == "datetime" else column
        except (TypeError, OverflowError, pl.exceptions.PolarsError) as error:
            raise ValueError(f"{table}.{name} is {told} by Azure's reference, and one of its values is not: "
                             f"{str(error).splitlines()[0]}") from error
    return pl.DataFrame(columns)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _moments(column: pl.Series) -> pl.Series:
    zoned = column.to_frame().select(
        pl.when(pl.col(column.name).str.contains(_ZONED)).then(pl.col(column.name))
        .otherwise(pl.col(column.name) + "Z").alias(column.name)).to_series()
    return zoned.str.to_datetime("%+", time_unit="us", time_zone="UTC")
