"""Migrations: brings a store file to this version's tables in one transaction."""

from __future__ import annotations

import duckdb

from erp_telemetry import catalog
from erp_telemetry.errors import StoreError
from erp_telemetry.schema import TABLES
from erp_telemetry.store.answers import rows, transaction, value
from erp_telemetry.store.rollups import ROLLUPS

VERSION = 2


# version 2 tells how many requests had a duration; before it, every one had
_COUNTERS = ("request_minutes", "operation_hours", "dependency_minutes")
_VIEWS = ("request_cells", "observed_minutes")


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
    if foreign and version(connection) is None:
        raise StoreError(f"{path} is a DuckDB file but no store (it holds {foreign[0][0]}): give another path")
    with transaction(connection):
        steps = _first() if version(connection) is None else _second()
        for statement in steps:
            rows(connection, statement)
        rows(connection, "insert into store_version values ($version, now())", {"version": VERSION})


def _second() -> list[str]:
    """From version 1 to 2."""
    statements = [f"drop view {view}" for view in _VIEWS]
    for counter in _COUNTERS:
        statements += [f"alter table {counter} add column timed double", f"update {counter} set timed = count"]
    statements.append("alter table incidents add column is_start_estimated boolean")
    return [*statements, *(part for part in _own() if "create view" in part)]


def _own() -> list[str]:
    text = (catalog.root() / "rollups" / "store.sql").read_text(encoding="utf-8")
    return [part for part in text.split(";") if part.strip()]


def _first() -> list[str]:
    statements = ["create table store_version (version integer, migrated_at timestamptz)"]
    for table in TABLES.values():
        columns = ", ".join(f'"{column.name}" {column.dtype}' for column in table.columns)
        statements.append(f"create table {table.name} ({columns})")
    for rollup in ROLLUPS.values():
        columns = ", ".join(f"{name} {dtype}" for name, dtype in rollup.columns.items())
        statements.append(f"create table {rollup.name} ({columns})")
    return [*statements, *_own()]
