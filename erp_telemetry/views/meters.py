"""Meters: the progress of a pull where a person is, who asked for it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from erp_telemetry.pulls.progress import Progress


class Meter:
    """Shows the progress of pulls: in a notebook one bar that renews itself, elsewhere a line now and then.

    Args:
        write: takes a line; default: stderr. Given, it takes lines in a notebook too.
        every_seconds: how long a pull goes on between two lines; a shorter pull writes none.
    """

    def __init__(self, write: Callable[[str], object] | None = None, every_seconds: float = 30.0) -> None:
        self._write = write
        self._every = every_seconds
        self._next = every_seconds
        self._bar: Any = None
        self._last = 0.0

    def __call__(self, progress: Progress) -> None:
        """Show how far a pull is."""
        if progress.seconds < self._last:
            # another pull has begun
            self._next, self._bar = self._every, None
        self._last = progress.seconds
        if self._write is None and _is_notebook():
            self._renew(progress)
        elif progress.seconds >= self._next:
            self._next = progress.seconds + self._every
            (self._write or _to_stderr)(str(progress))

    def _renew(self, progress: Progress) -> None:
        if self._bar is None:
            self._bar = import_module("IPython.display").display(progress, display_id=True)
        else:
            self._bar.update(progress)


def _is_notebook() -> bool:
    """Whether this runs in a kernel, which can renew what it has shown; a shell of IPython is a terminal."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is not None and hasattr(shell, "kernel")


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
