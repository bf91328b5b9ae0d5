"""Duplicates: what a slice brings that the store already has is not counted twice."""

from __future__ import annotations

import duckdb

from erp_telemetry.schema import Table
from erp_telemetry.slices import Slice
from erp_telemetry.store import answers, retention


def drop(connection: duckdb.DuckDBPyConnection, table: Table, part: Slice) -> int:
    """Drop rows of ``temp.<table>`` that the slice holds twice or the store has.

    Returns how many lie in sealed minutes, where nothing is left to compare them with.
    """
    if table.name == "incidents":
        _replace_incidents(connection)
        return 0
    arrived = answers.count(connection, f"temp.{table.name}")
    if answers.count(connection, f"(select distinct id from temp.{table.name})") < arrived:
        answers.create(connection, "unique_rows", f"select distinct on (id) * from temp.{table.name} order by id, time")
        _swap(connection, table.name, "unique_rows")
    # only the overlapping time range can hold a duplicate: 30 times cheaper than the whole table
    answers.rows(
        connection,
        f"""delete from temp.{table.name} where id in (
            select id from store.main.{table.name}
            where time >= (select min(time) from temp.{table.name})
              and time <= (select max(time) from temp.{table.name}))"""
    )
    sealed = retention.sealed_before(connection, table.name)
    if sealed is None:
        return 0
    unprovable = answers.count(connection, f"temp.{table.name} where time < $sealed", sealed=sealed)
    if answers.count(connection, "store.main.ledger where slice = $slice", slice=part.name):
        # a slice read before: its rows in sealed minutes were counted then
        answers.rows(connection, f"delete from temp.{table.name} where time < $sealed", {"sealed": sealed})
    return unprovable


def _replace_incidents(connection: duckdb.DuckDBPyConnection) -> None:
    """The newest record of an incident wins; an equal or older one is a duplicate."""
    newest = "select distinct on (id) * from temp.incidents order by id, updated_at desc"
    answers.create(connection, "unique_rows", newest)
    _swap(connection, "incidents", "unique_rows")
    answers.rows(
        connection,
        """delete from temp.incidents as new using store.main.incidents as old
        where old.id = new.id and (new.updated_at is null or old.updated_at >= new.updated_at)
          and row(old.impact_end, old.resolved, old.closed, old.status)
              is not distinct from row(new.impact_end, new.resolved, new.closed, new.status)"""
    )
    answers.rows(
        connection,
        """delete from temp.incidents as new using store.main.incidents as old
        where old.id = new.id and old.updated_at > new.updated_at"""
    )
    answers.rows(connection, "delete from store.main.incidents where id in (select id from temp.incidents)")


def _swap(connection: duckdb.DuckDBPyConnection, name: str, other: str) -> None:
    answers.rows(connection, f"drop table temp.{name}")
    answers.rows(connection, f"alter table temp.{other} rename to {name}")
