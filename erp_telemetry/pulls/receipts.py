"""Receipts: what a pull did with every row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from erp_telemetry.quantities import clean
from erp_telemetry.slices import Reject
from erp_telemetry.window import Window

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
        return (f"{clean(self.service)} {self.day:%Y-%m-%d}: {self.minutes:,} {unit}, {self.requests_before:,.0f} -> "
                f"{self.requests_after:,.0f} requests, errors {ratios[0]} -> {ratios[1]}")


@dataclass(slots=True)
class Receipt:
    """What a pull did: rows kept by table, set aside and why, duplicates, late, refused files.

    ``late`` rows are older than what an earlier pull of the source had reached for their service;
    ``reopened`` says what those that are requests of users changed, rows of sealed minutes apart. ``refused`` names
    slices that could not be read at all; nothing of them is in the store. ``missing`` says what could not even
    be planned. ``absent`` names tables that the source does not have. ``until`` is the moment up to which a
    source that goes on was read: what arrives later comes with later pulls. ``is_complete`` is false where a
    slice was refused, gave fewer rows than its source promised, or could not be planned.
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
    missing: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    reopened: tuple[Reopened, ...] = ()
    watermark: datetime | None = None
    window: Window | None = None
    until: datetime | None = None

    @property
    def is_complete(self) -> bool:
        """Whether everything the source offered is in the store or set aside by name."""
        return not self.refused and not self.short and not self.missing

    @property
    def reasons(self) -> dict[str, int]:
        """Why rows were set aside, and how many, the commonest first."""
        return dict(Counter(reject.reason for reject in self.rejects).most_common())

    @property
    def outlook(self) -> str:
        """What of the window is still to come; empty where it is over, or the source does not say."""
        if self.window is None or self.until is None or self.window.stop <= self.until:
            return ""
        if self.window.start >= self.until:
            return (f"the window has not begun: nothing after {self.until:%Y-%m-%d %H:%M} UTC can be there yet; "
                    "pull again when it is over")
        return (f"the window is not over: what arrives after {self.until:%Y-%m-%d %H:%M} UTC comes with later pulls")

    def __str__(self) -> str:
        is_bare = bool(self.slices) and not (self.skipped or self.duplicates or self.rejects or self.refused)
        kept = ", ".join(f"{count:,} {table}" for table, count in sorted(self.rows.items())) or (
            f"not one row{'' if self.window is None else ' of the window'} is there" if is_bare else "no new rows")
        parts = [f"{self.source}: {kept}", f"{self.slices} slices read, {self.skipped} already held"]
        if self.duplicates:
            parts.append(f"{self.duplicates:,} duplicates")
        if self.late:
            parts.append(f"{self.late:,} late")
        if self.reopened:
            minutes = sum(one.minutes for one in self.reopened)
            parts.append(f"{minutes:,} minutes re-opened ({_few(map(str, self.reopened))})")
        if self.unprovable:
            parts.append(f"{self.unprovable:,} in sealed minutes, duplicates unprovable")
        if self.rejects:
            parts.append(f"{len(self.rejects):,} set aside ({_few(f'{n:,} {why}' for why, n in self.reasons.items())})")
        if self.refused:
            parts.append(f"{len(self.refused)} slices refused")
        if self.short:
            parts.append(f"{len(self.short)} slices gave fewer rows than promised")
        if self.missing:
            parts.append(f"missing: {_few(self.missing, ' | ')}")
        if self.absent:
            parts.append(f"not there: {', '.join(self.absent)}")
        if self.outlook:
            parts.append(self.outlook)
        # what a workspace or a file holds may be hostile: a service's name, a slice's, an error's
        return clean("; ".join(parts))


def _few(texts: Iterable[str], between: str = ", ") -> str:
    """The first of some texts, with a mark where there are more."""
    told = list(texts)
    return between.join([*told[:_FEW], *(["…"] if len(told) > _FEW else [])])
