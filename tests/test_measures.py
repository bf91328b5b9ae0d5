"""Measures: every moment has a row, weights and populations count, percentiles are merged, errors teach."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import erp_telemetry as et
from erp_telemetry import catalog
from erp_telemetry.schema import READINGS, polars_schema

from .events import START, requests, weighted

HOUR = et.Window(START, START + timedelta(hours=1))


@pytest.fixture(scope="module")
def store() -> et.Store:
    made = et.Store()
    et.pull(et.Frames(requests=weighted()), made)
    return made


@pytest.mark.parametrize("name", catalog.names("measures"))
def test_every_measure_says_what_it_answers_and_answers_an_empty_store(name: str) -> None:
    query = catalog.query(f"measures/{name}")
    assert query.title.endswith(".")
    assert {"reads", "unit", "by", "better"} <= query.header.keys()
    frame = et.measure(et.Store(), name, HOUR, every="5m")
    assert frame.height == 0
    assert dict(frame.drop("service").schema) == polars_schema(READINGS)
    assert frame.columns[:2] == ["measure", "service"]


def test_every_moment_of_the_window_has_a_row(store: et.Store) -> None:
    frame = et.measure(store, "error_ratio", HOUR)
    assert frame.height == 60
    assert frame["time"].to_list() == [START + timedelta(minutes=m) for m in range(60)]
    assert frame["value"].null_count() == 59
    assert frame["coverage"].to_list() == [1.0] + [0.0] * 59


def test_the_worked_weights(store: et.Store) -> None:
    def value(name: str, every: str = "1h") -> float:
        return float(et.measure(store, name, HOUR, every=every)["value"][0])

    assert value("error_ratio") == pytest.approx(1 / 1901, abs=0)
    assert value("latency_p99") == pytest.approx(10, rel=0.0109)
    assert value("latency_p99", every="1m") == 10.0
    assert value("latency_mean") == (1900 * 10 + 1000) / 1901
    assert value("request_rate") == 1901 / 3600


def test_observed_and_empty_is_a_fact_and_a_ratio_of_nothing_is_null() -> None:
    store = et.Store()
    probes = pl.DataFrame({"time": [START + timedelta(minutes=m) for m in range(2)], "service": ["orders"] * 2,
                           "kind": ["readiness"] * 2, "is_failed": [False] * 2})
    et.pull(et.Frames(requests=weighted(), probes=probes), store)
    window = et.Window(START, START + timedelta(minutes=3))
    assert et.measure(store, "request_rate", window)["value"].to_list() == [1901 / 60, 0.0, None]
    assert et.measure(store, "error_ratio", window)["value"].to_list()[1:] == [None, None]


@pytest.mark.parametrize(("fast", "slow", "frustrated", "failed", "expected"), [
    (60, 30, 10, 0, 0.75), (55, 30, 10, 5, 0.70)])
def test_apdex(fast: int, slow: int, frustrated: int, failed: int, expected: float) -> None:
    rows = ([{"duration_ms": 100.0}] * fast + [{"duration_ms": 400.0}] * slow + [{"duration_ms": 401.0}] * frustrated
            + [{"duration_ms": 10.0, "is_failed": True}] * failed)
    store = et.Store()
    et.pull(et.Frames(requests=requests(rows)), store)  # type: ignore[arg-type]
    assert et.measure(store, "apdex", HOUR, every="1h")["value"].to_list() == [pytest.approx(expected)]


def test_ratio_of_sums_not_mean_of_ratios() -> None:
    rows = []
    for minute in range(12):
        total, good = (10_000, 9_000) if minute == 11 else (10, 10)
        at = START + timedelta(minutes=minute)
        rows += [{"time": at, "weight": float(good)}]
        rows += [{"time": at, "weight": float(total - good), "is_failed": True}] if total > good else []
    store = et.Store()
    et.pull(et.Frames(requests=requests(rows)), store)
    assert et.measure(store, "error_ratio", HOUR, every="1h")["value"][0] == pytest.approx(0.09891, abs=5e-6)


@pytest.mark.parametrize("name", ["latency_p50", "latency_p95", "latency_p99"])
@pytest.mark.parametrize("every", ["5m", "15m", "1h"])
def test_sketches_are_within_1_1_percent_of_exact(name: str, every: str) -> None:
    random = np.random.Generator(np.random.PCG64(3))
    durations = np.concatenate([random.lognormal(4, 0.3, 4000), random.lognormal(6, 0.5, 400)])
    rows = [{"id": str(n), "time": START + timedelta(seconds=float(n % 3600)), "duration_ms": float(d),
             "weight": float(random.choice([1, 2, 4]))} for n, d in enumerate(durations)]
    store = et.Store()
    et.pull(et.Frames(requests=requests(rows)), store)
    merged = et.measure(store, name, HOUR, every=every)["value"].to_numpy()
    exact = et.measure(store, name, HOUR, every=every, exact=True)["value"].to_numpy()
    assert np.max(np.abs(merged / exact - 1)) <= 0.011


def test_restarts_count_increases_and_resets() -> None:
    values = {"pod-a": [3, 3, 5, 1], "pod-b": [0, 0, 0, 2]}
    rows = [{"time": START + timedelta(minutes=m), "service": "inventory", "instance": pod, "kind": "cumulative",
             "name": "k8s.container.restarts", "value": float(v)}
            for pod, vs in values.items() for m, v in enumerate(vs)]
    store = et.Store()
    et.pull(et.Frames(metrics=pl.DataFrame(rows)), store)
    assert et.measure(store, "restart_count", HOUR, every="1h")["value"].to_list() == [2 + 1 + 2]
    by_pod = et.measure(store, "restart_count", HOUR, every="1h", by=("service", "instance"))
    assert by_pod["value"].to_list() == [3, 2]


def test_gauges_are_ratios_of_sums_in_canonical_units() -> None:
    rows = [{"time": START, "service": "auth", "kind": "gauge", "name": "CpuPercentage", "value": 40.0, "sum": 40.0,
             "count": 1.0},
            {"time": START, "service": "auth", "kind": "gauge", "name": "CpuPercentage", "value": 20.0, "sum": 60.0,
             "count": 3.0},
            {"time": START, "service": "erp-redis", "kind": "gauge", "name": "cachehits", "value": 1.0, "sum": 90.0,
             "count": 9.0},
            {"time": START, "service": "erp-redis", "kind": "gauge", "name": "cachemisses", "value": 1.0, "sum": 10.0,
             "count": 9.0}]
    store = et.Store()
    et.pull(et.Frames(metrics=pl.DataFrame(rows)), store)
    assert et.measure(store, "cpu_ratio", HOUR, every="1h")["value"].to_list() == [pytest.approx(0.25)]
    assert et.measure(store, "cache_hit_ratio", HOUR, every="1h")["value"].to_list() == [0.9]


def test_by_operation_and_the_whole_system(store: et.Store) -> None:
    by_operation = et.measure(store, "error_ratio", HOUR, every="1h", by=("service", "operation"))
    assert by_operation.select("service", "operation", "count").rows() == [("orders", "GET /api/orders", 1901.0)]
    assert et.measure(store, "error_ratio", HOUR, every="1h", by=())["count"].to_list() == [1901.0]


def test_calendar_days_in_a_zone(store: et.Store) -> None:
    window = et.Window(datetime(2026, 6, 30, tzinfo=UTC), datetime(2026, 7, 2, tzinfo=UTC))
    frame = et.measure(store, "error_ratio", window, every="1d", zone="Asia/Kolkata")
    assert frame["count"].fill_null(0).to_list() == [0, 1901, 0]


@pytest.mark.parametrize(("arguments", "says"), [
    ({"name": "latency_p59"}, "Did you mean: .*latency_p95"), ({"by": ("pod",)}, "it can by"),
    ({"where": {"tenant": "x"}}, "it can by"), ({"every": "30s"}, "whole minutes"),
    ({"by": ("operation",), "every": "5m"}, "by the hour"), (
        {"window": et.Window(START, START + timedelta(seconds=90))},
                                                            "whole minutes"),
])
def test_what_cannot_be_answered_says_what_can(store: et.Store, arguments: dict[str, object], says: str) -> None:
    asked = {"name": "error_ratio", "window": HOUR, **arguments}
    with pytest.raises(et.QueryError, match=says):
        et.measure(store, asked.pop("name"), asked.pop("window"), **asked)  # type: ignore[arg-type]


def test_apdex_refuses_another_t_than_it_was_counted_at(store: et.Store, tmp_path: Path) -> None:
    (tmp_path / "o.toml").write_text("[latency]\napdex_ms = 1000\n")
    with pytest.raises(et.QueryError, match="T = 100 ms, not 1000"):
        et.measure(store, "apdex", HOUR, every="1h", objectives=et.Objectives.load(tmp_path / "o.toml"))


@pytest.mark.parametrize(("point", "expected"), [
    ({"value": 95.0, "count": 60.0}, 0.95), ({"value": 50.0, "sum": 200.0, "count": None}, 0.5),
    ({"value": 50.0, "sum": 200.0, "count": 4.0}, 0.5), ({"value": None, "sum": 200.0, "count": 4.0}, 0.5)])
def test_a_mean_takes_sum_and_count_of_one_kind(point: dict[str, float | None], expected: float) -> None:
    row = {"time": START, "service": "a", "kind": "gauge", "name": "CpuPercentage", **point}
    store = et.Store()
    et.pull(et.Frames(metrics=pl.DataFrame([row], schema_overrides=dict.fromkeys(point, pl.Float64))), store)
    assert et.measure(store, "cpu_ratio", HOUR, every="1h")["value"].to_list() == [pytest.approx(expected)]


def test_intervals_of_weighted_logs_know_how_few_rows_there_are() -> None:
    rows = [{"time": START, "service": "a", "level": "error" if n == 0 else "information", "message": str(n),
             "weight": 100.0} for n in range(10)]
    store = et.Store()
    et.pull(et.Frames(logs=pl.DataFrame(rows)), store)
    found = et.measure(store, "log_error_ratio", HOUR, every="1h").row(0, named=True)
    assert (found["value_low"], found["value_high"]) == (pytest.approx(0.018, abs=1e-3), pytest.approx(0.404, abs=1e-3))


def test_by_operation_is_asked_in_hours_even_exactly(store: et.Store) -> None:
    with pytest.raises(et.QueryError, match="by the hour"):
        et.measure(store, "error_ratio", HOUR, every="10m", by=("service", "operation"), exact=True)


@pytest.mark.parametrize("name", ["latency_p50", "latency_p95", "latency_p99"])
def test_percentiles_by_operation_are_exact_without_being_asked(name: str, store: et.Store) -> None:
    asked = {"every": "1h", "by": ("service", "operation")}
    assert et.measure(store, name, HOUR, **asked).equals(et.measure(store, name, HOUR, **asked, exact=True))


def test_percentiles_by_operation_of_pruned_rows_are_refused_with_what_to_ask() -> None:
    store = et.Store()
    et.pull(et.Frames(requests=requests([{"time": START}, {"time": START + timedelta(days=3)}])), store)
    store.prune(raw_days=1)
    with pytest.raises(et.QueryError, match="pruned: ask for a later window, or without operation"):
        et.measure(store, "latency_p95", HOUR, every="1h", by=("operation",))


def test_only_ends_beside_whole_hours_need_the_sketches_that_were_dropped() -> None:
    store = et.Store()
    rows = [{"id": str(day), "time": START + timedelta(days=day, minutes=2)} for day in range(51)]
    et.pull(et.Frames(requests=requests(rows)), store)
    store.prune(raw_days=10)
    stop = START + timedelta(days=50, minutes=5)
    whole = et.measure(store, "latency_p95", et.Window(START, stop), every="72005m")
    assert whole["count"].to_list() == [51]
    with pytest.raises(et.QueryError, match="kept by the hour"):
        et.measure(store, "latency_p95", et.Window(START + timedelta(minutes=5), stop), every="72000m")


def test_the_step_that_holds_the_watermark_is_provisional(store: et.Store) -> None:
    assert et.measure(store, "error_ratio", HOUR)["is_provisional"].to_list()[0]


def test_the_whole_of_an_empty_store_is_one_row_of_nothing() -> None:
    frame = et.measure(et.Store(), "error_ratio", HOUR, every="1h", by=())
    assert frame.select("value", "count", "coverage").rows() == [(None, None, 0.0)]
