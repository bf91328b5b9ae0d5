"""Tables on the Basic and Auxiliary plans: found out, asked by search, whole or refused, with few scans."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
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
    traces = pl.DataFrame({"TimeGenerated": frame["TimeGenerated"], "Message": ["x"] * 12, "SeverityLevel": [1] * 12},
                          schema_overrides={"SeverityLevel": pl.Int32})
    with opened("Basic", AppRequests=frame, AppTraces=traces) as azure:
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
        with pytest.raises(et.SourceError, match="answers the last 30 days: ask from 2026-02-08 12:30:00 UTC on"):
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
