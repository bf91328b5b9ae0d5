"""Quality: silence, delay, doubles and clocks apart are told, each from rows planted for it."""

from datetime import datetime, timedelta

import polars as pl
import pytest

import erp_telemetry as et
from erp_telemetry.quality import quality

from .events import START, requests

HOUR = et.Window(START, START + timedelta(hours=1))


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_silence_counts_to_both_ends_and_a_service_gone_silent_is_still_named() -> None:
    store = et.Store()
    rows = [{"time": at(minute), "service": "orders"} for minute in (5, 6, 40)]
    et.pull(et.Frames(requests=requests([*rows, {"time": at(-30), "service": "sales"}])), store)
    found = {row["service"]: row for row in quality(store, HOUR).coverage.to_dicts()}
    assert (found["orders"]["observed"], found["orders"]["longest_silence"]) == (3, 33)
    assert found["orders"]["coverage"] == pytest.approx(3 / 60)
    assert (found["orders"]["first_heard"], found["orders"]["last_heard"]) == (at(5), at(40))
    assert (found["sales"]["observed"], found["sales"]["longest_silence"], found["sales"]["coverage"]) == (0, 60, 0)


def test_silence_before_the_first_and_after_the_last_row() -> None:
    store = et.Store()
    et.pull(et.Frames(requests=requests([{"time": at(20)}])), store)
    assert quality(store, HOUR).coverage["longest_silence"].to_list() == [39]


def test_a_request_that_began_before_its_call_tells_how_far_the_clocks_are_apart() -> None:
    store = et.Store()
    calls = requests([{"time": at(n), "service": "gateway", "trace_id": f"{n:032x}", "span_id": f"{n:016x}",
                       "duration_ms": 20.0} for n in range(1, 6)])
    # handled for 10 of the 20 ms of the call, on a clock 400 ms behind
    handled = requests([{"time": at(n) + timedelta(milliseconds=5 - 400), "service": "orders",
                         "trace_id": f"{n:032x}", "parent_id": f"{n:016x}", "duration_ms": 10.0} for n in range(1, 6)])
    et.pull(et.Frames(requests=handled, dependencies=calls), store)
    (row,) = quality(store, HOUR).clock_skew.to_dicts()
    assert (row["caller"], row["callee"], row["calls"], row["began_before"]) == ("gateway", "orders", 5, 5)
    assert row["offset_ms"] == pytest.approx(-400)
    assert row["earliest_ms"] == pytest.approx(-395)


def test_clocks_that_agree_are_not_blamed() -> None:
    store = et.Store()
    calls = requests([{"time": at(1), "service": "gateway", "trace_id": "a", "span_id": "b", "duration_ms": 20.0}])
    handled = requests([{"time": at(1) + timedelta(milliseconds=5), "trace_id": "a", "parent_id": "b"}])
    et.pull(et.Frames(requests=handled, dependencies=calls), store)
    assert quality(store, HOUR).clock_skew["began_before"].to_list() == [0]


def test_pulls_and_delay_are_told_by_source_and_table() -> None:
    store = et.Store()
    rows = requests([{"id": str(n), "received_at": START + timedelta(seconds=n + 30)} for n in range(10)])
    et.pull(et.Frames(requests=pl.concat([rows, rows.head(2)])), store)
    found = quality(store, HOUR)
    assert found.pulls.select("source", "rows", "duplicates").rows() == [("frames", 10, 2)]
    assert found.rows == {"requests": 10}
    assert found.lateness.rows() == [("requests", 10, 30.0, 30.0, 30.0)]


def test_an_empty_store_says_nothing_is_known() -> None:
    found = quality(et.Store(), HOUR)
    assert found.coverage.height == found.clock_skew.height == found.lateness.height == found.pulls.height == 0


def test_a_clock_that_runs_ahead_is_seen_and_queues_are_not_blamed_for_ending_later() -> None:
    store = et.Store()
    calls = requests([{"time": at(n), "service": service, "trace_id": f"{n:032x}", "span_id": f"{n}{service}",
                       "duration_ms": 20.0, "kind": kind}
                      for n in range(1, 4) for service, kind in (("gateway", "http"), ("events", "queue"))])
    handled = requests([{"time": at(n) + timedelta(milliseconds=305), "service": f"of-{service}",
                         "trace_id": f"{n:032x}", "parent_id": f"{n}{service}", "duration_ms": 10.0}
                        for n in range(1, 4) for service in ("gateway", "events")])
    et.pull(et.Frames(requests=handled, dependencies=calls), store)
    found = {row["caller"]: row for row in quality(store, HOUR).clock_skew.to_dicts()}
    assert (found["gateway"]["began_before"], found["gateway"]["ended_after"]) == (0, 3)
    assert found["gateway"]["offset_ms"] == pytest.approx(300)
    assert found["events"]["ended_after"] == 0
