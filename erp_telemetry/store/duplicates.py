"""Duplicates: what a slice brings that the store already has is not counted twice."""

from __future__ import annotations

from datetime import datetime

import duckdb

from erp_telemetry.schema import TABLES, Table
from erp_telemetry.slices import Slice
from erp_telemetry.store import answers, retention
from erp_telemetry.window import Window

_CALLS = ("requests", "dependencies")
# a span has one id wherever it is told of; only clocks and rounding move its start
_IS_SPAN = "regexp_full_match({0}.id, '[0-9a-fA-F]{{32}}:[0-9a-fA-F]{{16}}')"
_SPAN_APART = "interval 2 second"


def drop(connection: duckdb.DuckDBPyConnection, table: Table, part: Slice) -> tuple[int, int]:
    """Drop rows of ``temp.<table>`` that the slice holds twice or the store has: same id, service and time.

    A request or dependency whose id is ``trace:span`` is told of by several sources, each by its own
    clock: there times within two seconds are the same. The earliest of a slice stays, and what the store has.

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
    apart, is_same = "interval 0 second", "old.time = new.time"
    if table.name in _CALLS:
        _drop_retold(connection, name)
        apart = _SPAN_APART
        is_same += (f" or old.time between new.time - {apart} and new.time + {apart} and {_IS_SPAN.format('new')}")
    # only the overlapping time range can hold a duplicate: 30 times cheaper than the whole table
    answers.rows(
        connection,
        f"""delete from {name} as new where exists (
            select 1 from store.main.{table.name} as old
            where old.id = new.id and old.service is not distinct from new.service and ({is_same})
              and old.time >= (select min(time) from {name}) - {apart}
              and old.time <= (select max(time) from {name}) + {apart})""",
    )
    sealed = retention.sealed_before(connection, table.name)
    if sealed is None:
        return 0, 0
    unprovable = answers.count(connection, f"{name} where time < $sealed", sealed=sealed)
    return unprovable, _drop_counted(connection, name, part, sealed)


def _drop_retold(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Keep of the spans that the slice tells of several times the earliest, and each more than two seconds on."""
    answers.rows(
        connection,
        f"""delete from {name} as r using (
            select id, service, list_reduce(
                list_sort(list([time])),
                lambda kept, next: case when next[1] <= kept[-1] + {_SPAN_APART} then kept else kept || next end
            ) as kept
            from {name} as told
            where {_IS_SPAN.format("told")}
            group by id, service
            having count(*) > 1
        ) as several
        where several.id = r.id and several.service = r.service and not list_contains(several.kept, r.time)""",
    )


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
