"""Tables on the Basic and Auxiliary plans: found out, asked by search, whole or refused, with few scans."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest
from hypothesis import example, given

import erp_telemetry as et

from .support import DAY, HOUR, MINUTE, MORNING, NOON, every, limits, requests, source, spans, wanted

pytest.importorskip("duckdb_kql", reason="the loopback needs the extra testing")

from erp_telemetry.testing import LoopbackAzure, faults
from erp_telemetry.testing.faults import Fault

from . import test_schedules

PLANS = ("Basic", "Auxiliary")


@contextmanager
def opened(plan: str, **tables: pl.DataFrame) -> Iterator[LoopbackAzure]:
    """A loopback whose AppRequests is on a plan; its clock stands at half past noon."""
    with pytest.MonkeyPatch.context() as patched, LoopbackAzure(tables, plans={"AppRequests": plan}) as azure:
        patched.setenv("NO_PROXY", "127.0.0.1")
        azure.clock = NOON + 30 * MINUTE
        yield azure


def searches(azure: LoopbackAzure, kind: str) -> int:
    return sum("/search?" in one.path and one.kind == kind for one in azure.asked)


@pytest.mark.parametrize("plan", PLANS)
def test_all_of_a_window_comes_by_search_with_two_scans(plan: str) -> None:
    frame = requests(every(MINUTE / 2))
    with opened(plan, AppRequests=frame) as azure:
        store = et.Store()
        receipt = et.pull(source(azure, limits=limits(rows=200)), store, MORNING)
        assert receipt.is_complete and receipt.rows == {"requests": 1440} and receipt.slices > 7
        assert spans(store) == wanted(frame)
        assert (searches(azure, "plan"), searches(azure, "count")) == (1, 0), "one scan plans and counts"
        assert searches(azure, "data") == receipt.slices, "and each slice is scanned once more"
        assert [one.status for one in azure.asked if one.path.endswith("/query")][1:] in ([400], [400, 400])


def test_no_more_searches_at_a_time_than_the_service_allows() -> None:
    with opened("Basic", AppRequests=requests(every(MINUTE))) as azure:
        azure.misbehave(faults.slow(0.1), of="data")
        et.pull(source(azure, limits=limits(rows=60)), et.Store(), MORNING)
        assert azure.most_at_once == 2


def test_the_time_range_beside_a_search_encloses_that_of_the_query() -> None:
    moments = [DAY + HOUR + timedelta(microseconds=number) for number in range(40)]
    with opened("Basic", AppRequests=requests(moments)) as azure:
        store = et.Store()
        azure.misbehave(faults.row_cap(15))
        assert et.pull(source(azure), store, MORNING).is_complete
        assert len(spans(store)) == 40, "halved down to microseconds, where whole seconds would not do"
        for one in azure.asked:
            if "/search?" in one.path and one.kind == "data":
                start, stop = (datetime.fromisoformat(text)
                               for text in parse_qs(urlsplit(one.path).query)["timespan"][0].split("/"))
                asked = [datetime.fromisoformat(line.partition("datetime(")[2][:27])
                         for line in one.query.splitlines() if line.startswith(("let start", "let stop"))]
                assert start <= asked[0] < asked[1] <= stop
                assert start > asked[0] - timedelta(seconds=1) and stop < asked[1] + timedelta(seconds=1)


@pytest.mark.parametrize("plan", PLANS)
def test_late_rows_come_and_nothing_comes_twice(plan: str) -> None:
    moments = every(MINUTE)
    frame = requests(moments, [moment + (20 * HOUR if number % 50 == 0 else MINUTE)
                               for number, moment in enumerate(moments)])
    with opened(plan, AppRequests=frame) as azure:
        store, asked = et.Store(), source(azure)
        assert et.pull(asked, store, MORNING).is_complete
        assert spans(store) == wanted(frame, before=NOON + 20 * MINUTE) and len(spans(store)) < 720
        azure.clock = NOON + 24 * HOUR
        assert et.pull(asked, store, MORNING).is_complete
        assert spans(store) == wanted(frame)
        before = searches(azure, "data")
        again = et.pull(asked, store, MORNING)
        assert (again.slices, searches(azure, "data")) == (0, before)


def test_beside_tables_of_the_other_plan_and_without_some() -> None:
    frame = requests(every(HOUR))
    with opened("Basic", AppRequests=frame, AppTraces=traces(frame)) as azure:
        store = et.Store()
        receipt = et.pull(et.AzureLogs(azure.workspace, azure.credential, limits=limits(), endpoint=azure.endpoint,
                                       connection_verify=azure.certificate), store, MORNING)
        assert receipt.rows == {"requests": 12, "logs": 12} and "ContainerLogV2" in receipt.absent
        assert {"AppRequests", "AppTraces"}.isdisjoint(receipt.absent)
        assert not any("/search?" in one.path and "AppTraces" in one.query for one in azure.asked)


def test_a_misspelt_column_of_such_a_table_is_not_an_absent_table(monkeypatch: pytest.MonkeyPatch) -> None:
    with opened("Auxiliary", AppRequests=requests(every(HOUR))) as azure:
        asked = source(azure)
        [query] = asked._queries(None)
        wrong = type(query)(**{name: getattr(query, name) for name in query.__slots__}
                            | {"prelude": query.prelude.replace("= DurationMs", "= DurationMilli")})
        monkeypatch.setattr(et.AzureLogs, "_queries", lambda *_: [wrong])
        with pytest.raises(et.SourceError, match=r"app_requests\.kql does not run in this workspace: .*DurationMilli"):
            et.pull(asked, et.Store(), MORNING)


def test_what_the_basic_plan_shows_no_more_is_refused_and_not_told_as_empty() -> None:
    old = et.Window(DAY - timedelta(days=40), DAY - timedelta(days=39))
    frame = requests([*every(HOUR, old.start, old.stop), *every(HOUR)])
    with opened("Basic", AppRequests=frame) as azure:
        store, asked = et.Store(), source(azure)
        with pytest.raises(et.SourceError, match="answers the last 30 days: leave it out by without='AppRequests'; on"):
            et.pull(asked, store, old)
        assert store.ledger().is_empty()
        assert et.pull(asked, store, MORNING).rows == {"requests": 12}
        azure.clock = NOON + timedelta(days=45)
        later = NOON + timedelta(days=44)
        assert et.pull(asked, store, et.Window(later, later + HOUR)).is_complete, "what is held is out of reach"
    with opened("Auxiliary", AppRequests=frame) as azure:
        store = et.Store()
        et.pull(source(azure, limits=limits(search_reach=timedelta(days=365))), store, old)
        assert spans(store) == wanted(frame, old)


def traces(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame({"TimeGenerated": frame["TimeGenerated"], "Message": ["x"] * frame.height,
                         "SeverityLevel": [1] * frame.height}, schema_overrides={"SeverityLevel": pl.Int32})


REACH = DAY - timedelta(days=29, hours=11, minutes=30)
"""From when on a table on the Basic plan is answered at half past noon."""
LONG = requests(every(6 * HOUR, REACH - timedelta(days=12), NOON))


def test_the_last_thirty_days_come_but_for_the_seconds_that_it_takes_to_ask() -> None:
    month = et.Window(REACH - timedelta(seconds=4), NOON)
    with opened("Basic", AppRequests=LONG, AppTraces=traces(LONG)) as azure:
        store, asked = et.Store(), source(azure, "AppRequests", "AppTraces")
        receipt = et.pull(asked, store, month)
        kept = LONG.filter(pl.col("TimeGenerated") >= REACH)
        assert spans(store) == sorted(kept["Id"]) and receipt.rows["logs"] == kept.height
        assert not receipt.is_complete
        assert receipt.missing == (
            "AppRequests 2026-02-08T12:29:56.000000Z to 2026-02-08T12:30:00.000000Z: on the Basic or Auxiliary plan, "
            "of which the service answers the last 30 days; on the Auxiliary plan give as search_reach= of AzureLimits "
            "how long rows are retained",)
        assert store.shortfalls(month).select("table_name", "kind", "start", "stop", "rows").rows() == [
            ("requests", "uncounted", month.start, REACH, None)]
        azure.clock = NOON + 3 * HOUR
        before = searches(azure, "data")
        again = et.pull(asked, store, month)
        assert again.missing == receipt.missing and searches(azure, "data") == before, "nor is it refused an hour later"
        later = et.Window(month.start + 3 * HOUR, azure.clock)
        assert et.pull(asked, store, later).is_complete, "what is held is not out of reach"


def test_a_window_that_begins_out_of_reach_is_refused_with_one_that_does_not() -> None:
    with opened("Basic", AppRequests=LONG) as azure:
        store, asked = et.Store(), source(azure)
        with pytest.raises(et.SourceError, match="answers the last 30 days: pull ") as caught:
            et.pull(asked, store, et.Window(REACH - timedelta(days=10), NOON))
        told = str(caught.value)
        assert "or what is left of it with allow_partial=True, or leave it out by without='AppRequests';" in told
        assert store.ledger().is_empty() and store.shortfalls(MORNING).is_empty()
        azure.clock = NOON + 45 * MINUTE
        instead = et.Window.parse(told.partition("pull ")[2].partition(",")[0])
        assert instead == et.Window(REACH + 30 * MINUTE, NOON)
        assert et.pull(asked, store, instead).is_complete, "also where one has taken a while to read"
        assert spans(store) == wanted(LONG, instead)


def test_parts_that_are_allowed_reach_as_far_as_the_plan_does() -> None:
    begin = REACH - timedelta(days=10)
    with opened("Basic", AppRequests=LONG, AppTraces=traces(LONG)) as azure:
        store, asked = et.Store(), source(azure, "AppRequests", "AppTraces", allow_partial=True)
        receipt = et.pull(asked, store, et.Window(begin, NOON))
        assert spans(store) == sorted(LONG.filter(pl.col("TimeGenerated") >= REACH)["Id"])
        assert receipt.rows["logs"] == LONG.filter(pl.col("TimeGenerated") >= begin).height
        assert not receipt.is_complete and len(receipt.missing) == 1
        with pytest.warns(et.ShortfallWarning, match="uncounted requests of azure_logs between 2026-01-29 12:30 and"):
            et.measure(store, "request_rate", et.Window(begin, begin + timedelta(days=1)), every="1h")
        old = et.pull(asked, et.Store(), et.Window(begin, begin + HOUR))
        assert old.rows == {"logs": 1} and not old.is_complete, "of a window out of reach nothing, and it says so"


def test_a_table_that_reaches_less_far_is_left_out() -> None:
    whole = et.Window(REACH - timedelta(days=10), NOON)
    with opened("Basic", AppRequests=LONG, AppTraces=traces(LONG)) as azure:
        receipt = et.pull(source(azure, tables=None, without=("AppRequests",)), et.Store(), whole)
        assert receipt.is_complete and receipt.rows.keys() == {"logs"} and "AppRequests" not in receipt.absent


def test_an_endless_window_is_pulled_twice() -> None:
    endless = et.Window(DAY, datetime.max.replace(tzinfo=UTC))
    for plan in ("Analytics", "Basic"):
        with opened(plan, AppRequests=requests(every(HOUR))) as azure:
            store, asked = et.Store(), source(azure)
            assert et.pull(asked, store, endless).rows == {"requests": 12}
            azure.clock = NOON + 5 * HOUR
            assert et.pull(asked, store, endless).rows == {}


@pytest.mark.parametrize("status", [400, 403, 404])
def test_where_a_search_is_refused_an_absent_table_is_absent(status: int) -> None:
    with opened("Basic", AppRequests=requests(every(HOUR))) as azure:
        # the clock, the plan, the probe by query, the probe by search
        azure.misbehave(faults.failing(status), at=4)
        with pytest.raises(et.SourceError, match="has no table AppTraces"):
            et.pull(source(azure, "AppTraces"), et.Store(), MORNING)
        assert [(one.kind, one.status) for one in azure.asked] == [
            ("data", 200), ("plan", 400), ("probe", 400), ("probe", status)]


@test_schedules.QUICK
@given(schedule=test_schedules.SCHEDULES)
@example(schedule=[(faults.row_cap(15, "nothing"), set(range(1, 90)))])
@example(schedule=[(faults.byte_cap(4000, "nothing"), set(range(1, 90)))])
def test_the_truth_or_a_word(schedule: list[tuple[Fault, set[int]]]) -> None:
    with opened("Basic", AppRequests=test_schedules.FRAME) as azure:
        store, asked = et.Store(), source(azure, limits=limits(rows=60, tries=3))
        for fault, numbers in schedule:
            azure.misbehave(fault, at=numbers)
        said = test_schedules.missing_is_said(azure, store, asked)
        test_schedules.check(azure, store, said, 20)
        azure.behave()
        azure.clock = NOON + 9 * HOUR
        assert et.pull(asked, store, MORNING).is_complete
        assert spans(store) == wanted(test_schedules.FRAME)
