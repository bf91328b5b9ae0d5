"""Four hundred days of hourly readings: month ends, growth towards two limits, one leak."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from simulator import rhythm
from simulator.plan import DAY, HOUR, START

_DAYS = 400
_MEASURES = {
    "request_rate": ("api-gateway", "orders"),
    "cpu_ratio": ("api-gateway", "orders"),
    "memory_ratio": ("inventory",),
    "db_connection_ratio": ("erp-db",),
    "storage_ratio": ("erp-db",),
}


def write(root: Path, seed: int) -> int:
    """Write history/hourly.parquet; answers its rows."""
    generator = np.random.Generator(np.random.PCG64([seed, 99]))
    times = range(START - _DAYS * DAY, START, HOUR)
    busy = np.array([rhythm.level(at) for at in times]) / 3600
    ends = np.array([rhythm.is_month_end(at) for at in times])
    busy = np.where(ends, busy * 1.4, busy)
    frames = []
    for measure, services in _MEASURES.items():
        for service in services:
            values, counts = _series(measure, service, busy, generator)
            frames.append(
                pl.DataFrame(
                    {
                        "measure": [measure] * len(values),
                        "time": pl.Series(times, dtype=pl.Int64()).cast(pl.Datetime("us", "UTC")),
                        "service": [service] * len(values),
                        "value": np.round(values, 4),
                        "count": counts,
                    }
                )
            )
    path = root / "history" / "hourly.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pl.concat(frames)
    frame.write_parquet(path, compression="zstd", compression_level=12, row_group_size=65_536)
    return frame.height


def _series(
    measure: str, service: str, busy: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    hours = np.arange(len(busy))
    share = hours / len(busy)
    noise = generator.standard_normal(len(busy))
    part = 1.0 if service != "orders" else 0.3
    if measure == "request_rate":
        rate = busy * part * (0.75 + 0.25 * share) * (1 + 0.06 * noise)
        return rate, np.round(rate * 3600)
    steady = np.full(len(busy), 12.0)
    if measure == "cpu_ratio":
        return np.clip(0.05 + 1.0 * busy * part * (0.8 + 0.2 * share) + 0.01 * noise, 0.01, 1), steady
    if measure == "memory_ratio":
        return np.clip(0.35 + 0.5 * (hours % (24 * 9)) / (24 * 9) + 0.006 * noise, 0, 1), steady
    if measure == "db_connection_ratio":
        return np.clip(0.16 + 0.2 * share + 0.9 * busy * (0.6 + 0.4 * share) + 0.008 * noise, 0, 1), steady
    return np.clip(0.41 + 0.36 * share + 0.02 * np.cumsum(busy) / busy.sum() + 0.001 * noise, 0, 1), steady
