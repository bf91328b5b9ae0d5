"""Plans: which spans of a workspace a pull has to ask for, by what the ledger holds and what the service counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from erp_telemetry import catalog
from erp_telemetry.errors import PartialAnswer, SourceError, SourceUnreachable
from erp_telemetry.slices import Plan, Slice
from erp_telemetry.sources.azure_bodies import Reader
from erp_telemetry.sources.azure_counts import Bin, Table, moment
from erp_telemetry.sources.azure_failures import NeedsSearch, NotUnderstood, TooMuch
from erp_telemetry.sources.azure_folders import scratch
from erp_telemetry.sources.azure_spans import ORIGIN, Entry, Held, Span, slice_beginning, slice_name
from erp_telemetry.sources.azure_wire import Question, Wire
from erp_telemetry.window import Window
from erp_telemetry.workspace_queries import WorkspaceQuery

# so much of a table is scanned to see whether it is there
_PROBED = timedelta(seconds=1)
# a window of as many days as a plan shows begins out of reach, by the time that it takes to ask
_LITTLE = timedelta(minutes=5)
_QUARTER = timedelta(minutes=15)
_END = datetime.max.replace(tzinfo=UTC)
_NOTICE_SECONDS = 0.2
# columns of `T | getschema`
_SCHEMA = ("ColumnName", "ColumnOrdinal", "DataType", "ColumnType")
Counted = tuple[Span, int, int]
"""A span, its rows, and its bytes as the service estimates them."""


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans the slices of one pull; ``before`` is the arrival it reads up to, ``era`` that of the pull."""

    wire: Wire
    window: Window
    before: datetime
    late: timedelta
    era: int
    allow_partial: bool

    def plan(self, queries: Iterable[WorkspaceQuery], entries: Iterable[Entry], named: frozenset[str]) -> Plan:
        """The slices of some queries, in the order of their time; a table that is named has to be there."""
        asked, told = list(queries), list(entries)
        plans = self._of_files(asked, told)
        absent = tuple(sorted({query.reads for query, found in zip(asked, plans, strict=True) if found is None}))
        missing = sorted(named.intersection(absent))
        if missing:
            raise SourceError(f"{self.wire.scope.title} has no table {', '.join(missing)}: is it the right "
                              "one, and does it collect them? Leave them out of tables=")
        if absent and len(absent) == len({query.reads for query in asked}):
            raise SourceError(f"{self.wire.scope.title} has none of the {len(absent)} tables that there are "
                              "queries for: is it the right one, and do diagnostic settings send to it?")
        there = [found for found in plans if found is not None]
        slices = sorted((one for found in there for one in found), key=lambda one: (one.name.split("/")[2], one.name))
        return Plan(slices, tuple(name for found in there for name in found.held), absent,
                    tuple(line for found in there for line in found.missing), self.before,
                    tuple(one for found in there for one in found.lacks),
                    tuple(one for found in there for one in found.beginnings))

    def _of_files(self, queries: list[WorkspaceQuery], entries: list[Entry]) -> list[Plan | None]:
        """The plan of each query, as many at a time as the service allows; one that fails ends all."""
        with ThreadPoolExecutor(self.wire.limits.concurrent, "erp_telemetry_plan") as pool:
            asked = [pool.submit(self._of_file, query, entries) for query in queries]
            try:
                # by short waits: a long one may not notice Ctrl-C
                while wait(asked, _NOTICE_SECONDS, FIRST_EXCEPTION).not_done and not any(map(_has_failed, asked)):
                    pass
                for failed in filter(_has_failed, asked):
                    failed.result()
            finally:
                # the pool waits for its threads: nobody waits for answers that are no longer wanted
                if not all(one.done() for one in asked):
                    self.wire.give_up()
                    pool.shutdown(wait=False, cancel_futures=True)
            return [one.result() for one in asked]

    def _of_file(self, query: WorkspaceQuery, entries: list[Entry]) -> Plan | None:
        """The slices of one query; ``None`` where its table is absent."""
        file = query.name.rpartition("/")[2]
        own = [entry for entry in entries if entry.file == file]
        held = Held.of(entry.span for entry in own)
        table = Table(Reader(self.wire, query, self.allow_partial, self.era))
        latest = {entry.span: entry for entry in own}
        is_searched = self.wire.is_searched(query.reads)
        asked = [entry for entry in latest.values() if not is_searched or entry.span.start >= self._oldest]
        try:
            found = [one for span in self._wanted(table, held, is_searched) for one in self._cut(table, span)]
            again = [*self._missing(table, asked), *self._grown(table, asked, held)]
        except (NeedsSearch, NotUnderstood) as error:
            if is_searched and isinstance(error, NeedsSearch):
                raise
            place = "search" if isinstance(error, NeedsSearch) else self._place(query, error)
            if place == "search" and not is_searched:
                self.wire.search(query.reads)
                return self._of_file(query, entries)
            if place is None:
                return None
            shown = query.path if query.name.startswith("own/") else f"queries/{query.name}.kql"
            raise SourceError(f"{shown} does not run in this workspace: {error}") from error
        slices = [_slice(self.wire.scope.key, file, query.answers, *counted, is_first=counted[0].after == ORIGIN)
                  for counted in found]
        slices += [_slice(self.wire.scope.key, file, query.answers, span, count, None) for span, count in again]
        beginning = slice_beginning(self.wire.scope.key, file)
        untouched = sorted(latest.keys() - {span for span, _ in again})
        kept = tuple(slice_name(self.wire.scope.key, file, span) for span in untouched
                     if span.start < self.window.stop and span.stop > self.window.start)
        return Plan(slices, kept, missing=table.missing, lacks=table.shortfalls(beginning),
                    beginnings=(beginning,))

    @property
    def _oldest(self) -> datetime:
        """From when on a table on the Basic or Auxiliary plan is answered."""
        return self.before + self.wire.limits.settle - self.wire.limits.search_reach

    def _wanted(self, table: Table, held: Held, is_searched: bool) -> list[Span]:
        """Spans to ask for: what is not held of the window, and what may have arrived since of what is.

        What is older than any row is late is counted again where the window is pulled again, but for a search,
        which is billed.
        """
        gaps, late = held.gaps(self.window, self.before), held.open(self.before, self.late)
        if not is_searched:
            final = held.final(self.window, self.before, self.late)
            return [*gaps, *late, *(span for span in final if table.count(span))]
        return [*self._within_reach(table, gaps), *_since(late, self._oldest)]

    def _within_reach(self, table: Table, gaps: list[Span]) -> list[Span]:
        """What of some spans the table's plan lets the service answer; what it does not is said to be missing.

        Beyond its reach the service tells of no rows, which is not that there are none. Raises ``SourceError`` where
        more than some minutes of the window is out of reach, and parts are not allowed.
        """
        oldest = self._oldest
        beyond = [replace(span, stop=min(span.stop, oldest)) for span in gaps if span.start < oldest]
        lost = sum((span.stop - span.start for span in beyond), timedelta())
        if not lost:
            return gaps
        what = ("on the Basic or Auxiliary plan, of which the service answers the last "
                f"{self.wire.limits.search_reach / timedelta(days=1):g} days")
        more = "on the Auxiliary plan give as search_reach= of AzureLimits how long rows are retained"
        is_little = lost <= _LITTLE and lost < self.window.duration
        if not (is_little or table.reader.allow_partial):
            raise SourceError(f"{table.reader.query.reads} is {what}: {self._instead(table)}; {more}")
        for span in beyond:
            table.leave(span, f"{what}; {more}")
        return _since(gaps, oldest)

    def _instead(self, table: Table) -> str:
        """What to pull of a window that begins out of reach: the reach moves on while one reads this."""
        start = self._oldest + 2 * _QUARTER
        start -= (start - datetime.min.replace(tzinfo=UTC)) % _QUARTER
        without = f"leave it out by without={table.reader.query.reads!r}"
        return without if start >= self.window.stop else (
            f"pull {Window(start, self.window.stop)}, or what is left of it with allow_partial=True, or {without}")

    def _place(self, query: WorkspaceQuery, error: NotUnderstood) -> str | None:
        """Which endpoint knows the table; ``None`` where it is not there, and not one of its columns only."""
        if not error.names_table:
            return "query"
        probe = Question(f"{query.reads} | getschema", _SCHEMA, query.reads, self.window.stop - _PROBED,
                         self.window.stop)
        for place in ("query", "search") if self.wire.scope.is_workspace else ("query",):
            try:
                with scratch() as folder:
                    self.wire.ask(replace(probe, is_search=place == "search"), folder / "schema.json", self.era)
            except NotUnderstood as refused:
                if not refused.names_table:
                    raise
                continue
            except TooMuch as error:
                raise SourceUnreachable(f"{self.wire.endpoint}: whether there is a table {query.reads} was not told "
                                        f"({error}): pull again later") from error
            return place
        return None

    def _cut(self, table: Table, span: Span) -> Iterator[Counted]:
        """A span as slices that each fit into an answer."""
        limits = self.wire.limits
        for piece, bins in table.pieces(span):
            for counted in pack(piece, bins, limits.slice_rows, limits.slice_bytes):
                yield from self._fitted(table.reader, counted)

    def _fitted(self, reader: Reader, counted: Counted) -> Iterator[Counted]:
        """A span that is busier than its answer may be is halved, each half with its own count."""
        span, count, size = counted
        limits = self.wire.limits
        halves = span.halves()
        if (count <= limits.slice_rows and size <= limits.slice_bytes) or count <= 1 or len(halves) < 2 \
                or halves[0].parts > 1:
            yield counted
            return
        try:
            told = [(half, reader.count(half)) for half in halves]
            if sum(part for _, part in told) < count:
                raise PartialAnswer(f"{reader.query.reads} {span}: its halves have fewer rows than it has: pull again")
        except PartialAnswer:
            if not reader.allow_partial:
                raise
            # what comes of it is kept, and what does not is counted then
            yield counted
            return
        for half, part in told:
            yield from self._fitted(reader, (half, part, size * part // count))

    def _missing(self, table: Table, entries: Iterable[Entry]) -> list[tuple[Span, int]]:
        """Spans of which rows are missing, to be asked for again as they were."""
        return [(entry.span, count) for entry in entries
                if entry.missing and (count := table.count(entry.span)) is not None]

    def _grown(self, table: Table, entries: Iterable[Entry], held: Held) -> list[tuple[Span, int]]:
        """Spans not final in which the service now sees more rows than it did: arrival is told only about."""
        grown = []
        for row in _runs(entry for entry in entries if not entry.missing and not self._is_final(entry.span, held)):
            whole = Span(row[0].span.start, row[-1].span.stop, row[0].span.after, row[0].span.before)
            if len(row) > 1 and (table.count(whole) or 0) <= sum(entry.count for entry in row):
                continue
            for entry in row:
                now = table.count(entry.span)
                if now is not None and now > entry.count:
                    grown.append((entry.span, now))
        return grown

    def _is_final(self, span: Span, held: Held) -> bool:
        # what ends with the calendar is never final
        is_over = span.stop < _END - self.late
        return is_over and held.reaches(span.start, span.stop, span.stop + self.late)


def _since(spans: list[Span], moment: datetime) -> list[Span]:
    """The parts of some spans from a moment on."""
    return [replace(span, start=max(span.start, moment)) for span in spans if span.stop > moment]


def _has_failed(asked: Future[Plan | None]) -> bool:
    return asked.done() and not asked.cancelled() and asked.exception() is not None


def service_clock(wire: Wire) -> datetime:
    """What time the service has."""
    with scratch() as folder:
        lines = (catalog.root() / "workspace" / "clock.kql").read_text(encoding="utf-8")
        try:
            return moment(wire.ask(Question(lines, ("time",)), folder / "clock.json").rows()[0][0])
        except TooMuch as error:
            raise SourceUnreachable(
                f"{wire.endpoint}: not even its time was told ({error}): pull again later") from error


def pack(span: Span, bins: Iterable[Bin], most_rows: int, most_bytes: int) -> Iterator[Counted]:
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


def _slice(
    workspace: str, file: str, table: str, span: Span, count: int, size: int | None, is_first: bool = False,
) -> Slice:
    return Slice(slice_name(workspace, file, span), f"n={count}", table=table, span=Window(span.start, span.stop),
                 rows=count, bytes=size, is_first=is_first)
