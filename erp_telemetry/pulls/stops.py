"""Stops: what stands of a pull that Ctrl-C ended, said with the interrupt."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from erp_telemetry.pulls.progress import Track
from erp_telemetry.quantities import counted

# what DuckDB says when Ctrl-C stops a statement
_INTERRUPTED = "Query interrupted"


class Stop:
    """Notes on a ``KeyboardInterrupt`` what of a pull is in the store, and how to go on."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.track: Track | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, KeyboardInterrupt):
            error.add_note(self._said())
        elif isinstance(error, RuntimeError) and _INTERRUPTED in str(error):
            stopped = KeyboardInterrupt()
            stopped.add_note(self._said())
            raise stopped from error

    def _said(self) -> str:
        slices, expected, rows = (0, 0, 0) if self.track is None else self.track.standing
        if not slices:
            return f"stopped before the first slice of {self._source} was whole; the same pull begins anew"
        stands = "stands" if slices == 1 else "stand"
        return (f"stopped: {slices:,} of {counted(expected, 'slice')} of {self._source} {stands}, "
                f"{counted(rows, 'row')}; the same pull goes on from there")
