"""What the tests of the loopback share: frames, the real client, and the shape of the library's queries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

pytest.importorskip("duckdb_kql", reason="the loopback needs the extra: pip install erp-telemetry[testing]")

from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest, HttpResponse
from azure.monitor.query import LogsQueryClient

from erp_telemetry.testing import LoopbackAzure

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

PRELUDE = """// Requests of Application Insights, weighted by their sampling.
// reads: AppRequests
// answers: requests
let start = datetime(2026-03-01T00:00:00.000000Z);
let stop = datetime(2026-03-01T01:00:00.000000Z);
let ingested_after = datetime(1900-01-01);
let ingested_before = datetime(2100-01-01);
let parts = {parts};
let part = {part};
let rows = AppRequests
    | where TimeGenerated >= start and TimeGenerated < stop
    // a row whose arrival the service does not tell counts as arrived when it happened
    | extend arrived = coalesce(ingestion_time(), TimeGenerated)
    | where arrived >= ingested_after and arrived < ingested_before
    | where parts == 1 or hash(_ItemId, parts) == part;
let answer = rows
    | project
        ['time'] = TimeGenerated,
        service = iff(isnotempty(AppRoleName), AppRoleName, extract("([^/]+)/*$", 1, tolower(_ResourceId))),
        operation = coalesce(OperationName, Name),
        tenant = coalesce(tostring(Properties["tenant.id"]), tostring(Properties["enduser.tenant"])),
        ['kind'] = column_ifexists("PerformanceBucket", ""),
        duration_ms = DurationMs,
        is_failed = not(Success),
        weight = coalesce(todouble(ItemCount), 1.0),
        id = iff(isempty(OperationId) or isempty(Id), _ItemId, "");
"""


def prelude(parts: int = 1, part: int = 0) -> str:
    return PRELUDE.replace("{parts}", str(parts)).replace("{part}", str(part))


def requests(count: int = 60, start: datetime = START) -> pl.DataFrame:
    """One request a minute, every third of a service that only its resource names."""
    return pl.DataFrame({
        "TimeGenerated": [start + n * MINUTE for n in range(count)],
        "AppRoleName": ["" if n % 3 == 0 else "orders" for n in range(count)],
        "_ResourceId": ["/subscriptions/s/providers/Microsoft.Web/Sites/Shop"] * count,
        "Name": [f"GET /orders/{n}" for n in range(count)],
        "DurationMs": [1.5 * n for n in range(count)],
        "Success": [n % 10 != 0 for n in range(count)],
        "ItemCount": [None if n % 2 else 4 for n in range(count)],
        "Properties": ['{"tenant.id": "acme"}'] * count,
        "Id": [f"span{n}" if n % 4 else "" for n in range(count)],
        "OperationId": ["trace"] * count,
    }, schema_overrides={"TimeGenerated": pl.Datetime("us", "UTC")})


@contextmanager
def client(azure: LoopbackAzure, **options: Any) -> Iterator[LogsQueryClient]:
    made = LogsQueryClient(
        azure.credential, endpoint=azure.endpoint, connection_verify=azure.certificate, **options)
    try:
        yield made
    finally:
        made.close()


def ask(azure: LoopbackAzure, query: str) -> list[list[Any]]:
    """The rows the SDK makes of an answer."""
    with client(azure) as logs:
        answer = logs.query_workspace(azure.workspace, query, timespan=None)
        return [list(row) for row in answer.tables[0].rows]


def post(azure: LoopbackAzure, query: str, headers: dict[str, str] | None = None, **options: Any) -> HttpResponse:
    """What comes over the wire, with the SDK's sign-in and without its retries."""
    with client(azure, retry_total=0) as logs:
        request = HttpRequest(
            "POST", f"/workspaces/{azure.workspace}/query", json={"query": query}, headers=headers or {})
        return logs.send_request(request, **options)


def table(azure: LoopbackAzure, query: str) -> dict[str, Any]:
    """The one table of an answer, as it came over the wire."""
    reply = post(azure, query)
    assert reply.status_code == 200, reply.text()
    [only] = reply.json()["tables"]
    assert only["name"] == "PrimaryResult"
    return dict(only)


def refused(azure: LoopbackAzure, query: str) -> tuple[int, str]:
    """Status and innermost code of a refusal, as the SDK raises it."""
    with client(azure) as logs, pytest.raises(HttpResponseError) as raised:
        logs.query_workspace(azure.workspace, query, timespan=None)
    error = raised.value.error
    code, inner = str(error.code), error.innererror
    while inner:
        code, inner = str(inner["code"]), inner.get("innererror")
    return int(raised.value.status_code or 0), code
