"""Log analysis: volume, drift, templates, retention; and every example query runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

import erp_telemetry as et
from erp_telemetry import catalog
from erp_telemetry.logs import logs

from .events import START, requests

HOUR = et.Window(START, START + timedelta(hours=1))
FORTNIGHT = et.Window.parse("2026-06-22/2026-07-06")


def entries(count: int, at: float = 0, **fields: Any) -> list[dict[str, Any]]:
    """Log events of orders, one a second from a minute after START."""
    base = {"service": "orders", "level": "information", "message": "four", "template": "T", "weight": 1.0}
    return [{"time": START + timedelta(minutes=at, seconds=n), **base, **fields} for n in range(count)]


def store_of(*rows: list[dict[str, Any]], asked: pl.DataFrame | None = None) -> et.Store:
    store = et.Store()
    frames = {"logs": pl.DataFrame([row for part in rows for row in part])}
    et.pull(et.Frames(**frames, **({} if asked is None else {"requests": asked})), store)
    return store


def test_volume_is_weighted_in_events_and_plain_in_bytes() -> None:
    store = store_of(entries(10, weight=3.0), entries(5, level="error", message="twelve chars"))
    found = {row["level"]: row for row in logs(store, HOUR).volume.to_dicts()}
    assert (found["information"]["count"], found["information"]["rows"], found["information"]["bytes"]) == (30, 10, 40)
    assert found["error"]["bytes"] == 60 and found["error"]["share"] == pytest.approx(0.6)
    assert found["information"]["per_hour"] == 30


@pytest.mark.parametrize(("now", "before", "state"), [
    (400, 100, "louder"), (100, 400, "quieter"), (1000, 1000, "steady"), (4, 3, "insufficient"), (0, 200, "quieter"),
    (200, 0, "louder"),
])
def test_drift_says_only_what_the_counts_carry(now: int, before: int, state: str) -> None:
    heard = [{"time": START + timedelta(minutes=m)} for m in range(-60, 60)]
    store = store_of(entries(now), entries(before, at=-60), entries(1, at=-1, level="debug"), asked=requests(heard))
    (row,) = logs(store, HOUR).drift.filter(pl.col("level") == "information").to_dicts() or [{}]
    assert row["against"] == "before" and row["per"] == "1,000 requests"
    assert (row["count"], row["count_before"]) == (now, before)
    assert row["state"] == state
    if before == 0:
        assert row["ratio"] is None and row["ratio_low"] > 1
    else:
        assert row["ratio"] == pytest.approx(now / before) and row["ratio"] < row["ratio_high"]
        assert row["ratio_low"] < row["ratio"] or now == 0


def test_a_service_not_heard_of_before_is_held_against_itself_and_silence_is_no_data() -> None:
    store = store_of(entries(50), entries(200, at=40))
    (row,) = logs(store, HOUR).drift.to_dicts()
    assert (row["against"], row["count_before"], row["count"], row["per"]) == ("first half", 50, 200, "hour heard")
    # 50 in the one minute heard of the first half, 200 in the four of the second
    assert row["rate_before"] == pytest.approx(50 * 60) and row["rate"] == pytest.approx(200 / 4 * 60)
    only = store_of(entries(50))
    assert logs(only, HOUR).drift["state"].to_list() == ["no_data"]


def test_templates_keep_what_has_none_and_hide_secrets() -> None:
    store = store_of(entries(3), entries(2, template=None, message="Password=Winter2026!x for jo@example.com"))
    found = {row["template"]: row for row in logs(store, HOUR).templates.to_dicts()}
    assert (found["T"]["count"], found["T"]["share"]) == (3, pytest.approx(0.6))
    assert found[None]["count"] == 2
    assert "Winter" not in found[None]["example"] and "jo@" not in found[None]["example"]


def test_retention_tells_what_goes_and_what_stays(tmp_path: Any) -> None:
    store = et.Store(tmp_path / "s.duckdb")
    rows = [{"time": START - timedelta(days=day)} for day in range(40)]
    et.pull(et.Frames(requests=requests(rows)), store)
    found = {row["keep_days"]: row for row in logs(store, HOUR).retention.to_dicts()}
    assert {days: row["dropped_rows"] for days, row in found.items()} == {7: 32, 14: 25, 30: 9, 90: 0}
    assert found[7]["share"] == 0.8 and found[7]["file_bytes"] > 0 and "error ratios" in found[7]["stays"]
    assert store.prune(raw_days=7).rows["requests"] == 32
    assert {row["dropped_rows"] for row in logs(store, HOUR).retention.to_dicts()} == {0}


def test_volume_survives_pruning_and_templates_say_so(tmp_path: Any) -> None:
    store = et.Store(tmp_path / "s.duckdb")
    et.pull(et.Frames(logs=pl.DataFrame(entries(10) + entries(1, at=3 * 24 * 60))), store)
    assert logs(store, HOUR).raw_since is None
    store.prune(raw_days=1)
    found = logs(store, HOUR)
    assert found.volume["count"].to_list() == [10] and found.templates.height == 0
    assert isinstance(found.raw_since, datetime) and found.raw_since > HOUR.stop


def test_one_service_alone() -> None:
    store = store_of(entries(3), entries(2, service="sales"))
    found = logs(store, HOUR, service="sales")
    assert found.volume["service"].unique().to_list() == found.templates["service"].unique().to_list() == ["sales"]
    assert found.drift["service"].unique().to_list() == ["sales"]


def test_an_empty_store_has_nothing_to_tell() -> None:
    found = logs(et.Store(), HOUR)
    assert found.volume.height == found.drift.height == found.templates.height == found.retention.height == 0


@pytest.mark.parametrize("name", catalog.names("examples"))
def test_every_example_runs_on_the_samples(name: str, sample_store: et.Store) -> None:
    query = catalog.query(f"examples/{name}")
    (trace,) = sample_store.sql("select min(trace_id) from logs where level = 'error'").row(0)
    given = {"start": FORTNIGHT.start, "stop": FORTNIGHT.stop, "service": "inventory", "trace_id": trace,
             "incident": "INC-3", "property": "SourceContext"}
    found = sample_store.sql(query.text, **{key: given[key] for key in query.parameters})
    assert found.height > 0 or name == "new_templates"
