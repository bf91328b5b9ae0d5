"""Limits: what the query service allows, and how patient a pull is with it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta

_ROWS_SHARE, _BYTES_SHARE = 0.9, 0.4


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
        for field in fields(self):
            value = getattr(self, field.name)
            least: float | timedelta = timedelta(0) if isinstance(value, timedelta) else 0
            is_free = field.name in ("settle", "late", "pause_seconds", "longest_pause_seconds")
            if value < least or (value == least and not is_free):
                raise ValueError(f"{field.name} of AzureLimits is {'0 or more' if is_free else 'above 0'}, not {value}")
        if self.wait_seconds > 600:
            raise ValueError(f"the service works on a query for at most 600 s, not {self.wait_seconds}: lower "
                             "wait_seconds of AzureLimits")

    @property
    def slice_rows(self) -> int:
        """Most rows a slice is planned with."""
        return max(1, int(self.rows * _ROWS_SHARE))

    @property
    def slice_bytes(self) -> int:
        """Most bytes a slice is planned with: the service's own estimate is rough."""
        return max(1, int(self.bytes * _BYTES_SHARE))
