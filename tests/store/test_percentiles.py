"""Percentiles of a minute: the packed kernel answers what a window function answers over the raw rows, to the bit."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import erp_telemetry as et
from erp_telemetry import catalog
from erp_telemetry.store import answers, percentiles, ranks

from ..events import START, requests

DAY = et.Window(START, START + timedelta(days=1))
NAMES = ("latency_p50", "latency_p95", "latency_p99")
ENDS = ("value", "value_low", "value_high", "count")
_THRESHOLDS = [2**56 / (2**56 - t) for t in (2**54, 2**55, int(0.9 * 2**56), 2**56 - 2**46)]
_WEIGHTS = {
    "byte": st.integers(1, 255).map(float), "more than a byte": st.integers(1, 70_000).map(float),
    "most": st.sampled_from([1.0, 1e9, 999_999_999.0]), "fractions": st.sampled_from([1.5, 1.0, 10 / 3, 0.25]),
    "thresholds": st.sampled_from(_THRESHOLDS), "any": st.floats(0.001, 1e9, allow_nan=False),
}
_DURATIONS = {
    "micro": st.integers(0, 10_000_000).map(lambda n: n / 1000), "nano": st.integers(0, 10**10).map(lambda n: n / 1e6),
    "finer": st.floats(0, 1e6, allow_nan=False), "ties": st.sampled_from([0.0, 1.0, 2.5]),
    "longer than a working day": st.integers(34_200_000, 30_000_000_000).map(float),
    "year in nano": st.sampled_from([31.5e9, 1e-6, 0.123456]),
}


def kept(store: et.Store, name: str, window: et.Window = DAY) -> list[tuple[Any, ...]]:
    return et.measure(store, name, window, "1m").select("service", "time", *ENDS).rows()


def windowed(store: et.Store, name: str, window: et.Window = DAY) -> list[tuple[Any, ...]]:
    return et.measure(store, name, window, "1m", exact=True).select("service", "time", *ENDS).rows()


def agree(store: et.Store, window: et.Window = DAY) -> None:
    for name in NAMES:
        for one, other in zip(kept(store, name, window), windowed(store, name, window), strict=True):
            assert one == other


def stored(store: et.Store) -> list[tuple[Any, ...]]:
    return store.sql("select * from minute_percentiles order by all").rows()


@st.composite
def _rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    weight = _WEIGHTS[draw(st.sampled_from(sorted(_WEIGHTS)))]
    duration = _DURATIONS[draw(st.sampled_from(sorted(_DURATIONS)))]
    made = []
    for number in range(draw(st.integers(1, 60))):
        at = draw(st.sampled_from([0, 1, 59, 600, 1439])) * 60 + draw(st.integers(0, 59))
        made.append({"id": str(number), "time": START + timedelta(seconds=at), "duration_ms": draw(duration),
                     "weight": draw(weight), "service": f"s{draw(st.integers(0, 3))}"})
    return made


@settings(max_examples=60, deadline=None, derandomize=True)
@given(_rows())
def test_the_kernel_is_the_window_function(rows: list[dict[str, Any]]) -> None:
    frame = requests(rows).with_columns(population=pl.lit("user"))
    minutes = [START + timedelta(minutes=minute) for minute in range(1440)]
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("requests", frame)
        found = percentiles.minute_percentiles(connection, "requests", DAY).sort("time", "service")
        for q, name in ((0.50, "p50"), (0.95, "p95"), (0.99, "p99")):
            asked = catalog.query("exact/latency").bind(
                start=START, stop=DAY.stop, unit_us=60_000_000, starts=minutes, by_service=True,
                by_operation=False, q=q)
            wanted = answers.frame(connection, asked.sql, asked.parameters).sort("time", "service")
            for column, end in ((name, "value"), (f"{name}_low", "value_low"), (f"{name}_high", "value_high"),
                                ("time", "time"), ("service", "service")):
                assert found[column].to_list() == wanted[end].to_list(), (column, found, wanted)
            # a sum of fractions depends on its order
            assert found["count"].to_list() == pytest.approx(wanted["count"].to_list(), rel=1e-12)
            assert found["weight_squares"].to_list() == pytest.approx(wanted["weight_squares"].to_list(), rel=1e-12)


def test_what_other_minutes_weigh_moves_no_rank() -> None:
    """A running sum over all cells would end in 0.00099999999657 and miss the second of four equal rows."""
    heavy = [{"time": START + timedelta(milliseconds=n), "weight": 1e9 / 3} for n in range(100)]
    light = [{"time": START + timedelta(minutes=1, milliseconds=n), "weight": 0.001, "duration_ms": float(n + 1)}
             for n in range(4)]
    store = et.Store()
    et.pull(et.Frames(requests=requests([*heavy, *light])), store)
    two = et.Window(START, START + timedelta(minutes=2))
    assert kept(store, "latency_p50", two)[1][2] == 2.0
    counts = store.sql("select count from minute_percentiles order by time")["count"]
    assert counts[1] == pytest.approx(0.004, rel=1e-12)


@pytest.mark.parametrize("count", [1, 2, 4, 20, 100])
@pytest.mark.parametrize("weight", [1.0, 3.0, 1.5, 1e9])
def test_a_rank_that_is_a_whole_number_is_that_row(count: int, weight: float) -> None:
    """Of 20 the P50 is the 10th and the P95 the 19th, however the product of share and weight is rounded."""
    store = et.Store()
    et.pull(et.Frames(requests=requests([
        {"time": START + timedelta(milliseconds=n), "duration_ms": float(n + 1), "weight": weight}
        for n in range(count)])), store)
    agree(store, et.Window(START, START + timedelta(minutes=1)))
    for name, share in zip(NAMES, (50, 95, 99), strict=True):
        assert kept(store, name, et.Window(START, START + timedelta(minutes=1)))[0][2] == -(-count * share // 100)


def test_many_services_and_minutes() -> None:
    rows = [{"id": str(n), "time": START + timedelta(seconds=n * 37 % 86_400), "service": f"s{n % 41}",
             "duration_ms": float(n * 7919 % 1009), "weight": float(1 + n % 300)} for n in range(6000)]
    store = et.Store()
    et.pull(et.Frames(requests=requests(rows)), store)
    agree(store, et.Window(START, START + timedelta(hours=2)))
    whole = store.sql("select sum(count) as n from minute_percentiles").item()
    assert whole == sum(row["weight"] for row in rows)  # type: ignore[misc]


def watched(kernel: Callable[..., Any], sizes: list[int]) -> Callable[..., Any]:
    """The same kernel, which tells how many rows it was given."""
    def told(*given: Any) -> Any:
        ranked = kernel(*given)
        sizes.append(ranked.upto.size)
        return ranked
    return told


@pytest.mark.parametrize("weight", [7.0, 1.5])
def test_parts_that_fit_into_memory_give_what_the_whole_gives(weight: float, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = requests([{"id": str(n), "time": START + timedelta(seconds=n * 11), "duration_ms": float(n % 97),
                       "weight": weight + n % 3, "service": f"s{n % 3}"} for n in range(6000)])
    whole, halved = et.Store(), et.Store()
    et.pull(et.Frames(requests=frame), whole)
    sizes: list[int] = []
    for name in ("of_packed", "of_columns"):
        monkeypatch.setattr(ranks, name, watched(getattr(ranks, name), sizes))
    monkeypatch.setattr(percentiles, "MOST_ROWS", 500)
    et.pull(et.Frames(requests=frame), halved)
    assert stored(halved) == stored(whole)
    assert sum(sizes) == 6000
    assert max(sizes) <= 500


@pytest.mark.parametrize("glance", [1, 65_536])
def test_a_day_that_is_unlike_the_first_is_read_by_a_layout_of_its_own(
    glance: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finer durations, heavier weights, fractions, a new service: whatever the first glance did not know."""
    monkeypatch.setattr(percentiles, "_GLANCE", glance)
    days = [("a", 1000.0, 1.0), ("a", 1000.0, 3000.0), ("b", 1e4, 1.0), ("a", 1e6, 7.0), ("a", 1e6, 1.5),
            ("c", 1.0, 2.0), ("c", 1e-5, 1e9)]
    rows = [{"id": f"{day} {n}", "time": START + timedelta(days=day, seconds=n * 7), "service": service,
             "duration_ms": (n * 7919 % 10_007) / unit, "weight": weight}
            for day, (service, unit, weight) in enumerate(days) for n in range(40)]
    store = et.Store()
    et.pull(et.Frames(requests=requests(rows)), store)
    agree(store, et.Window(START, START + timedelta(days=len(days))))
    assert store.sql("select sum(count) as n from minute_percentiles").item() == pytest.approx(
        sum(row["weight"] for row in rows), rel=1e-12)  # type: ignore[misc]


def test_a_minute_is_not_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = requests([{"id": str(n), "time": START + timedelta(milliseconds=n)} for n in range(200)])
    monkeypatch.setattr(percentiles, "MOST_ROWS", 10)
    store = et.Store()
    et.pull(et.Frames(requests=frame), store)
    agree(store, et.Window(START, START + timedelta(minutes=1)))


def test_memory_is_bounded_by_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 60_000
    frame = pl.DataFrame({
        "id": [str(n) for n in range(count)], "service": ["a"] * count, "operation": ["GET /"] * count,
        "time": pl.datetime_range(START, START + timedelta(hours=20), "1s", time_zone="UTC", eager=True)[:count],
        "duration_ms": [float(n % 1013) for n in range(count)], "weight": [1.0] * count})
    peaks = []
    store = et.Store()
    et.pull(et.Frames(requests=frame), store)
    for most in (count, count // 16):
        monkeypatch.setattr(percentiles, "MOST_ROWS", most)
        with store.reading() as connection:
            tracemalloc.start()
            found = percentiles.minute_percentiles(connection, "store.main.requests", DAY)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert found["count"].sum() == count
    assert peaks[1] < peaks[0] / 3


def test_a_late_pull_makes_anew_the_minutes_it_touches_and_no_other() -> None:
    frame = requests([{"id": str(n), "time": START + timedelta(seconds=n * 20), "duration_ms": float(n % 37),
                       "weight": 1.5, "service": f"s{n % 2}"} for n in range(900)])
    store = et.Store()
    et.pull(et.Frames(requests=frame), store)
    with store.writing() as connection:
        # a mark that only a minute made anew loses
        connection.execute("update minute_percentiles set p50_low = p50_low + 1000").fetchall()
    before = stored(store)
    late = requests([{"id": "x", "time": START + timedelta(minutes=5), "duration_ms": 500.0, "service": "s0"},
                     {"id": "y", "time": START + timedelta(minutes=200), "duration_ms": 0.0, "service": "s1"},
                     {"id": "z", "time": START + timedelta(minutes=290), "service": "s1", "population": "probe"}])
    et.pull(et.Frames(requests=late), store)
    after = stored(store)
    changed = sorted({row[:2] for row in set(after) - set(before)})
    assert changed == [(START + timedelta(minutes=5), "s0"), (START + timedelta(minutes=200), "s1")]
    assert len(after) == len(before)
    for moment, service in changed:
        minute = et.Window(moment, moment + timedelta(minutes=1))
        for name in NAMES:
            mine = [row for row in kept(store, name, minute) if row[0] == service]
            assert mine == [row for row in windowed(store, name, minute) if row[0] == service]


def test_probes_synthetic_traffic_and_requests_without_a_duration_have_no_part() -> None:
    frame = requests([{"duration_ms": 5.0}, {"duration_ms": 5000.0, "population": "probe"},
                      {"duration_ms": 7000.0, "population": "synthetic"}, {"duration_ms": 5.0}])
    untimed = requests([{"time": START + timedelta(seconds=9), "duration_ms": None, "is_untimed": True}])
    store = et.Store()
    et.pull(et.Frames(requests=frame), store)
    et.pull(et.Frames(requests=untimed), store)
    agree(store, et.Window(START, START + timedelta(minutes=1)))
    assert kept(store, "latency_p99", et.Window(START, START + timedelta(minutes=1)))[0][2:] == (5.0, 5.0, None, 2.0)


def test_pruned_minutes_keep_their_percentiles_until_late_rows_make_them_unknown() -> None:
    old = requests([{"id": str(n), "time": START + timedelta(seconds=n), "duration_ms": float(n)} for n in range(180)])
    new = requests([{"id": "new", "time": START + timedelta(days=9)}])
    store = et.Store()
    et.pull(et.Frames(requests=pl.concat([old, new])), store)
    three = et.Window(START, START + timedelta(minutes=3))
    before, held = kept(store, "latency_p95", three), stored(store)
    store.prune(raw_days=2)
    assert (kept(store, "latency_p95", three), stored(store)) == (before, held)
    for number in range(2):
        at = START + timedelta(seconds=70 + number)
        late = requests([{"id": f"late{number}", "time": at, "duration_ms": 9e6, "weight": 3.0}])
        assert et.pull(et.Frames(requests=late), store).unprovable == 1
    after = kept(store, "latency_p95", three)
    assert (after[0], after[2]) == (before[0], before[2])
    assert after[1][2:] == (None, None, None, 66.0)
    # a probe in a sealed minute says nothing of its users
    probe = requests([{"id": "p", "time": START, "population": "probe"}])
    et.pull(et.Frames(requests=probe), store)
    assert kept(store, "latency_p95", three)[0] == before[0]
