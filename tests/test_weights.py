"""Weights that cannot be are warned of, each from rows planted for it; honest sampling is not blamed."""

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import erp_telemetry as et

from .events import START

HOURS = 6
WINDOW = et.Window(START, START + timedelta(hours=HOURS))


def calls(weights: Sequence[float], *, hours: float = HOURS, **columns: Any) -> pl.DataFrame:
    """Requests of one instance, as far apart as to fill the hours, one trace each."""
    count = len(weights)
    return pl.DataFrame({
        "time": pl.datetime_range(START, START + timedelta(hours=hours), timedelta(hours=hours) / count,
                                  closed="left", eager=True)[:count],
        "id": [str(number) for number in range(count)],
        "trace_id": [f"{number:032x}" for number in range(1, count + 1)],
        "weight": pl.Series(weights, dtype=pl.Float64),
    }).with_columns(
        *(pl.lit(value).alias(name) for name, value in {
            "service": "orders", "instance": "orders-0", "operation": "GET /api/orders", "duration_ms": 10.0,
            "status_code": "200", "is_failed": False, **columns}.items()))


def counted(by_minute: float, *, minutes: int = HOURS * 60, route: str = "/api/orders") -> pl.DataFrame:
    """The standard metric of requests, told each minute since the process began."""
    return pl.DataFrame([
        {"time": START + timedelta(minutes=minute), "service": "orders", "instance": "orders-0", "kind": "histogram",
         "name": "http.server.request.duration", "count": by_minute * minute, "sum": 0.01 * by_minute * minute,
         "started_at": START, "attributes": json.dumps({"http.route": route})} for minute in range(1, minutes + 1)])


def told(table: str = "requests", **frames: pl.DataFrame) -> dict[str, Any]:
    """What quality says of the weights of one table."""
    store = et.Store()
    et.pull(et.Frames(**frames), store)
    (row,) = et.quality(store, WINDOW).weights.filter(pl.col("table_name") == table).to_dicts()
    return row


def test_the_row_tells_what_the_weights_are() -> None:
    row = told(requests=calls([100.0] * 19 + [1.0]))
    assert (row["rows"], row["weight"], row["weight_min"], row["weight_median"], row["weight_max"]) == (
        20, 1901, 1, 100, 100)
    assert row["effective_rows"] == pytest.approx(19.02, abs=0.005)
    assert row["heaviest_share"] == pytest.approx(100 / 1901), "1 % of 20 rows is one row"
    assert row["fractional"] == 0


def test_75_thousand_rows_that_weigh_11_million_where_75_thousand_were_counted() -> None:
    """ApplicationInsights-dotnet#2349: every weight alike, so that only a count from elsewhere can tell."""
    rows = calls([148.0] * 75_000)
    row = told(requests=rows, metrics=counted(75_000 / 360))
    assert row["reference"] == "http.server.request.duration"
    assert row["weight"] == pytest.approx(11.1e6)
    assert row["reference_weight"] == pytest.approx(148 * row["reference_count"], rel=0.001)
    assert "where http.server.request.duration counted" in row["warning"]
    assert told(requests=rows, metrics=counted(148 * 75_000 / 360))["warning"] is None
    assert told(requests=rows)["warning"] is None, "nothing else counted"


def test_a_score_written_into_item_count() -> None:
    """ApplicationInsights-Java#535: a number between 1 and 100 by row, which is no rate of sampling."""
    scores = np.random.Generator(np.random.PCG64(5)).integers(1, 101, 20_000)
    row = told(requests=calls(scores.astype(float).tolist(), hours=2))
    assert row["warning"].endswith("different weights in a usual minute of one instance are no rates of sampling")


@pytest.mark.parametrize(("weights", "says"), [
    ([1.0] * 3000 + [5e5], "one row carries 100 % of its hour"),
    ([1.0] * 500 + [60.0] + [1.0] * 100, "one row carries 38 % of its hour"),
    ([1.0] * 4000 + [1001.0] * 60, "the heaviest row weighs 1001 times the median"),
    ([1.0] * 4900 + [900.0] * 30, "weights so uneven that 4930 rows tell as much as 42 even ones"),
])
def test_weights_that_cannot_be(weights: list[float], says: str) -> None:
    assert says in told(requests=calls(weights))["warning"]


@pytest.mark.parametrize("weights", [
    [100.0] * 2000, [1.0] * 2000, [20.0, 20.0, 20.0, 1.0] * 500,
    [float(rate) for rate in (1, 2, 5, 20, 50, 20, 5, 2) for _ in range(400)],
    # too few rows for an hour to rest on one
    [1.0] * 30 + [50.0], [1000.0] * 40,
], ids=["steady", "none", "failures kept", "adaptive", "few", "at the floor"])
def test_rates_of_sampling_are_not_blamed(weights: list[float]) -> None:
    assert told(requests=calls(weights))["warning"] is None


@pytest.mark.parametrize(("apart", "is_warned"), [(0, False), (10, False), (11, True), (100, True)])
@pytest.mark.parametrize("table", ["requests", "dependencies"])
def test_the_items_of_one_operation_are_kept_together(table: str, apart: int, is_warned: bool) -> None:
    """Request and dependency of one trace at different rates: no ratio across the two holds."""
    requests = calls([4.0] * 100)
    dependencies = calls([1.0] * apart + [4.0] * (100 - apart), operation="sql")
    row = told(table, requests=requests, dependencies=dependencies)
    # where every weight is the same no trace need be looked at
    assert (row["traces"], row["traces_apart"]) == ((100, apart) if apart else (None, None))
    assert row["warning"] == (f"rows of one trace weigh differently in {apart} of 100 traces" if is_warned else None)


def test_services_may_sample_at_rates_of_their_own() -> None:
    store = et.Store()
    et.pull(et.Frames(requests=calls([4.0] * 99 + [2.0]), dependencies=calls([20.0] * 99 + [2.0], service="gateway")),
            store)
    assert et.quality(store, WINDOW).weights["warning"].to_list() == [None, None]


@pytest.mark.parametrize("seed", range(5))
def test_honest_sampling_agrees_with_what_was_counted(seed: int) -> None:
    """One in 50 of 36,000 kept: the sum of weights is off by chance, within what the tolerance allows."""
    kept = int(np.random.Generator(np.random.PCG64(seed)).binomial(36_000, 1 / 50))
    row = told(requests=calls([50.0] * kept), metrics=counted(100))
    assert row["reference_count"] == 100 * 60 * 4, "the first and the last hour may be told in part"
    assert row["warning"] is None


def test_rows_that_are_missing_are_told_and_untraced_health_checks_are_not() -> None:
    half = told(requests=calls([1.0] * 18_000), metrics=counted(100))
    assert half["warning"].endswith("counted 24000: some left no row or weigh too little")
    health = pl.concat([counted(50), counted(50, route="/healthz/live")])
    assert told(requests=calls([1.0] * 18_000), metrics=health)["warning"] is None
    traced = pl.concat([calls([1.0] * 18_000), calls([1.0] * 18_000, operation="GET /healthz/live").with_columns(
        pl.concat_str(pl.lit("p"), "id").alias("id"))])
    assert told(requests=traced, metrics=health)["warning"] is None


def test_an_access_log_of_the_same_service_is_a_count_too(tmp_path: Path) -> None:
    lines = [f'198.51.100.7 - - [{START + timedelta(seconds=6 * n):%d/%b/%Y:%H:%M:%S} +0000] "GET /api/orders HTTP/1.1"'
             f' 200 {n} "-" "curl" 0.010\n' for n in range(HOURS * 600)]
    (tmp_path / "access.log").write_text("".join(lines))
    store = et.Store()
    et.pull(et.AccessLogFiles(tmp_path / "access.log", service="orders"), store)
    et.pull(et.Frames(requests=calls([10.0] * HOURS * 600)), store)
    rows = {row["source"]: row for row in et.quality(store, WINDOW).weights.to_dicts()}
    assert rows["frames"]["warning"] == "rows stand for 24000 requests where access_log_files counted 2400"
    assert (rows["access_log_files"]["reference"], rows["access_log_files"]["warning"]) == (None, None)


def test_item_count_is_a_whole_number(tmp_path: Path) -> None:
    rows = [{"time": "2026-07-01T00:10:00Z", "Type": "AppRequests", "AppRoleName": "orders", "Id": str(n),
             "Name": "GET /", "ResultCode": "200", "Success": True, "DurationMs": 1, "ItemCount": count}
            for n, count in enumerate([2, 2.5, 3])]
    (tmp_path / "AppRequests.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    store = et.Store()
    et.pull(et.AzureFiles(tmp_path / "AppRequests.jsonl"), store)
    (row,) = et.quality(store, WINDOW).weights.to_dicts()
    assert (row["fractional"], row["warning"]) == (1, "ItemCount of 1 rows is no whole number")
    assert told(requests=calls([100.0001] * 10))["warning"] is None, "a threshold of OpenTelemetry may be any number"


def test_the_samples_are_plausible(sample_store: et.Store) -> None:
    found = et.quality(sample_store, sample_store.last(days=14)).weights
    assert found["rows"].sum() > 300_000
    assert found["reference"].drop_nulls().len() == 3
    assert found["warning"].drop_nulls().to_list() == []


def test_a_review_warns_of_weights_and_of_none_where_nothing_could_be_checked(tmp_path: Path) -> None:
    store = et.Store()
    et.pull(et.Frames(requests=calls([1.0] * 3000 + [5e5])), store)
    markdown = et.report(store, WINDOW).save(tmp_path / "a.md").read_text()
    assert "implausible weights in 1 place" in markdown
    assert "- weights of requests of orders: one row carries 100 % of its hour" in markdown
    assert "one row carries 100 % of its hour" in et.report(store, WINDOW).save(tmp_path / "a.html").read_text()
    nothing = et.report(et.Store(), WINDOW).save(tmp_path / "b.md").read_text()
    assert "Weights could not be checked: the window holds no raw row." in nothing
    assert "No weight is implausible" not in nothing
