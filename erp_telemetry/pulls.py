"""Pulls: read a source into the store, safe to repeat, and say what became of every row."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from erp_telemetry import catalog
from erp_telemetry.errors import SourceError
from erp_telemetry.objectives import Objectives
from erp_telemetry.redactions import redact
from erp_telemetry.slices import Batch, Reject, Slice, Source
from erp_telemetry.store import CarefulReadNeeded, Landed, Store, answers, land
from erp_telemetry.window import Window

_FEW = 3
Progress = Callable[[int, int, str], None]
"""Called before each slice and at the end with: slices done, slices in all, name of the slice."""


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
    slices that could not be read at all; nothing of them is in the store. ``is_complete`` is false
    where a slice was refused or gave fewer rows than its source promised.
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
        return "; ".join(parts)


def pull(
    source: Source, store: Store, window: Window | None = None, *, objectives: Objectives | None = None,
    progress: Progress | None = None,
) -> Receipt:
    """Read what the store does not hold yet from a source; pulling twice equals pulling once.

    Each slice is committed whole with its rollups and ledger entry, or not at all; after a kill the
    same call asks only for what is missing. A slice that cannot be read is named in the receipt and
    the others go on.

    Args:
        window: only rows of this span; no window: all a file source holds.
        objectives: gives the latency thresholds that rollups count at; default: the handbook's.

    Raises:
        SourceError: the source has nothing to offer, or no slice of it could be read.
        StoreError: the store is locked by another process.
    """
    if not isinstance(source, Source):
        raise TypeError(f"a source is wanted, such as OtlpFiles('exports/'), not {source!r}; recognise(path) names it")
    if not isinstance(store, Store):
        raise TypeError(f"a store is wanted, such as Store('erp.duckdb'), not {store!r}")
    wanted = Objectives.wanted(objectives)
    known = _known(store, window)
    parts = source.slices(None, window, known)
    receipt = Receipt(source.name, skipped=_held(source, window, known, parts))
    order = _Order(uuid.uuid4().hex, wanted, window)
    for number, part in enumerate(parts):
        if progress is not None:
            progress(number, len(parts), part.name)
        _pull_one(source, store, part, order, receipt)
    if progress is not None:
        progress(len(parts), len(parts), "")
    if parts and len(receipt.refused) == len(parts):
        raise SourceError("; ".join(receipt.refused[:5]))
    receipt.watermark = store.watermark
    if receipt.late and order.entries:
        receipt.reopened = _reopened(store, source, order)
    return receipt


@dataclass(frozen=True, slots=True)
class _Order:
    """What is the same for every slice of a pull."""

    marker: str
    objectives: Objectives
    window: Window | None
    entries: list[int] = field(default_factory=list)


def _reopened(store: Store, source: Source, order: _Order) -> tuple[Reopened, ...]:
    """What the late rows of a pull changed, all its slices together."""
    statement = catalog.query("quality/reopened").bind(
        source=source.name, pull=order.marker, entry=min(order.entries), client_errors=order.objectives.client_errors)
    with store.reading() as connection:
        found = answers.rows(connection, statement.sql, statement.parameters)
    return tuple(Reopened(redact(row[0]).value, *row[1:]) for row in found)


def _known(store: Store, window: Window | None) -> pl.DataFrame:
    """What the ledger holds; a slice pulled for a window is held for that window only."""
    known = store.ledger().select("slice", "fingerprint")
    plain = known.filter(~pl.col("fingerprint").str.contains("@", literal=True))
    if window is None:
        return plain
    own = known.filter(pl.col("fingerprint").str.ends_with(f"@{window}"))
    return pl.concat([plain, own.with_columns(pl.col("fingerprint").str.strip_suffix(f"@{window}"))])


def _held(source: Source, window: Window | None, known: pl.DataFrame, parts: list[Slice]) -> int:
    return len(source.slices(None, window, known.clear())) - len(parts) if known.height else 0


def _pull_one(source: Source, store: Store, part: Slice, order: _Order, receipt: Receipt) -> None:
    try:
        landed, expected = _read_and_land(source, store, part, order)
    except SourceError as error:
        receipt.refused.append(redact(str(error)).value)
        return
    order.entries.append(landed.entry)
    receipt.slices += 1
    receipt.rows.update(landed.rows)
    receipt.duplicates += landed.duplicates
    receipt.late += landed.late
    receipt.unprovable += landed.unprovable
    receipt.rejects.extend(landed.rejects)
    accounted = sum(landed.rows.values()) + landed.duplicates + landed.presumed
    accounted += len(landed.rejects) + landed.outside
    if expected is not None and accounted < expected:
        receipt.short.append(f"{part.name}: {accounted:,} of {expected:,} rows")


def _read_and_land(source: Source, store: Store, part: Slice, order: _Order) -> tuple[Landed, int | None]:
    kept = part if order.window is None else replace(part, fingerprint=f"{part.fingerprint}@{order.window}")
    for read in _ways(source, part):
        batch = read()
        try:
            with store.writing() as connection:
                landed = land(connection, kept, batch, source=source.name, pull=order.marker,
                              thresholds=thresholds(order.objectives), window=order.window)
            return landed, batch.expected_count
        except CarefulReadNeeded as error:
            reason = redact(str(error)).value
        finally:
            batch.close()
    # the engine quotes what it could not read: no cause is shown beside
    raise SourceError(f"{part.name}: {reason}")


def _ways(source: Source, part: Slice) -> Iterator[Callable[[], Batch]]:
    """The ways to read a slice, each asked for only when the one before has stopped."""
    batch = source.read(part)
    yield lambda: batch
    if batch.otherwise is not None:
        yield batch.otherwise
    yield lambda: source.read(part, careful=True)


def thresholds(objectives: Objectives) -> dict[str | None, tuple[float, float]]:
    """Latency thresholds that rollups count at, by service; ``None`` for every other service."""
    names: list[str | None] = [None, *objectives.services]
    return {name: (objectives.threshold("apdex_ms", name), objectives.threshold("slo_ms", name)) for name in names}
