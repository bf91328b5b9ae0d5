"""Spans: which rows of a workspace are meant, by when they happened and when they arrived, and what is held."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from erp_telemetry.window import Window

ORIGIN = datetime(1900, 1, 1, tzinfo=UTC)
"""Before anything arrived."""

_TICK = timedelta(microseconds=1)
_MOST_PARTS = 64
_TIME = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"
_NAME = re.compile(rf"^azure_logs:([^/]+)/([^/]+)/{_TIME}/{_TIME}/{_TIME}\.\.{_TIME}$")
_WHOLE, _PARTIAL = re.compile(r"^n=(\d+)$"), re.compile(r"^partial:(\d+)/(\d+)$")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Rows that happened in ``[start, stop)`` and arrived in ``[after, before)``; of ``parts`` by hash the ``part``."""

    start: datetime
    stop: datetime
    after: datetime
    before: datetime
    parts: int = 1
    part: int = 0

    def halves(self) -> tuple[Span, ...]:
        """Two spans that tile this one: by time down to a microsecond, then by hash; none where that ends too."""
        width = self.stop - self.start
        if width > _TICK:
            middle = self.start + width // 2
            return replace(self, stop=middle), replace(self, start=middle)
        if self.parts * 2 > _MOST_PARTS:
            return ()
        # what leaves i when divided by p leaves i or i + p when divided by 2 p
        return tuple(replace(self, parts=self.parts * 2, part=part) for part in (self.part, self.part + self.parts))

    def __str__(self) -> str:
        part = "" if self.parts == 1 else f", part {self.part + 1} of {self.parts}"
        return f"{stamp(self.start)} to {stamp(self.stop)}{part}"


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger says of a slice: the file it asked, its span, rows it had; ``missing`` of them did not come."""

    file: str
    span: Span
    count: int
    missing: int = 0


def stamp(moment: datetime) -> str:
    """A moment as slice names bear it.

    >>> stamp(datetime(2026, 3, 1, tzinfo=UTC))
    '2026-03-01T00:00:00.000000Z'
    """
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def slice_name(workspace: str, file: str, span: Span) -> str:
    """The name of a slice in the ledger."""
    return (f"{slice_beginning(workspace, file)}{stamp(span.start)}/{stamp(span.stop)}/"
            f"{stamp(span.after)}..{stamp(span.before)}")


def slice_beginning(workspace: str, file: str) -> str:
    """How the names of all slices begin that ask one file of a workspace."""
    return f"azure_logs:{workspace}/{file}/"


def entry(workspace: str, name: str, fingerprint: str) -> Entry | None:
    """Read a slice's name and fingerprint; ``None`` where it is of another workspace or source."""
    found = _NAME.match(name)
    if found is None or found[1] != workspace:
        return None
    start, stop, after, before = (datetime.fromisoformat(text) for text in found.groups()[2:])
    span = Span(start, stop, after, before)
    whole, partial = _WHOLE.match(fingerprint), _PARTIAL.match(fingerprint)
    if whole is not None:
        return Entry(found[2], span, int(whole[1]))
    return None if partial is None else Entry(found[2], span, int(partial[2]), int(partial[2]) - int(partial[1]))


@dataclass(slots=True)
class Held:
    """Up to which arrival the rows of each moment are held: steps in time, none where nothing is."""

    steps: list[tuple[datetime, datetime, datetime]] = field(default_factory=list)

    @classmethod
    def of(cls, spans: Iterable[Span]) -> Held:
        """What spans hold together, in the order in which they were committed."""
        held = cls()
        for span in spans:
            held.add(span)
        return held

    def add(self, span: Span) -> None:
        """Take a span in, unless what arrived before it is missing: then it tells nothing of its moments."""
        if span.after > ORIGIN and not self.reaches(span.start, span.stop, span.after):
            return
        edges = sorted({span.start, span.stop, *(edge for step in self.steps for edge in step[:2])})
        grown: list[tuple[datetime, datetime, datetime]] = []
        for start, stop in pairwise(edges):
            before = self.at(start)
            if span.start <= start < span.stop:
                before = span.before if before is None else max(before, span.before)
            if before is None:
                continue
            if grown and grown[-1][1:] == (start, before):
                grown[-1] = (grown[-1][0], stop, before)
            else:
                grown.append((start, stop, before))
        self.steps = grown

    def at(self, moment: datetime) -> datetime | None:
        """Up to which arrival the rows of a moment are held; ``None`` where nothing is."""
        return next((before for start, stop, before in self.steps if start <= moment < stop), None)

    def reaches(self, start: datetime, stop: datetime, arrival: datetime) -> bool:
        """Whether every moment of ``[start, stop)`` is held up to an arrival at least."""
        at = start
        for begin, end, before in self.steps:
            if begin <= at < end and before >= arrival:
                at = end
        return at >= stop

    def gaps(self, window: Window, before: datetime) -> list[Span]:
        """What of a window is not held at all, up to an arrival."""
        found, at = [], window.start
        for start, stop, _ in self.steps:
            if at < start and at < window.stop:
                found.append(Span(at, min(start, window.stop), ORIGIN, before))
            at = max(at, stop)
        if at < window.stop:
            found.append(Span(at, window.stop, ORIGIN, before))
        return found

    def open(self, before: datetime, late: timedelta) -> list[Span]:
        """What is held and not final: rows of these moments may have arrived since.

        A moment is final once it is held up to ``late`` after it.
        """
        found = []
        for start, stop, held in self.steps:
            begin = max(start, held - late)
            if begin < stop and held < before:
                found.append(Span(begin, stop, held, before))
        return found

    def final(self, window: Window, before: datetime, late: timedelta) -> list[Span]:
        """What of a window is held and final: what has arrived of it since is asked for only where it is wanted."""
        found = []
        for start, stop, held in self.steps:
            begin, end = max(start, window.start), min(stop, held - late, window.stop)
            if begin < end and held < before:
                found.append(Span(begin, end, held, before))
        return found
