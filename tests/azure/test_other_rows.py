"""What becomes of tables that no reader of files knows; lines of containers are held against the reader of kubectl."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import erp_telemetry as et
from erp_telemetry.workspace_queries import workspace_query
from tests.azure.answers import Record, answer, canonical

AT = "2026-03-01T10:00:00Z"
VM = "/subscriptions/S/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/Web1"
CLUSTER = "/subscriptions/S/resourceGroups/RG/providers/Microsoft.ContainerService/managedClusters/Aks"
POD = "orders-7d9f8b6c5d-x2x4z"


def rows(stem: str, *records: Record) -> list[dict[str, Any]]:
    """The answer as a pull takes it, with attributes read, less what is null."""
    frame = canonical(answer(stem, [{"TimeGenerated": AT, **record} for record in records]),
                      workspace_query(f"azure/{stem}").answers)
    found = frame.drop("id").to_dicts()
    for row in found:
        assert row.pop("time") == datetime(2026, 3, 1, 10, tzinfo=UTC)
        if row.get("attributes"):
            row["attributes"] = json.loads(row["attributes"])
    return [{name: value for name, value in row.items() if value is not None} for row in found]


def test_cluster_events_are_not_the_services_own() -> None:
    event = {"Name": POD, "Namespace": "erp", "ObjectKind": "Pod", "Reason": "BackOff", "Message": "restarting",
             "KubeEventType": "Warning", "Count": 7.0, "SourceComponent": "kubelet", "Computer": "node1"}
    pod, node, job = rows("kube_events", event,
                          event | {"ObjectKind": "Node", "Name": "node1", "KubeEventType": "Normal"},
                          event | {"ObjectKind": "ReplicaSet", "Name": "orders-7d9f8b6c5d"})
    said = pod.pop("attributes")
    assert pod == {"service": "orders", "instance": POD, "resource": "kubernetes", "level": "warning",
                   "message": "restarting", "template": "BackOff", "weight": 1.0}
    assert said | {"first_time": None, "last_time": None} == {
        "namespace": "erp", "object_kind": "Pod", "object_name": POD, "type": "Warning", "count": 7.0,
        "component": "kubelet", "host": "node1", "first_time": None, "last_time": None}
    assert "service" not in node and "instance" not in node and node["level"] == "information"
    assert job["service"] == "orders" and "instance" not in job


def test_a_deployment_that_scaled_is_a_change() -> None:
    event = {"Name": "orders", "ObjectKind": "Deployment", "Reason": "ScalingReplicaSet", "Message": "Scaled up to 4",
             "SourceComponent": "deployment-controller"}
    assert rows("kube_events_changes", event, event | {"Reason": "Killing"}) == [
        {"service": "orders", "kind": "scaling", "description": "Scaled up to 4", "author": "deployment-controller"}]


@pytest.mark.parametrize(("told", "service"), [
    ({"PodLabel": '[{"app":"a","app.kubernetes.io/name":"shop"}]'}, "shop"),
    ({"PodLabel": '[{"app":"a"}]', "ControllerKind": "ReplicaSet", "ControllerName": "b-7d9f8b6c5d"}, "a"),
    ({"ControllerKind": "ReplicaSet", "ControllerName": "b-7d9f8b6c5d"}, "b"),
    ({"ControllerKind": "StatefulSet", "ControllerName": "billing"}, "billing"),
    ({"ControllerKind": "Job", "ControllerName": "nightly"}, "orders"),
])
def test_restarts_are_a_running_total_of_each_container(told: Record, service: str) -> None:
    record = {"Name": POD, "Namespace": "erp", "ContainerName": "0a1b-uid/api", "ContainerRestartCount": 3, **told}
    assert rows("kube_pod_inventory", record, record | {"ContainerRestartCount": None}) == [
        {"service": service, "instance": POD, "resource": "api", "name": "k8s.container.restarts", "unit": "{restart}",
         "kind": "gauge", "value": 3.0, "attributes": {"namespace": "erp"}}]


def test_restarts_are_what_the_measure_counts(tmp_path: Path) -> None:
    records = [{"TimeGenerated": f"2026-03-01T10:0{minute}:00Z", "Name": POD, "ContainerName": "u/api",
                "ContainerRestartCount": count} for minute, count in enumerate((3, 3, 5, 1))]
    frame = canonical(answer("kube_pod_inventory", records), "metrics")
    store = et.Store(tmp_path / "erp.duckdb")
    et.pull(et.Frames(metrics=frame), store)
    window = et.Window("2026-03-01T10:00Z", "2026-03-01T10:04Z")
    readings = et.measure(store, "restart_count", window, every="4m", by=("service",))
    # from 3 to 5 are two, and one more after the counter began anew
    assert readings.select("service", "value").rows() == [("orders", 3.0)]


def test_counters_of_nodes_and_containers_are_named_as_kubectl_top_names_them() -> None:
    common = {"Computer": "node1", "_ResourceId": CLUSTER}
    container = common | {"ObjectName": "K8SContainer", "InstanceName": f"{CLUSTER}/pod-uid/api"}
    node = common | {"ObjectName": "K8SNode", "InstanceName": f"{CLUSTER}/node1"}
    host = {"Computer": "web1", "_ResourceId": VM, "ObjectName": "Processor", "InstanceName": "_Total"}
    found = rows("perf", container | {"CounterName": "cpuUsageNanoCores", "CounterValue": 2.5e8},
                 container | {"CounterName": "memoryWorkingSetBytes", "CounterValue": 4096.0},
                 container | {"CounterName": "cpuLimitNanoCores", "CounterValue": 1e9},
                 node | {"CounterName": "cpuUsageNanoCores", "CounterValue": 1e9},
                 host | {"CounterName": "% Processor Time", "CounterValue": 12.5})
    assert found[-1].pop("attributes") == {"category": "Processor", "counter": "% Processor Time", "instance": "_Total"}
    for row in found[:-1]:
        assert row.pop("attributes")["category"].startswith("K8S")
    own = {"kind": "gauge", "instance": "pod-uid", "resource": "api"}
    assert found == [
        own | {"name": "container.cpu.usage", "unit": "{cpu}", "value": 0.25},
        own | {"name": "container.memory.usage", "unit": "By", "value": 4096.0},
        own | {"name": "cpuLimitNanoCores", "value": 1e9},
        {"kind": "gauge", "resource": "node1", "name": "k8s.node.cpu.usage", "unit": "{cpu}", "value": 1.0},
        {"kind": "gauge", "service": "web1", "instance": "web1", "resource": VM.lower(), "name": "% Processor Time",
         "value": 12.5}]


def test_insights_metrics_keep_name_and_tags() -> None:
    record = {"Computer": "web1", "_ResourceId": VM, "Namespace": "LogicalDisk", "Name": "FreeSpacePercentage",
              "Val": 61.5, "Tags": '{"vm.azm.ms/mountId":"/"}'}
    assert rows("insights_metrics", record) == [{
        "service": "web1", "instance": "web1", "resource": VM.lower(), "name": "FreeSpacePercentage", "kind": "gauge",
        "value": 61.5, "attributes": {"namespace": "LogicalDisk", "tags": {"vm.azm.ms/mountId": "/"}}}]


def test_what_the_platform_said_is_weighted_by_its_repetitions() -> None:
    record = {"ContainerAppName": "orders", "ReplicaName": "orders--r1-abc", "Log": "Probe failed",
              "RevisionName": "r1", "Reason": "ProbeFailed", "EnvironmentName": "erp", "Count": 12}
    [row] = rows("container_app_system_logs", record)
    assert row == {"service": "orders", "instance": "orders--r1-abc", "resource": "kubernetes", "level": "information",
                   "message": "Probe failed", "template": "ProbeFailed", "weight": 12.0,
                   "attributes": {"revision": "r1", "environment": "erp", "level_assumed": True}}
    custom = {"ContainerAppName_s": "orders", "Log_s": "Probe failed", "Reason_s": "ProbeFailed", "Type_s": "Warning"}
    [row] = rows("container_app_system_logs_cl", custom)
    assert (row["level"], row["weight"], row["template"]) == ("warning", 1.0, "ProbeFailed")
    assert "level_assumed" not in row["attributes"]


def test_resource_logs_of_the_older_mode_say_what_they_say() -> None:
    [row] = rows("azure_diagnostics", {"Category": "AuditEvent", "OperationName": "SecretGet", "CorrelationId": "c"})
    assert row == {"operation": "SecretGet", "level": "information", "message": "SecretGet", "weight": 1.0,
                   "attributes": {"category": "AuditEvent", "result": "", "correlation_id": "c", "level_assumed": True}}


def test_only_what_changed_something_is_a_change() -> None:
    done = {"CategoryValue": "Administrative", "ActivityStatusValue": "Success", "Caller": "ann@example.com",
            "_ResourceId": "/subscriptions/S/resourceGroups/RG/providers/Microsoft.App/containerApps/Orders"}
    names = {"MICROSOFT.APP/CONTAINERAPPS/WRITE": "deployment", "Microsoft.Resources/deployments/write": "deployment",
             "Microsoft.Web/sites/slots/slotsswap/action": "deployment",
             "Microsoft.Sql/servers/delete": "configuration",
             "Microsoft.Web/sites/restart/action": "configuration",
             "Microsoft.Sql/servers/databases/failover/action": "failover",
             "Microsoft.Insights/AutoscaleSettings/Scaleup/Action": "scaling"}
    reads = ["Microsoft.Storage/storageAccounts/listKeys/action", "Microsoft.App/containerApps/read"]
    found = rows("azure_activity", *(done | {"OperationNameValue": name} for name in (*names, *reads)),
                 done | {"OperationNameValue": next(iter(names)), "ActivityStatusValue": "Start"})
    assert {row["description"]: row["kind"] for row in found} == names
    assert len(found) == len(names)
    assert found[0] == {"service": "orders", "resource": done["_ResourceId"].lower(), "kind": "deployment",
                        "description": "MICROSOFT.APP/CONTAINERAPPS/WRITE", "author": "ann@example.com"}


def test_an_update_of_a_security_alert_is_the_same_alert(tmp_path: Path) -> None:
    alert = {"TimeGenerated": AT, "SystemAlertId": "a1", "AlertName": "Brute force", "AlertSeverity": "High",
             "Status": "New", "Description": "many logins", "ResourceId": VM}
    records = [alert, alert | {"Status": "Resolved"}, alert | {"SystemAlertId": "a2", "AlertName": "",
               "DisplayName": "Other", "AlertSeverity": "Informational", "Status": "Dismissed"}]
    frame = canonical(answer("security_alert", records), "alerts")
    assert frame.select("rule", "severity", "state").rows() == [
        ("Brute force", "high", "new"), ("Brute force", "high", "resolved"), ("Other", "low", "closed")]
    store = et.Store(tmp_path / "erp.duckdb")
    receipt = et.pull(et.Frames(alerts=frame), store)
    assert (receipt.rows["alerts"], receipt.duplicates) == (2, 1)


LINES = [
    "2026-03-01 10:00:00 ERROR failed to connect", "fail: Orders.Api[0] broken",
    "E0301 10:00:00.000000       1 main.go:12] klog says", "I0301 10:00:00.1 1 a.go:1] x",
    "[10:00:00 WRN] serilog text", 'level=warning msg="logfmt"', "plain text", "critical thing", "CRITICAL thing",
    "Unhandled exception. System.Exception: boom", "2026-03-01T10:00:00.123Z [main] INFO com.x.Y - started",
    "{broken json}", "2026/03/01 10:00:00 [error] 7#7: *1 nginx", "2026-03-01 10:00:00,123 - WARNING - log4j",
    "INFO: uvicorn started", "<ERROR> x", "[2026-03-01 10:00:00] [warn] y", "DEBUG|app|z", "note: INFO is not first",
    "[Information] hello", "(main) WARN  low disk", 'time="2026-03-01T10:00:00Z" level=error msg="boom"',
    "2026-03-01 10:00:00.123 +01:00 [ERR] from serilog", "ERROR]: bracket", "ERROR",
    '{"level":"warn","msg":"hi","service":"own","n":1}', '{"level":50,"msg":"pino","time":1767225600000}',
    '{"severity":"ERROR","message":"gcp","trace_id":"0AF7651916CD43DD8448EB211C80319C","exception":"E: x\\n at y"}',
    '{"Timestamp":"2026-03-01T10:00:00Z","LogLevel":"Critical","Category":"C","Message":"m",'
    '"State":{"{OriginalFormat}":"m {x}"}}',
    '{"@t":"2026-03-01T10:00:00Z","@m":"rendered","@i":"1","@l":"Warning","Application":"shop"}',
    '{"@t":"2026-03-01T10:00:00Z","@mt":"plain","@x":"System.TimeoutException: late"}',
]
SAID = ("service", "instance", "level", "message", "template", "exception", "exception_type", "trace_id", "span_id")
CONTAINERS: Mapping[str, Mapping[str, str]] = {
    "container_app_console_logs": {"Log": "", "ContainerAppName": "orders", "ContainerGroupName": POD},
    "container_app_console_logs_cl": {"Log_s": "", "ContainerAppName_s": "orders", "ContainerGroupName_s": POD},
    "container_log_v2": {"LogMessage": "", "PodName": POD},
}


@pytest.fixture(scope="module")
def by_file(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Mapping[str, Any]]:
    """What the reader of kubectl's logs makes of each line, in a file of its own."""
    folder = tmp_path_factory.mktemp("lines")
    found = {}
    for number, line in enumerate(LINES):
        (folder / str(number)).mkdir()
        file = folder / str(number) / f"{POD}.log"
        file.write_text(f"2026-03-01T10:00:00.123456789Z {line}\n")
        store = et.Store()
        et.pull(et.KubernetesFiles(file), store)
        [found[line]] = store.sql("select * from logs", is_redacted=False).to_dicts()
    return found


@pytest.mark.parametrize("stem", CONTAINERS)
def test_a_line_of_a_container_says_what_it_says_in_a_file(stem: str, by_file: dict[str, Mapping[str, Any]]) -> None:
    records = [{"TimeGenerated": AT, **{name: value or line for name, value in CONTAINERS[stem].items()}}
               for line in LINES]
    found = canonical(answer(stem, records), "logs").to_dicts()
    for line, row in zip(LINES, found, strict=True):
        assert {name: row.get(name) for name in SAID} == {name: by_file[line][name] for name in SAID}, line


def test_attributes_of_a_line_name_container_and_stream() -> None:
    common = {"ContainerAppName": "orders", "ContainerName": "daprd", "Stream": "stderr"}
    plain, said, event, mute = rows(
        "container_app_console_logs", common | {"Log": "plain"}, common | {"Log": "WARN said"},
        common | {"Log": '{"level":"warn","msg":"hi","n":1}'}, common | {"Log": '{"msg":"hi"}'},
        common | {"Log": " \t "})
    about = {"container": "daprd", "stream": "stderr"}
    assert plain["attributes"] == about | {"level_assumed": True}
    assert said["attributes"] == about
    assert event["attributes"] == about | {"level": "warn", "msg": "hi", "n": 1}
    assert mute["attributes"] == about | {"msg": "hi", "level_assumed": True}


def test_what_the_agent_guessed_counts_where_the_line_says_no_level() -> None:
    found = rows("container_log_v2", {"LogMessage": "boom", "PodName": POD, "LogLevel": "error"},
                 {"LogMessage": "WARN boom", "PodName": POD, "LogLevel": "error"},
                 {"LogMessage": "boom", "PodName": "billing-0", "LogLevel": "unknown"},
                 {"LogMessage": {"level": "error", "msg": "an object"}, "PodName": POD})
    assert [(row["service"], row["level"], row["message"]) for row in found] == [
        ("orders", "error", "boom"), ("orders", "warning", "boom"), ("billing", "information", "boom"),
        ("orders", "error", "an object")]
    assert [row["attributes"].get("level_assumed") for row in found] == [None, None, True, None]
