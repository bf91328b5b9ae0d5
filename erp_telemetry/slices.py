"""Slice and Batch: what a source offers and what it gives, and the protocol both hang on.

A source plans slices, then reads each into a batch. A slice is the unit that is committed whole:
its rows, their rollups and one ledger entry, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

import polars as pl

from erp_telemetry.catalog import Statement
from erp_telemetry.window import Window


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a source: its name in the ledger, a fingerprint of its content, where it lies.

    The same name with the same fingerprint is the same content: a second pull asks for it no more.
    ``span`` is told of a slice that is cut by time, whose rows lie in it by construction: a pull then keeps all
    of them, whatever its window, and other windows may use its ledger entry. ``rows`` and ``bytes`` are what is
    expected of it, where the source tells. ``is_first`` is told of a slice of which no moment was asked for before:
    its rows are older than others, perhaps, and not late.
    """

    name: str
    fingerprint: str
    path: Path | None = None
    table: str | None = None
    span: Window | None = None
    rows: int | None = None
    bytes: int | None = None
    is_first: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether it is cut by time."""
        return self.span is not None


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Rows that a source is known to have and that did not come.

    ``name`` is that of their slice, or begins as those of the source do; ``kind`` is *short* (a slice landed with
    fewer rows than its source has), *refused* (it could not be read) or *uncounted* (it could not be planned).
    ``span`` and ``rows`` are null where nothing tells when, or how many.
    """

    name: str
    kind: str
    table: str | None
    span: Window | None
    rows: int | None
    reason: str


class Plan(list[Slice]):
    """Slices to read, by a source that also says what needs no reading and what it lacks.

    ``held`` names slices that the ledger holds; ``absent`` names tables that the source does not have;
    ``missing`` says what could not be planned, and why, for people, ``lacks`` span by span; ``until`` is the moment
    up to which it is read. ``beginnings`` are those of the names of slices that the window was planned anew of.
    """

    def __init__(
        self, slices: Iterable[Slice], held: tuple[str, ...] = (), absent: tuple[str, ...] = (),
        missing: tuple[str, ...] = (), until: datetime | None = None, lacks: tuple[Shortfall, ...] = (),
        beginnings: tuple[str, ...] = (),
    ) -> None:
        super().__init__(slices)
        self.held = held
        self.absent = absent
        self.missing = missing
        self.until = until
        self.lacks = lacks
        self.beginnings = beginnings


@dataclass(frozen=True, slots=True)
class Reject:
    """A line or row set aside: where it stood, why, and how it began (at most 200 characters)."""

    file: str
    line: int | None
    reason: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What a slice holds, by canonical table.

    ``rows`` gives for each table a frame, or a statement the store runs, with any of the table's
    columns by name; columns left out are null. Extra columns for the door: ``line``, the 1-based line
    of the file; ``synthetic``, ``user_agent`` and ``url_path``, which tell probes and synthetic
    traffic; ``is_untimed``, where a format cannot say how long a request took. ``staging`` is run once
    before, as the temporary table ``staged`` that the statements may read. ``close`` frees what the
    batch holds on disk. ``otherwise`` is another fast way to read the slice, tried before the careful
    one where this one stops. ``must_be_whole`` keeps nothing of the slice where fewer rows than
    ``expected_count`` arrive.
    """

    rows: Mapping[str, Statement | pl.DataFrame]
    staging: Statement | None = None
    rejects: tuple[Reject, ...] = ()
    expected_count: int | None = None
    watermark: datetime | None = None
    grain: str = "raw"
    is_careful: bool = True
    must_be_whole: bool = False
    close: Callable[[], None] = field(default=lambda: None)
    otherwise: Callable[[], Batch] | None = None


@runtime_checkable
class Source(Protocol):
    """A place telemetry comes from."""

    @property
    def name(self) -> str:
        """What the ledger and each row call it, such as ``otlp_files``."""
        ...

    def slices(self, table: str | None, window: Window | None, ledger: pl.DataFrame) -> list[Slice]:
        """What there is to read for one table, or for all (``None``).

        ``ledger`` has columns ``slice, fingerprint`` of what the store already holds.
        """
        ...

    def read(self, part: Slice, careful: bool = False) -> Batch:
        """Read one slice. ``careful`` reads line by line and names each line it sets aside."""
        ...


@runtime_checkable
class ReadsAhead(Protocol):
    """A source whose slices may be read in threads before they are wanted."""

    @property
    def ahead(self) -> int:
        """How many slices may be read at a time."""
        ...

    @property
    def received(self) -> int:
        """Bytes that came so far, over all pulls."""
        ...

    def give_up(self) -> None:
        """Abandon the reads under way: each raises ``SourceError`` at once, also where it waits for an answer."""
        ...
