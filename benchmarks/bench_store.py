"""The store: what its rollups weigh beside raw rows, and what a few late rows and a prune cost in a large one.

The size of a table is that of a DuckDB file that holds only it. Late rows are five requests of five services, in
different minutes of different days; the rebuild makes the rollups of requests anew from all raw rows (percentiles of
minutes left out), which is what a store without touched minutes would have to do.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from generator import SERVICES, START, TRAFFIC
from stores import store
from timing import Bench, Case, Facts, Findings, Goal, Place, run

LATE, REBUILD, PRUNE = "pull of 5 late rows", "rebuild of its rollups", "prune to 7 days of raw rows"
FINE, BY_OPERATION = "latency_sketches", "operation_hours"
RAW = "requests"


def size(traffic: str, table: str) -> Callable[[Place], Callable[[], Facts]]:
    """Rows of a table and bytes of a file that holds nothing else."""
    def prepare(place: Place) -> Callable[[], Facts]:
        import duckdb

        path, alone = store(traffic, place.data), place.scratch / "alone.duckdb"

        def timed() -> Facts:
            with duckdb.connect() as connection:
                connection.execute(f"attach '{path}' as store (read_only)")
                connection.execute(f"attach '{alone}' as alone")
                connection.execute(f"create table alone.main.{table} as from store.main.{table}")
                rows = connection.execute(f"select count(*) from alone.main.{table}").fetchall()[0][0]
            return {"rows": rows, "bytes": alone.stat().st_size}

        return timed

    return prepare


def late(traffic: str) -> Callable[[Place], Callable[[], Facts]]:
    """The pull of five late rows into a copy of the store, until the file is closed."""
    def prepare(place: Place) -> Callable[[], Facts]:
        import polars as pl

        import erp_telemetry as et

        kept, days = et.Store(_copy(traffic, place)), TRAFFIC[traffic].days
        at = [START + timedelta(days=days * number / 5, hours=10, minutes=7 * number) for number in range(5)]
        source = et.Frames(requests=pl.DataFrame({
            "time": pl.Series(at).dt.cast_time_unit("us").dt.convert_time_zone("UTC"), "service": SERVICES[:5],
            "operation": ["GET /late"] * 5, "duration_ms": [12.5] * 5, "is_failed": [False] * 5,
            "status_code": ["200"] * 5, "trace_id": [f"{number:032x}" for number in range(5)],
            "span_id": [f"{number:016x}" for number in range(5)]}))
        before, pull = _cells(kept), et.pull

        def timed() -> Facts:
            begun = time.perf_counter()
            receipt = pull(source, kept)
            seconds = time.perf_counter() - begun
            if receipt.rows["requests"] != 5:
                raise SystemExit(f"five rows were late, but {receipt}")
            changed = _cells(kept).join(before, on=["time", "service", "count"], how="anti").height
            return {"seconds": seconds, "minutes_changed": changed}

        return timed

    return prepare


def rebuild(traffic: str) -> Callable[[Place], Callable[[], Facts]]:
    """Every rollup of requests anew from the raw rows of a copy of the store, by the library's own statements."""
    def prepare(place: Place) -> Callable[[], Facts]:
        import duckdb

        from erp_telemetry import catalog

        path, rollups = _copy(traffic, place), _rollups()

        def timed() -> Facts:
            with duckdb.connect() as connection:
                connection.execute("set TimeZone = 'UTC'")
                connection.execute("set preserve_insertion_order = false")
                connection.execute(f"attach '{path}' as store")
                connection.execute("use store")
                connection.execute("begin")
                for name, table in rollups.items():
                    # as a pull does it: moments as plain UTC, which the engine cuts faster than moments of a zone
                    connection.execute(f"create or replace temp view {table} as select * replace "
                                       f"(make_timestamp(epoch_us(time)) as time) from store.main.{table}")
                    connection.execute(f"create or replace table store.main.{name} as select * replace "
                                       "(make_timestamptz(epoch_us(time)) as time) "
                                       f"from ({catalog.query(f'rollups/{name}').bind().sql}) as r")
                    connection.execute(f"drop view temp.{table}")
                connection.execute("commit")
            return {"rollups": len(rollups)}

        return timed

    return prepare


def prune(traffic: str) -> Callable[[Place], Callable[[], Facts]]:
    """``Store.prune`` of a copy of the store."""
    def prepare(place: Place) -> Callable[[], Facts]:
        import erp_telemetry as et

        path = _copy(traffic, place)
        kept = et.Store(path)

        def timed() -> Facts:
            return {"told": str(kept.prune(raw_days=7)), "file_mb": round(path.stat().st_size / 1e6)}

        return timed

    return prepare


def _copy(traffic: str, place: Place) -> Path:
    return Path(shutil.copy(store(traffic, place.data), place.scratch / "copy.duckdb"))


def _cells(kept: Any) -> Any:
    return kept.sql("select time, service, sum(count) as count from request_minutes group by all")


def _rollups() -> dict[str, str]:
    """Rollups that hold requests and the table each is of, those of rollups after what they are of."""
    from erp_telemetry.store.rollups import ROLLUPS

    found: dict[str, str] = {}
    for rollup in ROLLUPS.values():
        if rollup.table in (RAW, *found):
            found[rollup.name] = rollup.table
    return found


def _tables() -> list[str]:
    return [RAW, *_rollups(), "minute_percentiles", "observed_minutes"]


def cases(chosen: argparse.Namespace) -> list[Case]:
    """Sizes once, since they do not differ; times in turns."""
    found = []
    for traffic in chosen.traffic:
        found += [Case(_sizes(traffic), table, size(traffic, table), rounds=1) for table in _tables()]
        for name, make in ((LATE, late), (REBUILD, rebuild), (PRUNE, prune)):
            found.append(Case(_work(traffic), name, make(traffic)))
    return found


def _sizes(traffic: str) -> str:
    return f"{traffic}: a file of one table alone"


def _work(traffic: str) -> str:
    return f"{traffic}: work in the store"


def goals(found: Findings, chosen: argparse.Namespace) -> list[Goal]:
    """What issue 4 asks of sizes at 100 M requests; smaller traffic has fewer rows per minute, so it is only stated."""
    told = []
    for traffic in chosen.traffic:
        is_asked, group = traffic == "100m", _sizes(traffic)
        bytes_of = {table: found.median(group, table, "bytes") or 0.0 for table in _tables()}
        raw = bytes_of.pop(RAW)
        if raw:
            by_service = sum(held for table, held in bytes_of.items() if table not in (FINE, BY_OPERATION))
            for claim, held, bound in (
                ("rollups by service, without 5-minute sketches", by_service, 1),
                ("rollups by service, with 5-minute sketches", by_service + bytes_of[FINE], 5),
                ("operation hours", bytes_of[BY_OPERATION], None),
            ):
                told.append(Goal(f"{traffic}: {claim}, of the size of raw rows", 100 * held / raw, "<=",
                                 bound if is_asked else None, "%"))
        told.append(Goal(f"{traffic}: full rebuild of the rollups against a pull of 5 late rows",
                         found.ratio(_work(traffic), REBUILD, LATE), ">="))
    return told


if __name__ == "__main__":
    run(Bench("store", __doc__ or "", cases, goals, ("20m", "100m")), __file__)
