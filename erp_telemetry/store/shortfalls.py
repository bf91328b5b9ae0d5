"""Shortfalls: rows that a source is known to have and the store to lack, until a later pull brings them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FrameType

import duckdb
import polars as pl

from erp_telemetry.errors import ShortfallWarning
from erp_telemetry.quantities import clean
from erp_telemetry.slices import Shortfall, Slice
from erp_telemetry.store import answers
from erp_telemetry.window import Window

_OF_A_WINDOW = "(start is null or start < $stop) and (stop is null or stop > $start)"
_PACKAGE = str(Path(__file__).parents[1])
_NAMED = 2


def note(connection: duckdb.DuckDBPyConnection, found: Iterable[Shortfall], source: str, pull: str) -> None:
    """Remember what a pull found to be short."""
    for one in found:
        answers.rows(
            connection,
            """insert into store.main.shortfalls
            values ($slice, $source, $pull, $kind, $table, $start, $stop, $rows, $reason, now())""",
            {"slice": one.name, "source": source, "pull": pull, "kind": one.kind, "table": one.table,
             "start": None if one.span is None else one.span.start,
             "stop": None if one.span is None else one.span.stop, "rows": one.rows, "reason": one.reason})


def land(
    connection: duckdb.DuckDBPyConnection, part: Slice, source: str, pull: str, lacked: Mapping[str, int],
) -> None:
    """Remember how many rows a slice lacks as it lands now, by reason; what it lacked before is settled."""
    answers.rows(connection, "delete from store.main.shortfalls where slice = $slice", {"slice": part.name})
    note(connection, [Shortfall(part.name, "short", part.table, part.span, rows, reason)
                      for reason, rows in lacked.items() if rows > 0], source, pull)


def settle_window(connection: duckdb.DuckDBPyConnection, beginning: str, window: Window, pull: str) -> None:
    """Forget what earlier pulls could not count or read of a window that this one has planned anew.

    ``beginning`` is that of the names of its slices. What was short of a slice that landed is asked for again by the
    slice's own name, and settled so.
    """
    answers.rows(
        connection,
        """delete from store.main.shortfalls where starts_with(slice, $beginning) and kind <> 'short'
        and pull <> $pull and start >= $start and stop <= $stop""",
        {"beginning": beginning, "start": window.start, "stop": window.stop, "pull": pull})


def lacking(connection: duckdb.DuckDBPyConnection, window: Window) -> pl.DataFrame:
    """What the store is known to lack of a window; see ``Store.shortfalls``."""
    return answers.few(
        connection,
        f"""select table_name, source, slice, kind, start, stop, rows, reason, told_at from store.main.shortfalls
        where {_OF_A_WINDOW} order by start nulls first, slice, kind""",
        {"start": window.start, "stop": window.stop})


def warn(connection: duckdb.DuckDBPyConnection, window: Window) -> None:
    """Warn, at the line that called the library, where the store is known to lack rows of a window."""
    found = lacking(connection, window)
    if found.is_empty():
        return
    told = [_said(*row) for row in found.group_by("source", "table_name", maintain_order=True).agg(
        pl.col("rows").sum(), pl.col("rows").is_null().any().alias("more"), pl.col("start").min(),
        pl.col("stop").max()).iter_rows()]
    more = [f"{len(told) - _NAMED} more tables"] if len(told) > _NAMED else []
    warnings.warn(
        f"rows of {window} are known to be missing: {'; '.join([*told[:_NAMED], *more])}: pull it again; "
        "store.shortfalls(window) lists them", ShortfallWarning, stacklevel=_caller())


def _said(source: str, table: str | None, rows: int, is_more: bool, start: object, stop: object) -> str:
    count = f"{rows:,}{' and more' if is_more else ''}" if rows else "uncounted"
    when = "" if start is None or stop is None else f" between {start:%Y-%m-%d %H:%M} and {stop:%Y-%m-%d %H:%M} UTC"
    return clean(f"{count} {table or 'rows'} of {source}{when}")


def _caller() -> int:
    """How many frames up the first line stands that is not the library's own."""
    frame: FrameType | None = sys._getframe(1)
    depth = 1
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, depth = frame.f_back, depth + 1
    return depth
