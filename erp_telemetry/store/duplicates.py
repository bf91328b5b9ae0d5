"""Duplicates: what a slice brings that the store already has is not counted twice."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import numpy as np

from erp_telemetry.schema import CALLS, TABLES, Table
from erp_telemetry.slices import Slice
from erp_telemetry.store import answers, retention, spells
from erp_telemetry.store.arrivals import LANDED, identity
from erp_telemetry.window import Window

# a span has one id wherever it is told of; only clocks and rounding move its start
_IS_SPAN = ("{0}.id is null and regexp_full_match({0}.trace_id, '[0-9a-fA-F]{{32}}') "
            "and regexp_full_match({0}.span_id, '[0-9a-fA-F]{{16}}')")
_SPAN_APART = "interval 2 second"
_APART = timedelta(seconds=2)
# without the service: what names a call is hardly ever told of two, and then a second look tells them apart
_MARK = "hash({0}.id, case when {0}.id is null then {0}.trace_id end, case when {0}.id is null then {0}.span_id end)"


def are_likely(connection: duckdb.DuckDBPyConnection, table: Table, entry: int, span: Window) -> bool:
    """Whether rows of an entry that are already in the store may repeat each other, or older ones.

    Told by 64-bit hashes of what names them: never wrong where it says no.
    """
    name = f"store.main.{table.name}"
    for day in spells.days(Window(span.start, span.stop)):
        marks = answers.arrays(
            connection,
            f"select {_MARK.format('r')} as mark from {name} as r "
            f"where r.entry = {entry} and r.time >= $start and r.time < $stop",
            {"start": day.start - _APART, "stop": day.stop})["mark"]
        marks.sort()
        if marks.size > 1 and bool(np.any(marks[1:] == marks[:-1])):
            return True
    older = spells.older(connection, table.name, Window(span.start - _APART, span.stop + _APART), entry)
    if older is None:
        return False
    # days follow each other: then only the rows about midnight are looked at again
    own = (f"(select * from {name} where entry = {entry} and time >= '{older.start - _APART}' "
           f"and time < '{older.stop + _APART}')")
    return any(
        answers.rows(
            connection,
            f"""select 1 from {own} as new semi join (
                select {_MARK.format('r')} as mark from {name} as r
                where r.entry is distinct from {entry} and r.time >= $start and r.time < $stop
            ) as old on old.mark = {_MARK.format('new')} limit 1""",
            {"start": spell.start - _APART, "stop": spell.stop + _APART})
        for spell in spells.of(connection, own, span))


def drop(connection: duckdb.DuckDBPyConnection, table: Table, part: Slice) -> tuple[int, int]:
    """Drop rows of ```temp.landed``` that the slice holds twice or the store has: same id, service and time.

    A request or dependency whose id is ``trace:span`` is told of by several sources, each by its own
    clock: there times within two seconds are the same. The earliest of a slice stays, and what the store has.

    Returns how many rows lie in sealed minutes, where nothing is left to compare them with, and how
    many of those were dropped because the slice was read before and its rows counted then.
    """
    if table.name == "incidents":
        _replace_incidents(connection)
        return 0, 0
    name = LANDED
    arrived = answers.count(connection, name)
    own = identity(table, "r")
    if answers.count(connection, f"(select distinct {own}, service, time from {name} as r)") < arrived:
        answers.create(connection, "unique_rows", f"select distinct on ({own}, service, time) r.* from {name} as r "
                                                  f"order by {own}, service, time")
        _swap(connection, "unique_rows")
    apart, is_same = "interval 0 second", "old.time = new.time"
    if table.name in CALLS:
        _drop_retold(connection, name)
        apart = _SPAN_APART
        is_same += (f" or old.time between new.time - {apart} and new.time + {apart} and {_IS_SPAN.format('new')}")
    first, last = answers.rows(connection, f"select min(time), max(time) from {name}")[0]
    if first is None:
        return 0, 0
    # only what lies near in time can hold a duplicate: a few late rows do not ask for the whole table
    for spell in spells.of(connection, name, Window(first, last + timedelta(microseconds=1))):
        answers.rows(
            connection,
            f"""delete from {name} as new where new.time >= $start and new.time < $stop and exists (
                select 1 from store.main.{table.name} as old
                where {identity(table, "old")} = {identity(table, "new")}
                  and old.service is not distinct from new.service and ({is_same})
                  and old.time >= $start - {apart} and old.time < $stop + {apart})""",
            {"start": spell.start, "stop": spell.stop})
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
            select trace_id, span_id, service, list_reduce(
                list_sort(list([time])),
                lambda kept, next: case when next[1] <= kept[-1] + {_SPAN_APART} then kept else kept || next end
            ) as kept
            from {name} as told
            where {_IS_SPAN.format("told")}
            group by trace_id, span_id, service
            having count(*) > 1
        ) as several
        where {_IS_SPAN.format("r")} and several.trace_id = r.trace_id and several.span_id = r.span_id
            and several.service = r.service and not list_contains(several.kept, r.time)""",
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
    answers.create(connection, "unique_rows", f"""select distinct on (id) * from {LANDED}
        order by id, updated_at desc nulls last, rowid desc""")
    _swap(connection, "unique_rows")
    said = [name for name in TABLES["incidents"].names if name not in ("id", "source", "entry")]
    old, new = (", ".join(f'{side}."{name}"' for name in said) for side in ("old", "new"))
    answers.rows(
        connection,
        f"""delete from {LANDED} as new using store.main.incidents as old
        where old.id = new.id
          and (row({old}) is not distinct from row({new})
               or old.updated_at is not null and (new.updated_at is null or new.updated_at < old.updated_at))""",
    )
    answers.rows(connection, f"delete from store.main.incidents where id in (select id from {LANDED})")


def _swap(connection: duckdb.DuckDBPyConnection, other: str) -> None:
    answers.rows(connection, f"drop table {LANDED}")
    answers.rows(connection, f"alter table temp.{other} rename to landed")
