"""A row that is pulled from the workspace is the row that a file of the same records gives."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import erp_telemetry as et
from erp_telemetry.schema import TABLES
from erp_telemetry.workspace_queries import workspace_query
from tests.azure.answers import Record, answer, canonical

SITE = "/subscriptions/S/resourceGroups/RG/providers/Microsoft.Web/sites/Shop"
CALLED = {"TimeGenerated": "2026-03-01T10:00:00.123456Z", "_TimeReceived": "2026-03-01T10:02:00Z", "_ResourceId": SITE}
TRACED = CALLED | {"AppRoleName": "orders", "AppRoleInstance": "orders-0", "OperationId": "t1", "ParentId": "p1",
                   "OperationName": "POST /orders", "ItemCount": 4}
TENANTS: Sequence[Mapping[str, Any]] = (
    {"tenant.id": "acme", "enduser.tenant": "b"}, {"enduser.tenant": "b"}, {"erp.tenant": "c"}, {})
REQUESTS: Sequence[Record] = [
    TRACED | {"Id": "s1", "Name": "POST Orders/Create", "Url": "https://shop/orders/7?x=/health", "Success": True,
              "ResultCode": "201", "DurationMs": 12.5, "Properties": {"tenant.id": "acme", "erp.tenant": "z"}},
    TRACED | {"Id": "s2", "OperationName": "", "Name": "GET Orders", "Success": False, "ResultCode": "500",
              "DurationMs": 1e-3, "ItemCount": None, "Properties": {"enduser.tenant": "b"}},
    TRACED | {"Id": "s3", "AppRoleName": "", "Success": None, "DurationMs": 3.0, "SyntheticSource": "Monitor",
              "Properties": None},
    TRACED | {"Id": "s4", "Url": "https://shop/healthz/ready?full", "Success": True, "DurationMs": 0.0,
              "Properties": {"user_agent.original": "kube-probe/1.29"}},
    TRACED | {"Id": "s5", "Url": "/livez#x", "Success": True, "DurationMs": 2.0,
              "Properties": {"http.user_agent": "curl", "erp.tenant": "c"}},
    CALLED | {"AppRoleName": "orders", "Name": "GET /no trace", "Success": True, "DurationMs": 1.0,
              "Url": "bad url ready"},
]
DEPENDENCIES: Sequence[Record] = [
    TRACED | {"Id": f"d{number}", "Name": f"call {number}", "DependencyType": kind, "Target": "erp-db", "Success": True,
              "DurationMs": 5.0, "Data": "https://payments/health/live?x" if number % 2 else "select 1 as live"}
    for number, kind in enumerate(("SQL", "Azure Redis", "HTTP (tracked component)", "Dapr Http", "Azure Service Bus",
                                   "InProc", "", "Kafka"))
] + [TRACED | {"Id": "d9", "Name": "", "DependencyType": "http", "Success": False, "ResultCode": "503",
               "DurationMs": 7.0, "Properties": {"tenant.id": "acme"}}]
TRACES: Sequence[Record] = [
    TRACED | {"Message": f"level {level}", "SeverityLevel": level,
              "Properties": {key: "Order {Id}", "erp.tenant": "c"}}
    for level, key in zip((0, 1, 2, 3, 4, None), ("OriginalFormat", "MessageTemplate", "{OriginalFormat}",
                                                  "prop__{OriginalFormat}", "Id", "x"), strict=True)
] + [TRACED | {"Message": "", "SeverityLevel": 2, "ItemCount": 1, "Properties": None, "OperationId": ""}]
EXCEPTIONS: Sequence[Record] = [
    TRACED | {"ExceptionType": "System.TimeoutException", "InnermostMessage": "inner", "OuterMessage": "outer",
              "Details": [{"type": "T", "message": "m", "rawStack": "at A.B()\n at C.D()"}]},
    TRACED | {"OuterMessage": "outer", "Message": "own", "SeverityLevel": 4,
              "Details": [{"type": "T", "message": "m"}]},
    TRACED | {"SeverityLevel": 2, "Details": [{"type": "T", "message": "from details"}]},
    TRACED | {"Message": "own", "ExceptionType": "E", "Details": None, "Properties": {"x": [1, {"y": None}]}},
]
EVENTS: Sequence[Record] = [TRACED | {"Name": "order shipped", "Properties": {"order": "7", "OriginalFormat": "o {x}"}},
                            TRACED | {"Name": "bare", "AppRoleName": "", "ItemCount": None}]
METRICS: Sequence[Record] = [
    TRACED | {"Name": "queue_depth", "Sum": 12.5, "Min": 1.0, "Max": 9.0, "Properties": {"queue": "in"}},
    TRACED | {"Name": "orders", "Sum": 0.0, "Min": None, "Max": None, "ItemCount": None,
              "Properties": {"tenant.id": "acme"}}]
COUNTED = {name: value for name, value in TRACED.items() if name != "ItemCount"}
COUNTERS: Sequence[Record] = [
    COUNTED | {"Name": "% Processor Time", "Category": "Process", "Counter": "cpu", "Instance": "w3wp", "Value": 12.25},
    COUNTED | {"Name": "", "Category": "Memory", "Counter": "Available Bytes", "Instance": "", "Value": 1e9}]
AVAILABILITY: Sequence[Record] = [
    TRACED | {"Name": "home", "Location": "West Europe", "Success": False, "DurationMs": 30000.0, "Message": "timeout",
              "Properties": {"tenant.id": "acme"}},
    TRACED | {"Name": "home", "Location": "", "Success": True, "DurationMs": None, "Message": "", "ItemCount": 1}]
HTTP_LOGS: Sequence[Record] = [
    CALLED | {"CsMethod": "GET", "CsUriStem": stem, "ScStatus": status, "TimeTaken": 17, "Result": result,
              "UserAgent": agent}
    for stem, status, result, agent in (
        ("/orders/7", 200, "Success", "Mozilla"), ("/healthz", 500, "", "kube-probe/1"), ("/x", 404, "Failed", ""),
        ("/y", 503, "", ""), ("/z", None, "", ""))]
PLATFORM: Sequence[Record] = [
    CALLED | {"MetricName": "CpuPercentage", "UnitName": "Percent", "Average": 41.5, "Total": 83.0, "Count": 2.0,
              "Minimum": 40.0, "Maximum": 43.0},
    CALLED | {"_ResourceId": "", "ResourceId": SITE.upper(), "MetricName": "Requests", "UnitName": "Count",
              "Total": 12.0}]
CASES: Mapping[str, Sequence[Record]] = {
    "app_requests": REQUESTS, "app_dependencies": DEPENDENCIES, "app_traces": TRACES, "app_exceptions": EXCEPTIONS,
    "app_events": EVENTS, "app_metrics": METRICS, "app_performance_counters": COUNTERS,
    "app_availability_results": AVAILABILITY, "app_service_http_logs": HTTP_LOGS, "azure_metrics": PLATFORM}


def told(source: Any, folder: Path, name: str, table: str) -> list[dict[str, Any]]:
    """The rows of a source in a store of its own, less what says whence they came."""
    store = et.Store(folder / f"{name}.duckdb")
    receipt = et.pull(source, store)
    assert receipt.rejects == [] and receipt.is_complete
    columns = [column for column in TABLES[table].names if column not in ("id", "source", "entry")]
    listed = ", ".join(f'"{column}"' for column in columns)
    rows = store.sql(f"select {listed} from {table}", is_redacted=False).to_dicts()
    for row in rows:
        if row.get("attributes") is not None:
            row["attributes"] = json.loads(row["attributes"])
    return sorted(rows, key=repr)


@pytest.mark.parametrize("stem", CASES)
def test_a_row_is_the_same_by_either_way(stem: str, tmp_path: Path) -> None:
    query, records = workspace_query(f"azure/{stem}"), CASES[stem]
    file = tmp_path / "export.json"
    file.write_text("".join(json.dumps({"Type": query.reads, **record}) + "\n" for record in records))
    frame = canonical(answer(stem, records), query.answers)
    assert frame.height == len(records)
    by_query = told(et.Frames(**{query.answers: frame}), tmp_path, "query", query.answers)
    by_file = told(et.AzureFiles(file), tmp_path, "file", query.answers)
    assert by_query == by_file
