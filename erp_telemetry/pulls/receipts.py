"""Receipts: what a pull did with every row."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from erp_telemetry.slices import Reject

_FEW = 3


@dataclass(frozen=True, slots=True)
class Reopened:
    """What late rows changed in minutes of one service and UTC day that had been told before.

    Requests of users as weighted; error ratios by the policy of the objectives, null without a valid request.
    """

    service: str
    day: datetime
    minutes: int
    requests_before: float
    requests_after: float
    error_ratio_before: float | None
    error_ratio_after: float | None

    def __str__(self) -> str:
        ratios = [f"{ratio:.2%}" if ratio is not None else "none valid"
                  for ratio in (self.error_ratio_before, self.error_ratio_after)]
        unit = "minute" if self.minutes == 1 else "minutes"
        return (f"{self.service} {self.day:%Y-%m-%d}: {self.minutes:,} {unit}, {self.requests_before:,.0f} -> "
                f"{self.requests_after:,.0f} requests, errors {ratios[0]} -> {ratios[1]}")


@dataclass(slots=True)
class Receipt:
    """What a pull did: rows kept by table, set aside and why, duplicates, late, refused files.

    ``late`` rows are older than what an earlier pull of the source had reached for their service;
    ``reopened`` says what those that are requests of users changed, rows of sealed minutes apart. ``refused`` names
    slices that could not be read at all; nothing of them is in the store. ``absent`` names tables that the
    source does not have. ``is_complete`` is false where a slice was refused or gave fewer rows than its
    source promised.
    """

    source: str
    slices: int = 0
    skipped: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    late: int = 0
    unprovable: int = 0
    rejects: list[Reject] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    short: list[str] = field(default_factory=list)
    absent: tuple[str, ...] = ()
    reopened: tuple[Reopened, ...] = ()
    watermark: datetime | None = None

    @property
    def is_complete(self) -> bool:
        """Whether everything the source offered is in the store or set aside by name."""
        return not self.refused and not self.short

    def __str__(self) -> str:
        kept = ", ".join(f"{count:,} {table}" for table, count in sorted(self.rows.items())) or "no new rows"
        parts = [f"{self.source}: {kept}", f"{self.slices} slices read, {self.skipped} already held"]
        if self.duplicates:
            parts.append(f"{self.duplicates:,} duplicates")
        if self.late:
            parts.append(f"{self.late:,} late")
        if self.reopened:
            minutes = sum(one.minutes for one in self.reopened)
            parts.append(f"{minutes:,} minutes re-opened ({', '.join(map(str, self.reopened[:_FEW]))}"
                         f"{', …' if len(self.reopened) > _FEW else ''})")
        if self.unprovable:
            parts.append(f"{self.unprovable:,} in sealed minutes, duplicates unprovable")
        if self.rejects:
            parts.append(f"{len(self.rejects):,} set aside")
        if self.refused:
            parts.append(f"{len(self.refused)} slices refused")
        if self.short:
            parts.append(f"{len(self.short)} slices gave fewer rows than promised")
        if self.absent:
            parts.append(f"not there: {', '.join(self.absent)}")
        return "; ".join(parts)
