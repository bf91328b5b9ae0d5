"""Engines: DuckDB itself, made once, to which the file is attached for as long as one question takes.

Making an engine costs some twenty milliseconds, attaching a file two; so the one that only read is
kept for the next question, without the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb

from erp_telemetry.store import answers

SPARING = "700MB"
"""What a pull into a file keeps to while a slice of it fits; with Python beside it, less than 1 GB is resident."""


@dataclass(slots=True)
class Engine:
    """Gives connections whose database ``store`` is one file, whatever the file is called."""

    path: str
    memory_limit: str | None
    _spare: duckdb.DuckDBPyConnection | None = field(default=None, repr=False)
    _process: int = 0

    def attach(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        """A connection with the file attached; ``duckdb.Error`` where it cannot be."""
        # an engine does not survive a fork
        is_ours = self._process == os.getpid()
        connection, self._spare = self._spare if is_ours else None, None
        if connection is None:
            connection = self._make()
        try:
            answers.rows(connection, f"attach {_quoted(self.path)} as store{' (read_only)' if read_only else ''}")
            answers.rows(connection, "use store")
        except duckdb.Error:
            connection.close()
            raise
        return connection

    def release(self, connection: duckdb.DuckDBPyConnection, *, is_clean: bool) -> None:
        """Let go of the file; an engine that is as it was made is kept."""
        if is_clean and self._spare is None:
            try:
                answers.rows(connection, "use memory")
                answers.rows(connection, "detach store")
            except duckdb.Error:
                connection.close()  # something of the question still holds the file
                return
            self._spare, self._process = connection, os.getpid()
        else:
            connection.close()

    def _make(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(":memory:")
        # DuckDB hands out times in the machine's zone unless told otherwise
        answers.rows(connection, "set TimeZone = 'UTC'")
        answers.rows(connection, "set preserve_insertion_order = false")
        # nothing may wait for a network
        answers.rows(connection, "set autoinstall_known_extensions = false")
        if self.memory_limit is not None:
            answers.rows(connection, f"set memory_limit = '{self.memory_limit}'")
        if self.path != ":memory:":
            answers.rows(connection, f"set temp_directory = {_quoted(self.path + '.tmp')}")
        is_ours_to_say = self.memory_limit is None and self.path != ":memory:"
        answers.rows(connection, f"set variable may_spare = {is_ours_to_say}")
        return connection


def may_spare(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the store is a file, for which the user did not say how much memory the engine may use."""
    return bool(answers.value(connection, "select getvariable('may_spare')"))


@contextmanager
def sparing(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Keep to little memory where that is ours to say: what was read is let go of, and what can be spilled is."""
    if not may_spare(connection):
        yield
        return
    answers.rows(connection, f"set memory_limit = '{SPARING}'")
    try:
        yield
    finally:
        answers.rows(connection, "reset memory_limit")


def _quoted(text: str) -> str:
    # ATTACH and SET take no parameters
    return "'" + text.replace("'", "''") + "'"
