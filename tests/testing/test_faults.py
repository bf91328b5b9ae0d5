"""Every way to misbehave, seen by the real client."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import polars as pl
import pytest
from azure.core.exceptions import AzureError, DecodeError, HttpResponseError, ServiceResponseError
from azure.core.rest import HttpRequest, HttpResponse
from azure.monitor.query import LogsQueryClient, LogsQueryPartialResult, LogsQueryStatus
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erp_telemetry.testing import LoopbackAzure, faults
from tests.testing.support import MINUTE, START, ask, client, post, prelude, requests, table

QUERY = "AppRequests | project TimeGenerated, Name"
COUNT = "AppRequests | count"
NO_CACHE = {"Cache-Control": "no-cache"}


@pytest.fixture
def azure() -> Iterator[LoopbackAzure]:
    with LoopbackAzure({"AppRequests": requests(60)}) as running:
        yield running


def stream(azure: LoopbackAzure) -> tuple[Any, bytes]:
    """Headers and body of an answer, read piece by piece as the library reads them."""
    with client(azure, retry_total=0) as logs:
        request = HttpRequest("POST", f"/workspaces/{azure.workspace}/query", json={"query": QUERY})
        reply = logs.send_request(request, stream=True)
        try:
            return reply.headers, b"".join(reply.iter_bytes())
        finally:
            reply.close()


def rows(reply: HttpResponse) -> list[Any]:
    return list(reply.json()["tables"][0]["rows"])


@pytest.mark.parametrize(("fault", "kept", "sentence"), [
    (faults.row_cap(10), 10, "exceed the set limit of 10 records"),
    (faults.byte_cap(500), 12, "exceed the set limit of 500 bytes"),
    (faults.partial(0.25), 15, "E_LOW_MEMORY"),
])
def test_a_partial_answer_has_rows_and_an_error(
    azure: LoopbackAzure, fault: faults.Fault, kept: int, sentence: str
) -> None:
    azure.misbehave(fault)
    reply = post(azure, QUERY)
    assert reply.status_code == 200
    assert len(rows(reply)) == kept
    error = reply.json()["error"]
    assert error["code"] == "PartialError"
    assert sentence in error["details"][0]["innererror"]["message"]
    with client(azure) as logs:
        answer = logs.query_workspace(azure.workspace, QUERY, timespan=None)
    assert isinstance(answer, LogsQueryPartialResult)
    assert answer.status == LogsQueryStatus.PARTIAL


@pytest.mark.parametrize("make", [faults.row_cap, faults.byte_cap])
def test_a_cap_may_be_an_error_or_silent_and_spares_what_is_small(
    azure: LoopbackAzure, make: Callable[..., faults.Fault]
) -> None:
    azure.misbehave(make(30, "error"), times=1)
    reply = post(azure, QUERY)
    assert reply.status_code == 413
    assert reply.json()["error"]["innererror"]["code"] == "E_QUERY_RESULT_SET_TOO_LARGE"
    azure.behave()
    azure.misbehave(make(30, "nothing"))
    reply = post(azure, QUERY)
    assert len(rows(reply)) < 60
    assert "error" not in reply.json()
    azure.behave()
    azure.misbehave(make(1_000_000))
    assert len(rows(post(azure, QUERY))) == 60


def test_throttling_says_when_to_come_back_or_does_not(azure: LoopbackAzure) -> None:
    azure.misbehave(faults.throttled(), at=1)
    azure.misbehave(faults.throttled(2.5), at=2)
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    azure.misbehave(faults.throttled(moment), at=3)
    replies = [post(azure, QUERY) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [429, 429, 429, 200]
    assert "Retry-After" not in replies[0].headers
    assert replies[1].headers["Retry-After"] == "2.5"
    assert parsedate_to_datetime(replies[2].headers["Retry-After"]) == moment
    assert [asked.status for asked in azure.asked] == [429, 429, 429, 200]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failing_service(azure: LoopbackAzure, status: int) -> None:
    azure.misbehave(faults.failing(status))
    reply = post(azure, QUERY)
    assert reply.status_code == status
    assert ("html" in reply.headers["Content-Type"]) == (status == 502)


def test_a_time_out_repeats_at_the_same_size_only(azure: LoopbackAzure) -> None:
    azure.misbehave(faults.timed_out(rows=20), of="data")
    assert [post(azure, QUERY).status_code for _ in range(2)] == [504, 504]
    assert post(azure, f"{QUERY} | take 20").status_code == 200
    assert post(azure, COUNT).status_code == 200
    azure.behave()
    azure.misbehave(faults.timed_out(), times=1)
    assert [post(azure, QUERY).status_code for _ in range(2)] == [504, 200]


def test_bodies_that_are_no_answer(azure: LoopbackAzure) -> None:
    for number, fault in enumerate((faults.no_content(), faults.empty(), faults.html(), faults.error_only()), 1):
        azure.misbehave(fault, at=number)
    nothing, empty, page, only = (post(azure, QUERY) for _ in range(4))
    assert (nothing.status_code, nothing.content) == (204, b"")
    assert (empty.status_code, empty.content) == (200, b"")
    assert page.status_code == 200
    assert page.text().startswith("<!DOCTYPE html>")
    assert only.json().keys() == {"error"}


def test_the_sdk_itself_trips_over_them(azure: LoopbackAzure) -> None:
    for fault in (faults.no_content(), faults.empty(), faults.html()):
        azure.behave()
        azure.misbehave(fault)
        with client(azure) as logs, pytest.raises(json.JSONDecodeError):
            logs.query_workspace(azure.workspace, QUERY, timespan=None)


def test_a_body_cut_in_the_middle_keeps_its_length_right(azure: LoopbackAzure) -> None:
    azure.misbehave(faults.cut(0.5))
    with pytest.raises(DecodeError):
        post(azure, QUERY)
    headers, body = stream(azure)
    assert len(body) == int(headers["Content-Length"])
    with pytest.raises(ValueError, match="Unterminated string"):
        json.loads(body)


@pytest.mark.parametrize("fault", [faults.truncated(0.5), faults.dropped(), faults.dropped(0.5)])
def test_a_connection_that_ends_early_raises_when_it_is_read_at_once(
    azure: LoopbackAzure, fault: faults.Fault
) -> None:
    azure.misbehave(fault, times=1)
    with pytest.raises(AzureError):
        post(azure, QUERY)
    assert len(rows(post(azure, QUERY))) == 60, "the next request finds the service well"


def test_a_body_short_of_its_length_raises_when_it_is_streamed(azure: LoopbackAzure) -> None:
    azure.misbehave(faults.truncated(0.5), times=1)
    with pytest.raises(AzureError):
        stream(azure)
    headers, body = stream(azure)
    assert len(body) == int(headers["Content-Length"])


def test_a_slow_answer_is_right_and_may_outlast_the_client(azure: LoopbackAzure) -> None:
    azure.misbehave(faults.slow(0.3))
    before = time.monotonic()
    assert len(rows(post(azure, QUERY))) == 60
    assert time.monotonic() - before >= 0.3
    with client(azure, retry_total=0) as logs:
        request = HttpRequest("POST", f"/workspaces/{azure.workspace}/query", json={"query": QUERY})
        with pytest.raises(ServiceResponseError):
            logs.send_request(request, read_timeout=0.05)


def test_a_slow_answer_does_not_hold_up_the_end() -> None:
    with LoopbackAzure({"AppRequests": requests(3)}) as azure, ThreadPoolExecutor(1) as pool:
        azure.misbehave(faults.slow(60))
        waiting = pool.submit(post, azure, QUERY)
        while not (azure.asked and azure.asked[0].faults):
            time.sleep(0.01)
        time.sleep(0.1)
        assert azure.asked[0].status is None, "a request has no status before it is answered"
        before = time.monotonic()
        azure.__exit__(None, None, None)
        assert time.monotonic() - before < 5
        assert isinstance(waiting.exception(), AzureError)


@pytest.mark.parametrize("fault", [faults.compressed(), faults.chunked()])
def test_right_answers_whose_length_is_not_told(azure: LoopbackAzure, fault: faults.Fault) -> None:
    azure.misbehave(fault)
    reply = post(azure, QUERY)
    assert len(rows(reply)) == 60
    assert int(reply.headers.get("Content-Length", 0)) != len(reply.content)
    azure.misbehave(faults.truncated(0.5))
    with pytest.raises(AzureError):
        post(azure, QUERY)


def test_faults_strike_by_number_kind_and_at_most_so_often(azure: LoopbackAzure) -> None:
    azure.misbehave(faults.failing(500), of="count", times=2)
    azure.misbehave(faults.failing(503), at=[2, 6])
    plan = prelude() + "answer | summarize n = count(), bytes = sum(estimate_data_size(*)) by bin(['time'], 15m)"
    queries = [QUERY, QUERY, COUNT, plan, COUNT, COUNT, COUNT, "AppRequests | getschema"]
    assert [post(azure, query).status_code for query in queries] == [200, 503, 500, 200, 500, 503, 200, 200]
    assert [asked.kind for asked in azure.asked] == [
        "data", "data", "count", "plan", "count", "count", "count", "probe"]
    assert azure.asked[1].faults == ("failing 503",)
    assert azure.asked[0].query == QUERY
    assert azure.asked[0].headers["content-type"] == "application/json"


def test_faults_add_up(azure: LoopbackAzure) -> None:
    azure.misbehave(faults.slow(0.2))
    azure.misbehave(faults.row_cap(5))
    azure.misbehave(faults.compressed())
    before = time.monotonic()
    reply = post(azure, QUERY)
    assert (len(rows(reply)), reply.headers["Content-Encoding"]) == (5, "gzip")
    assert time.monotonic() - before >= 0.2
    assert azure.asked[0].faults == ("slow", "row cap", "compressed")


@pytest.mark.parametrize(("options", "message"), [
    ({"of": "nonsense"}, "no kind of query"), ({"at": 0}, "numbered from 1"), ({"times": 0}, "is none")])
def test_a_schedule_that_cannot_be_is_refused(azure: LoopbackAzure, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        azure.misbehave(faults.empty(), **options)


def test_a_repeated_query_is_answered_from_memory_for_two_minutes(azure: LoopbackAzure) -> None:
    azure.clock = START
    assert ask(azure, COUNT) == [[60]]
    azure.arrive("AppRequests", requests(5))
    assert ask(azure, COUNT) == [[60]]
    assert rows(post(azure, COUNT, NO_CACHE)) == [[65]]
    azure.arrive("AppRequests", requests(5))
    azure.clock = START + timedelta(seconds=119)
    assert ask(azure, COUNT) == [[65]]
    azure.clock = START + timedelta(seconds=120)
    assert ask(azure, COUNT) == [[70]]


def test_late_rows_are_seen_from_a_request_or_a_moment_on(azure: LoopbackAzure) -> None:
    azure.clock = START + timedelta(hours=2)
    azure.arrive("AppRequests", requests(1), at=3)
    azure.arrive("AppRequests", requests(2), at=START + timedelta(hours=3))

    def count() -> int:
        return int(rows(post(azure, COUNT, NO_CACHE))[0][0])

    assert [count() for _ in range(4)] == [60, 60, 61, 61]
    azure.clock = START + timedelta(hours=3)
    assert count() == 63
    arrivals = table(azure, "AppRequests | summarize n = count() by hour = bin(ingestion_time(), 1h)")["rows"]
    assert sorted(arrivals) == [["2026-03-01T00:00:00Z", 60], ["2026-03-01T02:00:00Z", 1], ["2026-03-01T03:00:00Z", 2]]
    assert len(table(azure, "AppRequests | distinct _ItemId")["rows"]) == 63


def test_late_rows_may_say_that_they_came_earlier(azure: LoopbackAzure) -> None:
    azure.clock = START + timedelta(hours=2)
    past = requests(4).with_columns(_IngestionTime=pl.lit(START + MINUTE))
    azure.arrive("AppRequests", past, at=2)
    nowhere = requests(1).with_columns(_IngestionTime=pl.lit(None, dtype=pl.Datetime("us", "UTC")))
    azure.arrive("AppRequests", nowhere, at=2)
    query = "AppRequests | summarize n = countif(ingestion_time() < ago(1h)), none = countif(isnull(ingestion_time()))"
    assert rows(post(azure, query, NO_CACHE)) == [[60, 0]]
    assert rows(post(azure, query, NO_CACHE)) == [[64, 1]]


def test_rows_that_cannot_arrive_are_refused_at_once(azure: LoopbackAzure) -> None:
    with pytest.raises(ValueError, match="no table AppTraces"):
        azure.arrive("AppTraces", requests(1))
    with pytest.raises(ValueError, match="no column Colour"):
        azure.arrive("AppRequests", pl.DataFrame({"Colour": ["red"]}))
    with pytest.raises(ValueError, match="time zone"):
        azure.arrive("AppRequests", requests(1), at=datetime(2026, 3, 1))


def status(azure: LoopbackAzure, **options: Any) -> tuple[int, str]:
    with client(azure) as logs, pytest.raises(HttpResponseError) as raised:
        logs.query_workspace(options.get("workspace", azure.workspace), QUERY, timespan=None)
    return int(raised.value.status_code or 0), str(raised.value.error.code)


def test_who_may_not_ask_is_told_so(azure: LoopbackAzure) -> None:
    assert status(azure, workspace="99999999-0000-4000-8000-000000000000") == (404, "WorkspaceNotFoundError")
    azure.is_permitted = False
    assert status(azure) == (403, "InsufficientAccessError")
    azure.is_permitted = True
    assert len(ask(azure, QUERY)) == 60


def test_a_token_expires_and_a_new_one_is_good(azure: LoopbackAzure) -> None:
    with client(azure) as logs:
        assert logs.query_workspace(azure.workspace, COUNT, timespan=None).tables[0].rows[0][0] == 60
        azure.expire_tokens()
        with pytest.raises(HttpResponseError) as raised:
            logs.query_workspace(azure.workspace, COUNT, timespan=None)
        assert (raised.value.status_code, raised.value.error.code) == (401, "ExpiredAuthenticationToken")
    assert ask(azure, COUNT) == [[60]]


def test_a_token_for_another_audience_is_refused(azure: LoopbackAzure) -> None:
    options: dict[str, Any] = {"endpoint": azure.endpoint, "connection_verify": azure.certificate}
    with (
        LogsQueryClient(azure.credential, audience="https://management.azure.com", **options) as logs,
        pytest.raises(HttpResponseError) as raised,
    ):
        logs.query_workspace(azure.workspace, COUNT, timespan=None)
    assert (raised.value.status_code, raised.value.error.code) == (403, "InvalidAuthenticationTokenAudience")
    with LogsQueryClient(azure.credential, audience="https://api.loganalytics.io", **options) as logs:
        assert logs.query_workspace(azure.workspace, COUNT, timespan=None).tables[0].rows[0][0] == 60


def test_a_client_that_distrusts_the_certificate_is_refused_and_the_next_is_served(azure: LoopbackAzure) -> None:
    with (
        LogsQueryClient(azure.credential, endpoint=azure.endpoint, retry_total=0) as logs,
        pytest.raises(AzureError, match="certificate"),
    ):
        logs.query_workspace(azure.workspace, COUNT, timespan=None)
    assert ask(azure, COUNT) == [[60]]


def test_five_clients_at_once_get_each_their_own(azure: LoopbackAzure) -> None:
    def count(number: int) -> int:
        return int(rows(post(azure, f"AppRequests | take {number} | count"))[0][0])

    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(count, range(1, 26))) == list(range(1, 26))
    assert sorted(asked.number for asked in azure.asked) == list(range(1, 26))


def test_clients_at_once_share_a_statement_and_not_its_values(azure: LoopbackAzure) -> None:
    def names(part: int) -> set[str]:
        return {row[2] for row in rows(post(azure, prelude(16, part) + "answer", NO_CACHE))}

    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(names, [*range(16), *range(16)]))
    assert parts[:16] == parts[16:]
    assert sum(len(part) for part in parts[:16]) == len(set[str]().union(*parts)) == 60


@pytest.mark.parametrize("clients", [1, 3])
def test_how_many_asked_at_once_is_counted(azure: LoopbackAzure, clients: int) -> None:
    azure.misbehave(faults.slow(0.2))
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(lambda _: post(azure, COUNT), range(2 * clients)))
    assert azure.most_at_once == clients


def test_outside_a_with_statement_there_is_nothing_to_speak_to() -> None:
    azure = LoopbackAzure({"AppRequests": requests(1)})
    with pytest.raises(RuntimeError, match="with statement"):
        azure.endpoint  # noqa: B018


STRUCK = st.sampled_from([
    faults.row_cap(10), faults.byte_cap(300), faults.partial(), faults.error_only(), faults.throttled(),
    faults.failing(500), faults.failing(502), faults.timed_out(), faults.timed_out(5), faults.truncated(),
    faults.cut(), faults.dropped(), faults.dropped(0.5), faults.no_content(), faults.empty(), faults.html(),
    faults.slow(0.01), faults.compressed(), faults.chunked(),
])


@pytest.fixture(scope="module")
def lasting() -> Iterator[LoopbackAzure]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        with LoopbackAzure({"AppRequests": requests(60)}) as running:
            yield running


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schedule=st.lists(st.tuples(STRUCK, st.integers(1, 2)), max_size=4))
def test_whatever_the_schedule_an_answer_without_error_is_the_truth(
    lasting: LoopbackAzure, schedule: list[tuple[faults.Fault, int]]
) -> None:
    """A client that looks at status, error, length and JSON is never fooled by a fault that tells of itself."""
    lasting.behave()
    for fault, times in schedule:
        lasting.misbehave(fault, times=times)
    told: dict[str, Any] = {}
    for _ in range(sum(times for _, times in schedule) + 1):
        before = len(lasting.asked)
        try:
            reply = post(lasting, QUERY)
            told = reply.json() if reply.status_code == 200 and reply.content else {"error": None}
        except (AzureError, ValueError):
            told = {"error": None}
        assert len(lasting.asked) == before + 1
        if "error" not in told:
            assert len(told["tables"][0]["rows"]) == 60
    assert lasting.asked[-1].faults == ()
    assert "error" not in told
