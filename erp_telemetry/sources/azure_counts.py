"""Counts: how many rows a table has, span by span, and what of it the service could not count."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from erp_telemetry.errors import PartialAnswer, SourceError
from erp_telemetry.slices import Shortfall
from erp_telemetry.sources.azure_bodies import Reader
from erp_telemetry.sources.azure_failures import TooMuch
from erp_telemetry.sources.azure_folders import scratch
from erp_telemetry.sources.azure_spans import Span
from erp_telemetry.window import Window

_BINS = ("time", "n", "bytes")
_SCAN = ("total", "bins")
_BIN = timedelta(minutes=15)
# where parts are allowed: so many spans that cannot be counted, however short they are, and no more are halved
_MOST_HOPELESS = 32
Bin = tuple[datetime, int, int]
"""Where a quarter of an hour begins, its rows, and its bytes."""


@dataclass(slots=True)
class Table:
    """A table that is planned; where parts are allowed, ``missing`` says what of it could not be, and why."""

    reader: Reader
    lacks: list[tuple[Span, str]] = field(default_factory=list)
    hopeless: int = 0

    @property
    def missing(self) -> tuple[str, ...]:
        """A line for each span."""
        return tuple(f"{self.reader.query.reads} {span}: {why}" for span, why in self.lacks)

    def shortfalls(self, beginning: str) -> tuple[Shortfall, ...]:
        """The same for a store to remember; ``beginning`` is that of the names of the table's slices."""
        return tuple(Shortfall(beginning, "uncounted", self.reader.query.answers, Window(span.start, span.stop), None,
                               why) for span, why in self.lacks)

    def count(self, span: Span) -> int | None:
        """How many rows a span has; ``None`` where that cannot be counted and parts are allowed."""
        try:
            return self.reader.count(span)
        except PartialAnswer as error:
            self._lack("not counted again", span, error)
            return None

    def leave(self, span: Span, why: str) -> None:
        """Say of a span that nothing of it is pulled."""
        self.lacks.append((span, why))

    def can_split(self, span: Span, error: SourceError) -> bool:
        """Whether a span that could not be counted is to be counted by halves; if not, nothing of it is pulled."""
        is_wide = span.stop - span.start > _BIN
        if is_wide and (isinstance(error, TooMuch) if not self.reader.allow_partial
                        else self.hopeless < _MOST_HOPELESS):
            return True
        self.hopeless += 1
        self._lack("nothing of it was pulled", span, error)
        return False

    def _lack(self, what: str, span: Span, error: SourceError) -> None:
        if self.reader.allow_partial:
            why = f"{what}: {error}"
            if self.lacks and self.lacks[-1][0].stop == span.start and self.lacks[-1][1] == why:
                self.lacks[-1] = (replace(self.lacks[-1][0], stop=span.stop), why)
            else:
                self.lacks.append((span, why))
        elif isinstance(error, TooMuch):
            raise self.reader.uncounted(span, error) from error
        else:
            raise error

    def pieces(self, span: Span) -> Iterator[tuple[Span, list[Bin]]]:
        """A span, or the parts of it that the service can count, with what each quarter of an hour has."""
        try:
            bins = self._bins(span)
        except (TooMuch, PartialAnswer) as error:
            if self.can_split(span, error):
                for half in span.halves():
                    yield from self.pieces(half)
            return
        yield span, bins

    def _bins(self, span: Span) -> list[Bin]:
        """Rows and bytes of each quarter of an hour that has any."""
        reader = self.reader
        with scratch() as folder:
            if reader.wire.is_searched(reader.query.reads):
                scan = reader.wire.ask(reader.question(span, _SCAN, "azure/scan"), folder / "bins.json", reader.era)
                return _binned(_scanned(scan.rows()))
            answer = reader.wire.ask(reader.question(span, _BINS, "azure/slices"), folder / "bins.json", reader.era)
            bins = _binned(answer.rows())
        count = reader.count(span)
        if sum(n for _, n, _ in bins) < count:
            raise PartialAnswer(f"{reader.query.reads} {span}: {count:,} rows were counted and "
                                f"{sum(n for _, n, _ in bins):,} by quarters of an hour: pull again")
        return bins


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
