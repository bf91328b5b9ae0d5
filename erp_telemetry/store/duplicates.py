"""Duplicates: what a slice brings that the store already has is not counted twice."""

from __future__ import annotations

from datetime import datetime

import duckdb

from erp_telemetry.schema import TABLES, Table
from erp_telemetry.slices import Slice
from erp_telemetry.store import answers, retention
from erp_telemetry.window import Window


def drop(connection: duckdb.DuckDBPyConnection, table: Table, part: Slice) -> tuple[int, int]:
    """Drop rows of ``temp.<table>`` that the slice holds twice or the store has: same id, service and time.

    Returns how many rows lie in sealed minutes, where nothing is left to compare them with, and how
    many of those were dropped because the slice was read before and its rows counted then.
    """
    if table.name == "incidents":
        _replace_incidents(connection)
        return 0, 0
    name = f"temp.{table.name}"
    arrived = answers.count(connection, name)
    if answers.count(connection, f"(select distinct id, service, time from {name})") < arrived:
        answers.create(connection, "unique_rows",
                       f"select distinct on (id, service, time) * from {name} order by id, service, time")
        _swap(connection, table.name, "unique_rows")
    # only the overlapping time range can hold a duplicate: 30 times cheaper than the whole table
    answers.rows(
        connection,
        f"""delete from {name} as new where exists (
            select 1 from store.main.{table.name} as old
            where old.id = new.id and old.time = new.time and old.service is not distinct from new.service
              and old.time >= (select min(time) from {name}) and old.time <= (select max(time) from {name}))""",
    )
    sealed = retention.sealed_before(connection, table.name)
    if sealed is None:
        return 0, 0
    unprovable = answers.count(connection, f"{name} where time < $sealed", sealed=sealed)
    return unprovable, _drop_counted(connection, name, part, sealed)


def _drop_counted(connection: duckdb.DuckDBPyConnection, name: str, part: Slice, sealed: datetime) -> int:
    """Drop sealed rows that an earlier pull of the same slice counted: all of it, or its window."""
    dropped = 0
    entries = answers.rows(connection, "select fingerprint from store.main.ledger where slice = $slice",
                           {"slice": part.name})
    for (fingerprint,) in entries:
        _, _, span = fingerprint.partition("@")
        window = Window.parse(span) if span else None
        within = "" if window is None else " and time >= $start and time < $stop"
        bounds = {} if window is None else {"start": window.start, "stop": window.stop}
        dropped += int(answers.value(
            connection, f"delete from {name} where time < $sealed{within}", {"sealed": sealed, **bounds}))
    return dropped


def _replace_incidents(connection: duckdb.DuckDBPyConnection) -> None:
    """The newest record of an incident wins, of equal ones the last; an undated one never beats a dated one."""
    answers.create(connection, "unique_rows", """select distinct on (id) * from temp.incidents
        order by id, updated_at desc nulls last, rowid desc""")
    _swap(connection, "incidents", "unique_rows")
    said = [name for name in TABLES["incidents"].names if name not in ("id", "source")]
    old, new = (", ".join(f'{side}."{name}"' for name in said) for side in ("old", "new"))
    answers.rows(
        connection,
        f"""delete from temp.incidents as new using store.main.incidents as old
        where old.id = new.id
          and (row({old}) is not distinct from row({new})
               or old.updated_at is not null and (new.updated_at is null or new.updated_at < old.updated_at))""",
    )
    answers.rows(connection, "delete from store.main.incidents where id in (select id from temp.incidents)")


def _swap(connection: duckdb.DuckDBPyConnection, name: str, other: str) -> None:
    answers.rows(connection, f"drop table temp.{name}")
    answers.rows(connection, f"alter table temp.{other} rename to {name}")
