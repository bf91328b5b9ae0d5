"""Retention: drops raw rows, keeps their rollups, and remembers which minutes are sealed by that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb

from erp_telemetry.schema import TABLES
from erp_telemetry.store.answers import rows, transaction, value
from erp_telemetry.store.rollups import FINE_SKETCHES, ROLLUPS

ROLLED_UP = tuple(sorted({rollup.table for rollup in ROLLUPS.values()} & TABLES.keys()))
"""Tables whose raw rows may go, because rollups answer for them."""
FINE_DAYS = 35
"""How long sketches of 5 minutes are kept at least: a month and some days; those of the hour stay for ever."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a prune did: raw rows dropped by table, 5-minute sketch rows dropped, what it freed.

    ``bytes_freed`` is space inside the file that later pulls fill again; the file itself shrinks only
    by what lay at its end.
    """

    rows: Mapping[str, int]
    sketch_rows: int
    before: datetime | None
    bytes_freed: int

    def __str__(self) -> str:
        if self.before is None:
            return "nothing to prune: the store is empty"
        dropped = ", ".join(f"{count:,} {table}" for table, count in self.rows.items() if count) or "no raw rows"
        return (f"dropped {dropped} before {self.before:%Y-%m-%d %H:%M} UTC, {self.sketch_rows:,} rows of 5-minute "
                f"sketches; {self.bytes_freed / 1e6:,.1f} MB are free for later pulls; rollups are kept")


def prune(connection: duckdb.DuckDBPyConnection, cutoff: datetime, fine_cutoff: datetime) -> Pruned:
    """Delete raw rows before ``cutoff`` and 5-minute sketches before ``fine_cutoff``; seal what they tell of."""
    used = _used(connection)
    with transaction(connection):
        dropped = {table: _drop(connection, table, cutoff) for table in ROLLED_UP}
        sketches = sum(_drop(connection, name, fine_cutoff) for name in FINE_SKETCHES)
    rows(connection, "checkpoint")
    return Pruned(dropped, sketches, cutoff, max(0, used - _used(connection)))


def sealed_before(connection: duckdb.DuckDBPyConnection, table: str) -> datetime | None:
    """Moment before which a table's rows were dropped; ``None`` when none were."""
    found: datetime | None = value(
        connection, "select max(before) from store.main.sealed where table_name = $name", {"name": table})
    return found


def _drop(connection: duckdb.DuckDBPyConnection, table: str, cutoff: datetime) -> int:
    count = int(value(connection, f"delete from store.main.{table} where time < $cutoff", {"cutoff": cutoff}))
    rows(
        connection,
        "insert into sealed select $name, $cutoff where $cutoff > coalesce("
        "(select max(before) from sealed where table_name = $name), '-infinity'::timestamptz)",
        {"name": table, "cutoff": cutoff},
    )
    return count


def _used(connection: duckdb.DuckDBPyConnection) -> int:
    """Bytes of the store's file, or memory, that hold something."""
    return int(value(
        connection, "select max(block_size * used_blocks) from pragma_database_size() where database_name = 'store'"))
