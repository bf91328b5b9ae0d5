"""Migrations: brings a store file to this version's tables in one transaction."""

from __future__ import annotations

from datetime import timedelta

import duckdb

from erp_telemetry import catalog
from erp_telemetry.errors import StoreError
from erp_telemetry.schema import CALLS, TABLES
from erp_telemetry.store import percentiles
from erp_telemetry.store.answers import rows, transaction, value
from erp_telemetry.store.rollups import ROLLUPS
from erp_telemetry.window import Window

VERSION = 5

# version 2 tells how many requests had a duration; before it, every one had
_COUNTERS = ("request_minutes", "operation_hours", "dependency_minutes")
# version 3 keeps what version 2 derived at every question
_NEW = ("latency_sketch_hours", "dependency_sketch_hours")
# version 4 keeps sketches by the day, for windows of months
_DAYS = ("latency_sketch_days", "dependency_sketch_days")
# version 5 remembers what sources are known to have and the store to lack
_LACKED = """insert into shortfalls
    select slice, source, pull, 'short', null,
        try_cast(regexp_extract(slice, '/([0-9T:.-]+Z)/([0-9T:.-]+Z)/', 1) as timestamptz),
        try_cast(regexp_extract(slice, '/([0-9T:.-]+Z)/([0-9T:.-]+Z)/', 2) as timestamptz),
        cast(said[2] as bigint) - cast(said[1] as bigint), 'the source has more rows than came', pulled_at
    from (select *, regexp_extract_all(fingerprint, '\\d+') as said from ledger
          qualify row_number() over (partition by slice order by entry desc) = 1)
    where fingerprint like 'partial:%'"""
# and metrics by series, with the points of running totals
_POINTS = ROLLUPS["metric_minutes"].columns["points"]


def version(connection: duckdb.DuckDBPyConnection) -> int | None:
    """The version of the tables in this file; ``None`` where there are none."""
    try:
        return int(value(connection, "select max(version) from main.store_version"))
    except duckdb.CatalogException:
        return None


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
    found = version(connection)
    if not is_outdated(found):
        return
    foreign = rows(
        connection,
        "select table_name from information_schema.tables where table_catalog = current_database() "
        "and table_schema = 'main' order by all",
    )
    if foreign and found is None:
        raise StoreError(f"{path} is a DuckDB file but no store (it holds {foreign[0][0]}): give another path")
    with transaction(connection):
        for statement in _first() if found is None else _since(found):
            rows(connection, statement)
        if found is not None and found < 3:
            _remake_percentiles(connection)
        rows(connection, "insert into store_version values ($version, now())", {"version": VERSION})


def _since(found: int) -> list[str]:
    return [*(_second() if found < 2 else ()), *(_third() if found < 3 else ()),
            *(part for name in _DAYS if found < 4 for part in _filled(name)), *_fifth()]


def _second() -> list[str]:
    """From version 1 to 2."""
    statements = ["drop view request_cells"]
    for counter in _COUNTERS:
        statements += [f"alter table {counter} add column timed double", f"update {counter} set timed = count"]
    statements.append("alter table incidents add column is_start_estimated boolean")
    return [*statements, *(part for part in _own() if "create view request_cells" in part)]


def _third() -> list[str]:
    """From version 2 to 3: rows name their entry, spans need no id, more is kept that was asked for every time."""
    statements = [f"alter table {table} add column entry bigint" for table in TABLES]
    # what trace and span say is not kept twice, nor the hash of a row that has both
    statements += [f"update {table} set id = null where id = trace_id || ':' || span_id or trace_id <> '' "
                   "and span_id <> '' and regexp_full_match(id, '[0-9a-f]{32}:[0-9]{1,9}')" for table in CALLS]
    statements += [f"update {table} set trace_id = left(id, 32), span_id = right(id, 16), id = null "
                   "where trace_id is null and span_id is null "
                   "and regexp_full_match(id, '[0-9a-fA-F]{32}:[0-9a-fA-F]{16}')" for table in CALLS]
    # a view cannot be told from a table of its name
    statements += ["create temp table heard as from observed_minutes", "drop view observed_minutes"]
    statements += [part for part in _own() if "create table observed_minutes" in part
                   or "create table minute_percentiles" in part]
    statements += ["insert into observed_minutes by name select time, service from temp.heard", "drop table temp.heard"]
    return [*statements, *(part for name in _NEW for part in _filled(name)), *_series()]


def _fifth() -> list[str]:
    """From version 4 to 5: what slices are short of, as the ledger tells it."""
    return [*(part for part in _own() if "create table shortfalls" in part), _LACKED]


def _remake_percentiles(connection: duckdb.DuckDBPyConnection) -> None:
    first, last = rows(connection, "select min(time), max(time) from requests")[0]
    if first is not None:
        percentiles.refresh(connection, "store.main.requests", Window(first, last + timedelta(microseconds=1)), None)


def _table(name: str) -> str:
    columns = ", ".join(f"{column} {dtype}" for column, dtype in ROLLUPS[name].columns.items())
    return f"create table {name} ({columns})"


def _filled(name: str) -> list[str]:
    """Make a rollup from the finer one it merges."""
    return [_table(name), f"insert into {name} by name {catalog.query(f'rollups/{name}').text}"]


def _series() -> list[str]:
    """Metrics anew from raw rows; of a running total whose raw rows are gone, the last point of each minute."""
    names = str(catalog.root() / "rollups" / "metric_names.csv").replace("'", "''")
    is_open = ("time >= coalesce((select max(before) from sealed where table_name = 'metrics'), "
               "'-infinity'::timestamptz)")
    return [
        "alter table metric_minutes add column series varchar",
        f"alter table metric_minutes add column points {_POINTS}",
        "update metric_minutes set sum = null, points = [{'time_us': epoch_us(last_time), 'started_us': null, "
        "'sum': last, 'count': null}] where kind = 'cumulative'",
        f"create or replace temp table metric_names as from read_csv('{names}', header = true)",
        f"delete from metric_minutes where {is_open}",
        f"insert into metric_minutes by name select * from ({catalog.query('rollups/metric_minutes').text}) "
        f"where {is_open}",
        *(part for part in _own() if "create view metric_cells" in part),
    ]


def _own() -> list[str]:
    text = (catalog.root() / "rollups" / "store.sql").read_text(encoding="utf-8")
    return [part for part in text.split(";") if part.strip()]


def _first() -> list[str]:
    statements = ["create table store_version (version integer, migrated_at timestamptz)"]
    for table in TABLES.values():
        columns = ", ".join(f'"{column.name}" {column.dtype}' for column in table.columns)
        statements.append(f"create table {table.name} ({columns})")
    statements += [_table(name) for name in ROLLUPS]
    return [*statements, *_own()]
