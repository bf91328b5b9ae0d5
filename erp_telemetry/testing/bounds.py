"""Bounds that the service has of its own: how long a query may run, what an answer may hold.

A query that would hang or fill a test's machine ends as it would end in Azure.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import duckdb

MOST_ROWS = 500_000
"""Rows of one answer; the service cuts what has more, and says so."""
MOST_BYTES = 104_857_600
"""Bytes of one answer's body."""
_WAIT = re.compile(r"\bwait\s*=\s*(\d+)")
_DEFAULT_SECONDS, _MOST_SECONDS = 180, 600


class OutOfTime(Exception):
    """The query ran longer than it may."""


class OutOfMemory(Exception):
    """The query needs more memory than there is for it."""


def patience_seconds(headers: Mapping[str, str]) -> int:
    """How long a query may run: as ``Prefer: wait=`` says, 3 minutes where it says nothing, never more than 10.

    >>> patience_seconds({"prefer": "wait=600,include-statistics=true"}), patience_seconds({})
    (600, 180)
    """
    found = _WAIT.search(headers.get("prefer", ""))
    return _DEFAULT_SECONDS if found is None else max(1, min(int(found[1]), _MOST_SECONDS))


@contextmanager
def within(cursor: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupt what a cursor does after so many seconds.

    Raises:
        OutOfTime: the time was over.
        OutOfMemory: the memory was.
    """
    is_over = threading.Event()

    def end() -> None:
        is_over.set()
        cursor.interrupt()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise OutOfMemory(str(error).splitlines()[0]) from error
    except duckdb.InterruptException as error:
        if not is_over.is_set():
            raise
        raise OutOfTime(f"{seconds:g} seconds") from error
    finally:
        timer.cancel()
