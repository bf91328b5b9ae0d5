"""Plans of tables: what ``/query`` and ``/search`` refuse, in the service's words, and what they answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from .support import START, HttpRequest, HttpResponse, LoopbackAzure, client, requests

DAY = "2026-03-01T00:00:00Z/2026-03-02T00:00:00Z"


@pytest.fixture(scope="module")
def azure() -> Iterator[LoopbackAzure]:
    tables = {"AppRequests": requests(90), "Custom_CL": requests(3), "AppTraces": pl.DataFrame(),
              "Perf": pl.DataFrame()}
    plans = {"AppRequests": "Basic", "AppTraces": "Basic", "Custom_CL": "Auxiliary"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        with LoopbackAzure(tables, plans=plans) as one:
            one.clock = START.replace(day=2)
            yield one


def asked(
    azure: LoopbackAzure, query: str, verb: str = "search", within: str | None = DAY, **body: Any
) -> HttpResponse:
    with client(azure, retry_total=0) as logs:
        return logs.send_request(HttpRequest(
            "POST", f"/workspaces/{azure.workspace}/{verb}", params={"timespan": within} if within else None,
            json={"query": query, **body}))


def refused(reply: HttpResponse) -> tuple[str, str]:
    """Code and message of a no."""
    assert reply.status_code == 400
    error = reply.json()["error"]
    assert error["code"] == "BadArgumentError"
    inner = error["innererror"]
    inner = inner.get("innererror", inner)
    return inner["code"], inner["message"]


def test_a_query_of_a_basic_table_is_sent_to_search(azure: LoopbackAzure) -> None:
    code, message = refused(asked(azure, "AppRequests | take 1", "query"))
    assert code == "UnsupportedApiQueryValidationError"
    assert message.startswith("Query of Basic Logs table is not supported with the API 'https://api.loganalytics.io/v1/")
    assert asked(azure, "Perf | count", "query").json()["tables"][0]["rows"] == [[0]]


def test_a_query_of_an_auxiliary_table_does_not_find_it(azure: LoopbackAzure) -> None:
    assert refused(asked(azure, "Custom_CL | take 1", "query")) == (
        "SEM0100", "Failed to resolve table or column expression named 'Custom_CL'")
    assert asked(azure, "Custom_CL | count").json()["tables"][0]["rows"] == [[3]]


@pytest.mark.parametrize("body", [{}, {"timespan": DAY}])
def test_a_search_wants_its_time_range_in_the_address(azure: LoopbackAzure, body: dict[str, str]) -> None:
    reply = asked(azure, "AppRequests | count", within=None, **body)
    assert refused(reply)[1] == "Timespan must be supplied for /search API"


@pytest.mark.parametrize("query", [
    "AppRequests | join kind=inner (Perf) on Computer", "AppRequests | find 'x'", "search in (AppRequests) 'x'",
    "AppRequests | where Id in ((externaldata (a:string) ['https://x']))",
    "let f = (a:long) { a + 1 }; AppRequests | extend b = f(1)", "AppRequests | union workspace('x').AppTraces",
    "union AppRequests, AppTraces | count"])
def test_what_a_search_does_not_say(azure: LoopbackAzure, query: str) -> None:
    assert refused(asked(azure, query))[0] == "QueryValidationError"


@pytest.mark.parametrize(("query", "rows"), [
    ("AppRequests | where DurationMs > 1000 | project Name", []),
    ("AppRequests | extend joined = 'x join y' | where joined has 'join' // join\n | count", [[90]]),
    ("let rows = AppRequests | where TimeGenerated >= datetime(2026-03-01T01:00:00Z); rows | count", [[30]]),
    ("AppRequests | summarize total = count() by AppRoleName | summarize most = max(total)", [[60]]),
])
def test_what_a_search_says(azure: LoopbackAzure, query: str, rows: list[list[Any]]) -> None:
    assert asked(azure, query).json()["tables"][0]["rows"] == rows


def test_a_basic_table_shows_its_last_thirty_days(azure: LoopbackAzure) -> None:
    def count(table: str) -> int:
        return int(asked(azure, f"{table} | count", within="P365D").json()["tables"][0]["rows"][0][0])

    assert (count("AppRequests"), count("Custom_CL")) == (90, 3)
    azure.clock = START.replace(day=31, minute=30)
    try:
        assert (count("AppRequests"), count("Custom_CL")) == (60, 3)
    finally:
        azure.clock = START.replace(day=2)


@pytest.mark.parametrize(("plans", "message"), [
    ({"AppRequests": "Cheap"}, "there are Analytics, Basic, Auxiliary"), ({"Perf": "Basic"}, "no such table")])
def test_a_plan_that_cannot_be(plans: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LoopbackAzure({"AppRequests": requests(1)}, plans=plans)
