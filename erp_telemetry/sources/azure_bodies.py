"""Bodies: a span of a workspace's rows becomes files, and files become a statement that the store runs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import duckdb

from erp_telemetry import catalog
from erp_telemetry.catalog import Statement
from erp_telemetry.errors import PartialAnswer, SourceError
from erp_telemetry.redactions import excerpt, redact
from erp_telemetry.schema import TABLES, TIME
from erp_telemetry.slices import Reject
from erp_telemetry.sources import azure_answers
from erp_telemetry.sources.azure_failures import TooMuch
from erp_telemetry.sources.azure_folders import Folder, folder, scratch
from erp_telemetry.sources.azure_spans import Span
from erp_telemetry.sources.azure_wire import Question, Wire
from erp_telemetry.workspace_queries import WorkspaceQuery

_LEAST_COUNTED = timedelta(seconds=1)
_COUNT = ("Count",)
# where parts are allowed: so many that cannot be had whole, however small, and no more are split
_MOST_HOPELESS = 32
# the engine keeps two buffers of the largest object for each thread: not more than the file needs
_SPARE = 1 << 16
# a text that may be empty and not missing: what was logged was an empty line
_EMPTY_IS_TEXT = ("logs", "message")


@dataclass(slots=True)
class Body:
    """Files of one span: whole answers, and where parts are allowed what came of the ``hopeless``, which lack rows."""

    folder: Folder
    files: list[Path] = field(default_factory=list)
    is_split: bool = False
    hopeless: int = 0
    missing: int = 0

    def next(self) -> Path:
        """Where the next answer goes."""
        return self.folder.path / f"{len(self.files)}.json"

    def close(self) -> None:
        """Remove the files."""
        self.folder.close()


@dataclass(frozen=True, slots=True)
class Reader:
    """Downloads spans of one query; ``era`` is that of the pull that asks.

    ``is_careful`` counts the rows of each answer as it comes: a service may cut answers short without a word.
    """

    wire: Wire
    query: WorkspaceQuery
    allow_partial: bool = False
    era: int | None = None
    is_careful: bool = False

    def question(self, span: Span, columns: tuple[str, ...], ending: str | None = None) -> Question:
        """The query of a span, which answers these columns."""
        text = self.query.text(span.start, span.stop, span.after, span.before, span.parts, span.part, ending=ending)
        return Question(text, columns, self.query.reads, span.start, span.stop)

    def count(self, span: Span) -> int:
        """How many rows a span has now, by its halves where the service cannot count the whole.

        Raises ``PartialAnswer`` where it cannot count a second.
        """
        try:
            with scratch() as spool:
                answer = self.wire.ask(self.question(span, _COUNT, "azure/count"), spool / "count.json", self.era)
                return int(answer.rows()[0][0])
        except TooMuch as error:
            if span.stop - span.start <= _LEAST_COUNTED:
                raise self.uncounted(span, error) from error
            return sum(self.count(half) for half in span.halves())

    def uncounted(self, span: Span, error: SourceError) -> PartialAnswer:
        """The error that says that a span cannot be counted, and what to do."""
        less = "" if self.allow_partial else ", or with allow_partial=True keep the rest"
        return PartialAnswer(f"{self.query.reads} {span}: not even its rows can be counted ({error}): pull again{less}")

    def download(self, span: Span, count: int) -> Body:
        """The rows of a span, in as many answers as the service needs.

        Raises ``PartialAnswer`` where it does not even answer the smallest part whole, unless parts are allowed.
        """
        body = Body(folder())
        is_done = False
        try:
            self._fetch(span, count, body)
            is_done = True
        finally:
            if not is_done:
                body.close()
        return body

    def _fetch(self, span: Span, count: int, body: Body) -> None:
        can_split = bool(count > 1 and span.halves() and body.hopeless < _MOST_HOPELESS)
        is_asked = count <= self.wire.limits.slice_rows or not can_split
        reason = self._ask(span, count, body) if is_asked else None
        if is_asked and reason is None:
            return
        halves = self._halved(span, count) if can_split else []
        if halves:
            body.is_split = True
            for half, part_count in halves:
                if part_count:
                    self._fetch(half, part_count, body)
            return
        if not self.allow_partial:
            raise PartialAnswer(f"{self.query.reads} {span}: {reason}, and it cannot be asked for less: pull again, or "
                                "with allow_partial=True keep what comes") from reason
        reason = reason or self._ask(span, count, body)
        if reason is not None:
            self._keep_part(reason, count, body)

    def _ask(self, span: Span, count: int, body: Body) -> TooMuch | None:
        """One answer into the body; why not, where it was not whole."""
        try:
            self.wire.ask(self.question(span, self.query.columns), body.next(), self.era)
            # a part has to bring its own rows: those of another part twice do not stand in for them
            if self.is_careful or body.is_split:
                self._check(span, count, body.next())
        except TooMuch as error:
            return error
        body.files.append(body.next())
        return None

    def _keep_part(self, reason: TooMuch, count: int, body: Body) -> None:
        came = 0
        if reason.path is not None:
            with suppress(PartialAnswer):  # of what cannot be read nothing came, and it is counted as missing
                came = azure_answers.spell_out(reason.path)
            if came:
                body.files.append(reason.path)
        body.hopeless += 1
        body.missing += max(1, count - came)

    def _check(self, span: Span, count: int, path: Path) -> None:
        came = azure_answers.spell_out(path)
        if came < count and came < (now := self.count(span)):
            raise TooMuch(f"{came:,} of {now:,} rows came without a word", path)

    def _halved(self, span: Span, count: int) -> list[tuple[Span, int]]:
        """The halves of a span with the rows each has, which are no fewer than those of the whole.

        None where the halves cannot be counted and parts are allowed.
        """
        try:
            found = [(half, self.count(half)) for half in span.halves()]
        except PartialAnswer:
            if not self.allow_partial:
                raise
            return []  # what comes of the whole is kept, and counted against its rows
        told = sum(part for _, part in found)
        if told < count and not self.allow_partial:
            raise PartialAnswer(
                f"{self.query.reads} {span}: its halves have {told:,} rows and it has {count:,}: pull again")
        return found


def staging(query: WorkspaceQuery, span: Span, files: list[Path], is_careful: bool = False) -> Statement:
    """A statement of the rows of answers, each value with the type of its column.

    A time outside the span stops it. Careful, it leaves out rows with a value that is of another type, which
    :func:`misfits` names.
    """
    typed = enumerate(_dtypes(query).items(), 1)
    columns = ",\n    ".join(f'{_value(at, (query.answers, name), dtype)} as "{name}"' for at, (name, dtype) in typed)
    source = _source(query, files)
    within = """case when moment >= $start and moment < $stop or moment is null then moment
            else error('a row of ' || moment || ' lies outside of what was asked') end"""
    at = query.columns.index("time") + 1
    where = f"\nwhere {_misfit(query)} is null" if is_careful else ""
    sql = f"""select * replace ({within} as "time")
from (select {columns}, cast(r[{at}] as {TIME}) as moment
from ({source.sql}){where})"""
    return Statement(f"select * exclude (moment) from ({sql})",
                     {**source.parameters, "start": span.start, "stop": span.stop})


def misfits(query: WorkspaceQuery, name: str, files: list[Path]) -> tuple[Reject, ...]:
    """Rows with a value that is not of its column's type, each with its reason."""
    source = _source(query, files)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        try:
            found = connection.execute(
                f"select {_misfit(query)} as why, left(cast(r as varchar), 4000) from ({source.sql}) "
                "where why is not null", source.parameters).fetchall()
        except duckdb.Error as error:
            # the engine quotes what it could not read: no cause is shown beside
            raise SourceError(f"{name}: {redact(str(error)).value}") from None
    return tuple(Reject(name, None, f"{query.answers}: {why}", excerpt(shown)) for why, shown in found)


def _source(query: WorkspaceQuery, files: list[Path]) -> Statement:
    largest = max(file.stat().st_size for file in files)
    return catalog.query("files/azure_body").bind(files=[str(file) for file in files], size=largest + _SPARE,
                                           width=len(query.columns))


def _dtypes(query: WorkspaceQuery) -> dict[str, str]:
    known = {column.name: column.dtype for column in TABLES[query.answers].columns}
    return {name: known.get(name, "BOOLEAN" if name == "is_untimed" else "VARCHAR") for name in query.columns}


def _value(at: int, column: tuple[str, str], dtype: str) -> str:
    """SQL for one value: an empty text is none, which KQL cannot write otherwise."""
    if dtype == "VARCHAR":
        return f"r[{at}]" if column == _EMPTY_IS_TEXT else f"nullif(r[{at}], '')"
    if dtype == "JSON":
        # a dynamic value may be a bare text
        return f"case when json_valid(r[{at}]) then cast(r[{at}] as json) else to_json(nullif(r[{at}], '')) end"
    return f"cast(nullif(r[{at}], '') as {dtype})"


def _misfit(query: WorkspaceQuery) -> str:
    """SQL for why a row cannot be read; null where it can."""
    cases = [f"when nullif(r[{at}], '') is not null and try_cast(r[{at}] as {dtype}) is null "
             f"then '{name} is no {dtype}'"
             for at, (name, dtype) in enumerate(_dtypes(query).items(), 1) if dtype not in ("VARCHAR", "JSON")]
    return f"case {' '.join(cases)} end"
