"""Held states, their episodes and their timeline: a month of minutes of 7 services and 7 bands."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

import erp_telemetry as et
from erp_telemetry.objectives import Band
from erp_telemetry.states.held import hold

START, MINUTES, RUNS = datetime(2026, 3, 1, tzinfo=UTC), 30 * 1440, 5
BANDS = [Band(f"band_{n}", "cpu_ratio", 0.3, 0.9, hysteresis=0.05, for_seconds=300, recover_seconds=600)
         for n in range(7)]


def beside_bands() -> pl.DataFrame:
    """Values that wander across both bounds, one in ten missing, seeded."""
    keys = pl.DataFrame([
        {"service": f"service_{n}", "kpi": band.name, "normal": band.normal, "critical": band.critical,
         "hysteresis": band.hysteresis, "for_seconds": band.for_seconds, "recover_seconds": band.recover_seconds,
         "version": band.version} for n in range(7) for band in BANDS])
    times = pl.datetime_range(START, START + timedelta(minutes=MINUTES), "1m", closed="left", eager=True)
    frame = keys.join(pl.DataFrame({"time": times, "stop": times + timedelta(minutes=1)}), how="cross")
    rng = np.random.default_rng(1)
    waves = 0.6 + 0.4 * np.sin(np.arange(frame.height) / 40) + rng.normal(0, 0.1, frame.height)
    is_seen = rng.random(frame.height) > 0.1
    return frame.with_columns(pl.when(pl.Series(is_seen)).then(pl.Series(waves)).alias("value"))


def timed(name: str, work: Callable[[], Any]) -> Any:
    """Run a few times and say the median of the clock and of the processor."""
    clocks, processors = [], []
    for _ in range(RUNS):
        clock, processor = time.perf_counter(), time.process_time()
        done = work()
        clocks.append(time.perf_counter() - clock)
        processors.append(time.process_time() - processor)
    print(f"{name}: {statistics.median(clocks):.2f} s, {statistics.median(processors):.2f} s of processor time")
    return done


def main() -> None:
    frame = beside_bands()
    wanted = replace(et.Objectives.load(), bands=tuple(BANDS))
    held = timed(f"hold, {frame.height:,} steps", lambda: hold(frame))
    health = held.with_columns(pl.col("held_state").alias("state"), pl.lit(True).alias("is_certain"),
                               pl.lit(1.0).alias("coverage"), pl.lit(False).alias("is_provisional"))
    runs = timed("episodes", lambda: et.episodes(health, objectives=wanted))
    print(f"{runs.height:,} episodes")
    timed("chart", lambda: et.chart(health))


if __name__ == "__main__":
    main()
