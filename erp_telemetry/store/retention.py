"""Retention: drops raw rows, keeps their rollups, and remembers which minutes are sealed by that."""

from __future__ import annotations

from datetime import datetime

import duckdb

from erp_telemetry.store.answers import rows, transaction, value
from erp_telemetry.store.rollups import ROLLUPS

ROLLED_UP = tuple(sorted({rollup.table for rollup in ROLLUPS.values()}))
"""Tables whose raw rows may go, because rollups answer for them."""


def prune(connection: duckdb.DuckDBPyConnection, cutoff: datetime) -> dict[str, int]:
    """Delete raw rows before ``cutoff`` in one transaction and seal their minutes."""
    dropped = {}
    with transaction(connection):
        for table in ROLLED_UP:
            dropped[table] = int(value(connection, f"delete from {table} where time < $cutoff", {"cutoff": cutoff}))
            rows(
                connection,
                "insert into sealed select $name, $cutoff where $cutoff > coalesce("
                "(select max(before) from sealed where table_name = $name), '-infinity'::timestamptz)",
                {"name": table, "cutoff": cutoff},
            )
    rows(connection, "checkpoint")
    return dropped


def sealed_before(connection: duckdb.DuckDBPyConnection, table: str) -> datetime | None:
    """Moment before which a table's minutes are sealed; ``None`` when none are."""
    found: datetime | None = value(
        connection, "select max(before) from store.main.sealed where table_name = $name", {"name": table})
    return found
