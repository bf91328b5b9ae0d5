"""Pulls of a workspace: all of it, once, whatever arrives late, stops half-way or is asked twice."""

from __future__ import annotations

import threading
from datetime import timedelta

import polars as pl
import pytest

import erp_telemetry as et
from erp_telemetry.sources.azure_spans import stamp

from .conftest import Opening
from .support import DAY, HOUR, MINUTE, MORNING, NOON, data_asked, every, limits, requests, source, spans, wanted


def test_all_of_a_window_comes_by_slices_of_the_size_of_an_answer(opened: Opening) -> None:
    frame = requests(every(30 * timedelta(seconds=1)))
    azure = opened(AppRequests=frame)
    store = et.Store()
    receipt = et.pull(source(azure, limits=limits(rows=200)), store, MORNING)
    assert receipt.is_complete and receipt.rows == {"requests": 1440} and receipt.slices > 7
    assert spans(store) == wanted(frame)
    assert store.sql("select sum(weight) from requests").item() == frame["ItemCount"].sum()
    assert store.sql("select sum(count) from request_minutes").item() == frame["ItemCount"].sum()
    assert max(store.ledger()["rows"]) <= 180
    for one in azure.asked:
        assert one.headers["prefer"] == "wait=180" and one.headers["cache-control"] == "no-cache"
        assert one.timespan is None, "the range stands in the query, half-open"


def test_pulled_twice_is_pulled_once_and_only_late_rows_are_asked_for(opened: Opening) -> None:
    azure = opened(AppRequests=requests(every(MINUTE)))
    store = et.Store()
    first = et.pull(source(azure), store, MORNING)
    before, asked = store.sql("select * from requests order by all"), data_asked(azure)
    again = et.pull(source(azure), store, MORNING)
    assert (first.slices, again.slices, again.skipped) == (1, 0, 1), "the clock stood still"
    azure.clock = NOON + HOUR
    later = et.pull(source(azure), store, MORNING)
    assert (later.slices, later.skipped, sum(later.rows.values())) == (1, 1, 0), "nothing arrived since"
    assert data_asked(azure) == asked, "what has no rows is not downloaded"
    assert store.sql("select * from requests order by all").equals(before)


def test_an_empty_window_is_recorded_as_covered(opened: Opening) -> None:
    azure = opened(AppRequests=requests(every(MINUTE)))
    store = et.Store()
    empty = et.Window(DAY - 2 * HOUR, DAY)
    receipt = et.pull(source(azure), store, empty)
    assert (receipt.slices, receipt.is_complete, sum(receipt.rows.values())) == (1, True, 0)
    assert et.pull(source(azure), store, empty).slices == 0


def test_rows_that_arrive_late_come_whatever_the_window(opened: Opening) -> None:
    moments = every(MINUTE)
    arrivals = [moment + (20 * HOUR if number % 50 == 0 else MINUTE) for number, moment in enumerate(moments)]
    frame = requests(moments, arrivals)
    azure = opened(AppRequests=frame)
    store = et.Store()
    first = et.pull(source(azure), store, MORNING)
    cut = azure.clock - limits().settle  # type: ignore[operator]
    assert spans(store) == wanted(frame, before=cut) and len(spans(store)) < 720
    azure.clock = NOON + 24 * HOUR
    evening = et.Window(NOON + 6 * HOUR, NOON + 7 * HOUR)
    second = et.pull(source(azure), store, evening)
    assert spans(store) == wanted(frame) and first.is_complete and second.is_complete
    assert second.reopened, "minutes that were told before are named"


def test_a_window_of_one_hour_that_rolls_misses_nothing(opened: Opening) -> None:
    moments = every(MINUTE, stop=DAY + 5 * HOUR)
    arrivals = [moment + timedelta(minutes=(7 * number) % 190) for number, moment in enumerate(moments)]
    frame = requests(moments, arrivals)
    azure = opened(AppRequests=frame)
    store = et.Store()
    for hour in range(9):
        azure.clock = DAY + (hour + 1) * HOUR + 10 * MINUTE
        et.pull(source(azure), store, et.Window(DAY + hour * HOUR, DAY + (hour + 1) * HOUR))
    assert spans(store) == wanted(frame)


def test_a_final_range_is_not_asked_for_again(opened: Opening) -> None:
    azure = opened(AppRequests=requests(every(HOUR)))
    store = et.Store()
    et.pull(source(azure), store, MORNING)
    azure.clock = NOON + timedelta(days=4)
    assert et.pull(source(azure), store, MORNING).slices == 1, "once more, beyond the three days"
    azure.clock = NOON + timedelta(days=5)
    asked = len(azure.asked)
    assert et.pull(source(azure), store, et.Window(NOON, NOON + HOUR)).slices == 1
    kinds = [one.kind for one in azure.asked[asked:]]
    assert kinds == ["data", "plan", "count"], "the time of the service, and the new window alone"
    asked = len(azure.asked)
    assert et.pull(source(azure), store, MORNING).slices == 0
    assert [one.kind for one in azure.asked[asked:]] == ["data", "count"], "its own window is counted once more"


def test_rows_later_than_late_come_when_their_own_window_is_pulled_again(opened: Opening) -> None:
    frame = requests(every(MINUTE))
    azure = opened(AppRequests=frame)
    store = et.Store()
    et.pull(source(azure), store, MORNING)
    azure.clock = NOON + timedelta(days=4)
    et.pull(source(azure), store, MORNING)
    tardy = requests(every(7 * MINUTE), [NOON + timedelta(days=9)] * 103, first=5000)
    azure.arrive("AppRequests", tardy)
    azure.clock = NOON + timedelta(days=10)
    elsewhere = et.pull(source(azure), store, et.Window(NOON + timedelta(days=8), NOON + timedelta(days=9)))
    assert elsewhere.is_complete and spans(store) == wanted(frame)
    receipt = et.pull(source(azure), store, MORNING)
    assert receipt.is_complete and receipt.rows == {"requests": 103} and receipt.late
    assert spans(store) == wanted(pl.concat([frame, tardy]))
    assert et.pull(source(azure), store, MORNING).slices == 0


def test_a_row_without_a_time_of_arrival_counts_as_arrived_when_it_happened(opened: Opening) -> None:
    moments = every(MINUTE)
    frame = requests(moments, [None if number % 3 else moment for number, moment in enumerate(moments)])
    azure = opened(AppRequests=frame)
    store = et.Store()
    assert et.pull(source(azure), store, MORNING).is_complete
    assert spans(store) == wanted(frame)


def test_rows_that_become_visible_late_are_found_by_counting_again(opened: Opening) -> None:
    frame, hidden = requests(every(MINUTE)), requests(every(7 * MINUTE), first=5000)
    azure = opened(AppRequests=frame)
    store = et.Store()
    et.pull(source(azure, limits=limits(rows=200)), store, MORNING)
    azure.arrive("AppRequests", hidden)
    receipt = et.pull(source(azure, limits=limits(rows=200)), store, MORNING)
    assert spans(store) == wanted(pl.concat([frame, hidden])) and receipt.is_complete
    assert receipt.rows == {"requests": hidden.height}
    assert et.pull(source(azure, limits=limits(rows=200)), store, MORNING).slices == 0


def test_a_clock_set_back_asks_for_nothing_and_loses_nothing(opened: Opening) -> None:
    frame = requests(every(MINUTE))
    azure = opened(AppRequests=frame)
    store = et.Store()
    et.pull(source(azure), store, MORNING)
    azure.clock = NOON - 3 * HOUR
    assert et.pull(source(azure), store, MORNING).slices == 0
    azure.clock = NOON + 2 * HOUR
    et.pull(source(azure), store, et.Window(DAY, NOON + HOUR))
    assert spans(store) == wanted(frame)


def test_two_pulls_of_one_range_at_a_time_are_one(opened: Opening) -> None:
    frame = requests(every(MINUTE))
    azure = opened(AppRequests=frame)
    store = et.Store()
    inner: list[et.Receipt] = []

    def meanwhile(at: et.Progress) -> None:
        if at.slices == 1 and not inner:
            azure.clock = NOON + 40 * MINUTE
            inner.append(et.pull(source(azure, limits=limits(rows=200)), store, MORNING))

    outer = et.pull(source(azure, limits=limits(rows=300)), store, MORNING, progress=meanwhile)
    assert outer.is_complete and inner[0].is_complete
    assert spans(store) == wanted(frame)
    assert et.pull(source(azure), store, MORNING).is_complete
    assert spans(store) == wanted(frame)


def test_a_pull_killed_half_way_goes_on_with_the_slices_that_are_left(opened: Opening) -> None:
    frame = requests(every(MINUTE))
    azure = opened(AppRequests=frame)
    store = et.Store()
    small = source(azure, limits=limits(rows=100))

    def kill(at: et.Progress) -> None:
        if at.slices == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        et.pull(small, store, MORNING, progress=kill)
    entries = store.ledger()
    assert entries.height == 3, "whole slices only"
    held = sum(entries["rows"])
    asked = len(azure.asked)
    receipt = et.pull(small, store, MORNING)
    assert receipt.is_complete and receipt.skipped == 3 and receipt.rows["requests"] == 720 - held
    assert receipt.duplicates == 0
    reached = stamp(DAY + timedelta(minutes=held))
    for one in azure.asked[asked:]:
        if one.kind == "data" and "TimeGenerated" in one.query:
            assert one.query.split("let start = datetime(")[1][:27] >= reached
    assert spans(store) == wanted(frame)


def test_what_is_read_ahead_and_not_wanted_leaves_no_file(
    opened: Opening, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    azure = opened(AppRequests=requests(every(MINUTE)))

    def kill(at: et.Progress) -> None:
        if at.slices == 2:
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        et.pull(source(azure, limits=limits(rows=60)), et.Store(), MORNING, progress=kill)
    for thread in threading.enumerate():
        if thread.name.startswith("erp_telemetry_read"):
            thread.join(10)
    assert [path.name for path in folder.iterdir() if path.name.startswith("erp_telemetry")] == []


def test_rows_that_arrive_after_their_minutes_were_pruned_are_added(opened: Opening) -> None:
    moments = every(MINUTE)
    arrivals = [moment + (20 * HOUR if number % 50 == 0 else MINUTE) for number, moment in enumerate(moments)]
    frame = requests(moments, arrivals)
    azure = opened(AppRequests=frame)
    store = et.Store()
    et.pull(source(azure), store, MORNING)
    store.prune(raw_days=0)
    azure.clock = NOON + 24 * HOUR
    receipt = et.pull(source(azure), store, MORNING)
    assert receipt.is_complete and receipt.unprovable > 0
    assert store.sql("select sum(count) from request_minutes").item() == frame["ItemCount"].sum()


def test_rows_of_pruned_minutes_that_become_visible_late_are_named_as_missing(opened: Opening) -> None:
    frame = requests(every(MINUTE))
    azure = opened(AppRequests=frame)
    store = et.Store()
    et.pull(source(azure), store, MORNING)
    store.prune(raw_days=0)
    azure.arrive("AppRequests", requests(every(HOUR, stop=DAY + 5 * HOUR), first=5000))
    receipt = et.pull(source(azure), store, MORNING)
    assert not receipt.is_complete and "5 rows of pruned minutes" in receipt.short[0]
    assert store.ledger()["fingerprint"].last() == "partial:720/725"
    assert store.sql("select sum(count) from request_minutes").item() == frame["ItemCount"].sum()


def test_a_table_that_is_absent_is_named_and_one_that_was_wanted_refused(opened: Opening) -> None:
    azure = opened(AppRequests=requests(every(HOUR)))
    store = et.Store()
    everything = et.AzureLogs(azure.workspace, azure.credential, endpoint=azure.endpoint, limits=limits(),
                              connection_verify=azure.certificate)
    receipt = et.pull(everything, store, MORNING)
    assert "AppTraces" in receipt.absent and "AppRequests" not in receipt.absent and receipt.is_complete
    assert "not there: " in str(receipt) and store.ledger().height == 1
    with pytest.raises(et.SourceError, match=r"has no table AppTraces.*Leave them out of tables="):
        et.pull(source(azure, "AppRequests", "AppTraces"), et.Store(), MORNING)


def test_logs_come_beside_requests(opened: Opening) -> None:
    traces = pl.DataFrame({
        "TimeGenerated": every(MINUTE), "AppRoleName": ["orders"] * 720, "Message": ["", *["paid <b>"] * 719],
        "SeverityLevel": pl.Series([3, None, *[1] * 718], dtype=pl.Int32), "_IngestionTime": every(MINUTE),
        "Properties": ['{"user": 1}'] * 720})
    azure = opened(AppRequests=requests(every(MINUTE)), AppTraces=traces)
    store = et.Store()
    receipt = et.pull(source(azure, "AppRequests", "AppTraces"), store, MORNING)
    assert receipt.rows == {"requests": 720, "logs": 720}
    found = store.sql("select message, level, attributes from logs order by time limit 2")
    assert found.row(0)[:2] == ("", "error") and found.row(1)[0] == "paid <b>"


def test_a_window_is_wanted(opened: Opening) -> None:
    azure = opened(AppRequests=requests([DAY]))
    with pytest.raises(ValueError, match=r"a workspace is asked for a window"):
        et.pull(source(azure), et.Store())
