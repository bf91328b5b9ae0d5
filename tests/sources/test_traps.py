"""One test per trap of OTLP/JSON and of Azure Monitor."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from erp_telemetry.errors import SourceError
from erp_telemetry.sources.azure_files import AzureFiles
from erp_telemetry.sources.otlp_files import OtlpFiles
from tests.sources.support import START, app, attribute, lines, only, otlp, read, run, span, write


def _span(tmp_path: Path, service: str | None = "erp", **changes: Any) -> dict[str, Any]:
    frames = read(OtlpFiles(lines(tmp_path, otlp(span(**changes), service=service))))
    table = "requests" if "requests" in frames else "dependencies"
    return {"table": table, **frames[table].row(0, named=True)}


def _app(tmp_path: Path, careful: bool = False, **changes: Any) -> dict[str, Any]:
    record = {key: value for key, value in app(**changes).items() if value != "absent"}
    source = AzureFiles(lines(tmp_path, record))
    batch = source.read(only(source), careful)
    try:
        (frame,) = run(batch).values()
    except duckdb.Error:
        # what is no typed record is read as text
        assert batch.otherwise is not None
        (frame,) = run(batch.otherwise()).values()
    return frame.row(0, named=True)


_ODD: list[dict[str, Any]] = [
    {}, {"ItemCount": 5}, {"ItemCount": "7"}, {"ItemCount": 2.5}, {"ItemCount": None}, {"ItemCount": "many"},
    {"Success": None}, {"Success": "True"}, {"Success": "false"}, {"Success": "perhaps"}, {"Success": 1},
    {"DurationMs": "12.5"}, {"DurationMs": 1e-9}, {"DurationMs": -1}, {"DurationMs": None}, {"DurationMs": ""},
    {"TimeGenerated": "2026-01-01T00:00:00"}, {"TimeGenerated": "2026-01-01T02:00:00+02:00"},
    {"TimeGenerated": "2026-01-01T00:00:00.9999999Z"}, {"TimeGenerated": "1/2/2026, 3:04:05.678 AM"},
    {"TimeGenerated": "2026-01-01 00:00:00 UTC"}, {"TimeGenerated": "soon"}, {"TimeGenerated": "2026-01-01"},
    {"_TimeReceived": "2026-01-01T00:00:09.5Z"}, {"AppRoleName": "", "_ResourceId": "/Subscriptions/X/Components/ERP/"},
    {"AppRoleName": None, "resourceId": "/A/B"}, {"AppRoleInstance": ""}, {"OperationName": "", "Name": "GET /x"},
    {"OperationName": "", "Name": ""}, {"ResultCode": 404}, {"ResultCode": ""}, {"OperationId": "", "Id": ""},
    {"SyntheticSource": "Bot"}, {"Properties": {"tenant.id": "t", "http.user_agent": "curl"}},
    {"Properties": "no json"}, {"Properties": '{"erp.tenant": "t2"}'},
    {"Url": "https://erp.example/healthz/ready?x=1"}, {"Url": "/live#top"},
    {"Url": "https://erp.example/delivery/startup"}, {"Url": "health"}, {"Url": ""},
    {"Type": "AppTraces"},
]


@pytest.mark.parametrize("odd", _ODD, ids=lambda odd: str(odd)[:40])
def test_requests_read_as_typed_are_those_read_as_text_or_are_refused(odd: dict[str, Any], tmp_path: Path) -> None:
    source = AzureFiles(lines(tmp_path, *[app(at) for at in range(30)], app(at=31, **odd)))
    batch = source.read(only(source))
    assert batch.otherwise is not None
    text = run(batch.otherwise())["requests"].sort("span_id")
    try:
        typed = run(batch)["requests"].sort("span_id")
    except duckdb.Error:
        last = {**app(at=31), **odd}
        # only what is not as Azure writes it
        assert odd.keys() & {"ItemCount", "Success", "DurationMs", "TimeGenerated", "Type"}, last
        return
    named = typed.with_columns(pl.col("trace_id", "span_id").replace("", None)).sort("span_id")
    assert named.to_dicts() == text.select(typed.columns).to_dicts()


def test_int64_as_string_or_number(tmp_path: Path) -> None:
    as_text = _span(tmp_path)
    as_number = _span(tmp_path, startTimeUnixNano=START, endTimeUnixNano=START + 12_345_678)
    assert as_text == as_number
    assert as_text["time"] == datetime(2026, 1, 1, 0, 0, 0, 123456, UTC)
    assert as_text["duration_ms"] == 12.345678


@pytest.mark.parametrize(("kind", "table"), [
    (2, "requests"), ("SPAN_KIND_SERVER", "requests"), (5, "requests"), ("SPAN_KIND_CONSUMER", "requests"),
    (3, "dependencies"), ("SPAN_KIND_CLIENT", "dependencies"), (4, "dependencies"), (1, "dependencies"),
    (0, "dependencies"), (None, "dependencies"),
])
def test_span_kinds_as_names_and_numbers(kind: Any, table: str, tmp_path: Path) -> None:
    assert _span(tmp_path, kind=kind)["table"] == table


@pytest.mark.parametrize(("status", "is_failed"), [
    ({}, False), (None, False), ({"code": 0}, False), ({"code": 1}, False), ({"code": 2}, True),
    ({"code": "STATUS_CODE_ERROR"}, True), ({"code": "STATUS_CODE_OK"}, False), ({"code": "odd"}, None),
])
def test_status(status: Any, is_failed: bool | None, tmp_path: Path) -> None:
    assert _span(tmp_path, status=status)["is_failed"] is is_failed


@pytest.mark.parametrize(("state", "weight"), [
    ("ot=th:8", 2.0), ("ot=th:c", 4.0), ("ot=th:0", 1.0), ("ot=th:fd70a4", 100.0), ("a=b,ot=rv:1;th:c", 4.0),
    ("ot=th:zz", None), ("other=1", 1.0), ("", 1.0), (None, 1.0),
])
def test_sampling_threshold(state: str | None, weight: float | None, tmp_path: Path) -> None:
    assert _span(tmp_path, traceState=state)["weight"] == (weight and pytest.approx(weight, rel=1e-6))


def test_sample_rate_in_percent(tmp_path: Path) -> None:
    for key in ("microsoft.sample_rate", "_MS.sampleRate"):
        assert _span(tmp_path, attributes=[attribute(key, 25)])["weight"] == 4.0


def test_an_end_before_the_start_stays_negative(tmp_path: Path) -> None:
    assert _span(tmp_path, endTimeUnixNano=START - 1_000_000)["duration_ms"] == -1.0


def test_service_unknown(tmp_path: Path) -> None:
    assert _span(tmp_path, service=None)["service"] == "unknown_service"


@pytest.mark.parametrize(("attributes", "operation", "path"), [
    ({"http.method": "POST", "http.route": "/a/{b}", "url.path": "/a/1"}, "POST /a/{b}", "/a/1"),
    ({"http.request.method": "GET", "url.path": "/a/1"}, "GET /a/1", "/a/1"),
    ({"http.method": "GET", "http.target": "/a?x=1"}, "GET /a", "/a"),
    ({"http.method": "GET", "url.full": "https://h:1/p/q?x#y"}, "GET /p/q", "/p/q"),
    ({}, "named", None),
])
def test_operation(attributes: dict[str, str], operation: str, path: str | None, tmp_path: Path) -> None:
    row = _span(tmp_path, name="named", attributes=[attribute(*one) for one in attributes.items()])
    assert (row["operation"], row["url_path"]) == (operation, path)


@pytest.mark.parametrize(("attributes", "kind", "resource"), [
    ({"db.system": "mssql", "db.name": "erp", "server.address": "h"}, "sql", "erp"),
    ({"db.system.name": "redis", "server.address": "cache"}, "redis", "cache"),
    ({"rpc.service": "dapr.proto.runtime.v1.Dapr", "db.system": "state"}, "dapr", None),
    ({"messaging.system": "servicebus", "messaging.destination.name": "orders"}, "queue", "orders"),
    ({"http.request.method": "GET", "server.address": "pay"}, "http", "pay"),
])
def test_kinds_of_dependency(
    attributes: dict[str, str], kind: str, resource: str | None, tmp_path: Path
) -> None:
    row = _span(tmp_path, kind=3, attributes=[attribute(*one) for one in attributes.items()])
    assert (row["kind"], row["resource"]) == (kind, resource)


def test_exception_events_become_logs(tmp_path: Path) -> None:
    event = {"name": "exception", "timeUnixNano": START + 1000, "attributes": [
        attribute("exception.type", "Oops"), attribute("exception.message", "no"),
        attribute("exception.stacktrace", "at x")]}
    path = lines(tmp_path, otlp(span(events=[{"name": "other"}, event], traceState="ot=th:8")))
    row = read(OtlpFiles(path))["logs"].row(0, named=True)
    assert [row[name] for name in ("level", "exception_type", "message", "exception", "weight", "operation")] == [
        "error", "Oops", "no", "at x", 2.0, "GET /orders/{id}"]


def _metrics(*metrics: dict[str, Any]) -> dict[str, Any]:
    return {"resourceMetrics": [{"resource": {"attributes": [attribute("host.name", "h")]},
                                 "scopeMetrics": [{"metrics": list(metrics)}]}]}


def _point(**changes: Any) -> dict[str, Any]:
    return {"timeUnixNano": str(START), "startTimeUnixNano": str(START - 10**9), **changes}


def test_metric_kinds(tmp_path: Path) -> None:
    def total(temporality: Any, is_monotonic: bool | None) -> dict[str, Any]:
        return {"dataPoints": [_point(asInt="7")], "aggregationTemporality": temporality, "isMonotonic": is_monotonic}

    path = lines(tmp_path, _metrics(
        {"name": "a", "gauge": {"dataPoints": [_point(asDouble=1.5)]}},
        {"name": "b", "sum": total(1, True)}, {"name": "c", "sum": total("AGGREGATION_TEMPORALITY_CUMULATIVE", True)},
        {"name": "d", "sum": total(2, None)}, {"name": "e", "sum": total(0, True)},
        {"name": "f", "histogram": {"aggregationTemporality": 1, "dataPoints": [_point(
            count="3", sum=6.5, min=1, max=4, explicitBounds=[1, 2.5], bucketCounts=["1", "0", 2],
            attributes=[attribute('say "k"', "v\n"), attribute("n", 3)])]}},
        {"name": "g", "exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": [_point(
            count=3, scale=5, zeroCount="1", positive={"offset": -2, "bucketCounts": ["2"]})]}},
        {"name": "h", "histogram": {"aggregationTemporality": 2, "dataPoints": [
            _point(count="3", sum=1, startTimeUnixNano="0")]}}))
    rows = {row["name"]: row for row in read(OtlpFiles(path))["metrics"].iter_rows(named=True)}
    assert {name: row["kind"] for name, row in rows.items()} == {
        "a": "gauge", "b": "delta", "c": "cumulative", "d": "gauge", "e": None,
        "f": "histogram", "g": "exponential_histogram", "h": "histogram"}
    assert (rows["a"]["value"], rows["b"]["value"], rows["b"]["started_at"]) == (1.5, 7.0, None)
    assert rows["c"]["started_at"] == datetime(2025, 12, 31, 23, 59, 59, 123456, UTC)
    assert rows["h"]["started_at"] == rows["h"]["time"], "a running total is one, though its start is unknown"
    assert rows["f"]["started_at"] is None
    assert (rows["f"]["bounds"], rows["f"]["bucket_counts"], rows["f"]["sum"]) == ([1.0, 2.5], [1.0, 0.0, 2.0], 6.5)
    assert json.loads(rows["f"]["attributes"]) == {'say "k"': "v\n", "n": 3}
    assert [rows["g"][name] for name in ("scale", "zero_count", "bucket_offset", "bucket_counts", "instance")] == [
        5, 1.0, -2, [2.0], "h"]


def test_summaries_are_set_aside_by_line(tmp_path: Path) -> None:
    gauge = {"name": "g", "gauge": {"dataPoints": [_point(asDouble=1)]}}
    source = OtlpFiles(lines(tmp_path, _metrics(gauge), _metrics({"name": "s", "summary": {"dataPoints": []}}, gauge)))
    with pytest.raises(duckdb.Error, match="a summary: s"):
        run(source.read(only(source)))
    batch = source.read(only(source), careful=True)
    assert [(one.line, one.excerpt) for one in batch.rejects] == [(2, "s")]
    assert run(batch)["metrics"].height == 2


def _log(**record: Any) -> dict[str, Any]:
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}


@pytest.mark.parametrize(("number", "word", "level"), [
    (1, None, "verbose"), (5, None, "debug"), ("9", None, "information"), (16, None, "warning"), (17, None, "error"),
    (24, None, "critical"), (0, "Warn", "warning"), (None, "Fatal", "critical"), (None, None, "information"),
    ("SEVERITY_NUMBER_ERROR", None, "error"),
])
def test_log_levels(number: Any, word: str | None, level: str, tmp_path: Path) -> None:
    path = lines(tmp_path, _log(observedTimeUnixNano=START, timeUnixNano="0", severityNumber=number, severityText=word,
                                body={"intValue": "5"}, attributes=[attribute("{OriginalFormat}", "n {n}")]))
    row = read(OtlpFiles(path))["logs"].row(0, named=True)
    assert [row[name] for name in ("level", "message", "template", "attributes")] == [level, "5", "n {n}", "{}"]
    assert row["time"] == row["received_at"] == datetime(2026, 1, 1, 0, 0, 0, 123456, UTC)


def test_mixed_signals_in_one_file(tmp_path: Path) -> None:
    records = [otlp(span(events=[{"name": "exception", "timeUnixNano": START}])), _log(timeUnixNano=START),
               _metrics({"name": "g", "gauge": {"dataPoints": [_point(asDouble=1)]}}), otlp(span(1)) | _log()]
    source = OtlpFiles(lines(tmp_path, *records))
    for careful in (False, True):
        assert {table: frame.height for table, frame in read(source, careful).items()} == {
            "requests": 2, "logs": 3, "metrics": 1}


def test_a_late_other_signal_is_found_by_careful_reading(tmp_path: Path) -> None:
    source = OtlpFiles(lines(tmp_path, *[otlp(span(at)) for at in range(30)], _log(timeUnixNano=START)))
    with pytest.raises(duckdb.Error):
        run(source.read(only(source)))
    assert read(source, careful=True)["logs"].height == 1


def test_wrong_nesting_is_set_aside_by_line(tmp_path: Path) -> None:
    source = OtlpFiles(lines(tmp_path, otlp(span()), {"resourceSpans": [{"scopeSpans": "none"}]}))
    batch = source.read(only(source), careful=True)
    assert [(one.line, one.reason) for one in batch.rejects] == [(2, "scopeSpans is not a list")]
    assert run(batch)["requests"].height == 1


def test_not_otlp_is_refused(tmp_path: Path) -> None:
    for content in ('{"a":1}\n', "hello\n", "[1]"):
        source = OtlpFiles(write(tmp_path / "x.json", content))
        with pytest.raises(SourceError, match="not OTLP/JSON"):
            source.read(only(source))


def test_seven_digits_are_cut_not_rounded(tmp_path: Path) -> None:
    row = _app(tmp_path, TimeGenerated="2026-01-01T00:00:00.9999999Z")
    assert row["time"] == datetime(2026, 1, 1, 0, 0, 0, 999999, UTC)


def test_azure_times_without_offset_are_utc(tmp_path: Path) -> None:
    assert _app(tmp_path, TimeGenerated="2026-01-01T01:00:00")["time"] == datetime(2026, 1, 1, 1, tzinfo=UTC)
    assert _app(tmp_path, TimeGenerated="2026-01-01T01:00:00+01:00")["time"] == datetime(2026, 1, 1, tzinfo=UTC)


def test_item_count_and_success(tmp_path: Path) -> None:
    assert _app(tmp_path)["weight"] == 1.0
    assert _app(tmp_path, ItemCount=5)["weight"] == 5.0
    assert _app(tmp_path, ItemCount="many")["weight"] is None
    assert _app(tmp_path, Success=None)["is_failed"] is None
    assert _app(tmp_path, Success=False)["is_failed"] is True


def test_synthetic_source_and_ids(tmp_path: Path) -> None:
    assert _app(tmp_path, SyntheticSource="")["synthetic"] is None
    assert _app(tmp_path, SyntheticSource="Bot")["synthetic"] == "Bot"
    assert not _app(tmp_path, Id="")["span_id"]
    assert _app(tmp_path, AppRoleName="", _ResourceId="/Subscriptions/X/Components/ERP")["service"] == "erp"


def test_properties_as_object_or_text(tmp_path: Path) -> None:
    inner = {"tenant.id": "t1", "user_agent.original": "kube-probe/1"}
    for properties in (inner, json.dumps(inner)):
        row = _app(tmp_path, Properties=properties)
        assert (row["tenant"], row["user_agent"]) == ("t1", "kube-probe/1")
    assert _app(tmp_path, Properties="not json")["tenant"] is None


@pytest.mark.parametrize(("level", "expected"), [
    (0, "verbose"), (1, "information"), (2, "warning"), ("3", "error"), (4, "critical"), ("Error", "error"), (9, None)])
def test_severity(level: Any, expected: str | None, tmp_path: Path) -> None:
    row = _app(tmp_path, Type="AppTraces", SeverityLevel=level, Message="m", Properties={"OriginalFormat": "{x}"})
    assert (row["level"], row["message"], row["template"]) == (expected, "m", "{x}")


def test_mixed_types_are_split_and_unknown_ones_named(tmp_path: Path) -> None:
    records = [app(), app(1, Type="AppDependencies", DependencyType="SQL", Target="db"),
               app(2, Type="AppExceptions", ExceptionType="Oops"), app(3, Type="AppAvailabilityResults"),
               app(4, Type="AppMetrics", Sum=3, Min=1, Max=2, ItemCount=2), app(5, Type="Heartbeat")]
    source = AzureFiles(lines(tmp_path, *records))
    batch = source.read(only(source))
    assert [(one.line, one.reason) for one in batch.rejects] == [(6, "unknown record type Heartbeat")]
    frames = run(batch)
    assert {table: frame.height for table, frame in frames.items()} == dict.fromkeys(
        ("requests", "dependencies", "logs", "probes", "metrics"), 1)
    assert frames["dependencies"].row(0, named=True)["kind"] == "sql"
    metric = frames["metrics"].row(0, named=True)
    assert [metric[name] for name in ("kind", "sum", "count", "min", "max")] == ["delta", 3.0, 2.0, 1.0, 2.0]


def test_a_late_unknown_type_stops_the_fast_reading(tmp_path: Path) -> None:
    source = AzureFiles(lines(tmp_path, *[app(at) for at in range(30)], app(Type="Heartbeat")))
    with pytest.raises(duckdb.Error, match="unknown record type Heartbeat"):
        run(source.read(only(source)))
    batch = source.read(only(source), careful=True)
    assert [one.line for one in batch.rejects] == [31]
    assert run(batch)["requests"].height == 30


def test_nested_trace_of_an_events_answer_keeps_its_synthetic_source(tmp_path: Path) -> None:
    event = {"type": "request", "count": 2, "timestamp": "2026-01-01T00:00:00Z", "cloud": {"roleName": "erp"},
             "operation": {"name": "GET /", "id": "o", "parentId": "p", "syntheticSource": "Monitor"},
             "request": {"id": "r", "success": "False", "duration": 7.5, "resultCode": "500", "url": "https://h/live?y"}}
    row = read(AzureFiles(write(tmp_path / "x.json", json.dumps({"value": [event]}, indent=1))))["requests"]
    found = row.row(0, named=True)
    assert [found[name] for name in ("weight", "synthetic", "trace_id", "is_failed", "duration_ms", "url_path")] == [
        2.0, "Monitor", "o", True, 7.5, "/live"]


def test_ticks_of_continuous_export(tmp_path: Path) -> None:
    record = {"request": [{"id": "r", "name": "GET /", "count": 1, "responseCode": 200, "success": True,
                           "durationMetric": {"value": 10_000_000.0}}],
              "context": {"data": {"eventTime": "2026-01-01T00:00:00Z"}, "operation": {"id": "o"},
                          "cloud": {"roleName": "erp"}}}
    assert read(AzureFiles(lines(tmp_path, record)))["requests"]["duration_ms"].to_list() == [1000.0]
