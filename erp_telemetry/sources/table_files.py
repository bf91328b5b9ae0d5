"""Canonical tables kept in CSV, Parquet or JSON lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from erp_telemetry.catalog import Statement
from erp_telemetry.errors import SourceError, nearest
from erp_telemetry.redactions import excerpt
from erp_telemetry.schema import TABLES, TIME, Table
from erp_telemetry.slices import Batch, Slice
from erp_telemetry.sources import csv_rows
from erp_telemetry.sources.files import Json, Spool, file_slices, first_records, path_of, suffix
from erp_telemetry.sources.heads import Head
from erp_telemetry.window import Window

DOOR = ("synthetic", "user_agent", "url_path")
"""Columns beyond the schema that the store derives ``population`` from."""

_SUFFIXES = (".csv", ".parquet", ".jsonl", ".ndjson")
_ZONE = r":\d\d(\.\d+)?\s*(Z|z|UTC|[+-]\d\d(:?\d\d)?)$"
_HAS_ZONE = re.compile(_ZONE)
_IS_DATE = re.compile(r"\s*\d{4}-\d")
_READ_JSON = """read_json($file, format = 'newline_delimited', records = true,
    maximum_object_size = 33554432, columns = """
_READ_CSV = """read_csv($file, header = true, auto_detect = false, quote = '"', escape = '"', columns = """


@dataclass(frozen=True, init=False)
class TableFiles:
    """Files, folders or globs of canonical tables.

    The table of a file is ``table``, else the one its name or folder begins with, else the one whose
    required columns are all there. ``naive`` names the zone of times written without an offset;
    without it such times are refused.
    """

    paths: tuple[str, ...]
    table: str | None
    naive: str | None

    def __init__(self, *paths: str | Path, table: str | None = None, naive: str | None = None) -> None:
        if table is not None and table not in TABLES:
            raise ValueError(f"no table {table!r}. {nearest(table, TABLES)}")
        object.__setattr__(self, "paths", tuple(str(path) for path in paths))
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "naive", naive)

    @property
    def name(self) -> str:
        """``table_files``."""
        return "table_files"

    def slices(self, table: str | None, window: Window | None, ledger: pl.DataFrame) -> list[Slice]:
        """One slice per file that the ledger does not hold; of one table where asked."""
        found = file_slices(self.name, self.paths, _SUFFIXES, ledger)
        if table is None:
            return found
        return [part for part in found if part.path and self._table(part.path).name == table]

    def read(self, part: Slice, careful: bool = False) -> Batch:
        """Read one file; ``SourceError`` when its table or its times are not clear."""
        path = path_of(part)
        if path.stat().st_size == 0:
            return Batch({})
        table = self._table(path)
        if suffix(path) == ".parquet":
            return Batch({table.name: self._parquet(path, table)})
        if suffix(path) == ".csv":
            return self._csv(path, table, careful)
        return self._json(path, table, careful)

    def _table(self, path: Path) -> Table:
        if self.table is not None:
            return TABLES[self.table]
        for name in (path.name.lower(), path.parent.name.lower()):
            for known in TABLES.values():
                if re.match(rf"{known.name}(?![a-z])", name):
                    return known
        columns = _columns(path)
        for known in TABLES.values():
            if set(known.required) - {"weight"} <= columns:
                return known
        wanted = "; ".join(f"{one.name}: {', '.join(one.required)}" for one in TABLES.values())
        found = excerpt(", ".join(sorted(columns)))
        raise SourceError(f"{path}: no table has these columns: {found}. Wanted are {wanted}")

    def _parquet(self, path: Path, table: Table) -> Statement:
        types = _parquet_types(path)
        naive = [name for name, dtype in types.items() if dtype.startswith("TIMESTAMP") and dtype != TIME]
        times = {column.name for column in table.columns if column.dtype == TIME}
        if self.naive is None and times.intersection(naive):
            raise SourceError(
                f"{path}: times without zone in {', '.join(sorted(times.intersection(naive)))}. "
                "Write them with a zone, or say TableFiles(..., naive=\"UTC\")"
            )
        given = {name: name for name in types}
        return self._statement(path, table, given, "read_parquet($file)", types, "null")

    def _csv(self, path: Path, table: Table, careful: bool) -> Batch:
        header, delimiter = csv_rows.header(path)
        _check_required(path, table, set(header))
        given = {name: f"c{at}" for at, name in reversed(list(enumerate(header)))}
        names = ", ".join(f"'c{at}': 'VARCHAR'" for at in range(len(header)))
        if not careful:
            source = f"{_READ_CSV}{{{names}}}, delim = '{delimiter}')"
            return Batch({table.name: self._statement(path, table, given, source, {}, "null", True)}, is_careful=False)
        spool = Spool(path)
        times = [at for at, name in enumerate(header) if name in _times(table)]
        spool.fill(csv_rows.rows(spool, len(header), delimiter), lambda _, row: (self._zoned(row, times),))
        source = f"{_READ_JSON}{{'__line': 'BIGINT', {names}}})"
        rows = self._statement(spool.path, table, given, source, {}, "__line")
        return Batch({table.name: rows}, rejects=tuple(spool.rejects), close=spool.close)

    def _zoned(self, row: Json, times: list[int]) -> Json:
        return self._with_zones(row, [f"c{at}" for at in times])

    def _with_zones(self, row: Json, names: list[str]) -> Json:
        """The row itself; ``ValueError`` when one of its times has no zone and none is declared."""
        for name in names:
            text = row.get(name)
            if self.naive is not None or not isinstance(text, str) or not _IS_DATE.match(text):
                continue
            if not _HAS_ZONE.search(text.strip()):
                raise ValueError(f"time has no zone: {excerpt(text, 40)}")
        return row

    def _json(self, path: Path, table: Table, careful: bool) -> Batch:
        first = first_records(path)
        if first:
            _check_required(path, table, {key for record in first for key in record})
        names = [*table.names, *(DOOR if _has_door(table) else ())]
        given = {name: name for name in names}
        columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
        source = f"{_READ_JSON}{{'__line': 'BIGINT', {columns}}})"
        if not careful and first:
            fast = self._statement(path, table, given, source, {}, "__line", True)
            return Batch({table.name: fast}, is_careful=False)
        spool = Spool(path)
        spool.fill(spool.records(), lambda _, row: (self._with_zones(row, sorted(_times(table))),))
        rows = self._statement(spool.path, table, given, source, {}, "__line")
        if not spool.count and not first:
            spool.close()
            raise SourceError(f"{path}: not JSON lines; expected one object of {table.name} per line")
        return Batch({table.name: rows}, rejects=tuple(spool.rejects), close=spool.close)

    def _statement(
        self, path: Path, table: Table, given: Mapping[str, str], source: str, types: Mapping[str, str], line: str,
        is_strict: bool = False,
    ) -> Statement:
        """The projection of a file onto a table: only names of the schema and of this module enter it."""
        wanted = {column.name: column.dtype for column in table.columns}
        if _has_door(table):
            wanted.update(dict.fromkeys(DOOR, "VARCHAR"))
        parts = [f"{line} as line"]
        for name, dtype in wanted.items():
            if name in given:
                parts.append(f'{self._cast(given[name], dtype, types.get(name, "VARCHAR"), is_strict)} as "{name}"')
            elif name == "weight":
                parts.append('1.0 as "weight"')
            if name == "weight" and name in given:
                held = f'"{given[name]}"'
                parts[-1] = f"case when {held} is null then 1.0 else try_cast({held} as double) end as weight"
        bound: dict[str, Any] = {"file": str(path)}
        sql = f"select {', '.join(parts)} from {source}"
        return Statement(sql, bound | ({"naive": self.naive} if "$naive" in sql else {}))

    def _cast(self, column: str, dtype: str, found: str, is_strict: bool) -> str:
        """The expression that reads one column as its type; what does not convert is null.

        ``is_strict`` stops the reading at a time without zone, so that the careful one can name it.
        """
        quoted = f'"{column}"'
        if dtype == TIME and found != TIME:
            naive = f"timezone($naive, try_cast({quoted} as timestamp))" if self.naive else "null"
            if found != "VARCHAR":
                return naive
            zoned = f"when regexp_matches({quoted}, '{_ZONE}') then try_cast({quoted} as timestamptz)"
            if is_strict and not self.naive:
                zoned += f" when try_cast({quoted} as timestamp) is not null then error('a time has no zone')"
            return f"case {zoned} else {naive} end"
        if dtype.endswith("[]") and found == "VARCHAR":
            plain = f"try_cast(list_transform(string_split({quoted}, ';'), lambda x: trim(x)) as {dtype})"
            return f"case when {quoted} like '[%' then try_cast(try_cast({quoted} as json) as {dtype}) else {plain} end"
        return quoted if dtype == found else f"try_cast({quoted} as {dtype})"


def recognise(head: Head) -> str | None:
    """The canonical table whose required columns the file has."""
    if head.suffix not in _SUFFIXES:
        return None
    try:
        source = TableFiles(head.path)
        table, columns = source._table(head.path), _columns(head.path)
    except SourceError:
        return None
    if set(table.required) - {"weight"} <= columns:
        return f"canonical {table.name}, {head.suffix.removeprefix('.').upper()}"
    return None


def _has_door(table: Table) -> bool:
    return table.name in ("requests", "dependencies")


def _times(table: Table) -> set[str]:
    return {column.name for column in table.columns if column.dtype == TIME}


def _check_required(path: Path, table: Table, found: set[str]) -> None:
    missing = sorted(set(table.required) - {"weight"} - found)
    if missing:
        raise SourceError(
            f"{path}: {table.name} needs {', '.join(missing)}; found are {excerpt(', '.join(sorted(found)))}"
        )


def _columns(path: Path) -> set[str]:
    """The column names of a file, as far as its first records tell."""
    if suffix(path) == ".csv":
        return set(csv_rows.header(path)[0])
    if suffix(path) == ".parquet":
        return set(_parquet_types(path))
    return {key for record in first_records(path) or () for key in record}


def _parquet_types(path: Path) -> dict[str, str]:
    with duckdb.connect() as connection:
        try:
            described = connection.execute("describe select * from read_parquet($file)", {"file": str(path)})
            return {str(row[0]): str(row[1]) for row in described.fetchall()}
        except duckdb.Error as error:
            raise SourceError(f"{path}: not a Parquet file: {error}") from error
