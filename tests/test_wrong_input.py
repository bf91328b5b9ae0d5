"""Wrong input at the face is refused with what to write instead, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

import erp_telemetry as et

from .events import START, requests, weighted

HOUR = et.Window(START, START + timedelta(hours=1))


@pytest.fixture
def store() -> et.Store:
    made = et.Store()
    et.pull(et.Frames(requests=weighted()), made)
    return made


@pytest.mark.parametrize("days", [-1, float("nan"), float("inf"), 10**9, "30", None, True])
def test_a_prune_of_no_number_of_days_drops_nothing(store: et.Store, days: Any) -> None:
    with pytest.raises(ValueError, match="how many days of raw rows stay"):
        store.prune(raw_days=days)
    assert store.sql("select count(*) as n from requests").item() == 20
    assert store.sql("select count(*) as n from sealed").item() == 0


def test_a_prune_of_all_seals_nothing_beyond_what_was_told(store: et.Store) -> None:
    store.prune(raw_days=0)
    assert store.watermark is not None
    assert store.sql("select max(before) as b from sealed").item() <= store.watermark
    et.pull(et.Frames(requests=requests([{"time": START + timedelta(hours=5)}])), store)
    assert store.sql("select count(*) as n from requests where time > $t", t=HOUR.stop).item() == 1


@pytest.mark.parametrize(("call", "error", "says"), [
    (lambda s: et.score(s, "2026-07-01/2026-07-02"), TypeError, "window is an et.Window"),
    (lambda s: et.measure(s, "error_ratio", HOUR, objectives="o.toml"), TypeError, "Objectives.load"),
    (lambda s: et.score(s, HOUR, "o.toml"), TypeError, "Objectives.load"),
    (lambda s: et.pull("data/samples", s), TypeError, "a source is wanted"),
    (lambda s: et.pull(et.Frames(), "erp.duckdb"), TypeError, "a store is wanted"),
    (lambda s: et.pull(et.Frames, s), TypeError, "a source is wanted"),
    (lambda s: et.pull(et.Frames(requests=weighted()), s, "2026-07-01/2026-07-02"), TypeError, "Window.parse"),
    (lambda s: et.pull(et.Frames(requests=weighted()), s, timedelta(days=1)), TypeError, "a window is wanted"),
    (lambda s: et.pull(s, et.Frames()), TypeError, "a source is wanted"),
    (lambda s: et.Frames(requests=weighted().lazy()), et.FrameError, "collect"),
    (lambda s: et.Frames(requests=[{}]), et.FrameError, "found list"),
    (lambda s: et.Store(None), TypeError, "a store is a file"),
    (lambda s: et.measure(s, "error_ratio", HOUR, where="orders"), TypeError, "where gives values by dimension"),
    (lambda s: et.measure(s, "dependency_latency_p95", HOUR, "1h", exact=True), et.QueryError, "leave exact out"),
    (lambda s: s.last(days="1"), ValueError, "days and hours are numbers"),
    (lambda s: s.last(days=float("nan")), ValueError, "days and hours are numbers"),
    (lambda s: s.last(days=10**10), ValueError, "longer than any calendar"),
])
def test_the_error_says_what_to_write(
    store: et.Store, call: Callable[[et.Store], object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        call(store)


@pytest.mark.parametrize(("wrong", "reason"), [
    ({"population": "User"}, "population is none of user, probe, synthetic"),
    ({"population": ""}, "population is none of user, probe, synthetic"),
    ({"service": ""}, "service is blank"), ({"service": "  "}, "service is blank")])
def test_what_no_number_would_speak_of_is_set_aside(wrong: dict[str, str], reason: str) -> None:
    store = et.Store()
    good = requests([{}]).with_columns(population=pl.lit("user"))
    bad = good.with_columns(pl.lit(value).alias(name) for name, value in wrong.items())
    receipt = et.pull(et.Frames(requests=pl.concat([good, bad])), store)
    assert [one.reason for one in receipt.rejects] == [f"requests: {reason}"]
    assert receipt.rows["requests"] == 1


def test_requests_without_a_duration_take_nothing_from_the_support_of_the_others() -> None:
    rows = requests([{"duration_ms": 10.0}] * 120)
    store = et.Store()
    et.pull(et.Frames(requests=rows), store)
    with store.writing() as connection:  # a frame cannot say that its format knows no duration
        for table in ("request_minutes", "operation_hours"):
            connection.execute(f"update {table} set count = count + 80, weight_squares = weight_squares + 80 "
                               "where timed = 120 or timed = 60").fetchall()
    found = et.measure(store, "apdex", HOUR, "1h").row(0, named=True)
    assert (found["count"], found["effective_count"], found["is_supported"]) == (120, 120, True)
