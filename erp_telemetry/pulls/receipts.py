"""Receipts: what a pull did with every row."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from erp_telemetry.quantities import clean, counted
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
        changed = f"{self.requests_before:,.0f} -> {self.requests_after:,.0f} requests"
        return (f"{clean(self.service)} {self.day:%Y-%m-%d}: {counted(self.minutes, 'minute')}, {changed}, "
                f"errors {ratios[0]} -> {ratios[1]}")


@dataclass(slots=True)
class Receipt:
    """What a pull did: rows kept by table, set aside and why, duplicates, late, refused files.

    ``late`` rows are older than what an earlier pull of the source had reached for their service, ``repaired`` those
    that an earlier pull was known to lack; ``reopened`` says what those that are requests of users changed, rows of
    sealed minutes apart. ``outside`` are rows of files that lie outside of the window. ``refused`` names slices that
    could not be read at all; nothing of them is in the store.
    ``short`` names slices that gave fewer rows than promised; ``missing`` says what could not even be planned.
    ``lost`` counts, by table, the rows of which it is known that they did not come. ``absent`` names tables that the
    source does not have. ``until`` is the moment up to which a source that goes on was read: what arrives later comes
    with later pulls. ``held_rows`` and ``held_rejects`` are those that earlier pulls kept and set aside of the
    ``skipped`` slices, which need no reading.
    """

    source: str
    slices: int = 0
    skipped: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    late: int = 0
    repaired: int = 0
    unprovable: int = 0
    outside: int = 0
    held_rows: int = 0
    held_rejects: int = 0
    rejects: list[Reject] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    short: list[str] = field(default_factory=list)
    missing: tuple[str, ...] = ()
    lost: Counter[str] = field(default_factory=Counter)
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
    def state(self) -> str:
        """How far the answers over this pull can be trusted, in one word.

        - ``partial``: a slice was refused, gave fewer rows than its source promised, or could not be planned.
        - ``rejected``: there were rows, and every one was set aside, now or by an earlier pull.
        - ``not_begun``: the window lies ahead, so that nothing can be there yet.
        - ``provisional``: the window is not over, and rows of it are still to arrive.
        - ``complete``: none of these.
        """
        if not self.is_complete:
            return "partial"
        if (self.rejects or self.held_rejects) and not (
                self.rows or self.duplicates or self.outside or self.held_rows):
            return "rejected"
        if self.window is None or self.until is None or self.window.stop <= self.until:
            return "complete"
        return "not_begun" if self.window.start >= self.until else "provisional"

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
        kept = ", ".join(_told(table, count) for table, count in sorted(self.rows.items())) or (
            f"not one row{'' if self.window is None else ' of the window'} is there" if is_bare else "no new rows")
        parts = [f"{self.source}: {kept}", f"{counted(self.slices, 'slice')} read, {self.skipped:,} already held",
                 *self._events(), *self._losses()]
        if self.absent:
            parts.append(f"{counted(len(self.absent), 'table')} not there: {_few(self.absent)}")
        if self.outlook:
            parts.append(self.outlook)
        # what a workspace or a file holds may be hostile: a service's name, a slice's, an error's
        return clean("; ".join(parts))

    def _repr_html_(self) -> str:
        """The same words in a notebook."""
        return f"<p>{html.escape(str(self))}</p>"

    def _events(self) -> list[str]:
        """What became of rows beside being kept."""
        parts = []
        if self.duplicates:
            parts.append(counted(self.duplicates, "duplicate"))
        if self.late:
            parts.append(f"{self.late:,} late")
        if self.repaired:
            parts.append(f"{self.repaired:,} that an earlier pull lacked")
        if self.reopened:
            minutes = sum(one.minutes for one in self.reopened)
            parts.append(f"{counted(minutes, 'minute')} re-opened ({_few(map(str, self.reopened))})")
        if self.unprovable:
            parts.append(f"{self.unprovable:,} in sealed minutes, duplicates unprovable")
        if self.outside:
            parts.append(f"{self.outside:,} outside of the window")
        if self.rejects:
            reasons = _few(f"{why} ({n:,})" for why, n in self.reasons.items())
            parts.append(f"{len(self.rejects):,} set aside: {reasons}")
        return parts

    def _losses(self) -> list[str]:
        """What did not come, the rows of which that is known first."""
        parts = []
        lost = ", ".join(_told(table, count) for table, count in sorted(self.lost.items()) if count)
        if lost:
            parts.append(f"lost: {lost}")
        if self.refused:
            parts.append(f"{counted(len(self.refused), 'slice')} refused")
        if self.short:
            parts.append(f"{counted(len(self.short), 'slice')} gave fewer rows than promised")
        if self.missing:
            parts.append(f"missing: {_few(self.missing, ' | ')}")
        return parts


def _told(table: str, count: int) -> str:
    """A number of rows of a table by the table's own word."""
    one = {"dependencies": "dependency", "recoveries": "recovery"}.get(table, table.removesuffix("s"))
    return counted(count, one, table)


def _few(texts: Iterable[str], between: str = ", ") -> str:
    """The first of some texts, and how many more there are."""
    told = list(texts)
    more = len(told) - _FEW
    return between.join([*told[:_FEW], *([f"and {more:,} more"] if more > 0 else [])])
