"""Folders that answers are spooled to, locked while in use: what a killed process left goes with the next pull."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

_PREFIX = "erp_telemetry_azure_"
_LOCK = "in_use"
# a folder is made before it is locked
_LEAST_AGE_SECONDS = 60.0


@dataclass(slots=True)
class Folder:
    """A folder of this process, and the handle that says so for as long as it is open."""

    path: Path
    handle: int

    def close(self) -> None:
        """Remove it with all it holds."""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1
        rmtree(self.path, ignore_errors=True)


def folder() -> Folder:
    """A new one."""
    path = Path(tempfile.mkdtemp(prefix=_PREFIX))
    handle = os.open(path / _LOCK, os.O_CREAT | os.O_RDWR)
    _lock(handle)
    return Folder(path, handle)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for small answers."""
    made = folder()
    try:
        yield made.path
    finally:
        made.close()


def sweep() -> None:
    """Remove the folders of processes that are no more."""
    latest = time.time() - _LEAST_AGE_SECONDS
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # others may sweep at the same time, and what belongs to another user is left to him
        with suppress(OSError):
            if path.stat().st_mtime < latest and _is_left(path / _LOCK):
                rmtree(path, ignore_errors=True)


def _is_left(lock: Path) -> bool:
    """Whether no process holds a folder any more."""
    if not lock.exists():
        return True
    if os.name == "nt":
        lock.unlink()  # fails while it is open anywhere
        return True
    handle = os.open(lock, os.O_RDWR)
    try:
        return _lock(handle)
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    """Lock a file for as long as it is open; whether that could be done, which it cannot everywhere. Not on Windows."""
    if os.name == "nt":
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
