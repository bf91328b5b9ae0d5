"""Window: a half-open span of UTC time, the only way to say *when*."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FIXED_STEPS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}
LONGEST_STEP = {"s": 10**9, "m": 10**8, "h": 10**6, "d": 36_500, "w": 5_200, "mo": 1_200}
"""About a century in each unit: beyond it a step leaves the calendar and means nothing."""
_DATE = re.compile(r"^\d{4}-\d\d-\d\d$")
_MIDNIGHT = "T00:00:00+00:00"
_SHOWN = 60
_STEP = re.compile(r"^([1-9]\d*)(mo|s|m|h|d|w)$")


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The span ``[start, stop)`` in UTC.

    ``start`` and ``stop`` are aware datetimes, or ISO 8601 text with an offset. Naive ones are
    refused with ``ValueError``: what has no zone has no moment.

    >>> Window("2026-07-01T00:00:00+02:00", "2026-07-02T00:00:00Z").start.isoformat()
    '2026-06-30T22:00:00+00:00'
    """

    start: datetime
    stop: datetime

    def __init__(self, start: datetime | str, stop: datetime | str) -> None:
        object.__setattr__(self, "start", _utc(start))
        object.__setattr__(self, "stop", _utc(stop))
        if self.stop <= self.start:
            raise ValueError(
                f"a window needs start < stop, got {self.start:%Y-%m-%d %H:%M:%S} and "
                f"{self.stop:%Y-%m-%d %H:%M:%S} UTC"
            )

    @classmethod
    def last(cls, *, days: float = 0, hours: float = 0, until: datetime | None = None) -> Self:
        """The last ``days`` and ``hours`` up to ``until``, or up to now."""
        stop = _utc(until) if until is not None else datetime.now(UTC)
        try:
            span = timedelta(days=days, hours=hours)
        except (TypeError, ValueError) as error:
            raise ValueError(f"days and hours are numbers, such as days=7, not {days!r} and {hours!r}") from error
        except OverflowError as error:
            raise ValueError(f"{_told(days)} days and {_told(hours)} hours are longer than any calendar") from error
        try:
            return cls(stop - span, stop)
        except OverflowError as error:
            raise ValueError(f"{_told(days)} days and {_told(hours)} hours reach back before the calendar "
                             "begins") from error

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``start/stop``; a bare date is midnight UTC, a time of day needs its zone.

        >>> Window.parse("2026-03-01/2026-03-08").duration.days
        7
        """
        if not isinstance(text, str):
            raise TypeError(f"a window is parsed from text, such as '2026-03-01/2026-03-08', not {type(text).__name__}")
        start, slash, stop = text.partition("/")
        if not slash:
            raise ValueError(f"a window is written start/stop, got {text!r}")
        return cls(_dated(start), _dated(stop))

    @property
    def duration(self) -> timedelta:
        """Length of the span."""
        return self.stop - self.start

    def split(self, n: int) -> list[Window]:
        """Cut into ``n`` windows that tile this one without gap or overlap."""
        if n < 1:
            raise ValueError(f"a window splits into at least 1 part, got {n}")
        marks = [self.start + self.duration * i / n for i in range(n)] + [self.stop]
        return [Window(a, b) for a, b in itertools.pairwise(marks)]

    def steps(self, every: str, zone: str = "UTC") -> list[datetime]:
        """Where each step of width ``every`` begins, plus the end of the window.

        ``s``, ``m``, ``h`` are fixed widths counted from ``start``. ``d``, ``w``, ``mo`` are
        calendar steps in the IANA ``zone``: they begin at local midnight (weeks on Monday), so a
        day has 23, 24 or 25 hours; the first and last step are clipped to the window.

        >>> len(Window.parse("2026-03-01/2026-03-08").steps("1d"))
        8
        """
        count, unit = step(every)
        if count > LONGEST_STEP[unit]:
            raise ValueError(f"{every} is longer than a century: write at most {LONGEST_STEP[unit]}{unit}")
        if unit in FIXED_STEPS:
            width = FIXED_STEPS[unit] * count
            whole = -(-self.duration // width)
            return [self.start + width * i for i in range(whole)] + [self.stop]
        here = _zone(zone)
        mark = _floor(self.start.astimezone(here), unit)
        edges = [self.start]
        while (mark := _advance(mark, count, unit)).astimezone(UTC) < self.stop:
            edges.append(mark.astimezone(UTC))
        return [*edges, self.stop]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%dT%H:%M:%SZ}/{self.stop:%Y-%m-%dT%H:%M:%SZ}"


def step(every: str) -> tuple[int, str]:
    """Read a step such as ``5m`` into ``(5, "m")``; units are s, m, h, d, w, mo."""
    found = _STEP.match(every)
    if not found:
        raise ValueError(f"a step is a count and one of s, m, h, d, w, mo, such as 5m; got {every!r}")
    return int(found[1]), found[2]


def _utc(moment: datetime | str) -> datetime:
    if not isinstance(moment, datetime | str):
        raise TypeError("a moment is an aware datetime or ISO 8601 text with an offset, such as "
                        f"'2026-03-01T00:00:00Z', not {type(moment).__name__}")
    read = _read(moment) if isinstance(moment, str) else moment
    if read.tzinfo is None:
        told = read.isoformat(timespec="seconds")
        raise ValueError(f"{moment} has no time zone, so it is not one moment: write {told}Z for UTC or "
                         f"{told}+02:00 for a place two hours ahead, or pass an aware datetime")
    try:
        return read.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{moment} lies outside of the calendar, which has the years 1 to 9999 in UTC") from error


def _read(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        bare = text.removesuffix(_MIDNIGHT)
        shown = bare if len(bare) < _SHOWN else f"{bare[:_SHOWN]}…"
        # what Python says of a text that is no date at all is that text
        why = "" if "isoformat" in str(error) else f" ({error})"
        raise ValueError(f"no moment: {shown!r}{why}: write a date such as 2026-03-01, or date, time and zone such as "
                         "2026-03-01T08:00Z") from error


def _dated(text: str) -> str:
    bare = text.strip()
    return f"{bare}{_MIDNIGHT}" if _DATE.match(bare) else bare


def _told(number: float) -> str:
    """A number for a message; one of hundreds of digits is none that can be written."""
    try:
        return f"{number:g}"
    except OverflowError:
        return "more than 1e308" if number > 0 else "less than -1e308"


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"no time zone {name!r}: write an IANA name such as Europe/Amsterdam") from error


def _floor(local: datetime, unit: str) -> datetime:
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit == "w":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "mo" else day


def _advance(local: datetime, count: int, unit: str) -> datetime:
    # wall-clock arithmetic: adding a day to an aware datetime keeps the local hour across a clock change
    if unit == "mo":
        months = local.year * 12 + local.month - 1 + count
        return local.replace(year=months // 12, month=months % 12 + 1)
    return local + timedelta(days=count * (7 if unit == "w" else 1))
