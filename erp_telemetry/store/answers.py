"""Answers: run one statement to its end and give its rows, so that the connection is free again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb
import numpy.typing as npt
import polars as pl

Connection = duckdb.DuckDBPyConnection
"""What questions are asked on; named here so that DuckDB keeps to its door."""
_POLARS: Mapping[str, pl.DataType] = {
    "VARCHAR": pl.String(), "DOUBLE": pl.Float64(), "BIGINT": pl.Int64(), "INTEGER": pl.Int32(),
    "BOOLEAN": pl.Boolean(), "TIMESTAMP WITH TIME ZONE": pl.Datetime("us", "UTC")}


def rows(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """Run a statement to its end and give every row."""
    return connection.execute(sql, dict(parameters or {})).fetchall()


def value(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any] | None = None) -> Any:
    """The single value a statement answers with; ``None`` where it has no row."""
    found = rows(connection, sql, parameters)
    return found[0][0] if found else None


def frame(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any] | None = None
) -> pl.DataFrame:
    """The rows of a query as a Polars frame."""
    relation = connection.sql(sql, params=dict(parameters) if parameters else None)
    # a comment alone, or nothing, asks for nothing
    found: pl.DataFrame = pl.DataFrame() if relation is None else relation.pl()
    return found


def few(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any] | None = None
) -> pl.DataFrame:
    """The rows of a short answer as a Polars frame: planned once, where ``frame`` plans twice."""
    answered = connection.execute(sql, dict(parameters or {}))
    schema = {column[0]: _POLARS.get(str(column[1])) for column in answered.description or ()}
    if None in schema.values():
        return frame(connection, sql, parameters)
    return pl.DataFrame(answered.fetchall(), schema=schema, orient="row")


def arrays(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any] | None = None
) -> dict[str, npt.NDArray[Any]]:
    """The columns of a query as numpy arrays, without a copy through rows; for columns that are never null."""
    return dict(connection.execute(sql, dict(parameters or {})).fetchnumpy())


def count(connection: duckdb.DuckDBPyConnection, what: str, **parameters: Any) -> int:
    """How many rows a table, or a table with its ``where``, holds."""
    return int(value(connection, f"select count(*) from {what}", parameters))


def create(
    connection: duckdb.DuckDBPyConnection, name: str, sql: str, parameters: Mapping[str, Any] | None = None
) -> None:
    """Make, or make anew, a temporary table of what a query answers."""
    rows(connection, f"create or replace temp table {name} as {sql}", parameters)


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Everything inside is committed together, or, whatever stops it, not at all."""
    rows(connection, "begin")
    is_committed = False
    try:
        yield
        rows(connection, "commit")
        is_committed = True
    finally:
        if not is_committed:
            rows(connection, "rollback")
