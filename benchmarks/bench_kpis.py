"""KPIs from rollups, as the library answers them, against the same figures from raw rows in bare DuckDB.

Dashboards are asked again and again, so each figure is the median of several calls in one process after a first one
that warms. Ours opens the store's file at every call, and answers with intervals, coverage and every step; bare DuckDB
keeps it open and answers the value alone, from raw rows and from the rollup that ours reads.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from stores import pulling, store, window
from timing import Bench, Case, Facts, Findings, Goal, Place, run, warm

OURS, ROLLUP, RAW = "erp_telemetry", "its rollup, bare SQL", "raw rows, bare DuckDB"
EXACT = "raw rows, sorted by numpy, weighted"
UNITS = {"day": 86_400_000_000, "hour": 3_600_000_000}
QUANTILES = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}

# whole numbers cut time faster than calendars do: the peers get the fast way
RAW_ERRORS = """
    select service, epoch_us(time) // {unit} as step,
        sum(case when status_code like '5__' or (is_failed and status_code not like '4__') then weight else 0 end)
            / sum(weight) as value
    from requests where population = 'user' group by all"""
RAW_RATE = """
    select service, epoch_us(time) // {unit} as step, sum(weight) / ({unit} / 1e6) as value
    from requests where population = 'user' group by all"""
ROLLUP_ERRORS = """
    select service, epoch_us(time) // {unit} as step,
        sum(case when status_class = '5xx' or (is_failed and status_class <> '4xx') then count else 0 end)
            / sum(count) as value
    from operation_hours where population = 'user' group by all"""
ROLLUP_RATE = """
    select service, epoch_us(time) // {unit} as step, sum(count) / ({unit} / 1e6) as value
    from operation_hours where population = 'user' group by all"""
RAW_QUANTILES = """
    select service, quantile_disc(duration_ms, [0.5, 0.95, 0.99]) as values
    from requests where population = 'user' group by service"""
ROLLUP_QUANTILES = """
    with merged as (
        select service, bucket, sum(count) as count from latency_sketch_hours
        where population = 'user' group by service, bucket),
    ranked as (
        select service, bucket, sum(count) over (partition by service order by bucket) as upto,
            sum(count) over (partition by service) as total
        from merged)
    select service, [pow(2, (min(case when upto >= 0.5 * total then bucket end) - 0.5) / 32),
        pow(2, (min(case when upto >= 0.95 * total then bucket end) - 0.5) / 32),
        pow(2, (min(case when upto >= 0.99 * total then bucket end) - 0.5) / 32)] as values
    from ranked group by service"""
COUNTERS = {
    "error_ratio": {RAW: RAW_ERRORS, ROLLUP: ROLLUP_ERRORS},
    "request_rate": {RAW: RAW_RATE, ROLLUP: ROLLUP_RATE},
}


def counters(traffic: str, name: str, every: str) -> Callable[[Place], Callable[[], Facts]]:
    """Our measure by service and step over the whole window."""
    def prepare(place: Place) -> Callable[[], Facts]:
        import erp_telemetry as et

        kept, days = et.Store(store(traffic, place.data)), window(traffic)

        def timed() -> Facts:
            seconds, found = warm(lambda: et.measure(kept, name, days, every=f"1{every[0]}"))
            return {"seconds": seconds, "same": _digest(found["value"].drop_nulls().to_list())}

        return timed

    return prepare


def bare(traffic: str, statement: str, every: str) -> Callable[[Place], Callable[[], Facts]]:
    """One statement on the store's own tables, its file kept open."""
    def prepare(place: Place) -> Callable[[], Facts]:
        import duckdb

        connection = duckdb.connect(str(store(traffic, place.data)), read_only=True)
        sql = statement.format(unit=UNITS[every])

        def timed() -> Facts:
            seconds, found = warm(lambda: connection.execute(sql).fetchall())
            return {"seconds": seconds, "same": _digest([value for *_, value in found if value])}

        return timed

    return prepare


def _digest(values: list[float]) -> list[float]:
    """Enough of many values to tell whether two answers are the same; steps without requests count for nothing."""
    held = [value for value in values if value]
    return [len(held), float(f"{sum(held):.9g}")]


def percentiles(traffic: str) -> Callable[[Place], Callable[[], Facts]]:
    """Our three percentiles of the whole window by service, from sketches."""
    def prepare(place: Place) -> Callable[[], Facts]:
        import polars as pl

        import erp_telemetry as et

        kept, days = et.Store(store(traffic, place.data)), window(traffic)
        every = f"{days.duration.days * 24}h"

        def timed() -> Facts:
            seconds, found = warm(lambda: [et.measure(kept, name, days, every=every) for name in QUANTILES])
            answer = pl.concat([frame.select("service", "value", quantile=pl.lit(QUANTILES[frame["measure"][0]]))
                                for frame in found])
            return {"seconds": seconds, "answer": answer}

        return timed

    return prepare


def quantiles(traffic: str, statement: str, calls: int) -> Callable[[Place], Callable[[], Facts]]:
    """The same from raw rows, all three in one statement."""
    def prepare(place: Place) -> Callable[[], Facts]:
        import duckdb
        import polars as pl

        connection = duckdb.connect(str(store(traffic, place.data)), read_only=True)

        def timed() -> Facts:
            seconds, found = warm(lambda: connection.execute(statement).fetchall(), calls)
            rows = [(service, value, quantile) for service, values in found
                    for value, quantile in zip(values, QUANTILES.values(), strict=True)]
            return {"seconds": seconds,
                    "answer": pl.DataFrame(rows, schema=["service", "value", "quantile"], orient="row")}

        return timed

    return prepare


def ranked(traffic: str) -> Callable[[Place], Callable[[], Facts]]:
    """The exact weighted ones, which ours are held to: the rows of one service at a time, sorted."""
    def prepare(place: Place) -> Callable[[], Facts]:
        import duckdb
        import numpy as np
        import polars as pl

        connection = duckdb.connect(str(store(traffic, place.data)), read_only=True)

        def timed() -> Facts:
            begun = time.perf_counter()
            rows = []
            for (service,) in connection.execute("select distinct service from operation_hours").fetchall():
                held = connection.execute("select duration_ms, weight from requests where population = 'user' "
                                          "and service = $service", {"service": service}).fetchnumpy()
                order = np.argsort(held["duration_ms"])
                upto = np.cumsum(held["weight"][order])
                rows += [(service, held["duration_ms"][order[np.searchsorted(upto, q * upto[-1])]], q)
                         for q in QUANTILES.values()]
            return {"seconds": time.perf_counter() - begun,
                    "answer": pl.DataFrame(rows, schema=["service", "value", "quantile"], orient="row")}

        return timed

    return prepare


def scorecard(traffic: str) -> Callable[[Place], Callable[[], Facts]]:
    """Every KPI of the handbook for the whole window and all services."""
    def prepare(place: Place) -> Callable[[], Facts]:
        import erp_telemetry as et

        kept, days = et.Store(store(traffic, place.data)), window(traffic)

        def timed() -> Facts:
            seconds, card = warm(lambda: et.score(kept, days), 7)
            return {"seconds": seconds, "services": card["service"].drop_nulls().n_unique(), "rows": card.height}

        return timed

    return prepare


def built(traffic: str) -> Callable[[Place], Callable[[], Facts]]:
    """The pull that made the store, from Parquet of one file per day, as it was measured when it was made."""
    return lambda place: lambda: pulling(traffic, place.data)


def cases(chosen: argparse.Namespace) -> list[Case]:
    """Every question at every size."""
    found: list[Case] = []
    for traffic in chosen.traffic:
        found.append(Case(f"{traffic}: the store, from Parquet", OURS, built(traffic), rounds=1))
        for every in UNITS:
            for name, statements in COUNTERS.items():
                group = _counters(traffic, name, every)
                found.append(Case(group, OURS, counters(traffic, name, every)))
                found += [Case(group, peer, bare(traffic, sql, every)) for peer, sql in statements.items()]
        group = _percentiles(traffic)
        found += [Case(group, OURS, percentiles(traffic)), Case(group, RAW, quantiles(traffic, RAW_QUANTILES, 3)),
                  Case(group, ROLLUP, quantiles(traffic, ROLLUP_QUANTILES, 7))]
        found.append(Case(group, EXACT, ranked(traffic), rounds=1))
        found.append(Case(_scorecard(traffic), OURS, scorecard(traffic)))
    return found


def _counters(traffic: str, name: str, every: str) -> str:
    return f"{traffic}: {name} by service and {every}"


def _percentiles(traffic: str) -> str:
    return f"{traffic}: P50, P95 and P99 of the whole window by service"


def _scorecard(traffic: str) -> str:
    return f"{traffic}: scorecard of the whole window"


def goals(found: Findings, chosen: argparse.Namespace) -> list[Goal]:
    """What issue 4 asks at 100 M requests; the same figures are stated at other sizes."""
    told = []
    for traffic in chosen.traffic:
        is_asked = traffic == "100m"
        for name in COUNTERS:
            for every in UNITS:
                group = _counters(traffic, name, every)
                told += [Goal(f"{traffic}: {name} by {every}, raw rows against the rollup",
                              found.ratio(group, RAW, ROLLUP), ">=", 100 if is_asked else None),
                         Goal(f"{traffic}: {name} by {every}, raw rows against et.measure",
                              found.ratio(group, RAW, OURS))]
        group = _percentiles(traffic)
        told += [Goal(f"{traffic}: merged percentiles, raw exact (unweighted) against the sketches",
                      found.ratio(group, RAW, ROLLUP), ">=", 60 if is_asked else None),
                 Goal(f"{traffic}: merged percentiles, raw exact (unweighted) against three calls of et.measure",
                      found.ratio(group, RAW, OURS))]
        told.append(Goal(f"{traffic}: merged percentiles, largest error against exact weighted ones",
                         _error(found, group), "<=", 1.1, "%"))
        told.append(Goal(f"{traffic}: most resident memory of one of our answers", _resident(found, traffic), "<=",
                         1000 if is_asked else None, "MB"))
        seconds = found.seconds(_scorecard(traffic), OURS)
        told.append(Goal(f"{traffic}: scorecard, warm", seconds and seconds * 1000, "<=",
                         150 if is_asked else None, "ms"))
    return [goal for goal in told if goal.value is not None or goal.bound is not None]


def _error(found: Findings, group: str) -> float | None:
    """Percent by which our worst merged percentile is off the exact weighted one."""
    ours, exact = found.answer(group, OURS), found.answer(group, EXACT)
    if ours is None or exact is None:
        return None
    import polars as pl

    both = pl.read_parquet(ours).join(pl.read_parquet(exact), on=["service", "quantile"], suffix="_exact")
    worst: Any = ((pl.col("value") / pl.col("value_exact") - 1).abs() * 100).max()
    return float(both.select(worst).item())


def _resident(found: Findings, traffic: str) -> float | None:
    held = [found.median(group, name, "resident_mb") for group, name in found.runs
            if name == OURS and group.startswith(f"{traffic}: ") and "from Parquet" not in group]
    return max((one for one in held if one is not None), default=None)


if __name__ == "__main__":
    run(Bench("kpis", __doc__ or "", cases, goals, ("20m", "100m")), __file__)
