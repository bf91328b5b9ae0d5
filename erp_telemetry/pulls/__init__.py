"""Pulls: read a source into the store, safe to repeat, and say what became of every row."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from erp_telemetry import catalog
from erp_telemetry.errors import SourceError, SourceUnreachable
from erp_telemetry.objectives import Objectives
from erp_telemetry.pulls.batches import Batches
from erp_telemetry.pulls.progress import Progress, Track
from erp_telemetry.pulls.receipts import Receipt, Reopened
from erp_telemetry.pulls.stops import Stop
from erp_telemetry.redactions import excerpt, redact
from erp_telemetry.slices import Batch, Plan, Shortfall, Slice, Source
from erp_telemetry.store import CarefulReadNeeded, Landed, Store, answers, land, shortfalls
from erp_telemetry.window import Window


def pull(
    source: Source, store: Store, window: Window | None = None, *, objectives: Objectives | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Receipt:
    """Read what the store does not hold yet from a source; pulling twice equals pulling once.

    Each slice is committed whole with its rollups and ledger entry, or not at all; after a kill the
    same call asks only for what is missing. A slice that cannot be read is named in the receipt and
    the others go on; one whose source cannot be reached ends the pull. Ctrl-C is a ``KeyboardInterrupt`` with a
    note of what stands.

    Args:
        window: only rows of this span; no window: all a file source holds.
        objectives: gives the latency thresholds that rollups count at; default: the handbook's.
        progress: called before each slice, while one is waited for, and at the end; ``Meter()`` shows it.

    Raises:
        SourceError: the source has nothing to offer, or no slice of it could be read.
        SourceUnreachable: the source stopped answering; what was read before stays.
        StoreError: the store is locked by another process.
    """
    _check(source, store, window)
    order = _Order(uuid.uuid4().hex, Objectives.wanted(objectives), window)
    with Stop(source.name) as stop:
        return _pull(source, store, order, progress, stop)


def _pull(
    source: Source, store: Store, order: _Order, progress: Callable[[Progress], None] | None, stop: Stop,
) -> Receipt:
    window, ledger = order.window, store.ledger()
    known = _known(ledger, window)
    parts = source.slices(None, window, known)
    receipt = _opened(source, window, ledger, _held(source, window, known, parts))
    if isinstance(parts, Plan):
        receipt.absent, receipt.until = parts.absent, parts.until
        receipt.missing = tuple(redact(line).value for line in parts.missing)
        _note(store, source, order, parts.lacks)
    stop.track = track = Track(source, parts, progress)
    with Batches(source, parts, track.tell) as batches:
        for part in parts:
            track.begin(part)
            track.end(part, _pull_one(batches, store, part, order, receipt))
    track.begin(None)
    if isinstance(parts, Plan) and window is not None:
        _settle(store, parts, window, order)
    if parts and len(receipt.refused) == len(parts):
        raise SourceError("; ".join(receipt.refused[:5]))
    receipt.watermark = store.watermark
    if (receipt.late or receipt.repaired) and order.again:
        receipt.reopened = _reopened(store, source, order)
    return receipt


def _opened(source: Source, window: Window | None, ledger: pl.DataFrame, held: Sequence[str]) -> Receipt:
    """A receipt that knows what became of the rows of slices that need no reading."""
    before = ledger.filter(pl.col("slice").is_in(held))
    # of a file that was read for a window nothing tells how many rows lay outside
    is_told = ~pl.col("fingerprint").str.contains("@", literal=True)
    return Receipt(source.name, skipped=len(held), window=window,
                   held_rows=int(before["rows"].sum()) + int(before["duplicates"].sum()),
                   held_rejects=int(before.filter(is_told)["rejected"].sum()))


def _check(source: object, store: object, window: object) -> None:
    """Raise ``TypeError`` where an argument is of another type; a class is not yet one of its things."""
    if isinstance(source, type) or not isinstance(source, Source):
        raise TypeError(f"a source is wanted, such as OtlpFiles('exports/'), not {_shown(source)}; recognise(path) "
                        "names it")
    if not isinstance(store, Store):
        raise TypeError(f"a store is wanted, such as Store('erp.duckdb'), not {_shown(store)}")
    if window is not None and not isinstance(window, Window):
        raise TypeError("a window is wanted, such as Window.last(days=7) or Window.parse('2026-03-01/2026-03-08'), not "
                        f"{_shown(window)}")


def _shown(value: object) -> str:
    return excerpt(repr(value))


@dataclass(frozen=True, slots=True)
class _Order:
    """What is the same for every slice of a pull; ``again`` are the entries of slices that were not read first."""

    marker: str
    objectives: Objectives
    window: Window | None
    again: list[int] = field(default_factory=list)


def _note(store: Store, source: Source, order: _Order, lacks: Sequence[Shortfall]) -> None:
    """Let the store remember what it is known to lack."""
    if lacks:
        with store.writing() as connection:
            shortfalls.note(connection, [replace(one, reason=redact(one.reason).value) for one in lacks],
                            source.name, order.marker)


def _settle(store: Store, plan: Plan, window: Window, order: _Order) -> None:
    """What earlier pulls lacked of the window was asked for anew by this one."""
    with store.reading() as connection:
        is_short = answers.count(connection, "shortfalls") > 0
    if is_short:
        with store.writing() as connection:
            for beginning in plan.beginnings:
                shortfalls.settle_window(connection, beginning, window, order.marker)


def _reopened(store: Store, source: Source, order: _Order) -> tuple[Reopened, ...]:
    """What the late rows of a pull changed, all its slices together."""
    statement = catalog.query("quality/reopened").bind(
        source=source.name, pull=order.marker, entries=order.again, client_errors=order.objectives.client_errors)
    with store.reading() as connection:
        found = answers.rows(connection, statement.sql, statement.parameters)
    return tuple(Reopened(redact(row[0]).value, *row[1:]) for row in found)


def _known(ledger: pl.DataFrame, window: Window | None) -> pl.DataFrame:
    """What the ledger holds; a slice pulled for a window is held for that window only."""
    known = ledger.select("slice", "fingerprint")
    plain = known.filter(~pl.col("fingerprint").str.contains("@", literal=True))
    if window is None:
        return plain
    own = known.filter(pl.col("fingerprint").str.ends_with(f"@{window}"))
    return pl.concat([plain, own.with_columns(pl.col("fingerprint").str.strip_suffix(f"@{window}"))])


def _held(source: Source, window: Window | None, known: pl.DataFrame, parts: list[Slice]) -> list[str]:
    """Names of slices that need no reading; a source that says so itself is not made to plan a second time."""
    if isinstance(parts, Plan):
        return list(parts.held)
    asked = {part.name for part in parts}
    return [part.name for part in source.slices(None, window, known.clear()) if part.name not in asked] \
        if known.height else []


def _pull_one(batches: Batches, store: Store, part: Slice, order: _Order, receipt: Receipt) -> int:
    """Pull one slice; how many of its rows arrived."""
    try:
        landed, expected = _read_and_land(batches, store, part, order)
    except SourceUnreachable:
        raise  # what cannot be reached now is not asked once for every slice that is left
    except SourceError as error:
        receipt.refused.append(redact(str(error)).value)
        receipt.lost[part.table or "rows"] += part.rows or 0
        # of what is not cut by time nothing tells which windows lack it
        if part.span is not None:
            _note(store, batches.source, order, [
                Shortfall(part.name, "refused", part.table, part.span, part.rows, str(error))])
        return 0
    if not part.is_first:
        order.again.append(landed.entry)
    receipt.slices += 1
    receipt.rows.update(landed.rows)
    receipt.duplicates += landed.duplicates
    receipt.late += landed.late
    receipt.repaired += landed.repaired
    receipt.unprovable += landed.unprovable
    receipt.outside += landed.outside
    receipt.rejects.extend(landed.rejects)
    if expected is not None and landed.accounted < expected:
        receipt.lost[part.table or "rows"] += expected - landed.accounted
        receipt.short.append(f"{part.name}: {landed.accounted:,} of {expected:,} rows")
    if landed.untellable:
        receipt.lost[part.table or "rows"] += landed.untellable
        receipt.short.append(f"{part.name}: {landed.untellable:,} rows of pruned minutes were left out: nothing tells "
                             "them from those counted before; pull that range into a new store")
    return landed.accounted


def _read_and_land(batches: Batches, store: Store, part: Slice, order: _Order) -> tuple[Landed, int | None]:
    window = None if part.is_cut else order.window
    kept = part if window is None else replace(part, fingerprint=f"{part.fingerprint}@{window}")
    for read in _ways(batches, part):
        batch = read()
        try:
            with store.writing() as connection:
                landed = land(connection, kept, batch, source=batches.source.name, pull=order.marker,
                              thresholds=thresholds(order.objectives), window=window)
            return landed, batch.expected_count
        except CarefulReadNeeded as error:
            reason = redact(str(error)).value
        finally:
            batch.close()
    # the engine quotes what it could not read: no cause is shown beside
    raise SourceError(f"{part.name}: {reason}")


def _ways(batches: Batches, part: Slice) -> Iterator[Callable[[], Batch]]:
    """The ways to read a slice, each asked for only when the one before has stopped."""
    batch = batches.take(part)
    yield lambda: batch
    if batch.otherwise is not None:
        yield batch.otherwise
    yield lambda: batches.source.read(part, careful=True)


def thresholds(objectives: Objectives) -> dict[str | None, tuple[float, float]]:
    """Latency thresholds that rollups count at, by service; ``None`` for every other service."""
    names: list[str | None] = [None, *objectives.services]
    return {name: (objectives.threshold("apdex_ms", name), objectives.threshold("slo_ms", name)) for name in names}
