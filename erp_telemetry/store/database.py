"""Store: holds a path; each verb opens the file, works and closes it again.

DuckDB locks a file for as long as a process has it open for writing. So that a notebook and a pull
can share one file, nothing is kept open between verbs (``:memory:`` excepted).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl

from erp_telemetry.errors import QueryError, StoreError
from erp_telemetry.redactions import redact
from erp_telemetry.store import answers, ledger, migrations, retention, shortfalls
from erp_telemetry.store.engines import Engine
from erp_telemetry.window import Window

_HELD = ("lock", "different configuration", "already attached", "being used by")
_LONGEST_DAYS = 36_500
_SIZE = re.compile(r"^\d+(\.\d+)?\s*[KMGT]i?B$")


class Store:
    """Canonical tables, their rollups and the ledger of pulls, in one DuckDB file.

    Args:
        path: the file, made when it is not there; ``:memory:`` keeps it in this process.
        memory_limit: most memory the engine may use, such as ``"2GB"``; beyond it, work spills to
            a folder beside the file. Default: 80 % of the machine; a pull into a file keeps to 700 MB
            as long as a slice fits.
        wait_seconds: how long to wait for another process that holds the file.

    Raises:
        StoreError: the file is locked by another process, written by a newer version, or no store.
    """

    def __init__(
        self, path: str | Path = ":memory:", *, memory_limit: str | None = None, wait_seconds: float = 30.0
    ) -> None:
        if not isinstance(path, str | Path):
            raise TypeError(f"a store is a file, such as Store('erp.duckdb'), or ':memory:', not {path!r}")
        if memory_limit is not None and not _SIZE.match(memory_limit):
            raise ValueError(f"memory_limit is a size such as 2GB, not {memory_limit!r}")
        self.path = str(path)
        self._engine = Engine(self.path, memory_limit)
        # whether a connection was cut off from other files, which cannot be taken back
        self._is_confined = False
        self._wait_seconds = wait_seconds
        self._guard = threading.RLock()
        self._asking: duckdb.DuckDBPyConnection | None = None
        self._kept = self._engine.attach(read_only=False) if self.path == ":memory:" else None
        if self._kept is not None:
            migrations.migrate(self._kept, self.path)
        elif not Path(self.path).exists():
            with self.writing():
                pass

    def __repr__(self) -> str:
        return f"Store({self.path!r})"

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for questions; the file is open only inside the ``with``, and once for those inside it."""
        with self._guard:
            if self._asking is not None:
                yield self._asking
                return
        if self._kept is not None:
            with self._shared(self._kept) as connection:
                yield connection
            return
        with ExitStack() as held:
            connection = held.enter_context(self._opened(read_only=True))
            if migrations.is_outdated(migrations.version(connection)):
                held.close()
                with self.writing():
                    pass
                connection = held.enter_context(self._opened(read_only=True))
            migrations.check(connection, self.path)
            with self._shared(connection):
                yield connection

    @contextmanager
    def _shared(self, connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
        """Let the questions asked inside one share its connection."""
        self._asking = connection
        try:
            yield connection
        finally:
            self._asking = None

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that may write; the only one on the file, here and elsewhere."""
        with self._guard:
            if self._asking is not None:
                raise StoreError(f"{self.path} is being read in this very block: pull and prune outside of it")
        with self._opened(read_only=False) as connection:
            migrations.migrate(connection, self.path)
            yield connection

    @property
    def is_outdated(self) -> bool:
        """Whether an older version of the library wrote the file, so that the next question brings it up to date."""
        return migrations.is_outdated(self._version())

    @property
    def watermark(self) -> datetime | None:
        """Event time up to which the store has been told; ``None`` while it is empty."""
        with self.reading() as connection:
            return ledger.watermark(connection)

    def last(self, *, days: float = 0, hours: float = 0) -> Window:
        """The last ``days`` and ``hours`` up to the store's own watermark (not up to now).

        Raises:
            StoreError: the store is empty, so there is no last moment.
        """
        with self.reading() as connection:
            until = ledger.told_until(connection)
        if until is None:
            raise StoreError(f"{self.path} is empty: pull something first, then ask for the last days")
        return Window.last(days=days, hours=hours, until=until)

    def ledger(self) -> pl.DataFrame:
        """Every slice that was ever pulled, in order, each with the hash of the one before it."""
        with self.reading() as connection:
            return ledger.entries(connection)

    def rejects(self) -> pl.DataFrame:
        """Every line set aside: ``slice, file, line, reason, excerpt`` (redacted before it was kept)."""
        with self.reading() as connection:
            found = answers.frame(connection, "select slice, file, line, reason, excerpt from rejects order by all")
        return redact(found).value

    def shortfalls(self, window: Window) -> pl.DataFrame:
        """What sources are known to have of a window and the store to lack, until a later pull brings it.

        ``table_name, source, slice, kind`` (*short*: a slice landed with fewer rows, *refused*: it could not be read,
        *uncounted*: it could not be planned), ``start, stop`` (null: nothing tells when), ``rows`` (null: nothing
        tells how many), ``reason, told_at``.
        """
        if not isinstance(window, Window):
            raise TypeError(f"window is a Window, such as Window.parse('2026-06-22/2026-07-06'), not {window!r}")
        with self.reading() as connection:
            return redact(shortfalls.lacking(connection, window)).value

    def sql(self, query: str, /, *, is_redacted: bool = True, **parameters: object) -> pl.DataFrame:
        """Ask the store in SQL; ``$name`` parameters are bound. A file is only read, and nothing beside it touched.

        Secrets and personal data in the answer are replaced by marks unless ``is_redacted`` is false.

        Raises:
            QueryError: the statement does not run, in the engine's own words.
        """
        with self.reading() as connection:
            # its own session: a setting in a statement of yours ends with it
            own = connection.cursor()
            try:
                for setting in ("use store", "set TimeZone = 'UTC'"):
                    answers.rows(own, setting)
                if self._kept is None:
                    # read-only keeps the store whole, but COPY could still write another file
                    answers.rows(own, "set enable_external_access = false")
                    self._is_confined = True
                found = answers.frame(own, query, parameters)
            except duckdb.Error as error:
                if "orrupt" in str(error):
                    raise
                # the engine quotes what it could not convert: no cause is shown beside
                raise QueryError(f"the query does not run: {redact(str(error)).value}") from None
            except pl.exceptions.ComputeError as error:
                raise QueryError(
                    "a column of the answer has a type that frames do not know, such as an interval: cast it, "
                    "as in epoch(stop - start) for seconds") from error
            finally:
                own.close()
        return redact(found).value if is_redacted else found

    def prune(self, *, raw_days: float) -> retention.Pruned:
        """Drop raw rows older than ``raw_days`` before the watermark; rollups stay and are sealed.

        Sketches of 5 minutes go too where they are older than ``raw_days`` and 35 days; those of the
        hour stay. What a sealed minute can no longer answer (exact percentiles, single rows) is refused.

        Raises:
            ValueError: ``raw_days`` is no number from 0 up; nothing was dropped.
        """
        is_number = isinstance(raw_days, int | float) and not isinstance(raw_days, bool)
        if not is_number or not 0 <= raw_days <= _LONGEST_DAYS:
            raise ValueError(
                f"raw_days is how many days of raw rows stay, from 0 to {_LONGEST_DAYS:,}, not {raw_days!r}")
        until = self.watermark
        if until is None:
            return retention.Pruned({}, 0, None, 0)
        cutoff, fine_cutoff = (
            (until - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
            for days in (raw_days, max(raw_days, retention.FINE_DAYS)))
        with self.writing() as connection:
            return retention.prune(connection, cutoff, fine_cutoff)

    def verify(self) -> int:
        """Check the ledger's chain of hashes, not the rows themselves; returns the number of entries.

        Raises:
            StoreError: an entry was changed, removed or put in after the fact.
        """
        with self.reading() as connection:
            return ledger.verify(connection, self.path)

    def _version(self) -> int | None:
        with self._opened(read_only=True) as connection:
            return migrations.version(connection)

    @contextmanager
    def _opened(self, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._guard:
            if self._kept is not None:
                yield self._kept
                return
            connection = self._connect(read_only=read_only)
            is_whole = False
            self._is_confined = False
            try:
                yield connection
                is_whole = True
            except duckdb.Error as error:
                if "orrupt" not in str(error):
                    raise
                raise StoreError(f"{self.path} is damaged: make it anew by pulling again ({error})") from error
            finally:
                self._engine.release(connection, is_clean=is_whole and read_only and not self._is_confined)

    def _connect(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        deadline = time.monotonic() + self._wait_seconds
        pause = 0.02
        while True:
            try:
                return self._engine.attach(read_only=read_only)
            except (duckdb.IOException, duckdb.ConnectionException, duckdb.BinderException) as error:
                is_locked = any(word in str(error) for word in _HELD)
                if not is_locked:
                    raise StoreError(f"{self.path} cannot be opened as a store: {error}") from error
                if time.monotonic() > deadline:
                    raise StoreError(
                        f"{self.path} is held by another process for more than {self._wait_seconds:g} s: "
                        f"close it there or try again ({error})"
                    ) from error
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)
