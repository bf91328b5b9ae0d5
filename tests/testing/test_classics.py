"""Classic names: the App* tables in the scope of their Application Insights resource."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import polars as pl
import pytest

from .support import MINUTE, START, HttpResponseError, LogsQueryClient, LoopbackAzure, client, requests


@pytest.fixture(scope="module")
def azure() -> Iterator[LoopbackAzure]:
    metrics = pl.DataFrame({"TimeGenerated": [START], "Name": ["m"], "Sum": [12.0], "ItemCount": [4]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        with LoopbackAzure({"AppRequests": requests(60), "AppMetrics": metrics}) as running:
            yield running


def rows(logs: LogsQueryClient, azure: LoopbackAzure, query: str) -> list[list[object]]:
    whole = (START, timedelta(days=1))
    return [list(row) for row in logs.query_resource(azure.component, query, timespan=whole).tables[0].rows]


def test_a_resource_answers_by_classic_names_only(azure: LoopbackAzure) -> None:
    with client(azure) as logs:
        assert rows(logs, azure, "requests | summarize n = count() by success, itemType") in (
            [["True", "request", 54], ["False", "request", 6]], [["False", "request", 6], ["True", "request", 54]])
        assert rows(logs, azure, "customMetrics | project name, value, valueSum, valueCount") == [["m", 3.0, 12.0, 4]]
        for query in ("AppRequests | count", "traces | count", "requests | where DurationMs > 1"):
            with pytest.raises(HttpResponseError, match="SEM0100"):
                rows(logs, azure, query)
        with pytest.raises(HttpResponseError, match="SEM0100"):
            logs.query_workspace(azure.workspace, "requests | count", timespan=None)


def test_the_time_range_beside_a_query_holds(azure: LoopbackAzure) -> None:
    with client(azure) as logs:
        answer = logs.query_resource(azure.component, "requests | count", timespan=(START, 7 * MINUTE))
        assert [list(row) for row in answer.tables[0].rows] == [[7]]


def test_another_resource_is_not_found(azure: LoopbackAzure) -> None:
    with client(azure) as logs, pytest.raises(HttpResponseError, match="ResourceNotFoundError") as raised:
        logs.query_resource(azure.component + "2", "requests", timespan=None)
    assert raised.value.status_code == 404
