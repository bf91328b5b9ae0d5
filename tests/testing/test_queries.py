"""The KQL that is sent is run: the library's own shape, what the loopback adds, and wrong KQL."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from azure.core.rest import HttpRequest, HttpResponse

from erp_telemetry.testing import LoopbackAzure
from erp_telemetry.testing.kql import HIDDEN, translate
from erp_telemetry.testing.workspaces import declared_tables
from tests.testing.support import MINUTE, START, ask, client, prelude, refused, requests, table


@pytest.fixture(scope="module")
def azure() -> Iterator[LoopbackAzure]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        with LoopbackAzure({"AppRequests": requests(90), "AppTraces": pl.DataFrame()}) as running:
            yield running


def test_the_shape_of_the_library_answers_rows(azure: LoopbackAzure) -> None:
    answer = table(azure, prelude() + "answer")
    assert [(column["name"], column["type"]) for column in answer["columns"]] == [
        ("time", "datetime"), ("service", "string"), ("operation", "string"), ("tenant", "string"),
        ("kind", "string"), ("duration_ms", "real"), ("is_failed", "bool"), ("weight", "real"), ("id", "string")]
    rows = sorted(answer["rows"])
    assert len(rows) == 60
    assert rows[1] == ["2026-03-01T00:01:00Z", "orders", "GET /orders/1", "acme", "", 1.5, False, 1.0, ""]
    assert rows[0][:8] == ["2026-03-01T00:00:00Z", "shop", "GET /orders/0", "acme", "", 0.0, True, 4.0]
    assert rows[0][8] != ""
    assert len({row[8] for row in rows}) == 1 + 15


def test_the_count_and_the_plan_agree_with_the_rows(azure: LoopbackAzure) -> None:
    assert table(azure, prelude() + "answer\n| count")["rows"] == [[60]]
    plan = table(
        azure, prelude()
        + "answer\n| summarize n = count(), bytes = sum(estimate_data_size(*)) by ['time'] = bin(['time'], 15m)")
    assert [column["name"] for column in plan["columns"]] == ["time", "n", "bytes"]
    assert sorted(row[:2] for row in plan["rows"]) == [
        [f"2026-03-01T00:{minute:02}:00Z", 15] for minute in (0, 15, 30, 45)]
    assert all(15 * 30 < row[2] < 15 * 200 for row in plan["rows"])


def test_hash_parts_tile_the_rows(azure: LoopbackAzure) -> None:
    parts = [table(azure, prelude(4, part) + "answer")["rows"] for part in range(4)]
    assert sum(len(rows) for rows in parts) == 60
    assert {row[0] for rows in parts for row in rows} == {row[0] for row in table(azure, prelude() + "answer")["rows"]}
    assert all(rows for rows in parts)


def test_a_probe_tells_the_columns_or_that_there_is_no_table(azure: LoopbackAzure) -> None:
    told = table(azure, "AppRequests\n| getschema")
    by_name = {row[0]: row[3] for row in told["rows"]}
    assert by_name["TimeGenerated"] == "datetime"
    assert by_name["ItemCount"] == "int"
    assert "_ItemId" not in by_name
    assert refused(azure, "AppExceptions | getschema") == (400, "SEM0100")
    assert table(azure, "AppTraces | count")["rows"] == [[0]]


def test_hidden_columns_come_only_by_name(azure: LoopbackAzure) -> None:
    answer = table(azure, "AppRequests | where ingestion_time() < now() | take 1")
    shown = {column["name"] for column in answer["columns"]}
    assert not shown & {"_ItemId", "_TimeReceived", "_IngestionTime"}
    assert len(ask(azure, "AppRequests | project _ItemId, _TimeReceived | distinct _ItemId")) == 90


@pytest.mark.parametrize(("query", "expected"), [
    ('print x = bag_merge(dynamic({"a": 1}), dynamic({"a": 2, "b": 3}))', '{"a":1,"b":3}'),
    ('print x = bag_remove_keys(dynamic({"a": 1, "b": 3}), dynamic(["a"]))', '{"b":3}'),
    ('AppRequests | take 1 | project x = column_ifexists("Nowhere", strcat("a", ")"))', "a)"),
    ("AppRequests | where DurationMs == 3 | project x = column_ifexists('Name', '')", "GET /orders/2"),
    ("AppRequests | where isempty(column_ifexists('_ItemId', '')) | count | project x = Count", 0),
    ("AppRequests | where column_ifexists('durationms', 7) == 7 | count | project x = Count", 90),
    ("AppRequests | where DurationMs == 3 | project x = ingestion_time() - TimeGenerated", "00:00:00"),
    ("AppRequests | project Name | where Name == 'GET /orders/2' | extend x = estimate_data_size(*) | project x", 13),
    ("AppRequests | summarize x = countif(hash(Name, 3) >= 3 or hash(Name, 3) < 0)", 0),
    # 0, 1.5 … 133.5, of which every other one counts four times: 45 * 5 = 225, half of it is the 113th
    ("AppRequests | extend w = coalesce(ItemCount, 1) | summarize x = percentilew(DurationMs, w, 50)", 66.0),
    ("AppRequests | summarize x = percentilew(DurationMs, ItemCount, 100)", 132.0),
    ("AppRequests | where Name == '' | summarize x = percentilew(DurationMs, ItemCount, 50)", None),
])
def test_each_function_the_loopback_adds(azure: LoopbackAzure, query: str, expected: object) -> None:
    answer = table(azure, query)
    assert [column["name"] for column in answer["columns"]] == ["x"]
    assert answer["rows"] == [[expected]]


def test_several_percentiles_have_the_names_the_service_gives_them(azure: LoopbackAzure) -> None:
    rows = "datatable(x: real, w: long) [1.0, 1, 2.0, 3, 5.0, 0, 10.0, 96, real(null), 7]"
    several = table(azure, f"{rows} | summarize percentilesw(x, w, 1, 4, 4.5, 99), percentiles(x, 25, 75)")
    assert [column["name"] for column in several["columns"]] == [
        "percentile_x_1", "percentile_x_4", "percentile_x_4_5", "percentile_x_99", "percentile_x_25", "percentile_x_75"]
    assert several["rows"] == [[1.0, 2.0, 10.0, 10.0, 1.0, 5.0]]
    assert refused(azure, f"{rows} | summarize percentilesw(x + 1, w, 1)") == (400, "SEM0260")


@pytest.mark.parametrize(("query", "code"), [
    ("AppRequests | where Nowhere == 1", "SEM0100"),
    ("AppRequests | where durationms > 1", "SEM0100"),
    ("AppRequests | project ['name']", "SEM0100"),
    ("Nowhere | take 1", "SEM0100"),
    ("AppRequests | wher Name == 'x'", "SYN0002"),
    ("AppRequests | extend x = column_ifexists('Nowhere', (1", "SYN0002"),
    ("AppRequests | extend x = no_such_function(Name)", "SEM0260"),
    ("AppRequests | extend x = Name + DurationMs", "SEM0260"),
    ("AppRequests | make-series count() on TimeGenerated step 1h", "SEM0260"),
    (f"AppRequests | where {'not(' * 400}true{')' * 400}", "SEM0260"),
])
def test_wrong_kql_is_refused_as_the_service_does(azure: LoopbackAzure, query: str, code: str) -> None:
    assert refused(azure, query) == (400, code)


@pytest.mark.parametrize("query", [
    "AppRequests | where Properties['name'] == '' | count",
    "// durationms\nAppRequests | where Name has 'durationms' | count",
    "AppRequests | project durationms = DurationMs | where durationms > 1e9 | count",
    "AppRequests | where Properties.name == 'x' | count",
])
def test_names_that_are_no_columns_are_not_taken_for_one(azure: LoopbackAzure, query: str) -> None:
    assert table(azure, query)["rows"][0][0] in (0, 90)


def test_the_time_range_beside_a_query_is_kept(azure: LoopbackAzure) -> None:
    with client(azure) as logs:
        def count(timespan: object) -> int:
            answer = logs.query_workspace(azure.workspace, "AppRequests | count", timespan=timespan)
            return int(answer.tables[0].rows[0][0])

        assert count((START, START + 5 * MINUTE)) == 5
        assert count((START + 10 * MINUTE, timedelta(minutes=2))) == 2
        azure.clock = START + 30 * MINUTE
        try:
            assert count(timedelta(minutes=7)) == 7
        finally:
            azure.clock = None


def test_a_search_wants_its_time_range_beside_the_query(azure: LoopbackAzure) -> None:
    def search(timespan: str) -> HttpResponse:
        path = f"/workspaces/{azure.workspace}/search{timespan}"
        with client(azure, retry_total=0) as logs:
            return logs.send_request(HttpRequest("POST", path, json={"query": "AppRequests | count"}))

    assert search("?timespan=2026-03-01T00:00:00Z/2026-03-01T00:05:00Z").json()["tables"][0]["rows"] == [[5]]
    assert search("?timespan=2026-03-01T01:00:00%2B01:00/PT2M").json()["tables"][0]["rows"] == [[2]]
    assert search("?timespan=2026-03-01/P1D").json()["tables"][0]["rows"] == [[90]]
    without = search("")
    assert without.status_code == 400
    assert "Timespan must be supplied" in without.json()["error"]["innererror"]["message"]


@pytest.mark.parametrize("timespan", [
    "P", "yesterday", "2026-03-01/nowhere", "P99999999999D", "2026-03-01/P400000000D", "9999-12-31/P2D"])
def test_a_time_range_that_cannot_be_read_is_refused(azure: LoopbackAzure, timespan: str) -> None:
    path = f"/workspaces/{azure.workspace}/query"
    with client(azure, retry_total=0) as logs:
        reply = logs.send_request(HttpRequest("POST", path, json={"query": "AppRequests", "timespan": timespan}))
    assert (reply.status_code, reply.json()["error"]["innererror"]["innererror"]["code"]) == (400, "BadTimespan")


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"erp-telemetry\[testing\]"):
        LoopbackAzure({})


def test_now_follows_the_clock_of_the_service(azure: LoopbackAzure) -> None:
    azure.clock = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
    try:
        now = table(azure, "print a = now(), b = ago(1h)")["rows"]
        assert now == [["2026-03-01T00:30:00Z", "2026-02-28T23:30:00Z"]]
        assert ask(azure, "AppRequests | where TimeGenerated > ago(10m) and TimeGenerated <= now() | count") == [[10]]
    finally:
        azure.clock = None
    with pytest.raises(ValueError, match="time zone"):
        azure.clock = datetime(2026, 3, 1)


LIFTED = [
    prelude(3, 1) + "answer",
    prelude(3, 1) + "answer | count",
    "let n = 7;\nAppRequests | where DurationMs > n | project a = datetime(2026-03-01T00:00:00.1234567Z)",
    "let n = 50;\nAppRequests | summarize percentile(DurationMs, n), countif(TimeGenerated > datetime(2026-03-01))",
    "// datetime(2026-03-01)\nprint x = 'datetime(2026-03-01)', y = bin(datetime(2026-03-01T01:02:03Z), 15m)",
    "let span = 5m;\nAppRequests | where TimeGenerated in (datetime(2026-03-01T00:01:00Z)) | count",
    "print a = now(), b = ago(1h), c = datetime(2026-03-01) + 1h",
]


@pytest.mark.parametrize("query", LIFTED)
def test_a_query_remembered_without_its_literals_is_the_same_query(query: str) -> None:
    import duckdb_kql

    from erp_telemetry.testing import kql

    schema = {"AppRequests": [*declared_tables()["AppRequests"], *kql.HIDDEN]}
    now = datetime(2026, 3, 1, 1, tzinfo=UTC)
    kql._teach()
    direct = duckdb_kql.to_sql(kql._plain(query, set(schema["AppRequests"])), schema=schema, query_now=now)
    for _ in range(2):
        told = kql.translate(query, schema, now)
        sql, parameters = told.sql, dict(told.parameters)
        for name in [name for name in parameters if name.startswith(kql._LIFTED)]:
            value = parameters.pop(name)
            sql = sql.replace(f"${name}", f"'{value}'" if isinstance(value, str) else str(value))
        assert sql == str(direct)
        assert parameters == direct.parameters


def test_queries_that_differ_in_moments_and_numbers_are_one_statement() -> None:
    schema = {"AppRequests": [*declared_tables()["AppRequests"], *HIDDEN]}
    first, second = (translate(prelude(4, part) + "answer", schema, START) for part in (1, 2))
    assert first.sql == second.sql
    assert first.parameters != second.parameters
    assert sorted(map(str, second.parameters.values())) == sorted([
        "2026-03-01T00:00:00.000000Z", "2026-03-01T01:00:00.000000Z", "1900-01-01", "2100-01-01", "4", "2"])


def test_a_moment_that_is_none_is_null_and_a_wrong_number_is_refused(azure: LoopbackAzure) -> None:
    assert table(azure, "print x = datetime(2026-13-01)")["rows"] == [[None]]
    assert refused(azure, "let n = 5;\nAppRequests | wher n")[1] == "SYN0002"
