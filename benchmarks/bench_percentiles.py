"""Exact weighted P50, P95 and P99 with their counts per service and minute: our kernel against window and array SQL.

All read the same Parquet. Ours also gives both ends of every percentile's interval and the effective count; the peers
give the three percentiles and the count alone. Nearest rank: the least duration up to which lies q of the weight.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from generator import START, write_days
from timing import Bench, Case, Facts, Findings, Goal, Place, run

GROUP = "20 M requests"
OURS, WINDOW = "erp_telemetry", "DuckDB, weighted window"
ARRAYS, SCAN = "chdb, quantilesExactWeighted", "DuckDB, bare scan"
KERNEL = "erp_telemetry.store.percentiles"

SQL_WINDOW = """
    with ranked as (
        select epoch_us(time) // 60000000 as minute, service, duration_ms, weight,
            sum(weight) over (partition by epoch_us(time) // 60000000, service order by duration_ms) as upto,
            sum(weight) over (partition by epoch_us(time) // 60000000, service) as total
        from read_parquet($files))
    select minute, service, any_value(total) as count,
        min(case when upto >= 0.50 * total - 1e-9 then duration_ms end) as p50,
        min(case when upto >= 0.95 * total - 1e-9 then duration_ms end) as p95,
        min(case when upto >= 0.99 * total - 1e-9 then duration_ms end) as p99
    from ranked group by minute, service
"""
# weights of a quantile are unsigned whole numbers there
SQL_ARRAYS = """
    select minute, service, count, q[1] as p50, q[2] as p95, q[3] as p99
    from (
        select intDiv(toUnixTimestamp64Micro(time), 60000000) as minute, service, sum(weight) as count,
            quantilesExactWeighted(0.5, 0.95, 0.99)(duration_ms, toUInt32(weight)) as q
        from file('{files}', Parquet) group by minute, service)
"""
SQL_SCAN = """
    select count(*), sum(epoch_us(time)), max(service), sum(duration_ms), sum(weight) from read_parquet($files)
"""


def kernel(place: Place) -> Callable[[], Facts]:
    """Our kernel, a day at a time, as a pull calls it."""
    import duckdb
    import polars as pl

    import erp_telemetry as et
    from erp_telemetry.store.percentiles import minute_percentiles

    files, days = _files(place), place.traffic.days
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set preserve_insertion_order = false")  # as a store has it, and the peers
    connection.execute("set parquet_metadata_cache = true")  # footers are read once, not once a day
    # what a store adds to every row at its door
    rows = f"(select *, 'user' as population from read_parquet('{files}'))"
    span = et.Window(START, START + timedelta(days=days))

    def timed() -> Facts:
        found = minute_percentiles(connection, rows, span)
        minute = pl.col("time").dt.epoch("us") // 60_000_000
        answer = found.select(minute.alias("minute"), "service", "count", "p50", "p95", "p99")
        return {"same": found.height, "answer": answer}

    return timed


def bare(statement: str, has_answer: bool) -> Callable[[Place], Callable[[], Facts]]:
    """One statement in bare DuckDB."""
    def prepare(place: Place) -> Callable[[], Facts]:
        import duckdb

        files, connection = str(_files(place)), duckdb.connect()
        connection.execute("set preserve_insertion_order = false")
        connection.sql("select 1").pl()  # what hands frames over is loaded

        def timed() -> Facts:
            asked = connection.sql(statement, params={"files": files})
            if not has_answer:
                return {"scanned": asked.fetchall()[0][0]}
            found = asked.pl()
            return {"same": found.height, "answer": found}

        return timed

    return prepare


def arrays(place: Place) -> Callable[[], Facts]:
    """One statement in ClickHouse, inside this process; its answer goes out as Parquet, which all can read."""
    import chdb
    import polars as pl

    files = str(_files(place))

    def timed() -> Facts:
        answer = place.scratch / "answer.parquet"
        chdb.query(SQL_ARRAYS.format(files=files) + f" into outfile '{answer}' format Parquet")
        found = pl.read_parquet(answer)
        return {"same": found.height, "answer": found.with_columns(pl.col("service").cast(pl.String))}

    return timed


def _files(place: Place) -> Path:
    folder = write_days(place.traffic, place.data)
    for file in folder.iterdir():
        file.read_bytes()  # into the page cache, for all alike
    return folder / "*.parquet"


def cases(chosen: argparse.Namespace) -> list[Case]:
    """Ours, the peers, and the scan none can do without."""
    return [
        Case(GROUP, OURS, kernel, needs=(KERNEL,)),
        Case(GROUP, WINDOW, bare(SQL_WINDOW, True)),
        Case(GROUP, ARRAYS, arrays, needs=("chdb",)),
        Case(GROUP, SCAN, bare(SQL_SCAN, False)),
    ]


def goals(found: Findings, chosen: argparse.Namespace) -> list[Goal]:
    """What issue 4 asks of the kernel; and that all say the same."""
    return [
        Goal("DuckDB's weighted window against ours", found.ratio(GROUP, WINDOW, OURS), ">=", 4),
        Goal("ClickHouse's quantilesExactWeighted against ours", found.ratio(GROUP, ARRAYS, OURS), ">=", 1.8),
        Goal("ours against a bare scan of the same columns", found.ratio(GROUP, OURS, SCAN), "<=", 4),
        Goal("largest difference of a count or percentile from the window's: ours", _apart(found, OURS), "<=", 1e-6,
             ""),
        Goal("largest difference of a count or percentile from the window's: ClickHouse's", _apart(found, ARRAYS),
             unit=""),
    ]


def _apart(found: Findings, name: str) -> float | None:
    ours, peer = found.answer(GROUP, name), found.answer(GROUP, WINDOW)
    if ours is None or peer is None:
        return None
    import polars as pl

    both = pl.read_parquet(ours).join(pl.read_parquet(peer), on=["minute", "service"], how="full", suffix="_peer")
    columns = ("count", "p50", "p95", "p99")
    # a cell that only one of them has is no small difference
    worst: Any = pl.max_horizontal(
        (pl.col(one) - pl.col(f"{one}_peer")).abs().fill_null(float("inf")) for one in columns)
    return float(both.select(worst.max()).item())


if __name__ == "__main__":
    run(Bench("percentiles", __doc__ or "", cases, goals), __file__)
