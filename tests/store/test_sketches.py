"""Sketches: a percentile merged from buckets is within 1.09 % of the exact weighted one, whatever came when."""

from __future__ import annotations

import itertools
import math
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import erp_telemetry as et

from ..events import START

WITHIN = 2 ** (1 / 64) - 1 + 1e-9
SPAN = et.Window(START + timedelta(minutes=25), START + timedelta(hours=49, minutes=50))
DRAWS = ("lognormal", "pareto", "two services in one", "ties", "zeros", "micro to hours")
WEIGHTS = ("one", "whole", "fractions", "thresholds")
QUANTILES = {"latency_p50": 0.50, "latency_p95": 0.95, "latency_p99": 0.99}
Steps = dict[tuple[Any, ...], tuple[float, float, float | None, float]]


def durations(rng: np.random.Generator, how: str, count: int) -> np.ndarray:
    """Milliseconds, of whole microseconds."""
    drawn = {
        "lognormal": lambda: rng.lognormal(4, 1.5, count),
        "pareto": lambda: rng.pareto(1.1, count) * 5 + 1,
        "two services in one": lambda: np.where(rng.random(count) < 0.9, rng.lognormal(2, 0.3, count),
                                                rng.lognormal(8, 1, count)),
        "ties": lambda: rng.choice([1.0, 2.0, 16.0, 100.0, 1024.0], count),
        "zeros": lambda: np.where(rng.random(count) < 0.6, 0.0, rng.lognormal(3, 1, count)),
        "micro to hours": lambda: 10 ** rng.uniform(-3, 7, count),
    }[how]()
    return np.asarray(np.round(drawn * 1000) / 1000)


def weights(rng: np.random.Generator, how: str, count: int) -> np.ndarray:
    thresholds = [2**56 / (2**56 - t) for t in (0, 2**54, 2**55, int(0.9 * 2**56), 2**56 - 2**46)]
    return np.asarray({
        "one": lambda: np.ones(count), "whole": lambda: rng.integers(1, 300, count).astype(float),
        "fractions": lambda: rng.choice([1.5, 2.25, 10 / 3, 1.0], count),
        "thresholds": lambda: rng.choice(thresholds, count),
    }[how]())


def events(seed: int, draw: str, weigh: str, count: int) -> pl.DataFrame:
    """Calls of two services and two resources over two days; one in ten is a probe."""
    rng = np.random.default_rng(seed)
    moments = START.timestamp() * 1e6 + rng.integers(0, 50 * 3_600_000_000, count)
    return pl.DataFrame({
        "id": [str(number) for number in range(count)],
        "time": pl.Series(moments.astype(np.int64)).cast(pl.Datetime("us", "UTC")),
        "service": rng.choice(["billing", "orders"], count).tolist(), "operation": ["GET /"] * count,
        "resource": rng.choice(["db", "cache"], count).tolist(),
        "duration_ms": durations(rng, draw, count), "weight": weights(rng, weigh, count),
        "population": rng.choice(["user", "probe"], count, p=[0.9, 0.1]).tolist(),
    })


def pulled(frame: pl.DataFrame, order: list[int], cuts: list[int], table: str = "requests") -> et.Store:
    store = et.Store()
    shuffled = frame[order]
    edges = [0, *sorted(cuts), frame.height]
    for low, high in itertools.pairwise(edges):
        if low < high:
            et.pull(et.Frames(**{table: shuffled[low:high]}), store)
    return store


def exact(frame: pl.DataFrame, q: float, width: timedelta, keys: tuple[str, ...], window: et.Window = SPAN) -> Steps:
    """By key and step: weighted nearest rank and both ends of its rank interval, and the weight, from the rows."""
    own = frame.filter(pl.col("time").is_between(window.start, window.stop, closed="left")
                       & (pl.col("population") == "user")).sort("duration_ms")
    width_us = width // timedelta(microseconds=1)
    start_us = int(window.start.timestamp()) * 10**6
    own = own.with_columns(((pl.col("time").dt.epoch("us") - start_us) // width_us).alias("step"))
    found: Steps = {}
    for key, part in own.group_by(*keys, "step", maintain_order=True):
        weight = part["weight"].to_numpy()
        upto, total = np.cumsum(weight), math.fsum(weight)
        margin = 1.96 * math.sqrt(q * (1 - q) * math.fsum(weight**2)) / total

        def ranked(share: float, upto: np.ndarray = upto, total: float = total, part: pl.DataFrame = part) -> float:
            at = int(np.searchsorted(upto, share * total))
            return float(part["duration_ms"][min(at, part.height - 1)])

        *names, step = key
        high = ranked(q + margin) if q + margin <= 1 else None
        found[(*names, window.start + step * width)] = (ranked(q - 1e-12), ranked(q - margin), high, total)
    return found


def check(readings: pl.DataFrame, wanted: Steps, keys: tuple[str, ...]) -> int:
    """Every step that has rows is answered within the bound, every other is a hole; returns how many have rows."""
    seen = readings.filter(pl.col("value").is_not_null())
    assert seen.height == len(wanted)
    for row in seen.iter_rows(named=True):
        value, low, high, total = wanted[(*(row[key] for key in keys), row["time"])]
        assert abs(row["value"] - value) <= WITHIN * value, row
        assert row["count"] == pytest.approx(total, rel=1e-12)
        assert row["value_low"] <= low * (1 + 1e-12), row
        assert (row["value_high"] is None) == (high is None)
        assert high is None or row["value_high"] >= high * (1 - 1e-12), row
    return seen.height


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.sampled_from(DRAWS), st.sampled_from(WEIGHTS), st.integers(1, 900), st.data())
def test_any_order_and_number_of_pulls_at_any_grain(
    seed: int, draw: str, weigh: str, count: int, data: st.DataObject
) -> None:
    frame = events(seed, draw, weigh, count)
    order = np.random.default_rng(seed).permutation(count).tolist()
    store = pulled(frame, order, data.draw(st.lists(st.integers(0, count), max_size=3)))
    every, width = data.draw(st.sampled_from([
        ("5m", timedelta(minutes=5)), ("15m", timedelta(minutes=15)), ("1h", timedelta(hours=1)),
        ("2h", timedelta(hours=2)), ("100h", timedelta(hours=100))]))
    name, q = data.draw(st.sampled_from(sorted(QUANTILES.items())))
    for keys in (("service",), ()):
        check(et.measure(store, name, SPAN, every, by=keys), exact(frame, q, width, keys), keys)


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("weigh", ["one", "thresholds"])
def test_every_grain_of_heavy_tails(draw: str, weigh: str) -> None:
    """Whole days are read from the tier of days, whole hours from that of hours, ragged ends from 5 minutes."""
    frame = events(11, draw, weigh, 1500)
    store = pulled(frame, list(range(1500)), [700])
    for name, q in QUANTILES.items():
        for minutes in (15, 120, 6000):
            wanted = exact(frame, q, timedelta(minutes=minutes), ("service",))
            assert check(et.measure(store, name, SPAN, f"{minutes}m"), wanted, ("service",)) > 1
    days = et.Window(START, START + timedelta(days=2))
    wanted = exact(frame, 0.95, timedelta(days=1), ("service",), days)
    assert check(et.measure(store, "latency_p95", days, "1d"), wanted, ("service",)) == 4


@pytest.mark.parametrize("tier", ["latency_sketch_days", "latency_sketch_hours", "latency_sketches"])
def test_a_ragged_window_reads_every_tier_and_each_row_once(tier: str) -> None:
    frame = events(3, "lognormal", "one", 2000)
    store = pulled(frame, list(range(2000)), [])
    name, q = "latency_p50", 0.50
    whole = et.measure(store, name, SPAN, "100h", by=())["count"].item()
    assert whole == exact(frame, q, timedelta(hours=100), ())[(SPAN.start,)][3]
    with store.writing() as connection:
        connection.execute(f"delete from {tier}").fetchall()
    assert 0 < et.measure(store, name, SPAN, "100h", by=())["count"].item() < whole


@pytest.mark.parametrize("draw", ["pareto", "ties", "zeros"])
def test_outgoing_calls_by_resource(draw: str) -> None:
    frame = events(5, draw, "fractions", 800)
    store = pulled(frame, list(range(800))[::-1], [100, 600], "dependencies")
    for keys in (("service", "resource"), ("resource",), ()):
        for every, width in (("5m", timedelta(minutes=5)), ("1h", timedelta(hours=1)), ("100h", timedelta(hours=100))):
            check(et.measure(store, "dependency_latency_p95", SPAN, every, by=keys),
                  exact(frame, 0.95, width, keys), keys)
