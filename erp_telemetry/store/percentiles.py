"""Percentiles: exact weighted ones of every minute and service, kept because they cannot be merged.

Cell, duration and weight of a request are packed into one 64-bit integer: a sort of these and one
running sum answer every quantile of every cell. What does not fit (fractions of weights, durations
finer than a nanosecond) is sorted as it is, which gives the same answer more slowly.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from erp_telemetry.store import answers, ranks, spells
from erp_telemetry.window import Window

MOST_ROWS = 6_000_000
"""Requests of one part; two parts are held at once, 8 bytes a row each, 24 where they cannot be packed."""
# microseconds, the ticks of .NET, nanoseconds
_UNITS = {"is_micro": 1e3, "is_tick": 1e4, "is_nano": 1e6}
_USUAL_BITS = 8
_MOST_MINUTES = 1441
_GLANCE = 65_536
_TIMED = "r.population = 'user' and r.duration_ms is not null"
_WITHIN = f"r.time >= $start and r.time < $stop and {_TIMED}"
_MINUTE = "epoch_us({0}.time) // 60000000"


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a request becomes one integer: minute and service above, then its duration in units, then its weight.

    No unit means that it does not fit.
    """

    services: list[str]
    unit: float | None
    weight_bits: int = 0
    duration_bits: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """Requests of a stretch of time, packed or in columns."""

    span: Window
    layout: _Layout
    columns: dict[str, npt.NDArray[Any]]

    @property
    def size(self) -> int:
        return int(next(iter(self.columns.values())).size)

    @property
    def is_unfit(self) -> bool:
        """Whether a row has a value or a service that the layout does not hold."""
        return self.layout.unit is not None and np.ma.isMaskedArray(self.columns["packed"])


def refresh(connection: answers.Connection, rows: str, span: Window, sealed: datetime | None) -> None:
    """Make the percentiles of the minutes and services that ``rows`` touched anew, from all that is kept of them.

    Minutes before ``sealed`` have lost rows, so theirs are no longer known: they become null.
    """
    is_new = sealed is None and not answers.rows(
        connection, "select 1 from store.main.minute_percentiles where time >= $start and time < $stop limit 1",
        {"start": _minute(span.start), "stop": span.stop})
    kept = rows if is_new else _forget(connection, rows, span, sealed)
    for spell in spells.of(connection, rows, span):
        start = spell.start if sealed is None else max(spell.start, sealed)
        if start < spell.stop:
            _keep(connection, minute_percentiles(connection, kept, Window(start, spell.stop)))
    answers.rows(connection, "drop table if exists temp.touched")


def _forget(connection: answers.Connection, rows: str, span: Window, sealed: datetime | None) -> str:
    """Drop the percentiles that ``rows`` change, and give the relation they are made anew from."""
    answers.create(connection, "touched", f"""
        select distinct {_MINUTE.format("r")} as minute, r.service from {rows} as r where {_TIMED}""")
    answers.rows(connection, f"""
        delete from store.main.minute_percentiles as p where p.time >= $start and p.time < $stop and exists (
            select 1 from temp.touched as t where t.minute = {_MINUTE.format("p")} and t.service = p.service)""",
        {"start": _minute(span.start), "stop": span.stop})
    if sealed is not None:
        # what is left of such a minute says nothing of all of it
        answers.rows(connection, """
            insert into store.main.minute_percentiles by name
            select make_timestamptz(t.minute * 60000000) as time, t.service from temp.touched as t
            where make_timestamptz(t.minute * 60000000) < $sealed""", {"sealed": sealed})
    return f"""(select r.* from store.main.requests as r
        semi join temp.touched as t on t.minute = {_MINUTE.format("r")} and t.service = r.service)"""


def minute_percentiles(connection: answers.Connection, rows: str, span: Window) -> pl.DataFrame:
    """Exact weighted P50, P95 and P99 of user requests by minute and service, by nearest rank.

    Args:
        rows: a relation with the columns of ``requests``.
        span: is read by days, and by parts of a day that has more than ``MOST_ROWS``.

    Returns:
        ``time, service, count`` (sum of weights), ``weight_squares`` and for each quantile ``p50,
        p50_low, p50_high`` …: the interval is of the rank, ``q +- 1.96 sqrt(q (1-q) / n)`` with n
        after Kish; its upper end is null where it lies beyond the last observation.
    """
    found = [_frame(None, None)]
    # while one part is sorted the engine reads the next; never more than these two are held
    with ThreadPoolExecutor(1) as pool:
        sorting: Future[pl.DataFrame] | None = None
        for part in _parts(connection, rows, span):
            if sorting is not None:
                found.append(sorting.result())
            sorting = pool.submit(_of_part, part)
        if sorting is not None:
            found.append(sorting.result())
    return pl.concat(found)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _parts(connection: answers.Connection, rows: str, span: Window) -> Iterator[_Part]:
    """The requests of a span in parts that fit into memory, packed where their values allow it."""
    layout = None
    waiting = list(spells.days(span))[::-1]
    while waiting:
        within = waiting.pop()
        if layout is None:
            layout = _layout(connection, rows, within, _GLANCE)
        if layout.unit is None:
            layout = _layout(connection, rows, within)
        middle = _minute(within.start + within.duration / 2)
        # a minute is read whole, however many it has
        most = MOST_ROWS if within.start < middle else None
        part = _read(connection, rows, within, layout, most)
        if most is not None and part.size > most:
            waiting += [Window(middle, within.stop), Window(within.start, middle)]
            continue
        if part.is_unfit:
            layout = _layout(connection, rows, within)
            part = _read(connection, rows, within, layout, most)
        if part.size:
            yield part


def _layout(connection: answers.Connection, rows: str, span: Window, most: int | None = None) -> _Layout:
    """The coarsest unit that loses nothing of a span's durations, if they fit into 62 bits with cell and weight.

    Days are like each other, so a glance at ``most`` rows of the first serves until a row does not fit.
    """
    facts = answers.arrays(connection, f"""
        select r.service, max(r.duration_ms) as longest, max(r.weight) as heaviest,
            bool_and(r.weight = round(r.weight)) as is_whole,
            bool_and(round(r.duration_ms * 1e3) / 1e3 = r.duration_ms) as is_micro,
            bool_and(round(r.duration_ms * 1e4) / 1e4 = r.duration_ms) as is_tick,
            bool_and(round(r.duration_ms * 1e6) / 1e6 = r.duration_ms) as is_nano
        from (select * from {rows} as r where {_WITHIN}{"" if most is None else f" limit {most}"}) as r
        group by r.service order by r.service""",
        {"start": span.start, "stop": span.stop})
    services = facts["service"].tolist()
    unit = next((unit for name, unit in _UNITS.items() if facts[name].all()), None)
    if unit is None or not services or not facts["is_whole"].all():
        return _Layout(services, None)
    weight_bits = max(_USUAL_BITS, int(facts["heaviest"].max()).bit_length())
    # duration and weight are summed as a double, which holds 53 bits
    duration_bits = min(62 - (_MOST_MINUTES * len(services)).bit_length(), 53) - weight_bits
    fits = duration_bits > 0 and facts["longest"].max() * unit + 1 < 2**duration_bits
    return _Layout(services, unit if fits else None, weight_bits, duration_bits)


def _read(connection: answers.Connection, rows: str, span: Window, layout: _Layout, most: int | None) -> _Part:
    """One scan, which stops after ``most`` rows and one; a row that does not fit the layout is null."""
    cell = f"(({_MINUTE.format('r')} - $minute) * {len(layout.services)} + number - 1)"
    asked = f"{cell} as cell, r.duration_ms as duration, r.weight as weight"
    if layout.unit is not None:
        unit, heaviest, longest = layout.unit, 2**layout.weight_bits, 2**layout.duration_bits
        asked = f"""
            case when r.weight < {heaviest} and r.weight = trunc(r.weight)
                    and units / {unit} = r.duration_ms and units < {longest}
                then {cell} * {longest * heaviest} + cast(units * {heaviest} + r.weight as bigint) end as packed"""
    found = answers.arrays(
        connection, f"""select {asked} from (
            select r.*, list_position($services, r.service) as number,
                round(r.duration_ms * {layout.unit or 1}) as units
            from {rows} as r where {_WITHIN}{"" if most is None else f" limit {most + 1}"}) as r""",
        {"start": span.start, "stop": span.stop, "services": layout.services,
         "minute": int(span.start.timestamp()) // 60})
    return _Part(span, layout, found)


def _of_part(part: _Part) -> pl.DataFrame:
    layout = part.layout
    if layout.unit is None:
        return _frame(part, ranks.of_columns(part.columns))
    packed = part.columns["packed"]
    return _frame(part, ranks.of_packed(packed, layout.weight_bits, layout.duration_bits, layout.unit))


def _columns() -> list[str]:
    return [f"p{q * 100:.0f}{end}" for q in ranks.QUANTILES for end in ("", "_low", "_high")]


def _frame(part: _Part | None, ranked: ranks.Ranked | None) -> pl.DataFrame:
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "time": pl.Datetime("us", "UTC"), "service": pl.String, "count": pl.Float64,
        "weight_squares": pl.Float64, **dict.fromkeys(_columns(), pl.Float64)}
    if part is None or ranked is None:
        return pl.DataFrame(schema=schema)
    services, values = part.layout.services, list(ranks.values(ranked))
    minutes = _minute(part.span.start).timestamp() * 1e6 + ranked.cells // len(services) * 60_000_000
    named = np.array(services, dtype=object)[ranked.cells % len(services)]
    return pl.DataFrame(
        {"time": pl.Series(minutes.astype(np.int64)).cast(pl.Datetime("us", "UTC")), "service": named.tolist(),
         "count": values[0], "weight_squares": ranked.squares, **dict(zip(_columns(), values[1:], strict=True))},
        schema=schema).with_columns(pl.selectors.float().fill_nan(None))


def _keep(connection: answers.Connection, found: pl.DataFrame) -> None:
    connection.register("incoming", found)
    try:
        answers.rows(
            connection, "insert into store.main.minute_percentiles by name from incoming order by time, service")
    finally:
        connection.unregister("incoming")
