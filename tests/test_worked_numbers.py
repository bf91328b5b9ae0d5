"""Worked numbers of the sheet of KPIs, through the public face; each test names the section or row it shows."""

import json
from datetime import timedelta
from pathlib import Path
from statistics import NormalDist
from typing import Any

import polars as pl
import pytest

import erp_telemetry as et

from .events import START, incident, requests, weighted

HOUR = et.Window(START, START + timedelta(hours=1))
NORMAL = NormalDist()


def pulled(**frames: pl.DataFrame) -> et.Store:
    store = et.Store()
    et.pull(et.Frames(**frames), store)
    return store


def reading(store: et.Store, name: str, window: et.Window = HOUR, **asked: Any) -> dict[str, Any]:
    """The only row of a measure over the whole window."""
    frame = et.measure(store, name, window, every=f"{int(window.duration / timedelta(minutes=1))}m", **asked)
    assert frame.height == 1
    return frame.row(0, named=True)


def kpi(card: pl.DataFrame, name: str, service: str | None = "orders") -> dict[str, Any]:
    (row,) = card.filter(pl.col("kpi") == name, pl.col("service").eq_missing(pl.lit(service, pl.String))).to_dicts()
    return row


def repeated(count: int, **columns: Any) -> pl.DataFrame:
    """``count`` requests of orders within the hour, equal but for their ids."""
    number = pl.int_range(count, eager=True).alias("number")
    return requests([columns]).drop("time").join(number.to_frame().select(
        (pl.lit(START) + pl.duration(microseconds=pl.col("number") * (3_600_000_000 // count))).alias("time"),
        pl.concat_str(pl.lit(str(columns)), "number").alias("id")), how="cross")


# weights


def test_weights_everywhere() -> None:
    """Section 9, row 1; T4: the sampled mean is divided once."""
    store = pulled(requests=weighted())
    error = reading(store, "error_ratio")
    assert error["count"] == 1901
    assert error["value"] == pytest.approx(0.000526, abs=5e-7)
    assert reading(store, "latency_p99", exact=True)["value"] == 10
    assert reading(store, "latency_p99")["value"] == pytest.approx(10, rel=0.011)
    assert reading(store, "latency_mean")["value"] == (19 * 100 * 10 + 1000) / 1901
    card = et.score(store, HOUR)
    assert (kpi(card, "error_ratio")["n"], kpi(card, "error_ratio")["value"]) == (1901, error["value"])
    assert et.quality(store, HOUR).weights["effective_rows"].to_list() == [pytest.approx(19.02, abs=0.005)]


@pytest.mark.parametrize(("threshold", "weight"), [("8", 2), ("c", 4), ("fd70a4", 100.0001), (None, 1)])
def test_a_sampling_threshold_is_padded_on_the_right(threshold: str | None, weight: float, tmp_path: Path) -> None:
    """Section 9, row 1: weight 2^56/(2^56-T), T of 14 hex digits."""
    nanoseconds = int(START.timestamp()) * 10**9
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "GET /", "kind": 2, "startTimeUnixNano": str(nanoseconds),
            "endTimeUnixNano": str(nanoseconds + 10**7)} | (
                {} if threshold is None else {"traceState": f"ot=th:{threshold}"})
    service = {"key": "service.name", "value": {"stringValue": "orders"}}
    line = {"resourceSpans": [{"resource": {"attributes": [service]}, "scopeSpans": [{"spans": [span]}]}]}
    (tmp_path / "traces.jsonl").write_text(json.dumps(line) + "\n")
    store = et.Store()
    et.pull(et.OtlpFiles(tmp_path / "traces.jsonl"), store)
    assert reading(store, "request_rate")["count"] == pytest.approx(weight, abs=5e-5)


# ratio of sums, and whom it is of


def test_the_ratio_of_sums_is_not_the_mean_of_ratios() -> None:
    """Section 4 and section 9, row 5: 9.891 %, not 0.833 %."""
    rows = [{"time": START + timedelta(minutes=slice_), "weight": 10.0} for slice_ in range(11)]
    rows += [{"time": START + timedelta(minutes=11), "weight": 9000.0},
             {"time": START + timedelta(minutes=11, seconds=1), "weight": 1000.0, "is_failed": True}]
    store = pulled(requests=requests(rows))
    assert reading(store, "error_ratio")["value"] == pytest.approx(0.09891, abs=5e-6)
    assert kpi(et.score(store, HOUR), "error_ratio")["value"] == pytest.approx(0.09891, abs=5e-6)
    slices = et.measure(store, "error_ratio", HOUR, every="1m")["value"].drop_nulls()
    assert slices.mean() == pytest.approx(0.00833, abs=5e-6), "what a mean of ratios would say"


@pytest.mark.parametrize(("policy", "good"), [("good", 0.90), ("failed", 0.85), ("excluded", 85 / 95)])
def test_the_population_is_declared(policy: str, good: float, tmp_path: Path) -> None:
    """Section 9, row 6: 90.0 % by the handbook, 85.0 % by Success of App Insights, 99.09 % if probes counted."""
    store = pulled(requests=pl.concat([
        repeated(1000, operation="GET /healthz/ready", status_code="200"), repeated(85, status_code="200"),
        repeated(5, status_code="404", is_failed=True), repeated(10, status_code="500", is_failed=True)]))
    path = tmp_path / "objectives.toml"
    path.write_text(f'[policy]\nclient_errors = "{policy}"\n')
    objectives = et.Objectives.load(path)
    assert 1 - reading(store, "error_ratio", objectives=objectives)["value"] == pytest.approx(good)
    assert 1 - kpi(et.score(store, HOUR, objectives), "error_ratio")["value"] == pytest.approx(good)
    (row,) = et.quality(store, HOUR).population.to_dicts()
    assert (row["probe"], row["user"], row["client_errors"], row["failed"]) == (1000, 100, 5, 10)
    assert (row["count"] - row["failed"]) / row["count"] == pytest.approx(0.9909, abs=5e-5)


# percentiles


def lognormal(service: str, log_mean: float, log_sd: float, count: int) -> pl.DataFrame:
    """``count`` durations at even ranks of a lognormal, so that its quantiles are those of the formula."""
    ranks = ((number + 0.5) / count for number in range(count))
    durations = [2.718281828459045 ** (log_mean + log_sd * NORMAL.inv_cdf(rank)) for rank in ranks]
    return repeated(count, service=service).with_columns(pl.Series("duration_ms", durations))


@pytest.fixture(scope="module")
def two_services() -> et.Store:
    return pulled(requests=pl.concat([lognormal("fast", 4, 0.3, 100_000), lognormal("slow", 6, 0.5, 1_000)]))


@pytest.mark.parametrize(("is_exact", "within"), [(True, 0.005), (False, 0.0109)])
def test_percentiles_are_merged_never_averaged(two_services: et.Store, is_exact: bool, within: float) -> None:
    """Section 9, row 7: P99 109.7 and 1291.0; their mean 700.4 is nobody's P99, merged it is 151.0."""
    apart = et.measure(two_services, "latency_p99", HOUR, every="1h", exact=is_exact)
    assert apart["service"].to_list() == ["fast", "slow"]
    # of 1,000 durations the 990th stands half a rank from where the formula has it
    assert apart["value"].to_list() == [pytest.approx(109.7, rel=within), pytest.approx(1291.0, rel=within + 0.01)]
    assert apart["value"].mean() == pytest.approx(700.4, rel=within + 0.01)
    merged = reading(two_services, "latency_p99", by=(), exact=is_exact)
    assert (merged["value"], merged["count"]) == (pytest.approx(151.0, rel=within), 101_000)
    assert kpi(et.score(two_services, HOUR), "latency_p99", None)["value"] == pytest.approx(151.0, rel=0.0109)


# Apdex


@pytest.mark.parametrize("weight", [1.0, 7.0])
@pytest.mark.parametrize(("satisfied", "failed", "expected"), [(60, 0, 0.75), (55, 5, 0.70)])
def test_apdex(satisfied: int, failed: int, expected: float, weight: float) -> None:
    """Section 9, row 26: T satisfied, 4T tolerating, else and all failures frustrated; 60 / 30 / 10."""
    store = pulled(requests=pl.concat([
        repeated(satisfied, duration_ms=100.0, weight=weight), repeated(30, duration_ms=400.0, weight=weight),
        repeated(10, duration_ms=400.5, weight=weight),
        *([repeated(failed, duration_ms=1.0, is_failed=True, weight=weight)] if failed else [])]))
    found = reading(store, "apdex")
    assert (found["value"], found["count"]) == (pytest.approx(expected), 100 * weight)


# few observations


@pytest.mark.parametrize(("good", "count", "low", "high"), [
    (199_900, 200_000, 0.999392, 0.999589), (1_999, 2_000, 0.997173, 0.999912), (99, 100, 0.9455, 0.9982),
    (100, 100, 0.9630, 1.0)])
def test_every_proportion_has_its_interval(good: int, count: int, low: float, high: float) -> None:
    """Section 4 and section 9, row 16: the score interval of Wilson."""
    parts = [repeated(good)] + ([repeated(count - good, is_failed=True)] if count > good else [])
    store = pulled(requests=pl.concat(parts))
    found, scored = reading(store, "error_ratio"), kpi(et.score(store, HOUR), "error_ratio")
    for end in ((found["value_high"], found["value_low"]), (scored["high"], scored["low"])):
        assert (1 - end[0], 1 - end[1]) == pytest.approx((low, high), abs=5e-5 if count == 100 else 5e-7)


@pytest.mark.parametrize(("count", "fires"), [(69, True), (70, False)])
def test_one_failure_among_few_is_no_proof_of_a_burn(count: int, fires: bool) -> None:
    """Section 4: one failure in 69 requests or fewer fires 14.4 x at 99.9 % by its value, not by the lower end."""
    found = reading(pulled(requests=pl.concat([repeated(count - 1), repeated(1, is_failed=True)])), "error_ratio")
    assert (found["value"] > 14.4 * 0.001) == fires
    assert found["value_low"] < 14.4 * 0.001


# coverage, and time that was down


def test_a_total_outage_without_telemetry_is_no_data() -> None:
    """Section 9, row 4: never met, never 100 %."""
    store = pulled(requests=requests([{"time": START - timedelta(hours=3)}]))
    card = et.score(store, HOUR)
    assert kpi(card, "error_ratio")["coverage"] == 0
    for name in ("uptime", "error_ratio", "latency_p99"):
        assert (kpi(card, name)["state"], kpi(card, name)["value"]) == ("no_data", None)
    assert set(card["state"]) <= {"no_data", "unknown"}


def test_coverage_is_the_observed_share_of_a_step() -> None:
    """Section 4, T13 and T14: missing is not zero, and one hole does not poison the hour."""
    store = pulled(requests=requests([{"time": START + timedelta(minutes=m), "is_failed": m == 0} for m in range(45)]))
    found = reading(store, "error_ratio")
    assert (found["coverage"], found["value"], found["count"]) == (0.75, pytest.approx(1 / 45), 45)
    quarters = et.measure(store, "error_ratio", HOUR, every="15m")
    assert quarters["coverage"].to_list() == [1, 1, 1, 0]
    assert quarters["value"].to_list()[1:] == [0, 0, None]


def test_uptime_is_the_union_of_outages() -> None:
    """Section 5: 10:00-11:00 and 10:30-11:30 in 30 days leave 99.7917 %, not 99.7222 %."""
    month = et.Window(START, START + timedelta(days=30))
    probes = pl.DataFrame({"time": pl.datetime_range(month.start, month.stop, "1m", closed="left", eager=True)}).select(
        "time", pl.lit("orders").alias("service"), pl.lit("readiness").alias("kind"), pl.lit(False).alias("is_failed"))
    outages = pl.DataFrame([incident(id="1", impact_start=600, detected=601, impact_end=660),
                            incident(id="2", impact_start=630, detected=631, impact_end=690)])
    found = kpi(et.score(pulled(probes=probes, incidents=outages), month), "uptime")
    assert found["value"] == pytest.approx(0.997917, abs=5e-7)
    assert (found["coverage"], found["state"]) == (1, "missed")
