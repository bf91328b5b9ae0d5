"""Exports: files that Azure Monitor wrote become the tables they came from, for a loopback to hold."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from erp_telemetry.testing.workspaces import declared_tables

_TYPES: dict[str, type[pl.DataType]] = {
    "bool": pl.Boolean, "int": pl.Int32, "long": pl.Int64, "real": pl.Float64, "datetime": pl.String}
_ENDS = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
_COLUMNS = {"time": "TimeGenerated", "resourceId": "_ResourceId"}
"""What diagnostic settings call columns otherwise."""
_ZONED = r"(?:Z|[+-]\d\d:\d\d)$"


def exported(*paths: str | Path, left_out: list[str] | None = None) -> dict[str, pl.DataFrame]:
    """The tables of files that Azure Monitor wrote, or of folders of them, by their name.

    Those are files of continuous export (``PT05M.json``) and of diagnostic settings (``.jsonl``, which say ``time``
    and ``resourceId``), packed by gzip or not. Each line is a record with its table in ``Type``; columns have the
    types of Azure's reference, what it does not know is text. Times without a zone are UTC. A line that is no record
    of a table of the reference is named in ``left_out``, where such a list is given.

    Raises:
        ValueError: a line is no record, names no table of the reference, or has a value of another type.
    """
    records: dict[str, list[dict[str, Any]]] = {}
    for file in _files(paths):
        for number, line in enumerate(_lines(file), 1):
            record = _record(line)
            if record is None:
                said = f"{file}:{number}: no record of a table of Azure's reference"
                if left_out is None:
                    raise ValueError(said)
                left_out.append(said)
                continue
            records.setdefault(record["Type"], []).append(record)
    return {table: _frame(table, found) for table, found in records.items()}


def _record(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or str(record.get("Type")) not in declared_tables():
        return None
    return {_COLUMNS.get(str(name), str(name)): value for name, value in record.items()}


def _files(paths: tuple[str | Path, ...]) -> Iterator[Path]:
    for path in map(Path, paths):
        yield from sorted(one for end in _ENDS for one in path.rglob(f"*{end}")) if path.is_dir() else (path,)


def _lines(file: Path) -> list[str]:
    held = file.read_bytes()
    return (gzip.decompress(held) if file.suffix == ".gz" else held).decode("utf-8").splitlines()


def _frame(table: str, records: list[dict[str, Any]]) -> pl.DataFrame:
    declared = {**declared_tables()[table], "_TimeReceived": "datetime"}
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
