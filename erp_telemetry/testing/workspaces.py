"""A workspace: Azure tables held in memory, asked in KQL, with rows that may arrive late."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import duckdb
import polars as pl

from erp_telemetry.testing import bounds, frames
from erp_telemetry.testing.kql import ARRIVAL, HIDDEN, QueryRefused, Translation, names_in, optional_in, translate

_SQL_TYPES = {
    "bool": "boolean", "int": "integer", "long": "bigint", "real": "double", "decimal": "decimal(38, 18)",
    "string": "varchar", "datetime": "timestamp", "timespan": "interval", "guid": "uuid", "dynamic": "json",
}
_HIDDEN_TYPES = dict(zip(HIDDEN, ("string", "datetime", "datetime"), strict=True))
_STANDARD = {"TimeGenerated": "datetime"} | dict.fromkeys(
    ("TenantId", "SourceSystem", "Type", "_ResourceId", "_SubscriptionId"), "string")
# no name of a column
_NUMBER = "row number"
_TICKS = """list_transform([epoch_us({0})], lambda u: case when u < 0 then '-' else '' end
    || case when abs(u) >= 86400000000 then (abs(u) // 86400000000) || '.' else '' end
    || strftime(make_timestamp(abs(u) % 86400000000), '%H:%M:%S')
    || case when u % 1000000 = 0 then '' else '.' || lpad((abs(u) % 1000000)::varchar, 6, '0') || '0' end)[1]"""
# what goes over the wire as text; a text is never null in KQL
_WIRE = {
    "datetime": "rtrim(rtrim(left(strftime({0}, '%Y-%m-%dT%H:%M:%S.%n'), 27), '0'), '.') || 'Z'",
    "timespan": _TICKS,
    "string": "coalesce(cast({0} as varchar), '')",
    "guid": "cast({0} as varchar)",
    "dynamic": "cast({0} as varchar)",
    "decimal": "cast({0} as varchar)",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query answers: columns with their KQL types, and rows of what JSON can say."""

    columns: tuple[tuple[str, str], ...]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class View:
    """What a query sees of the table ``of``: columns with their KQL types, and SQL of those that have other names."""

    of: str
    columns: Mapping[str, str]
    values: Mapping[str, str] = field(default_factory=dict)

    def sql(self, name: str, columns: list[str], between: tuple[datetime, datetime] | None) -> str:
        """The statement that makes it, of the rows of a time range."""
        shown = ", ".join(f'{self.values[one]} as "{one}"' if one in self.values else f'"{one}"' for one in columns)
        sql = f'create temporary view "{name}" as select {shown} from held."{self.of}" as held'
        if between is None:
            return sql
        start, stop = (f"timestamp '{moment:%Y-%m-%d %H:%M:%S.%f}'" for moment in between)
        return f"{sql} where held.TimeGenerated >= {start} and held.TimeGenerated < {stop}"


@cache
def declared_tables() -> Mapping[str, Mapping[str, str]]:
    """The columns of Azure's tables and their KQL types, by table."""
    text = (files("erp_telemetry.testing") / "azure_tables.json").read_text(encoding="utf-8")
    found: Mapping[str, Mapping[str, str]] = json.loads(text)["tables"]
    return found


class Workspace:
    """Azure tables by name; frames in, answers to KQL out."""

    def __init__(self, name: str, tables: Mapping[str, pl.DataFrame], now: datetime) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._columns: dict[str, dict[str, str]] = {}
        self._held: dict[str, int] = {}
        self._prepared: dict[tuple[str, str], tuple[tuple[tuple[str, str], ...], duckdb.Statement]] = {}
        self._connection = duckdb.connect(":memory:")
        self._connection.execute("set TimeZone = 'UTC'; create schema held")
        for table, frame in tables.items():
            self._create(table, frame)
            self.hold(table, frame, "TimeGenerated" if "TimeGenerated" in frame.columns else now)

    def close(self) -> None:
        """Free what it holds."""
        self._connection.close()

    def hold(self, table: str, frame: pl.DataFrame, arrival: str | datetime) -> None:
        """Add rows to a table; ``arrival`` is a column, or the moment they arrived where the frame does not say."""
        told = self.check(table, frame)
        columns = self._columns[table]
        with self._lock:
            number = self._held[table]
            self._held[table] += len(told)
            values = [_value(column, kind, told) for column, kind in columns.items()]
            values += self._hidden_values(table, told, number, arrival)
            self._connection.register("incoming", told.with_row_index(_NUMBER))
            try:
                self._connection.execute(f'insert into held."{table}" select {", ".join(values)} from incoming')
            except duckdb.Error as error:
                raise ValueError(f"{table} does not take these rows: {str(error).splitlines()[0]}") from error
            finally:
                self._connection.unregister("incoming")

    def check(self, table: str, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows as the table takes them: their moments in UTC.

        Raises:
            TypeError: no frame of Polars.
            ValueError: no such table or column, a moment without a time zone, or a value that does not fit.
        """
        _check_frame(table, frame)
        if table not in self._columns:
            raise ValueError(f"there is no table {table}; there are {', '.join(self._columns)}")
        if unknown := sorted(set(frame.columns) - set(self._columns[table]) - set(HIDDEN)):
            raise ValueError(f"{table} has no column {', '.join(unknown)}: a table keeps the columns it was made with")
        return frames.fitted(table, frame, self._columns[table] | _HIDDEN_TYPES)

    def ask(
        self, kql: str, now: datetime, between: tuple[datetime, datetime] | None = None,
        views: Mapping[str, View] | None = None, seconds: float = 180,
    ) -> Answer:
        """Run a query; ``between`` is the time range asked for beside it, half-open, ``seconds`` how long it may take.

        ``views`` are all that there is in place of the tables, by name. Of more rows than the service gives there
        is one more in the answer.

        Raises:
            QueryRefused: the service would say no.
            OutOfTime, OutOfMemory: it would give up.
        """
        named = set(names_in(kql)) | optional_in(kql) | ({ARRIVAL} if "ingestion_time" in kql else set())
        known = {table: View(table, columns) for table, columns in self._columns.items()} if views is None else views
        tables = {table: view for table, view in known.items() if table in named and view.of in self._columns}
        schema = {table: [*view.columns, *(name for name in HIDDEN if name in named)] for table, view in tables.items()}
        query = translate(kql, schema, now)
        with self._lock:
            cursor = self._connection.cursor()
        try:
            cursor.execute("set TimeZone = 'UTC'")
            for table, columns in schema.items():
                view = tables[table]
                cursor.execute(view.sql(table, columns, between if "TimeGenerated" in self._columns[view.of] else None))
            with bounds.within(cursor, seconds):
                return self._answer(cursor, query, str(schema))
        except duckdb.Error as error:
            raise _as_service(str(error)) from error
        finally:
            cursor.close()

    def _answer(self, cursor: duckdb.DuckDBPyConnection, query: Translation, schema: str) -> Answer:
        """Run the SQL and give each value as the wire wants it."""
        key = (query.sql, schema)
        if key not in self._prepared:
            self._prepared[key] = _prepare(cursor, query)
        columns, statement = self._prepared[key]
        return Answer(columns, cursor.execute(statement, query.parameters).fetchall())

    def _create(self, table: str, frame: pl.DataFrame) -> None:
        frames.check_name("table", table, self._columns)
        _check_frame(table, frame)
        columns = dict(declared_tables().get(table, _STANDARD))
        for name, kind in frame.schema.items():
            frames.check_name("column", name, (*columns, *_HIDDEN_TYPES))
            if name not in columns and name not in _HIDDEN_TYPES:
                columns[name] = frames.kql_type(table, name, kind)
        made = ", ".join(
            f'"{name}" {_sql_type(kind, frame.schema.get(name))}' for name, kind in (columns | _HIDDEN_TYPES).items())
        self._connection.execute(f'create table held."{table}" ({made})')
        self._columns[table] = columns
        self._held[table] = 0

    def _hidden_values(
        self, table: str, frame: pl.DataFrame, number: int, arrival: str | datetime
    ) -> list[str]:
        made = f"""cast(cast(md5('{table}/' || ({number} + "{_NUMBER}")) as uuid) as varchar)"""
        item = f"coalesce(nullif(cast(_ItemId as varchar), ''), {made})" if "_ItemId" in frame.columns else made
        came = f'"{arrival}"' if isinstance(arrival, str) else f"timestamp '{arrival:%Y-%m-%d %H:%M:%S.%f}'"
        arrived = ARRIVAL if ARRIVAL in frame.columns else came
        received = f"coalesce(_TimeReceived, {arrived})" if "_TimeReceived" in frame.columns else arrived
        return [item, received, arrived]


def _check_frame(table: str, frame: Any) -> None:
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"{table} is a {type(frame).__name__}, and a frame of Polars is wanted: pl.DataFrame(…)")


def _sql_type(kind: str, found: pl.DataType | None) -> str:
    is_fine = kind == "datetime" and isinstance(found, pl.Datetime) and found.time_unit == "ns"
    return "timestamp_ns" if is_fine else _SQL_TYPES[kind]


def _value(column: str, kind: str, frame: pl.DataFrame) -> str:
    """What a row of the frame puts into a column."""
    if column not in frame.columns:
        return "''" if kind == "string" else "null"
    if kind == "string":
        return f"""coalesce(cast("{column}" as varchar), '')"""
    if kind == "dynamic":
        if frame.schema[column] != pl.String:
            return f'to_json("{column}")'
        return f"""case when "{column}" <> '' then coalesce(try_cast("{column}" as json), to_json("{column}")) end"""
    return f'cast("{column}" as {_sql_type(kind, frame.schema[column])})'


def _prepare(
    cursor: duckdb.DuckDBPyConnection, query: Translation
) -> tuple[tuple[tuple[str, str], ...], duckdb.Statement]:
    """The columns of a query, and the statement that gives them as the wire wants them, parsed."""
    from duckdb_kql.types import kusto_type

    found = cursor.execute(f"select * from ({query.sql}) limit 0", query.parameters).description or []
    columns = tuple((str(name), kusto_type(kind)) for name, kind, *_ in found if name != ARRIVAL)
    quoted = [(kind, '"' + name.replace('"', '""') + '"') for name, kind in columns]
    shown = ", ".join(f"{_WIRE.get(kind, '{0}').format(name)} as {name}" for kind, name in quoted)
    [statement] = duckdb.extract_statements(f"select {shown} from ({query.sql}) limit {bounds.MOST_ROWS + 1}")
    return columns, statement


def _as_service(message: str) -> QueryRefused:
    """DuckDB's complaint, in the words of the service where it is about a name."""
    if found := re.search(r'Referenced column "([^"]+)" not found|Table with name (\S+) does not exist', message):
        return QueryRefused(
            "SEM0100", f"Failed to resolve table or column expression named '{found[1] or found[2]}'")
    return QueryRefused("SEM0260", f"{message.splitlines()[0]}; the loopback cannot run this")
