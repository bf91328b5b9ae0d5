"""Percentiles: exact weighted ones of every minute and service, kept because they cannot be merged.

Cell, duration and weight of a request are packed into one 64-bit integer: a sort of these and one
running sum answer every quantile of every cell. What does not fit (fractions of weights, durations
finer than a nanosecond) is sorted as it is, which gives the same answer more slowly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from erp_telemetry.store import answers, spells
from erp_telemetry.window import Window

QUANTILES = (0.50, 0.95, 0.99)
MOST_ROWS = 6_000_000
"""Requests held in memory at once, 24 bytes each and more where they cannot be packed."""
_Z = 1.96
_FUDGE = 1e-12
_UNITS = {"is_micro": 1e3, "is_nano": 1e6}
_Floats = npt.NDArray[np.float64]
_Whole = npt.NDArray[np.int64]
_TIMED = "r.population = 'user' and r.duration_ms is not null"
_MINUTE = "epoch_us({0}.time) // 60000000"


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Durations in order within their cells, and the weight up to and with each.

    Whole weights run on over all cells, which is exact; fractions run as a share of their own cell, whose
    number stands before, so that what other cells weigh moves no rank.
    """

    starts: _Whole
    cells: _Whole
    durations: npt.NDArray[Any]
    unit: float
    upto: npt.NDArray[Any]
    totals: _Floats
    squares: _Floats


def refresh(connection: answers.Connection, rows: str, span: Window, sealed: datetime | None) -> None:
    """Make the percentiles of the minutes and services that ``rows`` touched anew, from all that is kept of them.

    Minutes before ``sealed`` have lost rows, so theirs are no longer known: they become null.
    """
    answers.create(connection, "touched", f"""
        select distinct {_MINUTE.format("r")} as minute, r.service from {rows} as r where {_TIMED}""")
    before = {} if sealed is None else {"sealed": sealed}
    within = {"start": _minute(span.start), "stop": span.stop}
    in_touched = f"""p.time >= $start and p.time < $stop and exists (
        select 1 from temp.touched as t where t.minute = {_MINUTE.format("p")} and t.service = p.service)"""
    mine = "store.main.minute_percentiles as p"
    is_new = not answers.rows(connection, f"select 1 from {mine} where {in_touched} limit 1", within)
    if not is_new:
        answers.rows(connection, f"delete from {mine} where {in_touched}", within)
    if sealed is not None:
        # what is left of such a minute says nothing of all of it
        answers.rows(connection, """
            insert into store.main.minute_percentiles by name
            select make_timestamptz(t.minute * 60000000) as time, t.service from temp.touched as t
            where make_timestamptz(t.minute * 60000000) < $sealed""", before)
    kept = rows if is_new and sealed is None else f"""(select r.* from store.main.requests as r
        semi join temp.touched as t on t.minute = {_MINUTE.format("r")} and t.service = r.service)"""
    for spell in spells.of(connection, rows, span):
        for day in spells.days(spell):
            start = day.start if sealed is None else max(day.start, sealed)
            if start < day.stop:
                _keep(connection, minute_percentiles(connection, kept, Window(start, day.stop)))
    answers.rows(connection, "drop table temp.touched")


def minute_percentiles(connection: answers.Connection, rows: str, span: Window) -> pl.DataFrame:
    """Exact weighted P50, P95 and P99 of user requests by minute and service, by nearest rank.

    Args:
        rows: a relation with the columns of ``requests``.
        span: is halved until a part has at most ``MOST_ROWS``.

    Returns:
        ``time, service, count`` (sum of weights), ``weight_squares`` and for each quantile ``p50,
        p50_low, p50_high`` …: the interval is of the rank, ``q +- 1.96 sqrt(q (1-q) / n)`` with n
        after Kish; its upper end is null where it lies beyond the last observation.
    """
    bounds = {"start": span.start, "stop": span.stop}
    within = f"where r.time >= $start and r.time < $stop and {_TIMED}"
    facts = answers.arrays(connection, f"""
        select coalesce(r.service, '') as service, count(*) as rows, max(r.duration_ms) as longest,
            max(r.weight) as heaviest, bool_and(r.weight = round(r.weight)) as is_whole,
            bool_and(round(r.duration_ms * 1e3) / 1e3 = r.duration_ms) as is_micro,
            bool_and(round(r.duration_ms * 1e6) / 1e6 = r.duration_ms) as is_nano
        from {rows} as r {within} group by r.service order by r.service""", bounds)
    services = facts["service"].tolist()
    if not services:
        return _frame([], span, [], None)
    middle = _minute(span.start + span.duration / 2)
    if facts["rows"].sum() > MOST_ROWS and span.start < middle:
        halves = (Window(span.start, middle), Window(middle, span.stop))
        return pl.concat([minute_percentiles(connection, rows, half) for half in halves])
    answers.create(connection, "numbered", "select unnest($names) as service, unnest($numbers)::bigint as number",
                   {"names": services, "numbers": list(range(len(services)))})
    cell = f"({_MINUTE.format('r')} - epoch_us($start::timestamptz) // 60000000) * {len(services)} + s.number"
    source = f"from {rows} as r join temp.numbered as s on s.service = r.service {within}"
    packing = _packing(facts, span, len(services))
    ranked = (_sorted(connection, cell, source, bounds) if packing is None
              else _packed(connection, cell, source, bounds, packing))
    answers.rows(connection, "drop table temp.numbered")
    return _frame(services, span, list(_values(ranked)), ranked)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _packing(facts: dict[str, npt.NDArray[Any]], span: Window, services: int) -> tuple[int, int, float] | None:
    """Bits of duration and of weight and the unit of a duration, where all three fit into 63 bits."""
    unit = next((unit for name, unit in _UNITS.items() if bool(facts[name].all())), None)
    if unit is None or not bool(facts["is_whole"].all()):
        return None
    minutes = math.ceil(span.duration.total_seconds() / 60) + 1
    duration_bits = int(float(facts["longest"].max()) * unit + 1).bit_length()
    weight_bits = int(facts["heaviest"].max()).bit_length()
    cell_bits = (minutes * services).bit_length()
    return (duration_bits, weight_bits, unit) if cell_bits + duration_bits + weight_bits <= 63 else None


def _packed(
    connection: answers.Connection, cell: str, source: str, bounds: dict[str, datetime],
    packing: tuple[int, int, float],
) -> _Ranked:
    duration_bits, weight_bits, unit = packing
    packed = answers.arrays(connection, f"""
        select (cast({cell} as ubigint) << {duration_bits + weight_bits})
            | (cast(round(r.duration_ms * {unit}) as ubigint) << {weight_bits})
            | cast(r.weight as ubigint) as packed
        {source}""", bounds)["packed"]
    packed.sort()
    weights = (packed & np.uint64((1 << weight_bits) - 1)).astype(np.int64)
    packed >>= np.uint64(weight_bits)
    cells = packed >> np.uint64(duration_bits)
    starts = _starts(cells)
    totals = np.add.reduceat(weights, starts).astype(np.float64)
    squares = np.add.reduceat(np.square(weights, dtype=np.float64), starts)
    packed &= np.uint64((1 << duration_bits) - 1)
    return _Ranked(starts, cells[starts].astype(np.int64), packed, unit, np.cumsum(weights), totals, squares)


def _sorted(connection: answers.Connection, cell: str, source: str, bounds: dict[str, datetime]) -> _Ranked:
    found = answers.arrays(
        connection, f"select {cell} as cell, r.duration_ms as duration, r.weight as weight {source}", bounds)
    order = np.lexsort((found["duration"], found["cell"]))
    cells, weights = found["cell"][order], found["weight"][order]
    starts = _starts(cells)
    # in extended precision, so that the rounding of a long running sum moves no rank
    upto = weights.astype(np.longdouble)
    for part in np.split(upto, starts[1:]):
        np.cumsum(part, out=part)
    sizes = np.diff(starts, append=upto.size)
    totals = upto[starts + sizes - 1]
    upto /= np.repeat(totals, sizes)
    upto += np.repeat(np.arange(starts.size), sizes)
    return _Ranked(starts, cells[starts], found["duration"][order], 1.0, upto, totals.astype(np.float64),
                   np.add.reduceat(weights**2, starts))


def _starts(cells: npt.NDArray[Any]) -> _Whole:
    return np.concatenate(([0], np.flatnonzero(cells[1:] != cells[:-1]) + 1)).astype(np.int64)


def _values(ranked: _Ranked) -> Iterator[_Floats]:
    """Total weight, then value, lower and upper end of each quantile, by cell."""
    ends = np.append(ranked.starts[1:], ranked.upto.size) - 1
    before = np.concatenate(([0], ranked.upto[ends[:-1]]))
    yield ranked.totals
    # of fractions a cell's whole is 1
    whole = (ranked.upto[ends] - before).astype(np.float64)
    for q in QUANTILES:
        margin = _Z * np.sqrt(q * (1 - q) * ranked.squares) / ranked.totals
        for share in (np.full(whole.size, q - _FUDGE), q - margin, q + margin):
            rank = np.maximum(share * whole, 0.0)
            # whole weights are compared as whole numbers
            wanted = before + (np.ceil(rank).astype(np.int64) if ranked.upto.dtype == np.int64 else rank)
            at = np.clip(np.searchsorted(ranked.upto, wanted), ranked.starts, ends)
            found = ranked.durations[at] / ranked.unit
            yield np.where(share <= 1, found, np.nan).astype(np.float64)


def _columns() -> list[str]:
    return [f"p{q * 100:.0f}{end}" for q in QUANTILES for end in ("", "_low", "_high")]


def _frame(services: list[str], span: Window, values: list[_Floats], ranked: _Ranked | None) -> pl.DataFrame:
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "time": pl.Datetime("us", "UTC"), "service": pl.String, "count": pl.Float64,
        "weight_squares": pl.Float64, **dict.fromkeys(_columns(), pl.Float64)}
    if ranked is None:
        return pl.DataFrame(schema=schema)
    minutes = _minute(span.start).timestamp() * 1e6 + ranked.cells // len(services) * 60_000_000
    named = np.array(services, dtype=object)[ranked.cells % len(services)]
    return pl.DataFrame(
        {"time": pl.Series(minutes.astype(np.int64)).cast(pl.Datetime("us", "UTC")), "service": named.tolist(),
         "count": values[0], "weight_squares": ranked.squares, **dict(zip(_columns(), values[1:], strict=True))},
        schema=schema).with_columns(pl.selectors.float().fill_nan(None))


def _keep(connection: answers.Connection, found: pl.DataFrame) -> None:
    connection.register("incoming", found)
    try:
        answers.rows(connection, "insert into store.main.minute_percentiles by name select * from incoming")
    finally:
        connection.unregister("incoming")
