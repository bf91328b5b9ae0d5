"""The ledger: one entry for each slice that was committed, each with the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

import duckdb
import polars as pl

from erp_telemetry.errors import StoreError
from erp_telemetry.store.answers import frame, rows, value

_HASHED = ("entry", "pull", "source", "slice", "fingerprint", "row_counts", "rows", "duplicates", "rejected",
           "late", "unprovable", "expected", "first_time", "last_time", "previous_hash")
GENESIS = "0" * 64


def entries(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The whole ledger in order."""
    return frame(connection, "select * from ledger order by entry")


def next_entry(connection: duckdb.DuckDBPyConnection) -> int:
    """The number of the entry that the slice now landing will have."""
    return int(value(connection, "select coalesce(max(entry), 0) + 1 from store.main.ledger"))


def append(connection: duckdb.DuckDBPyConnection, entry: dict[str, Any]) -> None:
    """Add an entry, chained to the last one; runs inside the slice's transaction."""
    last = value(connection, "select hash from store.main.ledger order by entry desc limit 1")
    entry["previous_hash"] = GENESIS if last is None else last
    entry["row_counts"] = json.dumps(entry["row_counts"], sort_keys=True)
    entry["hash"] = _hash(entry)
    names = ", ".join(entry)
    marks = ", ".join(f"${name}" for name in entry)
    rows(connection, f"insert into store.main.ledger ({names}, pulled_at) values ({marks}, now())", entry)


def rows_accounted(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    """How many rows of a cut slice were told of when most of it was read: kept, known already or set aside."""
    return int(value(
        connection, """select coalesce(max(greatest(rows + duplicates + rejected,
            try_cast(regexp_extract(fingerprint, '^(?:n=|partial:)(\\d+)', 1) as bigint))), 0)
        from store.main.ledger where slice = $slice""", {"slice": name}))


def watermark(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    """The latest event time the store holds."""
    found: datetime | None = value(connection, "select max(time) from watermarks")
    return found


def told_until(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    """The whole minute up to which the store has been told; ``None`` while it is empty.

    A row at 10:00:00 belongs to the minute that begins there; a metric at 10:00:00 ends the one before.
    """
    found: datetime | None = value(connection, """
        select max(case when table_name = 'metrics' and time = date_trunc('minute', time) then time
                        else date_trunc('minute', time) + interval 1 minute end) from watermarks""")
    return found


def verify(connection: duckdb.DuckDBPyConnection, path: str) -> int:
    """Recompute every hash; a break is a ``StoreError`` that names the entry.

    Entries cut off at the end leave no break; nothing in the file can show them.
    """
    previous, number = GENESIS, 0
    for row in rows(connection, f"select {', '.join(_HASHED)}, hash from ledger order by entry"):
        entry = dict(zip((*_HASHED, "hash"), row, strict=True))
        number += 1
        if entry["entry"] != number or entry["previous_hash"] != previous or entry["hash"] != _hash(entry):
            raise StoreError(
                f"{path}: ledger entry {number} does not fit the chain; rebuild the store by pulling again")
        previous = entry["hash"]
    return number


def _hash(entry: dict[str, Any]) -> str:
    text = json.dumps([str(entry[name]) for name in _HASHED], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
