"""Landings: a slice becomes part of the store, whole or not at all.

Within one transaction its rows are read, checked, named, told apart from those the store has, put
into the canonical tables, rolled up, and entered in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import polars as pl

from erp_telemetry import catalog
from erp_telemetry.errors import SourceError, StoreError
from erp_telemetry.redactions import excerpt, redact
from erp_telemetry.schema import TABLES, Table
from erp_telemetry.slices import Batch, Reject, Slice
from erp_telemetry.store import answers, duplicates, ledger, retention, rollups
from erp_telemetry.window import Window

# columns a source may add for the door, which does not keep them
_DOOR = {"line": "bigint", "synthetic": "varchar", "user_agent": "varchar", "url_path": "varchar",
         "is_untimed": "boolean"}
# a format that cannot say how long a request took says so; elsewhere a missing duration is a flaw
_UNTIMED = " and not coalesce(is_untimed, false)"
_PROBE_PATHS = ("/health", "/healthz", "/healthz/live", "/healthz/ready", "/healthz/startup", "/livez", "/readyz",
                "/alive", "/ready", "/live", "/health/live", "/health/ready", "/health/startup")


class CarefulReadNeeded(Exception):
    """The fast read met something it cannot place: read the slice again, line by line."""


@dataclass(slots=True)
class Landed:
    """What became of one slice."""

    rows: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    late: int = 0
    unprovable: int = 0
    presumed: int = 0
    outside: int = 0
    rejects: list[Reject] = field(default_factory=list)
    first_time: datetime | None = None
    last_time: datetime | None = None


def land(
    connection: duckdb.DuckDBPyConnection, part: Slice, batch: Batch, *, source: str, pull: str,
    thresholds: Mapping[str | None, tuple[float, float]], window: Window | None = None,
) -> Landed:
    """Commit one slice, or what of it lies in a window.

    Raises:
        CarefulReadNeeded: the fast read failed or met a bad row; nothing was committed.
        SourceError: the careful read failed too.
        StoreError: memory or disk do not suffice.
    """
    try:
        with answers.transaction(connection):
            _set_references(connection, thresholds)
            return _land(connection, part, batch, source, pull, window)
    except duckdb.Error as error:
        if not batch.is_careful:
            raise CarefulReadNeeded(str(error)) from error
        if isinstance(error, duckdb.OutOfMemoryException):
            raise StoreError(f"{part.name} does not fit: {error}") from error
        # the engine quotes what it could not read
        raise SourceError(f"{part.name}: {redact(str(error)).value}") from None


def _land(
    connection: duckdb.DuckDBPyConnection, part: Slice, batch: Batch, source: str, pull: str, window: Window | None
) -> Landed:
    landed = Landed(rejects=list(batch.rejects))
    if batch.staging is not None:
        answers.create(connection, "staged", batch.staging.sql, dict(batch.staging.parameters))
    for name, rows in batch.rows.items():
        table = TABLES[name]
        _arrive(connection, table, rows)
        _set_aside(connection, table, landed, part, batch.is_careful)
        if window is not None:
            landed.outside += _leave_out(connection, table, window)
        _name(connection, table, source)
        _merge(connection, table, landed, part, source, pull)
    if batch.staging is not None:
        answers.rows(connection, "drop table temp.staged")
    _keep_rejects(connection, part, landed.rejects)
    ledger.append(connection, {
        "pull": pull, "source": source, "slice": part.name, "fingerprint": part.fingerprint,
        "row_counts": landed.rows, "rows": sum(landed.rows.values()), "duplicates": landed.duplicates,
        "rejected": len(landed.rejects), "late": landed.late, "unprovable": landed.unprovable,
        "expected": batch.expected_count, "first_time": landed.first_time, "last_time": landed.last_time,
    })
    return landed


def _merge(
    connection: duckdb.DuckDBPyConnection, table: Table, landed: Landed, part: Slice, source: str, pull: str
) -> None:
    """Put what the store does not have into its table and rollups."""
    arrived = answers.count(connection, f"temp.{table.name}")
    unprovable, presumed = duplicates.drop(connection, table, part)
    landed.unprovable += unprovable
    landed.presumed += presumed
    kept = answers.count(connection, f"temp.{table.name}")
    landed.duplicates += arrived - kept - presumed
    if kept:
        landed.rows[table.name] = landed.rows.get(table.name, 0) + kept
        _mark_time(connection, table, landed, source, pull)
        rollups.merge(connection, table.name)
        sealed = retention.sealed_before(connection, table.name)
        open_rows = "" if sealed is None else " where time >= $sealed"
        answers.rows(connection, f"insert into store.main.{table.name} by name from temp.{table.name}{open_rows}",
                           {} if sealed is None else {"sealed": sealed})
    answers.rows(connection, f"drop table temp.{table.name}")


def _arrive(connection: duckdb.DuckDBPyConnection, table: Table, rows: Any) -> None:
    columns = {column.name: column.dtype for column in table.columns} | _DOOR
    listed = ", ".join(f'"{name}" {dtype}' for name, dtype in columns.items())
    answers.rows(connection, f"create or replace temp table arrived ({listed})")
    if isinstance(rows, pl.DataFrame):
        connection.register("incoming", rows)
        try:
            answers.rows(connection, "insert into temp.arrived by name select * from incoming")
        finally:
            connection.unregister("incoming")
    else:
        answers.rows(connection, f"insert into temp.arrived by name {rows.sql}", dict(rows.parameters))
    answers.rows(connection, "update temp.arrived set id = null where trim(id) = ''")
    if "weight" in columns:
        answers.rows(connection, "update temp.arrived set weight = 1 where weight is null")


def _set_aside(
    connection: duckdb.DuckDBPyConnection, table: Table, landed: Landed, part: Slice, is_careful: bool
) -> None:
    """Move rows that break a rule of the schema out of ``arrived``, each with its reason."""
    cases = [f"when \"{name}\" is null{_UNTIMED if name == 'duration_ms' else ''} then '{name} is missing'"
             for name in table.required]
    cases += [f"when not ({rule}) then '{reason}'" for reason, rule in table.checks.items()]
    if "time" in table.names:
        # one clock in the future would move the watermark, and with it what is last, final and old
        cases.append("when time > now() + interval 1 day then 'time is more than a day ahead of the clock'")
    if not cases:
        return
    reason = f"case {' '.join(cases)} end"
    shown = ", ".join(f'"{name}"' for name in table.names if name not in ("id", "source"))
    bad = answers.rows(
        connection,
        f"select line, {reason}, left(cast(row({shown}) as varchar), 4000) from temp.arrived "
        f"where {reason} is not null order by all",
    )
    if not bad:
        return
    if not is_careful:
        raise CarefulReadNeeded(f"{len(bad)} rows of {part.name} break a rule of {table.name}: {bad[0][1]}")
    named = {(reject.file, reject.line) for reject in landed.rejects}
    file = str(part.path) if part.path is not None else part.name
    for line, why, text in bad:
        if line is None or (file, line) not in named:
            landed.rejects.append(Reject(file, line, f"{table.name}: {why}", excerpt(text)))
    answers.rows(connection, f"delete from temp.arrived where {reason} is not null")


def _leave_out(connection: duckdb.DuckDBPyConnection, table: Table, window: Window) -> int:
    moment = "time" if "time" in table.names else "impact_start"
    return int(answers.value(
        connection, f"delete from temp.arrived where not ({moment} >= $start and {moment} < $stop)",
        {"start": window.start, "stop": window.stop}))


def _name(connection: duckdb.DuckDBPyConnection, table: Table, source: str) -> None:
    """Give rows of ``arrived`` their operation template, population and identity, as temp.<table>."""
    kept = [name for name in table.names if name not in ("id", "source", "operation", "population")]
    operation, join, population = "a.operation", "", ""
    if "population" in table.names:
        answers.create(connection, "operations", catalog.query("rollups/operations").text)
        operation, join = "o.template", "left join temp.operations as o on o.operation = a.operation"
        population = f"""case
            when coalesce(a.synthetic, '') <> '' then 'synthetic'
            when a.population is not null then a.population
            when o.is_probe or a.url_path in {_PROBE_PATHS} or a.user_agent like 'kube-probe%' then 'probe'
            else 'user' end as population,"""
    if "operation" in table.names:
        population += f"{operation} as operation,"
    own = ", ".join(f'a."{name}"' for name in kept)
    # the identity of a row without one: the hash of what it says, and its ordinal among equals
    says = ", ".join(f'a."{name}"' for name in table.names if name not in ("id", "source"))
    answers.rows(
        connection,
        f"""create or replace temp table {table.name} as
        with hashed as (
            select {own}, {population} a.id, case when a.id is null then md5(cast(row({says}) as varchar)) end as hash
            from temp.arrived as a {join})
        select * exclude (id, hash), $source as source,
            case when id is not null then id
                 else hash || ':' || row_number() over (partition by hash) end as id
        from hashed""" if answers.count(connection, "temp.arrived where id is null") > 0 else
        f"""create or replace temp table {table.name} as
        select {own}, {population} a.id, $source as source from temp.arrived as a {join}""",
        {"source": source},
    )
    answers.rows(connection, "drop table temp.arrived")


def _mark_time(
    connection: duckdb.DuckDBPyConnection, table: Table, landed: Landed, source: str, pull: str
) -> None:
    """Move watermarks, and count rows older than what an earlier pull of this source had reached."""
    if "time" not in table.names:
        return
    landed.late += answers.count(
        connection,
        f"""temp.{table.name} as r join (
            select service, max(time) as reached from store.main.watermarks
            where table_name = $table and source = $source and pull <> $pull group by service
        ) as w on w.service is not distinct from r.service where r.time < w.reached""",
        table=table.name, source=source, pull=pull,
    )
    answers.rows(
        connection,
        f"""insert into store.main.watermarks
        select $table, $source, service, $pull, max(time) from temp.{table.name} group by service""",
        {"table": table.name, "source": source, "pull": pull},
    )
    low, high = answers.rows(connection, f"select min(time), max(time) from temp.{table.name}")[0]
    landed.first_time = low if landed.first_time is None else min(low, landed.first_time)
    landed.last_time = high if landed.last_time is None else max(high, landed.last_time)


def _keep_rejects(connection: duckdb.DuckDBPyConnection, part: Slice, rejects: Iterable[Reject]) -> None:
    answers.rows(connection, "delete from store.main.rejects where slice = $slice", {"slice": part.name})
    for reject in rejects:
        answers.rows(
        connection,
        "insert into store.main.rejects values ($slice, $file, $line, $reason, $excerpt)",
            {"slice": part.name, "file": reject.file, "line": reject.line, "reason": reject.reason,
             "excerpt": reject.excerpt},
        )


def _set_references(
    connection: duckdb.DuckDBPyConnection, thresholds: Mapping[str | None, tuple[float, float]]
) -> None:
    """What rollups look up: latency thresholds by service, canonical names of metrics."""
    answers.rows(connection, "delete from store.main.thresholds")
    for service, (apdex_ms, slo_ms) in thresholds.items():
        answers.rows(connection, "insert into store.main.thresholds values ($service, $apdex_ms, $slo_ms)",
                           {"service": service, "apdex_ms": apdex_ms, "slo_ms": slo_ms})
    answers.rows(
        connection,
        "create or replace temp table metric_names as from read_csv($file, header = true)",
        {"file": str(catalog.root() / "rollups" / "metric_names.csv")},
    )
