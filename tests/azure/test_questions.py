"""The handbook's questions, asked of the workspace and of the store with the same records, answer the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import erp_telemetry as et
from erp_telemetry import catalog
from tests.azure.answers import Record, answer, canonical, run

FOLDER = catalog.root() / "azure" / "questions"
DAY = et.Window("2026-03-01T00:00Z", "2026-03-02T00:00Z")


def at(minute: int) -> str:
    return f"2026-03-01T10:{minute:02}:00Z"


def question(stem: str, **tables: Sequence[Record]) -> pl.DataFrame:
    """The file's answer for the day, with nothing else of its text changed."""
    text = (FOLDER / f"{stem}.kql").read_text(encoding="utf-8")
    for name, moment in (("start", DAY.start), ("stop", DAY.stop)):
        text, times = re.subn(rf"^let {name} = [^;\n]+;$", f"let {name} = datetime({moment:%Y-%m-%d});", text,
                              flags=re.MULTILINE)
        assert times == 1
    return run(text, tables)


def stored(**pulled: tuple[str, Sequence[Record]]) -> et.Store:
    """A store that pulled records by the ``.kql`` of their table, given as canonical table = (stem, records)."""
    store = et.Store()
    frames = {table: canonical(answer(stem, records), table) for table, (stem, records) in pulled.items()}
    assert et.pull(et.Frames(**frames), store).is_complete
    return store


def measured(store: et.Store, name: str, *by: str) -> dict[Any, float]:
    readings = et.measure(store, name, DAY, every="1d", by=by).drop_nulls("value")
    return {row[:-1] if len(by) > 1 else row[0]: row[-1] for row in readings.select(*by, "value").rows()}


REQUESTS: Sequence[Record] = [
    {"TimeGenerated": at(number), "AppRoleName": "orders" if number % 3 else "sales", "Id": f"s{number}",
     "OperationId": f"t{number}", "ParentId": f"d{number}", "DurationMs": 10.0 * number + 1,
     "ItemCount": number % 4 + 1, "Success": number % 5 != 0,
     "ResultCode": ("200", "500", "404", "")[number % 4], "Url": "https://shop/orders"}
    for number in range(1, 30)
] + [
    {"TimeGenerated": at(40), "AppRoleName": "orders", "Id": "bot", "OperationId": "b", "DurationMs": 9.0,
     "Success": False, "ResultCode": "500", "SyntheticSource": "Bot"},
    {"TimeGenerated": at(41), "AppRoleName": "orders", "Id": "probe", "OperationId": "p", "DurationMs": 9.0,
     "Success": False, "ResultCode": "503", "Url": "https://shop/healthz"},
    {"TimeGenerated": at(42), "AppRoleName": "", "_ResourceId": "/x/sites/Shop", "Id": "r", "OperationId": "r",
     "DurationMs": 9.0, "Success": False, "ResultCode": "Faulted"}]
CALLS: Sequence[Record] = [
    {"TimeGenerated": at(number), "AppRoleName": "gateway", "Id": f"d{number}", "OperationId": f"t{number}",
     "Target": ("orders", "sales")[number % 2], "DurationMs": 12.0 * number, "ItemCount": number % 3 + 1,
     "Success": (True, False, None)[number % 3], "ResultCode": ("200", "503", "", "")[number % 4]}
    for number in range(1, 30)]


def test_every_question_names_its_counterpart() -> None:
    for file in FOLDER.glob("*.kql"):
        head = dict(re.findall(r"^// (\w+): (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE))
        for name in head["counterpart"].split():
            assert catalog.query(name).title, f"{file.name}: {name}"
    tested = set(re.findall(r'question\("(\w+)"', Path(__file__).read_text(encoding="utf-8")))
    assert tested == {file.stem for file in FOLDER.glob("*.kql")}


def test_errors_by_service() -> None:
    found = question("errors_by_service", AppRequests=REQUESTS)
    store = stored(requests=("app_requests", REQUESTS))
    by_measure = measured(store, "error_ratio", "service")
    assert set(found["service"]) == {"orders", "sales", "shop"}
    assert dict(found.select("service", "error_ratio").rows()) == pytest.approx(by_measure)
    assert found["error_ratio"].to_list() == sorted(found["error_ratio"], reverse=True)


SHARES = ("latency_p50", "latency_p95", "latency_p99")


def test_response_time_percentiles() -> None:
    found = question("response_time_percentiles", AppRequests=REQUESTS)
    store = stored(requests=("app_requests", REQUESTS))
    assert set(found["service"]) == {"orders", "sales", "shop"}
    assert found["latency_p95"].to_list() == sorted(found["latency_p95"], reverse=True)
    for share in SHARES:
        exact = et.measure(store, share, DAY, every="1d", exact=True).drop_nulls("value")
        by_service = dict(found.select("service", share).rows())
        assert by_service == dict(exact.select("service", "value").rows())
        assert by_service == pytest.approx(measured(store, share, "service"), rel=0.0109)


def test_response_time_percentiles_by_hand() -> None:
    """The answers were written down before the query was run."""
    rows = [{"TimeGenerated": at(number), "AppRoleName": "orders", "Id": f"s{number}", "OperationId": f"t{number}",
             "DurationMs": ms, "ItemCount": weight, "Url": "https://shop/orders"}
            for number, (ms, weight) in enumerate([(40.0, 94), (10.0, 1), (20.0, 2), (50.0, None), (30.0, 3)])]
    [row] = question("response_time_percentiles", AppRequests=rows).to_dicts()
    # in order 10, 20, 20, 30, 30, 30, then 94 times 40, then 50 once where no weight is told: 101 requests
    assert row == {"service": "orders", "requests": 101, "latency_p50": 40.0, "latency_p95": 40.0, "latency_p99": 40.0}
    few = [{**one, "ItemCount": weight} for one, weight in zip(rows, (4, 50, 41, 1, 4), strict=True)]
    [row] = question("response_time_percentiles", AppRequests=few).to_dicts()
    # 50 of 100 lie at 10, 91 at 20 or below, 95 at 30, 99 at 40
    assert row == {"service": "orders", "requests": 100, "latency_p50": 10.0, "latency_p95": 30.0, "latency_p99": 40.0}


def test_failing_dependencies() -> None:
    found = question("failing_dependencies", AppDependencies=CALLS)
    store = stored(dependencies=("app_dependencies", CALLS))
    by_measure = measured(store, "dependency_error_ratio", "service", "resource")
    assert len(by_measure) == 2
    assert {row[:2]: row[2] for row in found.select("service", "resource", "error_ratio").rows()} == \
        pytest.approx(by_measure)


def test_service_to_service_latency() -> None:
    found = question("service_to_service_latency", AppRequests=REQUESTS, AppDependencies=CALLS)
    store = stored(requests=("app_requests", REQUESTS), dependencies=("app_dependencies", CALLS))
    own = store.sql(catalog.query("examples/services_calling_services").text, start=DAY.start, stop=DAY.stop)
    assert found.columns == own.columns
    wanted, got = own.sort("callee").rows(), found.sort("callee").rows()
    assert [row[:2] for row in got] == [row[:2] for row in wanted] == [("gateway", "orders"), ("gateway", "sales")]
    assert [row[2:] for row in got] == [pytest.approx(row[2:]) for row in wanted]


def test_container_restarts() -> None:
    counts: Mapping[str, Sequence[int]] = {"orders-7d9f8b6c5d-x2x4z": (2, 2, 5), "billing-0": (1, 1, 1)}
    records = [{"TimeGenerated": at(minute), "Name": pod, "Namespace": "erp", "ContainerName": "u/api",
                "ContainerRestartCount": count} for pod, held in counts.items() for minute, count in enumerate(held)]
    found = question("container_restarts", KubePodInventory=records)
    assert found.rows() == [("erp", "orders-7d9f8b6c5d-x2x4z", "api", 3)]
    by_measure = measured(stored(metrics=("kube_pod_inventory", records)), "restart_count", "instance")
    assert by_measure == {"orders-7d9f8b6c5d-x2x4z": 3.0, "billing-0": 0.0}


def test_health_probes() -> None:
    records = [{"TimeGenerated": at(minute), "AppRoleName": ("web", "api")[minute % 2], "Name": "home",
                "Success": minute not in (1, 4), "ItemCount": minute + 1} for minute in range(8)]
    found = question("health_probes", AppAvailabilityResults=records)
    by_measure = measured(stored(probes=("app_availability_results", records)), "probe_success_ratio", "service")
    assert dict(found.select("service", "success_ratio").rows()) == pytest.approx(by_measure)
    assert {row[0]: f"{row[1]:%H:%M}" for row in found.select("service", "last_failure").rows()} == {
        "web": "10:04", "api": "10:01"}


def test_backup_completion() -> None:
    def job(number: int, minute: int, status: str, item: str = "erp-db", operation: str = "Backup") -> Record:
        return {"TimeGenerated": at(minute), "JobStartDateTime": at(number), "JobUniqueId": f"j{number}",
                "JobOperation": operation, "JobStatus": status, "BackupItemFriendlyName": item}

    found = question("backup_completion", AddonAzureBackupJobs=[
        job(1, 1, "InProgress"), job(1, 9, "Completed"), job(2, 12, "Failed"), job(3, 13, "CompletedWithWarnings"),
        job(4, 20, "InProgress"), job(5, 21, "Failed", "files"), job(6, 22, "Failed", operation="Restore")])
    rows = {row["item"]: row for row in found.to_dicts()}
    assert {item: (row["jobs"], row["failed"]) for item, row in rows.items()} == {"erp-db": (3, 1), "files": (1, 1)}
    assert f"{rows['erp-db']['last_completed']:%H:%M}" == "10:03"
    assert rows["files"]["last_completed"] is None


def test_security_alerts() -> None:
    records = [
        {"TimeGenerated": at(minute), "SystemAlertId": name, "AlertName": "a", "AlertSeverity": severity,
         "Status": status}
        for minute, name, severity, status in (
            (1, "a1", "High", "New"), (2, "a2", "High", "Resolved"), (3, "a3", "Medium", "InProgress"),
            (4, "a4", "Informational", "Dismissed"))]
    found = question("security_alerts", SecurityAlert=records)
    store = stored(alerts=("security_alert", records))
    own = store.sql(catalog.query("examples/alerts_by_severity").text, start=DAY.start, stop=DAY.stop)
    assert found.columns == own.columns
    assert sorted(found.rows()) == sorted(own.rows())
    again = question("security_alerts", SecurityAlert=[*records, {**records[0], "TimeGenerated": at(9),
                                                                   "Status": "Resolved"}])
    assert dict(again.select("severity", "open").rows())["high"] == 0
