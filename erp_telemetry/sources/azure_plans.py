"""Plans: which spans of a workspace a pull has to ask for, by what the ledger holds and what the service counts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from erp_telemetry import catalog
from erp_telemetry.errors import PartialAnswer, SourceError
from erp_telemetry.slices import Plan, Slice
from erp_telemetry.sources.azure_bodies import Reader, scratch
from erp_telemetry.sources.azure_failures import NeedsSearch, NotUnderstood, TooMuch
from erp_telemetry.sources.azure_spans import Entry, Held, Span, slice_name
from erp_telemetry.sources.azure_wire import Question, Wire
from erp_telemetry.window import Window
from erp_telemetry.workspace_queries import WorkspaceQuery

_BINS = ("time", "n", "bytes")
_SCAN = ("total", "bins")
_BIN = timedelta(minutes=15)
# so much of a table is scanned to see whether it is there
_PROBED = timedelta(seconds=1)
# columns of `T | getschema`
_SCHEMA = ("ColumnName", "ColumnOrdinal", "DataType", "ColumnType")
Counted = tuple[Span, int, int]
"""A span, its rows, and its bytes as the service estimates them."""


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans the slices of one pull; ``before`` is the arrival it reads up to."""

    wire: Wire
    window: Window
    before: datetime
    late: timedelta

    def plan(self, queries: Iterable[WorkspaceQuery], entries: Iterable[Entry], named: frozenset[str]) -> Plan:
        """The slices of some queries, in the order of their time; a table that is named has to be there."""
        asked, told = list(queries), list(entries)
        with ThreadPoolExecutor(self.wire.limits.concurrent, "erp_telemetry_plan") as pool:
            plans = list(pool.map(lambda query: self._of_file(query, told), asked))
        absent = tuple(sorted({query.reads for query, found in zip(asked, plans, strict=True) if found is None}))
        missing = sorted(named.intersection(absent))
        if missing or (absent and len(absent) == len({query.reads for query in asked})):
            raise SourceError(f"{self.wire.scope.title} has no table {', '.join(missing or absent)}: is it the "
                              "right one, and does it collect them? Leave them out of tables=")
        slices = [one for found in plans if found is not None for one in found]
        held = sum(found.held for found in plans if found is not None)
        return Plan(sorted(slices, key=lambda one: (one.name.split("/")[2], one.name)), held, absent)

    def _of_file(self, query: WorkspaceQuery, entries: list[Entry]) -> Plan | None:
        """The slices of one query; ``None`` where its table is absent."""
        file = query.name.rpartition("/")[2]
        own = [entry for entry in entries if entry.file == file]
        held = Held.of(entry.span for entry in own)
        reader = Reader(self.wire, query)
        latest = {entry.span: entry for entry in own}
        is_searched = self.wire.is_searched(query.reads)
        asked = [entry for entry in latest.values() if not is_searched or entry.span.start >= self._oldest]
        try:
            found = [one for span in self._wanted(query, held, is_searched) for one in self._cut(reader, span)]
            again = [*self._missing(reader, asked), *self._grown(reader, asked, held)]
        except (NeedsSearch, NotUnderstood) as error:
            if is_searched and isinstance(error, NeedsSearch):
                raise
            place = "search" if isinstance(error, NeedsSearch) else self._place(query, error)
            if place == "search" and not is_searched:
                self.wire.search(query.reads)
                return self._of_file(query, entries)
            if place is None:
                return None
            raise SourceError(f"queries/{query.name}.kql does not run in this workspace: {error}") from error
        slices = [_slice(self.wire.scope.key, file, query.answers, span, count)
                  for span, count in (*((span, count) for span, count, _ in found), *again)]
        untouched = latest.keys() - {span for span, _ in again}
        return Plan(slices, sum(span.start < self.window.stop and span.stop > self.window.start for span in untouched))

    @property
    def _oldest(self) -> datetime:
        """From when on a table on the Basic or Auxiliary plan is answered."""
        return self.before + self.wire.limits.settle - self.wire.limits.search_reach

    def _wanted(self, query: WorkspaceQuery, held: Held, is_searched: bool) -> list[Span]:
        """Spans to ask for: what is not held of the window, and what may have arrived since of what is.

        Raises ``SourceError`` where the table's plan does not let the service answer so far back.
        """
        gaps, late = held.gaps(self.window, self.before), held.open(self.before, self.late)
        if not is_searched:
            return [*gaps, *late]
        # beyond its reach the service tells of no rows, which is not that there are none
        if gaps and gaps[0].start < self._oldest:
            raise SourceError(
                f"{query.reads} is on the Basic or Auxiliary plan, of which the service answers the last "
                f"{self.wire.limits.search_reach.days} days: ask from {self._oldest:%Y-%m-%d %H:%M:%S} UTC on, or "
                "leave it out of tables=; on the Auxiliary plan give as search_reach= of AzureLimits how long rows are "
                "retained")
        return [*gaps, *(replace(span, start=max(span.start, self._oldest)) for span in late
                         if span.stop > self._oldest)]

    def _place(self, query: WorkspaceQuery, error: NotUnderstood) -> str | None:
        """Which endpoint knows the table; ``None`` where it is not there, and not one of its columns only."""
        if not error.names_table:
            return "query"
        probe = Question(f"{query.reads} | getschema", _SCHEMA, query.reads, self.window.stop - _PROBED,
                         self.window.stop)
        for place in ("query", "search") if self.wire.scope.is_workspace else ("query",):
            try:
                with scratch() as folder:
                    self.wire.ask(replace(probe, is_search=place == "search"), folder / "schema.json")
            except NotUnderstood as refused:
                if not refused.names_table:
                    raise
                continue
            return place
        return None

    def _cut(self, reader: Reader, span: Span) -> Iterator[Counted]:
        """A span as slices that each fit into an answer."""
        limits = self.wire.limits
        for part, count, size in pack(span, self._bins(reader, span), limits.slice_rows, limits.slice_bytes):
            yield from self._fitted(reader, (part, count, size))

    def _fitted(self, reader: Reader, counted: Counted) -> Iterator[Counted]:
        """A span that is busier than its answer may be is halved, each half with its own count."""
        span, count, size = counted
        limits = self.wire.limits
        halves = span.halves()
        if (count <= limits.slice_rows and size <= limits.slice_bytes) or count <= 1 or len(halves) < 2 \
                or halves[0].parts > 1:
            yield counted
            return
        told = [(half, reader.count(half)) for half in halves]
        if sum(part for _, part in told) < count:
            raise PartialAnswer(f"{reader.query.reads} {span}: its halves have fewer rows than it has: pull again")
        for half, part in told:
            yield from self._fitted(reader, (half, part, size * part // count))

    def _bins(self, reader: Reader, span: Span) -> list[tuple[datetime, int, int]]:
        """Rows and bytes of each quarter of an hour that has any."""
        try:
            with scratch() as folder:
                if self.wire.is_searched(reader.query.reads):
                    answer = self.wire.ask(reader.question(span, _SCAN, "azure/scan"), folder / "bins.json")
                    return _binned(_scanned(answer.rows()))
                answer = self.wire.ask(reader.question(span, _BINS, "azure/slices"), folder / "bins.json")
                bins = _binned(answer.rows())
        except TooMuch as error:
            if span.stop - span.start <= _BIN:
                raise PartialAnswer(f"{reader.query.reads} {span}: not even its rows can be counted ({error}): pull "
                                    "again") from error
            return [one for half in span.halves() for one in self._bins(reader, half)]
        count = reader.count(span)
        if sum(n for _, n, _ in bins) < count:
            raise PartialAnswer(f"{reader.query.reads} {span}: {count:,} rows were counted and "
                                f"{sum(n for _, n, _ in bins):,} by quarters of an hour: pull again")
        return bins

    def _missing(self, reader: Reader, entries: Iterable[Entry]) -> list[tuple[Span, int]]:
        """Spans of which rows are missing, to be asked for again as they were."""
        return [(entry.span, reader.count(entry.span)) for entry in entries if entry.missing]

    def _grown(self, reader: Reader, entries: Iterable[Entry], held: Held) -> list[tuple[Span, int]]:
        """Spans not final in which the service now sees more rows than it did: arrival is told only about."""
        grown = []
        for row in _runs(entry for entry in entries if not entry.missing and not self._is_final(entry.span, held)):
            whole = Span(row[0].span.start, row[-1].span.stop, row[0].span.after, row[0].span.before)
            if len(row) > 1 and reader.count(whole) <= sum(entry.count for entry in row):
                continue
            for entry in row:
                now = reader.count(entry.span)
                if now > entry.count:
                    grown.append((entry.span, now))
        return grown

    def _is_final(self, span: Span, held: Held) -> bool:
        return held.reaches(span.start, span.stop, span.stop + self.late)


def service_clock(wire: Wire) -> datetime:
    """What time the service has."""
    with scratch() as folder:
        lines = (catalog.root() / "workspace" / "clock.kql").read_text(encoding="utf-8")
        return moment(wire.ask(Question(lines, ("time",)), folder / "clock.json").rows()[0][0])


def _scanned(rows: list[list[Any]]) -> list[list[Any]]:
    """The quarters of an hour out of the one row that lists them, which are no fewer rows than it counted."""
    if len(rows) != 1:
        raise TooMuch(f"{len(rows)} rows where one was to come")
    listed = json.loads(rows[0][1]) if isinstance(rows[0][1], str) else rows[0][1] or []
    told = sum(int(one["n"]) for one in listed)
    if told < int(rows[0][0] or 0):
        raise TooMuch(f"{rows[0][0]:,} rows were counted and {told:,} by quarters of an hour")
    return [[one[name] for name in _BINS] for one in listed]


def _binned(rows: list[list[Any]]) -> list[tuple[datetime, int, int]]:
    return [(moment(row[0]), int(row[1]), int(row[2] or 0)) for row in rows]


def moment(told: str) -> datetime:
    """A time as the service writes it, its seventh digit left out."""
    return datetime.fromisoformat(told).astimezone(UTC)


def pack(span: Span, bins: Iterable[tuple[datetime, int, int]], most_rows: int, most_bytes: int) -> Iterator[Counted]:
    """Tile a span with slices of whole quarters of an hour that are not more than wanted; moments without rows too."""
    at, rows, size = span.start, 0, 0
    for begin, count, weight in sorted(bins):
        if rows and (rows + count > most_rows or size + weight > most_bytes) and begin > at:
            yield Span(at, begin, span.after, span.before), rows, size
            at, rows, size = begin, 0, 0
        rows, size = rows + count, size + weight
    yield Span(at, span.stop, span.after, span.before), rows, size


def _runs(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Entries of one arrival that follow one another without a gap: one count may do for all of them."""
    runs: list[list[Entry]] = []
    for entry in sorted(entries, key=lambda one: (one.span.after, one.span.before, one.span.start)):
        last = runs[-1][-1].span if runs else None
        if last and (last.stop, last.after, last.before) == (entry.span.start, entry.span.after, entry.span.before):
            runs[-1].append(entry)
        else:
            runs.append([entry])
    return runs


def _slice(workspace: str, file: str, table: str, span: Span, count: int) -> Slice:
    return Slice(slice_name(workspace, file, span), f"n={count}", table=table, is_cut=True)
