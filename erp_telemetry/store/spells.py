"""Spells: the stretches of time in which rows of a slice lie, so that only they are looked at again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from erp_telemetry.store import answers
from erp_telemetry.window import Window

_HOUR = timedelta(hours=1)
MOST = 64
"""Beyond so many stretches, one look at all between them is cheaper."""


def days(span: Window) -> Iterator[Window]:
    """The UTC days a window touches, clipped to it."""
    start = span.start
    while start < span.stop:
        stop = min(span.stop, start.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1))
        yield Window(start, stop)
        start = stop


def of(connection: answers.Connection, rows: str, span: Window) -> list[Window]:
    """Whole hours that hold rows, neighbours joined; the hours of the whole span where there are many."""
    first = span.start.replace(minute=0, second=0, microsecond=0)
    hours = answers.rows(
        connection,
        f"select distinct (epoch_us(time) - epoch_us($first::timestamptz)) // 3600000000 as hour from {rows} as r "
        "order by hour", {"first": first})
    found: list[Window] = []
    for (hour,) in hours:
        start = first + _HOUR * hour
        if found and found[-1].stop == start:
            start = found.pop().start
        found.append(Window(start, first + _HOUR * (hour + 1)))
    return found if len(found) <= MOST else [Window(found[0].start, found[-1].stop)]


def older(connection: answers.Connection, table: str, span: Window, entry: int) -> Window | None:
    """From the first to the last row of other entries in a window; ``None`` where there are none."""
    first, last = answers.rows(
        connection,
        f"select min(time), max(time) from store.main.{table} where time >= $start and time < $stop "
        f"and entry is distinct from {entry}", {"start": span.start, "stop": span.stop})[0]
    return None if first is None else Window(first, last + timedelta(microseconds=1))
