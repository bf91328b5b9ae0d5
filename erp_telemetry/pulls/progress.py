"""Progress: how far a pull is, and how long what is left of it takes."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from erp_telemetry.quantities import counted, readable
from erp_telemetry.slices import ReadsAhead, Slice, Source

_SOONEST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pull is; as text one line, in a notebook a bar.

    ``slices`` are done, ``rows`` of them arrived, ``bytes`` came; what is ``expected`` in all is null where the
    source does not tell. The bytes of a workspace are expected as it estimates them. ``name`` is the slice at
    hand, empty at the end. ``share`` (0..1) is of rows where all are told, else of bytes, else of slices.
    """

    source: str
    name: str
    slices: int
    expected_slices: int
    rows: int
    expected_rows: int | None
    bytes: int
    expected_bytes: int | None
    share: float
    seconds: float

    @property
    def rows_a_second(self) -> float | None:
        """Rows that arrived per second of the pull; null in its first."""
        return self.rows / self.seconds if self.seconds >= _SOONEST_SECONDS else None

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes if it goes on like this; null where nothing tells yet."""
        if self.share <= 0 or self.seconds < _SOONEST_SECONDS:
            return None
        return self.seconds * (1 - self.share) / self.share

    def __str__(self) -> str:
        return f"{self.source}: {self.told()}"

    def told(self) -> str:
        """The line without the source."""
        parts = [f"{self.slices:,} of {counted(self.expected_slices, 'slice')}"]
        if self.expected_rows is not None:
            parts.append(f"{self.rows:,} of {counted(self.expected_rows, 'row')}")
        elif self.rows:
            parts.append(counted(self.rows, 'row'))
        if self.bytes:
            of = "" if self.expected_bytes is None or self.expected_rows is not None else \
                f" of {readable(self.expected_bytes, 'By')}"
            parts.append(f"{readable(self.bytes, 'By')}{of}")
        if self.rows and self.rows_a_second is not None:
            parts.append(f"{self.rows_a_second:,.0f} rows/s")
        if self.seconds_left is not None and self.share < 1:
            parts.append(f"{readable(round(self.seconds_left), 's')} left")
        return ", ".join(parts)

    def _repr_html_(self) -> str:
        return f'<progress value="{self.share:.4f}" max="1"></progress> {html.escape(str(self))}'


class Track:
    """Counts what a pull has done, and tells whoever wants to know."""

    def __init__(self, source: Source, parts: Sequence[Slice], teller: Callable[[Progress], None] | None) -> None:
        self._source, self._parts, self._teller = source, parts, teller
        self._begun, self._received = time.monotonic(), _received(source)
        self._rows, self._bytes = _sum(part.rows for part in parts), _sum(part.bytes for part in parts)
        self._done: list[Slice] = []
        self._arrived = 0
        self._name = ""

    @property
    def standing(self) -> tuple[int, int, int]:
        """Slices that are done, slices in all, and rows that arrived."""
        return len(self._done), len(self._parts), self._arrived

    def begin(self, part: Slice | None) -> None:
        """Tell that a slice is at hand, or that none is left."""
        self._name = "" if part is None else part.name
        self.tell()

    def end(self, part: Slice, arrived: int) -> None:
        """Count a slice as done, with the rows that arrived."""
        self._done.append(part)
        self._arrived += arrived

    def tell(self) -> None:
        """Say how far it is."""
        if self._teller is None:
            return
        received = _received(self._source)
        come = sum(part.bytes or 0 for part in self._done) if received is None else received - (self._received or 0)
        self._teller(Progress(
            self._source.name, self._name, len(self._done), len(self._parts), self._arrived, self._rows, come,
            self._bytes, self._share(), time.monotonic() - self._begun))

    def _share(self) -> float:
        if self._rows:
            return sum(part.rows or 0 for part in self._done) / self._rows
        if self._bytes:
            return sum(part.bytes or 0 for part in self._done) / self._bytes
        return len(self._done) / len(self._parts) if self._parts else 1.0


def _received(source: Source) -> int | None:
    return source.received if isinstance(source, ReadsAhead) else None


def _sum(sizes: Iterable[int | None]) -> int | None:
    """What is expected in all; null where a part does not say."""
    total = 0
    for size in sizes:
        if size is None:
            return None
        total += size
    return total
