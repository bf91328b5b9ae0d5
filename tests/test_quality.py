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


def test_whom_calls_came_from_and_how_they_ended_is_counted() -> None:
    """Sheet, section 9, row 6: 1000 probe 200s, and of 100 user requests 85 2xx, 5 404, 10 500."""
    rows = [{"operation": "GET /healthz/ready", "status_code": "200"}] * 1000
    rows += [{"status_code": "200"}] * 85
    rows += [{"status_code": "404", "is_failed": True}] * 5 + [{"status_code": "500", "is_failed": True}] * 10
    store = et.Store()
    et.pull(et.Frames(requests=requests(rows)), store)
    (row,) = quality(store, HOUR).population.to_dicts()
    assert row == {
        "table_name": "requests", "service": "orders", "rows": 1100, "count": 1100, "user": 100, "probe": 1000,
        "synthetic": 0, "good": 85, "client_errors": 5, "failed": 10, "unknown": 0, "untimed": 0}
    assert (row["good"] + row["client_errors"]) / row["user"] == 0.90, "the handbook's policy: a 4xx is good"
    assert row["good"] / row["user"] == 0.85, "Success of App Insights"
    with_probes = (row["good"] + row["client_errors"] + row["probe"]) / row["count"]
    assert with_probes == pytest.approx(0.9909, abs=5e-5)


def test_what_kpis_leave_out_is_weighed_and_kept_when_raw_rows_are_gone() -> None:
    store = et.Store()
    calls = requests([{"is_failed": None, "weight": 3.0}, {"status_code": "404", "weight": 2.0},
                      {"is_failed": True, "status_code": "404"}, {"status_code": "500"},
                      {"population": "synthetic", "weight": 7.0}])
    later = requests([{"time": START + timedelta(days=9)}])
    et.pull(et.Frames(requests=pl.concat([requests([{"is_failed": None, "weight": 5.0}]), later]), dependencies=calls),
            store)
    before = quality(store, HOUR).population
    found = {row["table_name"]: row for row in before.to_dicts()}
    assert (found["requests"]["rows"], found["requests"]["count"], found["requests"]["unknown"]) == (1, 5, 5)
    sent = found["dependencies"]
    assert (sent["user"], sent["synthetic"], sent["unknown"]) == (7, 7, 3)
    assert (sent["failed"], sent["client_errors"], sent["good"]) == (2, 2, 0)
    store.prune(raw_days=1)
    after = quality(store, HOUR)
    assert after.population.equals(before)
    assert after.weights.height == 0
