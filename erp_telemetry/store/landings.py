"""Landings: a slice becomes part of the store, whole or not at all.

Within one transaction its rows are read, checked, named, told apart from those the store has, put
into the canonical tables, rolled up, and entered in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import duckdb
import polars as pl

from erp_telemetry.catalog import Statement
from erp_telemetry.errors import PartialAnswer, SourceError, StoreError
from erp_telemetry.redactions import excerpt, redact
from erp_telemetry.schema import CALLS, TABLES, Table
from erp_telemetry.slices import Batch, Reject, Slice
from erp_telemetry.store import (
    answers,
    arrivals,
    duplicates,
    engines,
    lateness,
    ledger,
    percentiles,
    retention,
    rollups,
    shortfalls,
)
from erp_telemetry.window import Window


class CarefulReadNeeded(Exception):
    """The fast read met something it cannot place: read the slice again, line by line."""


class _SecondLookNeeded(Exception):
    """Rows that went straight into the store may repeat others or lie in sealed minutes."""


@dataclass(slots=True)
class Landed:
    """What became of one slice."""

    entry: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    late: int = 0
    repaired: int = 0
    unprovable: int = 0
    presumed: int = 0
    untellable: int = 0
    outside: int = 0
    rejects: list[Reject] = field(default_factory=list)
    first_time: datetime | None = None
    last_time: datetime | None = None

    @property
    def accounted(self) -> int:
        """How many rows arrived: kept, known already, set aside, or outside the window."""
        return (sum(self.rows.values()) + self.duplicates + self.presumed + self.untellable + len(self.rejects)
                + self.outside)


@dataclass(frozen=True, slots=True)
class _Landing:
    """A slice on its way into the store."""

    connection: duckdb.DuckDBPyConnection
    part: Slice
    batch: Batch
    pull: str
    origin: arrivals.Origin
    window: Window | None
    landed: Landed


def land(
    connection: duckdb.DuckDBPyConnection, part: Slice, batch: Batch, *, source: str, pull: str,
    thresholds: Mapping[str | None, tuple[float, float]], window: Window | None = None,
) -> Landed:
    """Commit one slice, or what of it lies in a window.

    Raises:
        CarefulReadNeeded: the fast read failed or met a bad row; nothing was committed.
        SourceError: the careful read failed too.
        PartialAnswer: the careful read too brought fewer rows than a batch that must be whole promised.
        StoreError: memory or disk do not suffice.
    """
    is_told = any(name in CALLS and isinstance(rows, Statement) for name, rows in batch.rows.items())
    ways = (True, False) if window is None and is_told else (False,)
    for is_direct in ways:
        try:
            commit = partial(_commit, connection, part, batch, source, pull, thresholds, window, is_direct)
            try:
                with engines.sparing(connection):
                    return commit()
            except duckdb.OutOfMemoryException:
                if not engines.may_spare(connection):
                    raise
                return commit()  # what does not fit into little may have all there is
        except duckdb.InterruptException as error:
            raise KeyboardInterrupt from error  # no other way of reading is tried for that
        except duckdb.OutOfMemoryException as error:
            raise StoreError(f"{part.name} does not fit: {error}") from error
        except (duckdb.Error, _SecondLookNeeded) as error:
            if is_direct:
                continue  # nothing was committed; the other way can name what is unusual
            _refuse(error, part, batch)
    raise AssertionError("unreachable: the last way returns or raises")


def _commit(
    connection: duckdb.DuckDBPyConnection, part: Slice, batch: Batch, source: str, pull: str,
    thresholds: Mapping[str | None, tuple[float, float]], window: Window | None, is_direct: bool,
) -> Landed:
    with answers.transaction(connection):
        rollups.set_references(connection, thresholds)
        landed = Landed(entry=ledger.next_entry(connection), rejects=list(batch.rejects))
        origin = arrivals.Origin(source, landed.entry)
        _land(_Landing(connection, part, batch, pull, origin, window, landed), is_direct)
    return landed


def _refuse(error: Exception, part: Slice, batch: Batch) -> None:
    if not batch.is_careful:
        raise CarefulReadNeeded(str(error)) from error
    # the engine quotes what it could not read
    raise SourceError(f"{part.name}: {redact(str(error)).value}") from None


def _land(landing: _Landing, is_direct: bool) -> None:
    connection, batch, landed = landing.connection, landing.batch, landing.landed
    if batch.staging is not None:
        answers.create(connection, "staged", batch.staging.sql, batch.staging.parameters)
    for name, rows in batch.rows.items():
        table = TABLES[name]
        if is_direct and name in CALLS and isinstance(rows, Statement):
            _take_in(landing, table, rows)
        else:
            _look_over(landing, table, rows)
    if batch.staging is not None:
        answers.rows(connection, "drop table temp.staged")
    fingerprint = _fingerprint(landing)
    _keep_rejects(connection, landing.part, landed.rejects)
    ledger.append(connection, {
        "entry": landed.entry, "pull": landing.pull, "source": landing.origin.source, "slice": landing.part.name,
        "fingerprint": fingerprint,
        "row_counts": landed.rows, "rows": sum(landed.rows.values()), "duplicates": landed.duplicates,
        "rejected": len(landed.rejects), "late": landed.late, "unprovable": landed.unprovable,
        "expected": batch.expected_count, "first_time": landed.first_time, "last_time": landed.last_time,
    })
    shortfalls.land(connection, landing.part, landing.origin.source, landing.pull, {
        "the source has more rows than came": (batch.expected_count or 0) - landed.accounted,
        "rows of pruned minutes, which nothing tells from those counted before": landed.untellable})


def _fingerprint(landing: _Landing) -> str:
    """How the slice is entered: a cut slice of which rows are missing as ``partial:<got>/<expected>``."""
    part, batch, landed, expected = landing.part, landing.batch, landing.landed, landing.batch.expected_count
    if expected is not None and landed.accounted < expected:
        said = f"{part.name}: {landed.accounted:,} of {expected:,} rows arrived"
        if batch.must_be_whole and batch.is_careful:
            raise PartialAnswer(f"{said}, also when asked anew; pull again, or with allow_partial=True keep what came")
        if batch.must_be_whole:
            raise CarefulReadNeeded(said)
        return f"partial:{landed.accounted}/{expected}" if part.is_cut else part.fingerprint
    if landed.presumed and part.is_cut:
        # a sealed row is presumed counted when its slice was read before, and then there were fewer
        before = ledger.rows_accounted(landing.connection, part.name)
        new = landed.accounted - before - sum(landed.rows.values())
        landed.untellable = max(0, min(landed.presumed, new))
        landed.presumed -= landed.untellable
        if landed.untellable:
            return f"partial:{landed.accounted - landed.untellable}/{landed.accounted}"
    return part.fingerprint


def _take_in(landing: _Landing, table: Table, rows: Statement) -> None:
    """Put calls straight into the store, then see that none of them asks for a second look."""
    connection, entry = landing.connection, landing.origin.entry
    is_plain = arrivals.insert(connection, table, rows, landing.origin)
    own = f"(select * from store.main.{table.name} where entry = {entry})"
    span = _mark_time(landing, table, own)
    if span is None:
        return
    sealed = retention.sealed_before(connection, table.name)
    is_sealed = sealed is not None and span.start < sealed
    if is_sealed or duplicates.are_likely(connection, table, entry, span):
        raise _SecondLookNeeded(f"{table.name} of {landing.part.name}")
    rollups.merge(connection, table.name, own)
    if is_plain and not arrivals.are_templates(connection, _operations(table, own, span)):
        raise _SecondLookNeeded(f"operations of {landing.part.name}")
    if table.name == "requests":
        percentiles.refresh(connection, own, span, None)


def _operations(table: Table, own: str, span: Window) -> str:
    """Where the operations of rows just taken in are read from: of requests their hours, which are few."""
    if table.name != "requests":
        return own
    return (f"(select operation from store.main.operation_hours where time >= '{span.start - timedelta(hours=1)}' "
            f"and time < '{span.stop}')")


def _look_over(landing: _Landing, table: Table, rows: Statement | pl.DataFrame) -> None:
    """Lay rows down, set bad ones aside, drop those the store has, and put the rest into table and rollups."""
    connection, landed = landing.connection, landing.landed
    arrivals.lay_down(connection, table, rows)
    _set_aside(landing, table)
    if landing.window is not None:
        landed.outside += _leave_out(connection, table, landing.window)
    arrivals.name(connection, table, landing.origin)
    arrived = answers.count(connection, arrivals.LANDED)
    unprovable, presumed = duplicates.drop(connection, table, landing.part)
    landed.unprovable += unprovable
    landed.presumed += presumed
    kept = answers.count(connection, arrivals.LANDED)
    landed.duplicates += arrived - kept - presumed
    span = _mark_time(landing, table, arrivals.LANDED)
    if kept:
        rollups.merge(connection, table.name, arrivals.LANDED)
        sealed = retention.sealed_before(connection, table.name)
        answers.rows(
            connection,
            f"insert into store.main.{table.name} by name from {arrivals.LANDED}"
            f"{'' if sealed is None else ' where time >= $sealed'}", {} if sealed is None else {"sealed": sealed})
        if span is not None and table.name == "requests":
            percentiles.refresh(connection, arrivals.LANDED, span, sealed)
    answers.rows(connection, f"drop table {arrivals.LANDED}")


def _set_aside(landing: _Landing, table: Table) -> None:
    """Move rows that break a rule of the schema out of what arrived, each with its reason."""
    bad = arrivals.bad_rows(landing.connection, table)
    if not bad:
        return
    part, landed = landing.part, landing.landed
    if not landing.batch.is_careful:
        raise CarefulReadNeeded(f"{len(bad)} rows of {part.name} break a rule of {table.name}: {bad[0][1]}")
    named = {(reject.file, reject.line) for reject in landed.rejects}
    file = str(part.path) if part.path is not None else part.name
    for line, why, text in bad:
        if line is None or (file, line) not in named:
            landed.rejects.append(Reject(file, line, f"{table.name}: {why}", excerpt(text)))


def _leave_out(connection: duckdb.DuckDBPyConnection, table: Table, window: Window) -> int:
    moment = "time" if "time" in table.names else "impact_start"
    return int(answers.value(
        connection, f"delete from temp.arrived where not ({moment} >= $start and {moment} < $stop)",
        {"start": window.start, "stop": window.stop}))


def _mark_time(landing: _Landing, table: Table, rows: str) -> Window | None:
    """Count rows, move watermarks, count rows older than an earlier pull of this source had reached.

    Returns the window the rows lie in; None where there is no row, or no time.
    """
    connection, landed = landing.connection, landing.landed
    if "time" not in table.names:
        count = answers.count(connection, rows)
        if count:
            landed.rows[table.name] = landed.rows.get(table.name, 0) + count
        return None
    known = {"table": table.name, "source": landing.origin.source, "pull": landing.pull}
    late, repaired = lateness.counts(connection, rows, landing.part, known)
    landed.late, landed.repaired = landed.late + late, landed.repaired + repaired
    told = answers.rows(
        connection, f"select service, count(*), min(time), max(time) from {rows} as r group by service")
    if not told:
        return None
    answers.rows(
        connection,
        "insert into store.main.watermarks select $table, $source, unnest($services), $pull, unnest($times)",
        {**known, "services": [row[0] for row in told], "times": [row[3] for row in told]})
    landed.rows[table.name] = landed.rows.get(table.name, 0) + sum(row[1] for row in told)
    first, last = min(row[2] for row in told), max(row[3] for row in told)
    landed.first_time = min(filter(None, (landed.first_time, first)))
    landed.last_time = max(filter(None, (landed.last_time, last)))
    return Window(first, last + timedelta(microseconds=1))


def _keep_rejects(connection: duckdb.DuckDBPyConnection, part: Slice, rejects: Iterable[Reject]) -> None:
    answers.rows(connection, "delete from store.main.rejects where slice = $slice", {"slice": part.name})
    for reject in rejects:
        answers.rows(
            connection, "insert into store.main.rejects values ($slice, $file, $line, $reason, $excerpt)",
            {"slice": part.name, "file": reject.file, "line": reject.line, "reason": reject.reason,
             "excerpt": reject.excerpt},
        )
