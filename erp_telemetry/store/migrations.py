"""Migrations: brings a store file to this version's tables in one transaction."""

from __future__ import annotations

import duckdb

from erp_telemetry import catalog
from erp_telemetry.errors import StoreError
from erp_telemetry.schema import TABLES
from erp_telemetry.store.answers import rows, transaction, value
from erp_telemetry.store.rollups import ROLLUPS

VERSION = 1


def version(connection: duckdb.DuckDBPyConnection) -> int | None:
    """The version of the tables in this file; ``None`` where there are none."""
    if not value(connection, "select count(*) from information_schema.tables where table_name = 'store_version'"):
        return None
    return int(value(connection, "select max(version) from store_version"))


def is_outdated(found: int | None) -> bool:
    """Whether a file must be migrated before it can answer."""
    return found is None or found < VERSION


def check(connection: duckdb.DuckDBPyConnection, path: str) -> None:
    """Refuse a file that a newer version of the library wrote."""
    found = version(connection)
    if found is not None and found > VERSION:
        raise StoreError(
            f"{path} was written by a newer erp_telemetry (store version {found}, this one knows {VERSION}): "
            "upgrade the library"
        )


def migrate(connection: duckdb.DuckDBPyConnection, path: str) -> None:
    """Make what is missing, in one transaction; a file of this version is left alone."""
    check(connection, path)
    if not is_outdated(version(connection)):
        return
    foreign = rows(
        connection,
        "select table_name from information_schema.tables where table_catalog = current_database() "
        "and table_schema = 'main' order by all",
    )
    if foreign:
        raise StoreError(f"{path} is a DuckDB file but no store (it holds {foreign[0][0]}): give another path")
    with transaction(connection):
        for statement in _first():
            rows(connection, statement)
        rows(connection, "insert into store_version values ($version, now())", {"version": VERSION})


def _first() -> list[str]:
    statements = ["create table store_version (version integer, migrated_at timestamptz)"]
    for table in TABLES.values():
        columns = ", ".join(f'"{column.name}" {column.dtype}' for column in table.columns)
        statements.append(f"create table {table.name} ({columns})")
    for rollup in ROLLUPS.values():
        columns = ", ".join(f"{name} {dtype}" for name, dtype in rollup.columns.items())
        statements.append(f"create table {rollup.name} ({columns})")
    text = (catalog.root() / "rollups" / "store.sql").read_text(encoding="utf-8")
    statements.extend(part for part in text.split(";") if part.strip())
    return statements
