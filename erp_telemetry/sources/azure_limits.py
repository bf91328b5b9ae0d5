"""Limits: what the query service allows, and how patient a pull is with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

_ROWS_SHARE, _BYTES_SHARE = 0.9, 0.4
_CENTURY = timedelta(days=36_500)
# most of each: beyond it a setting is a slip of the pen, or leaves the calendar
_MOST: dict[str, int | float | timedelta] = {
    "rows": 10_000_000, "bytes": 1_000_000_000, "concurrent": 100, "concurrent_searches": 100,
    "search_reach": _CENTURY, "wait_seconds": 600, "settle": timedelta(days=7), "late": _CENTURY, "tries": 100,
    "pause_seconds": 3600.0, "longest_pause_seconds": 86_400.0}
_MAY_BE_NONE = ("settle", "late", "pause_seconds", "longest_pause_seconds")
_WANTED = {int: "a whole number", float: "a number", timedelta: "a timedelta, such as timedelta(days=1)"}


@dataclass(frozen=True, slots=True)
class AzureLimits:
    """Limits of the query service; Microsoft changes them, so each is a setting.

    Args:
        rows: most rows of an answer.
        bytes: most bytes of an answer, as the service estimates them.
        concurrent: queries at a time; 5 on Analytics tables.
        concurrent_searches: of these, on tables of the Basic and Auxiliary plans.
        search_reach: how far back these tables are answered; on the Auxiliary plan as far as rows are retained.
        wait_seconds: how long the service may work on a query, at most 600.
        settle: how long rows take to be seen by a query after they arrived; a pull reads up to that before now.
        late: how long after it happened a row may arrive, to come with any later pull; one that is later
            still comes when its own window is pulled again.
        tries: requests for one answer where the service is busy, the network fails or an answer is broken.
        pause_seconds: before the second of these; each further pause is twice as long.
        longest_pause_seconds: beyond which no ``Retry-After`` is waited for.
    """

    rows: int = 500_000
    bytes: int = 64_000_000
    concurrent: int = 5
    concurrent_searches: int = 2
    search_reach: timedelta = timedelta(days=30)
    wait_seconds: int = 180
    settle: timedelta = timedelta(minutes=10)
    late: timedelta = timedelta(days=3)
    tries: int = 6
    pause_seconds: float = 0.8
    longest_pause_seconds: float = 120.0

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            _check(name, getattr(self, name), most)

    @property
    def slice_rows(self) -> int:
        """Most rows a slice is planned with."""
        return max(1, int(self.rows * _ROWS_SHARE))

    @property
    def slice_bytes(self) -> int:
        """Most bytes a slice is planned with: the service's own estimate is rough."""
        return max(1, int(self.bytes * _BYTES_SHARE))


def _check(name: str, value: object, most: float | timedelta) -> None:
    """See that a limit is of its type, and within what makes sense.

    Raises ``TypeError`` or ``ValueError``.
    """
    wanted = type(most)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and wanted is float) and type(value) is not wanted:
        raise TypeError(f"{name} of AzureLimits is {_WANTED[wanted]}, not {type(value).__name__}")
    least: float | timedelta = timedelta() if wanted is timedelta else 0
    is_free = name in _MAY_BE_NONE
    # written so that what is no number at all fails too
    if not (least <= value if is_free else least < value) or not value <= most:  # type: ignore[operator]
        raise ValueError(f"{name} of AzureLimits is {'0 or more' if is_free else 'above 0'} and at most {_told(most)}, "
                         f"not {_told(value)}")


def _told(value: object) -> str:
    """A limit as a person writes it."""
    if isinstance(value, timedelta):
        if value < timedelta():
            return f"-{-value}"
        return f"{value.days:,} days" if value == timedelta(days=value.days) else f"{value}"
    # a number of thousands of digits cannot even be written
    if isinstance(value, int) and abs(value) > 10**18:
        return "a number of more than 18 digits"
    return f"{value:,}" if isinstance(value, int | float) and math.isfinite(value) else f"{value}"
