"""Kubernetes files beyond the shared suite: objects, tables of top, and the layouts of container logs."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import erp_telemetry as et
from erp_telemetry.errors import SourceError
from erp_telemetry.sources.kubernetes_files import KubernetesFiles
from erp_telemetry.sources.kubernetes_names import place, quantity, service_of_pod
from erp_telemetry.sources.recognition import recognise
from tests.sources.forms.kubernetes import docker, event, stamp
from tests.sources.support import only, read, run, write

MOMENT = datetime(2026, 7, 5, 23, 59, tzinfo=UTC)
AT = "20260705T2359Z"
POD = "orders-7d9f8b6c5d-x2x4z"


def pod(**changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD, "namespace": "erp", "uid": "p1"},
        "spec": {"containers": [
            {"name": "orders", "resources": {"limits": {"cpu": "500m", "memory": "1Gi"},
                                             "requests": {"cpu": "0.1", "memory": "256Mi"}}},
            {"name": "proxy", "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "100m"}}}]},
        "status": {"phase": "Running", "containerStatuses": [
            {"name": "orders", "restartCount": 2, "lastState": {"terminated": {
                "exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-07-05T11:34:00Z"}}},
            {"name": "proxy", "restartCount": 1, "lastState": {}}]},
        **changes,
    }


def listed(*items: Any, kind: str = "List") -> str:
    return json.dumps({"apiVersion": "v1", "kind": kind, "items": list(items)}, indent=4) + "\n"


def reasons(source: KubernetesFiles) -> list[tuple[int | None, str]]:
    batch = source.read(only(source))
    batch.close()
    return [(one.line, one.reason) for one in batch.rejects]


def logs(path: Path, **options: Any) -> list[dict[str, Any]]:
    return read(KubernetesFiles(path, **options))["logs"].sort("line").to_dicts()


@pytest.mark.parametrize(("text", "value"), [
    ("1n", 1e-9), ("2u", 2e-6), ("250m", 0.25), ("2", 2.0), ("0.5", 0.5), ("3k", 3e3), ("1M", 1e6), ("1G", 1e9),
    ("1E", 1e18), ("1Ki", 1024.0), ("2Mi", 2**21), ("1Gi", 2**30), ("1Ti", 2**40), ("1e3", 1e3), ("12E2", 1200.0),
    ("<unknown>", None), ("", None), ("5 Mi", None), ("1mi", None)])
def test_quantities(text: str, value: float | None) -> None:
    assert quantity(text) == (pytest.approx(value, rel=1e-12) if value is not None else None)


def test_services_by_the_name_of_the_pod() -> None:
    assert [service_of_pod(name) for name in (POD, "billing-0", "api-gateway-5c4d8f7b9-abcde", "orders")] == [
        "orders", "billing", "api-gateway-5c4d8f7b9-abcde", "orders"]  # a is no letter of Kubernetes's random names


@pytest.mark.parametrize("name", [
    f"{POD}.log", f"{POD}.log.1", f"{POD}.log.2.gz", f"{POD}-20260705.log", f"{POD}.log-20260705-1200.gz",
    f"{POD}-20260705T2359Z.log", f"{POD}.log.2026-07-05-23", f"{POD}_erp_orders-{'0f' * 32}.log",
    f"erp_{POD}_01234567-89ab-cdef-0123-456789abcdef/orders/0.log.20260705-120000.gz"])
def test_rotation_does_not_change_the_instance(name: str) -> None:
    found = place(Path("logs") / name)
    assert (found.instance, found.service) == (POD, "orders")


def test_pods_are_counted_at_the_moment_in_the_name(tmp_path: Path) -> None:
    frames = read(KubernetesFiles(write(tmp_path / f"pods-{AT}.json", listed(pod()))))
    rows = frames["inventory"]
    assert set(rows["time"]) == {MOMENT}
    assert set(rows.select("service", "instance").rows()) == {("orders", POD)}
    assert dict(rows.select("name", "value").rows()) == {
        "cpu_limit_cores": 1.5, "cpu_request_cores": pytest.approx(0.2), "memory_request_bytes": 2.0**28,
        "restarts": 3.0}, "a container without a memory limit leaves the pod without"
    (ended,) = frames["logs"].to_dicts()
    assert (ended["time"], ended["level"], ended["template"], ended["resource"]) == (
        datetime(2026, 7, 5, 11, 34, tzinfo=UTC), "error", "OOMKilled", "kubernetes")
    assert json.loads(ended["attributes"])["exit_code"] == 137


@pytest.mark.parametrize(("meta", "service"), [
    ({"labels": {"app.kubernetes.io/name": "a", "app": "b"}}, "a"), ({"labels": {"app": "b"}}, "b"),
    ({"ownerReferences": [{"kind": "ReplicaSet", "name": "c-7d9f8b6c5d"}]}, "c"),
    ({"ownerReferences": [{"kind": "StatefulSet", "name": "d-1"}]}, "d-1"), ({}, "orders")])
def test_the_service_of_a_pod(meta: dict[str, Any], service: str, tmp_path: Path) -> None:
    one = pod(metadata={"name": POD, "namespace": "erp", **meta})
    path = write(tmp_path / f"pods-{AT}.json", listed(one))
    assert set(read(KubernetesFiles(path))["inventory"]["service"]) == {service}
    assert set(read(KubernetesFiles(path, service="all"))["inventory"]["service"]) == {"all"}


def test_deployments_are_counted(tmp_path: Path) -> None:
    one = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "orders", "namespace": "erp"},
           "spec": {"replicas": 3, "template": {"spec": {"containers": [
               {"name": "orders", "resources": {"limits": {"cpu": "500m", "memory": "512M"}}}]}}},
           "status": {"replicas": 2}}
    rows = read(KubernetesFiles(write(tmp_path / f"d-{AT}.json", listed(one, kind="DeploymentList"))))["inventory"]
    assert dict(rows.select("name", "value").rows()) == {
        "replicas": 2.0, "replicas_wanted": 3.0, "replicas_ready": 0.0, "cpu_limit_cores": 0.5,
        "memory_limit_bytes": 5.12e8}
    assert set(rows.select("service", "time").rows()) == {("orders", MOMENT)}


def test_a_snapshot_needs_its_moment(tmp_path: Path) -> None:
    path = write(tmp_path / "pods.json", listed(pod(), event()))
    with pytest.raises(SourceError, match=r"pods\.json: a snapshot that does not say when.*at="):
        read(KubernetesFiles(path))
    os.utime(path, (0, 1_783_295_940))
    for at in ("2026-07-06T01:59:00+02:00", MOMENT, "mtime"):
        assert set(read(KubernetesFiles(path, at=at))["inventory"]["time"]) == {MOMENT}
    with pytest.raises(ValueError, match="no time zone"):
        KubernetesFiles(path, at="2026-07-05T23:59")
    for name in ("pods-2026-07-05T23:59Z.json", "pods-2026-07-05T23-59-00Z.json", "20260705T235900Z.json"):
        assert set(read(KubernetesFiles(write(tmp_path / name, listed(pod()))))["inventory"]["time"]) == {MOMENT}
    with pytest.raises(SourceError, match="20261305T2359Z in its name is no moment"):
        read(KubernetesFiles(write(tmp_path / "pods-20261305T2359Z.json", listed(pod()))))


def test_other_kinds_are_set_aside_and_counted(tmp_path: Path) -> None:
    others = [{"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "x"}} for kind in
              ("ReplicaSet", "StatefulSet", "ReplicaSet")]
    path = write(tmp_path / f"all-{AT}.json", listed(pod(), *others))
    others[2]["metadata"] = {"name": "y"}
    path = write(path, listed(pod(), *others))
    found = reasons(KubernetesFiles(path))
    assert sorted(reason.split(" are not read")[0] for _, reason in found) == [
        "objects of kind ReplicaSet", "objects of kind ReplicaSet", "objects of kind StatefulSet"]
    node = write(tmp_path / "nodes.json", listed({"metadata": {"name": "n"}}, kind="NodeList"))
    assert recognise(node).taken[0].format == "kubectl get -o json: Node"
    with pytest.raises(SourceError, match="objects of kind Node are not read"):
        read(KubernetesFiles(node))
    audit = {"apiVersion": "audit.k8s.io/v1", "kind": "Event", "verb": "get"}
    with pytest.raises(SourceError, match=r"events of audit\.k8s\.io/v1 are not read"):
        read(KubernetesFiles(write(tmp_path / "audit.json", json.dumps(audit))))


def test_a_pod_that_ended_holds_nothing(tmp_path: Path) -> None:
    done = pod(status={"phase": "Succeeded", "containerStatuses": [
        {"name": "job", "state": {"terminated": {"exitCode": 0, "reason": "Completed",
                                                 "finishedAt": "2026-07-05T10:00:00Z"}}}]})
    frames = read(KubernetesFiles(write(tmp_path / f"pods-{AT}.json", listed(done))))
    assert list(frames) == ["logs"]
    assert frames["logs"]["level"].to_list() == ["information"]


@pytest.mark.parametrize("spec", [
    "text", {"containers": "none"}, {"containers": [{"resources": {"limits": {"cpu": "x"}}}]}])
def test_what_is_not_shaped_like_a_pod_breaks_nothing(spec: Any, tmp_path: Path) -> None:
    path = write(tmp_path / f"pods-{AT}.json", listed(pod(spec=spec, status=7, metadata=[]), event(), 5, None))
    frames = read(KubernetesFiles(path))
    assert frames["logs"].height == 1
    assert len(reasons(KubernetesFiles(path))) >= 2


def test_events_of_the_newer_interface_and_scaling(tmp_path: Path) -> None:
    newer = {
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e", "namespace": "erp"},
        "regarding": {"kind": "Deployment", "name": "orders"}, "note": "Scaled up replica set orders-7d9f8b6c5d to 3",
        "reason": "ScalingReplicaSet", "type": "Normal", "eventTime": "2026-07-01T10:00:00.123456Z",
        "series": {"count": 4, "lastObservedTime": "2026-07-01T11:00:00.000000Z"},
        "reportingController": "deployment-controller", "deprecatedFirstTimestamp": None}
    of_replica_set = event(1, involvedObject={"kind": "ReplicaSet", "name": "orders-7d9f8b6c5d"}, reason="Created")
    of_node = event(2, involvedObject={"kind": "Node", "name": "aks-0"}, firstTimestamp=None)
    frames = read(KubernetesFiles(write(tmp_path / "events.json", listed(newer, of_replica_set, of_node))))
    rows = {row["template"]: row for row in frames["logs"].to_dicts()}
    assert (rows["ScalingReplicaSet"]["id"], rows["ScalingReplicaSet"]["level"]) == ("erp/e", "information")
    assert json.loads(rows["ScalingReplicaSet"]["attributes"]) == {
        "namespace": "erp", "object_kind": "Deployment", "object_name": "orders", "type": "Normal", "count": 4,
        "last_time": "2026-07-01T11:00:00.000000Z", "component": "deployment-controller"}
    assert [rows[name]["service"] for name in ("Created", "Unhealthy")] == ["orders", None]
    (change,) = frames["changes"].to_dicts()
    assert (change["kind"], change["service"], change["author"], change["time"]) == (
        "scaling", "orders", "deployment-controller", datetime(2026, 7, 1, 10, 0, 0, 123456, tzinfo=UTC))


def test_of_watched_documents_the_last_state_counts(tmp_path: Path) -> None:
    first, last = event(0, count=1), event(0, count=9)
    text = json.dumps(first, indent=4) + "\n" + json.dumps({"type": "MODIFIED", "object": last}, indent=4) + "\n"
    source = KubernetesFiles(write(tmp_path / "events.json", text + '{\n "kind":'))
    (row,) = logs(tmp_path / "events.json")
    assert json.loads(row["attributes"])["count"] == 9
    second = text.split("\n").index('    "type": "MODIFIED",')
    assert row["line"] == second
    found = reasons(source)
    assert (1, "a later state of the same object follows in the file") in found
    assert [line for line, reason in found if reason.startswith("not a JSON document")] == [text.count("\n") + 1]
    gone = json.dumps({"type": "DELETED", "object": pod()})
    kept = write(tmp_path / f"watch-{AT}.json", gone + "\n" + json.dumps(event()) + "\n")
    assert reasons(KubernetesFiles(kept)) == [(1, "Pod deleted while it was watched")]


def test_a_list_that_breaks_off_is_recognised_and_refused(tmp_path: Path) -> None:
    path = write(tmp_path / f"pods-{AT}.json", listed(pod(), pod())[:-40])
    assert recognise(path).taken[0].format == "kubectl get -o json: a document that breaks off"
    with pytest.raises(SourceError, match=r"nothing of it can be read.*not a JSON document"):
        read(KubernetesFiles(path))


def test_an_empty_list_is_no_flaw(tmp_path: Path) -> None:
    path = write(tmp_path / "events.json", listed())
    assert recognise(path).unknown == ()
    assert read(KubernetesFiles(path)) == {}


def test_top_becomes_metrics(tmp_path: Path) -> None:
    header = "NAMESPACE  NAME  CPU(cores)  MEMORY(bytes)\n"
    text = f"{header}erp  {POD}  250m  1Gi\nerp  x  <unknown>  5Mi\n   ____   ____\n"
    source = KubernetesFiles(write(tmp_path / f"top-{AT}.txt", text))
    frame = read(source)["metrics"]
    assert frame.select("name", "value", "unit", "kind", "service", "instance", "time").sort("name").rows() == [
        ("k8s.pod.cpu.usage", 0.25, "{cpu}", "gauge", "orders", POD, MOMENT),
        ("k8s.pod.memory.usage", 2.0**30, "By", "gauge", "orders", POD, MOMENT)]
    assert set(frame["attributes"]) == {'{"namespace":"erp"}'}
    assert [(line, reason[:12]) for line, reason in reasons(source)] == [(3, "not measured"), (4, "not as many ")]


@pytest.mark.parametrize(("text", "kind", "expected"), [
    ("POD NAME CPU(cores) MEMORY(bytes)\norders-0 proxy 2m 1500Ki\n", "containers",
     [("container.cpu.usage", 0.002, "orders", "proxy"), ("container.memory.usage", 1_536_000.0, "orders", "proxy")]),
    ("NAME CPU(cores) CPU% MEMORY(bytes) MEMORY%\naks-0 166m 8% 1936Mi 42%\n", "nodes",
     [("k8s.node.cpu.usage", 0.166, None, "aks-0"), ("k8s.node.memory.usage", 1936 * 2.0**20, None, "aks-0")])])
def test_top_of_containers_and_nodes(text: str, kind: str, expected: list[tuple[Any, ...]], tmp_path: Path) -> None:
    path = write(tmp_path / f"top-{AT}.txt", text)
    assert recognise(path).taken[0].format == f"kubectl top {kind}"
    rows = read(KubernetesFiles(path))["metrics"].select("name", "value", "service", "resource").sort("name").rows()
    assert rows == expected


def test_top_without_header_or_with_two(tmp_path: Path) -> None:
    path = write(tmp_path / f"top-{AT}.txt", "orders-0  250m  10Mi\nbilling-0  2m  11Mi\n")
    assert recognise(path).taken[0].source == "kubernetes_files"
    with pytest.raises(SourceError, match="without --no-headers"):
        read(KubernetesFiles(path))
    header = "NAME CPU(cores) MEMORY(bytes)\n"
    source = KubernetesFiles(write(path, f"{header}orders-0 1m 1Mi\n{header}"))
    assert reasons(source) == [(3, "a second header: keep each moment in a file of its own")]


def test_a_console_event_of_dotnet_is_one_row(tmp_path: Path) -> None:
    text = [
        "fail: Erp.Orders.Handler[7]", "      Order 7 failed", "      and so did 8",
        "      System.TimeoutException: The operation has timed out.", "         at Erp.Orders.Handle()",
        "       ---> System.IO.IOException: disk", "info: Microsoft.Hosting.Lifetime[0]", "      Now listening"]
    rows = logs(write(tmp_path / f"{POD}.log", "".join(f"{stamp(at)} {line}\n" for at, line in enumerate(text))))
    assert [(row["line"], row["level"], row["message"], row["exception_type"]) for row in rows] == [
        (1, "error", "Order 7 failed\nand so did 8", "System.TimeoutException"),
        (7, "information", "Now listening", None)]
    assert rows[0]["exception"].count("\n") == 2
    assert json.loads(rows[0]["attributes"]) == {"category": "Erp.Orders.Handler", "event_id": 7}
    assert {(row["service"], row["instance"]) for row in rows} == {("orders", POD)}


@pytest.mark.parametrize(("line", "level", "message"), [
    ("E0625 10:00:00.000001       1 controller.go:114] failed to sync", "error", "failed to sync"),
    ("[WARN] slow", "warning", "slow"), ("[12:00:05 FTL] gone", "critical", "gone"), ("ERROR: no", "error", "no"),
    ("2026-07-01 10:00:00,123 - root - WARNING - py", "warning", "root - WARNING - py"),
    ("2026-07-01 10:00:00.123  INFO 1 --- [main] c.x.App : up", "information", "1 --- [main] c.x.App : up"),
    ("  INFO two spaces before the level", "information", "two spaces before the level"),
    ('level=warn msg="x"', "warning", 'level=warn msg="x"'),
    ("2026/07/01 10:00:00 [crit] 7#7: bind", "critical", "7#7: bind"),
    ("Unhandled exception. System.InvalidOperationException: no", "critical",
     "Unhandled exception. System.InvalidOperationException: no"),
    ("3 ERROR rows were purged", None, "3 ERROR rows were purged")])
def test_levels_of_plain_text(line: str, level: str | None, message: str, tmp_path: Path) -> None:
    (row,) = logs(write(tmp_path / "a.log", f"{stamp(0)} {line}\n"))
    assert (row["level"], row["message"]) == (level or "information", message)
    assert ("level_assumed" in json.loads(row["attributes"] or "{}")) == (level is None)


def test_a_stack_trace_of_java_joins_its_event(tmp_path: Path) -> None:
    text = ("2026-07-01 10:00:00,123 ERROR [main] c.x.Foo - boom\njava.lang.IllegalStateException: no\n"
            "\tat c.x.Foo.bar(Foo.java:1)\nCaused by: java.io.IOException: disk\n\t... 12 more\n"
            "2026-07-01 10:00:01,123 INFO [main] c.x.Foo - on\n")
    first, second = logs(write(tmp_path / "a.log", text), naive="Europe/Vienna")
    assert (first["exception_type"], first["exception"].count("\n")) == ("java.lang.IllegalStateException", 3)
    assert first["time"] == datetime(2026, 7, 1, 8, 0, 0, 123000, tzinfo=UTC)
    assert second["exception"] is None
    source = KubernetesFiles(write(tmp_path / "b.log", "\tat c.x.Foo\n" + text), naive="UTC")
    assert reasons(source) == [(1, "continues an event that is not in the file")]


@pytest.mark.parametrize(("first", "later"), [("ERROR down", 5), ("INFO up", 0)])
def test_a_trace_of_no_logged_failure_is_an_event_of_its_own(first: str, later: int, tmp_path: Path) -> None:
    lines = [f"{stamp(0)} {first}", f"{stamp(later)} TypeError: x is undefined", f"{stamp(later)}     at main.js:1"]
    one, other = logs(write(tmp_path / "a.log", "\n".join(lines)))
    assert one["exception"] is None
    assert (other["level"], other["exception"], other["exception_type"]) == (
        "error", "    at main.js:1", "TypeError")


@pytest.mark.parametrize("begin", ["2026-07-01T10:00:00Z ", "2026-07-01T10:00:00.1Z stdout F "])
def test_a_trace_of_a_logged_failure_joins_it(begin: str, tmp_path: Path) -> None:
    own = begin if "stdout" in begin else ""
    path = write(tmp_path / "a.log", f"{begin}ERROR boom\n{own}java.io.IOException: disk\n{own}\tat c.x.Foo\n")
    (row,) = logs(path)
    assert (row["message"], row["exception_type"]) == ("boom", "java.io.IOException")


def test_pods_in_one_file_are_kept_apart(tmp_path: Path) -> None:
    a, b = f"[pod/{POD}/orders]", "[pod/billing-0/billing]"
    text = f"{a} {stamp(0)} ERROR one\n{b} {stamp(0)} ERROR two\n{a} {stamp(0)}   at A\n{b} {stamp(0)}   at B\n"
    rows = logs(write(tmp_path / "all.log", text))
    assert [(row["service"], row["instance"], row["message"], row["exception"]) for row in rows] == [
        ("orders", POD, "one", "  at A"), ("billing", "billing-0", "two", "  at B")]
    assert json.loads(rows[0]["attributes"]) == {"container": "orders"}


def test_parts_that_the_runtime_split_are_joined(tmp_path: Path) -> None:
    clef = json.dumps({"@t": "2026-07-01T10:00:00Z", "@mt": "Order {Id}", "Id": 7, "Application": "erp"})
    text = (f"{stamp(0)} stdout P {clef[:20]}\n{stamp(0)} stderr F INFO between\n{stamp(1)} stdout F {clef[20:]}\n"
            f"{stamp(2)} stdout P cut off\n")
    rows = logs(write(tmp_path / "a.log", text))
    assert [(row["line"], row["message"], row["service"]) for row in rows] == [
        (1, "Order 7", "erp"), (2, "between", "unknown_service"), (4, "cut off", "unknown_service")]
    halves = [{"log": "ERROR one ", "stream": "stdout", "time": stamp(0)},
              {"log": "and two\n", "stream": "stdout", "time": stamp(1)}]
    rows = logs(write(tmp_path / "b-json.log", "\n".join(map(json.dumps, halves))))
    assert [(row["message"], row["instance"]) for row in rows] == [("one and two", "b")]


def test_an_event_of_serilog_is_read_as_serilog_reads_it(tmp_path: Path) -> None:
    events = [{"@t": stamp(at), "@mt": "Order {Id} took {Elapsed:0.0}", "Id": at, "Elapsed": 1.10, "@r": ["1.1"],
               "@l": "Error", "@x": "System.Exception: no", "Application": "erp"} for at in range(3)]
    bare = write(tmp_path / "a.clef", "".join(json.dumps(one) + "\n" for one in events))
    wrapped = write(tmp_path / "a.log", "".join(docker(0, json.dumps(one)) + "\n" for one in events))
    columns = [name for name in read(et.SerilogFiles(bare))["logs"].columns if name not in ("line", "instance")]
    assert read(et.SerilogFiles(bare))["logs"].select(columns).equals(
        read(KubernetesFiles(wrapped))["logs"].select(columns))
    assert recognise(bare).taken[0].source == "serilog_files"
    assert recognise(wrapped).taken[0].format == "container log, Docker json-file"


def test_an_event_of_serilog_without_time_takes_that_of_its_wrapping(tmp_path: Path) -> None:
    good, bad = {"@mt": "no time of its own"}, {"@t": "2026-07-01T10:00:00", "@mt": "naive"}
    path = write(tmp_path / "orders-0.log", f"{stamp(0)} {json.dumps(good)}\n{stamp(1)} {json.dumps(bad)}\n")
    (row,) = logs(path)
    assert (row["message"], row["instance"]) == ("no time of its own", "orders-0")
    assert row["time"] == datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
    assert reasons(KubernetesFiles(path)) == [(2, "time has no zone: 2026-07-01T10:00:00")]


def test_other_objects_are_read_by_the_names_that_loggers_use(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"level": "warn", "ts": 1782900000.25, "msg": "slow", "took": 1.5, "trace_id": "AB" * 16},
        {"level": 50, "time": 1782900001000, "msg": "pino", "stack": "Error: no\n  at x"},
        {"LogLevel": "Critical", "Timestamp": "2026-07-01T10:00:02Z", "Message": "n 5", "Category": "X",
         "State": {"{OriginalFormat}": "n {N}", "N": 5}},
        {"severity": "odd", "@timestamp": "2026-07-01T10:00:03Z", "message": "m", "service": "own"}]
    path = write(tmp_path / "a.jsonl", "".join(json.dumps(one) + "\n" for one in lines))
    assert recognise(path).taken[0].format == "container log, JSON lines"
    rows = logs(path)
    assert [(row["level"], row["message"], row["time"].second, row["service"]) for row in rows] == [
        ("warning", "slow", 0, "unknown_service"), ("error", "pino", 1, "unknown_service"),
        ("critical", "n 5", 2, "unknown_service"), ("information", "m", 3, "own")]
    assert (rows[0]["trace_id"], rows[1]["exception_type"], rows[2]["template"]) == ("ab" * 16, "Error", "n {N}")
    assert json.loads(rows[0]["attributes"]) == {"took": 1.5}
    assert json.loads(rows[3]["attributes"]) == {"severity": "odd", "level_assumed": True}


def test_numbers_that_json_does_not_have_are_text(tmp_path: Path) -> None:
    (row,) = logs(write(tmp_path / "a.log", f'{stamp(0)} {{"level":"warn","msg":"m","x":NaN}}\n'))
    assert row["message"] == '{"level":"warn","msg":"m","x":NaN}'


@pytest.mark.parametrize(("text", "reason"), [
    ("fail: Cat[0]\n      message\n" * 600, "no line tells a time: use kubectl logs --timestamps"),
    ("E0625 10:00:00.000001       1 a.go:1] x\n", "no line tells a time: use kubectl logs --timestamps"),
    ("2026-07-01 10:00:00,123 ERROR x\n" * 3, "times without zone.*naive=.*--naive"),
    ('{"time":"2026-07-01 10:00:00","level":"x","msg":"y"}\n', "times without zone.*naive=.*--naive")])
def test_what_tells_no_moment_is_recognised_and_refused(text: str, reason: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", text)
    assert [one.source for one in recognise(path).taken] == ["kubernetes_files"]
    with pytest.raises(SourceError, match=f"a.log: {reason}"):
        read(KubernetesFiles(path))


@pytest.mark.parametrize(("name", "text"), [
    ("README.md", "# Title\n\n2026-07-01 was a day.\n\n```\n    2026-07-01T10:00:00Z x\n```\n\n- one\n- two\n"),
    ("a.py", "def f():\n    return 1\n\n\nclass A:\n    pass\n"),
    ("a.csv", "time,service,message\n2026-07-01T10:00:00Z,erp,x\n2026-07-01T10:00:01Z,erp,x\n"),
    ("c.csv", "2026-07-01T10:00:00.123456+00:00,erp,x\n2026-07-01T10:00:01.123456+00:00,erp,x\n"),
    ("b.csv", "2026-07-01 10:00:00,200,GET /\n2026-07-01 10:00:01,200,GET /\n"),
    ("d.csv", "timestamp,value\n2015-07-10 14:24:00,564\n2015-07-10 14:38:00,730\n"),
    ("e.csv", "2015-07-10 14:24:00,564\n2015-07-10 14:38:00,730\n"),
    ("f.csv", '"Time","Value"\n"2018-04-25T00:00:00Z","0"\n'), ("g.csv", '"2018-04-25T00:00:00Z","0"\n' * 3),
    ("h.csv", "Time,Name,P99(s)\n2023-01-30 11:39:52.948766709 +0000 UTC m=+0.125,front,0.4\n"),
    ("a.tsv", "2026-07-01T10:00:00Z\terp\tx\n2026-07-01T10:00:01Z\terp\tx\n"),
    ("access_log", '10.0.0.1 - - [01/Jul/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "curl"\n' * 3),
    ("access.json", '{"time":"2026-07-01T10:00:00Z","remote_addr":"10.0.0.1","status":200}\n' * 3),
    ("values.txt", "a 1 2\nb 3 4\n"), ("x.json", '{"apiVersion":"2021-01-01","name":"x"}\n')])
def test_what_is_no_log_is_not_taken(name: str, text: str, tmp_path: Path) -> None:
    found = recognise(write(tmp_path / name, text))
    assert [one.source for one in found.taken if one.source == "kubernetes_files"] == []


@pytest.mark.parametrize(("record", "source"), [
    ({"time": "2026-07-01T10:00:00Z", "level": "warning", "message": "m"}, "table_files"),
    ({"time": "2026-07-01T10:00:00Z", "level": "warn", "message": "m"}, "kubernetes_files"),
    ({"time": "2026-07-01T10:00:00Z", "Type": "AppTraces", "Message": "m", "SeverityLevel": 1}, "azure_files"),
    ({"@t": "2026-07-01T10:00:00Z", "@mt": "m", "level": "x", "message": "m", "time": "x"}, "serilog_files")])
def test_lines_of_json_go_to_who_knows_them(record: dict[str, Any], source: str, tmp_path: Path) -> None:
    found = recognise(write(tmp_path / "a.jsonl", f"{json.dumps(record)}\n" * 2))
    assert [one.source for one in found.taken] == [source]


def test_a_deployment_that_names_types_is_not_taken_for_azure(tmp_path: Path) -> None:
    one = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x", "labels": {"a": "Type"}}}
    assert recognise(write(tmp_path / "d.json", listed(one))).taken[0].format == "kubectl get -o json: Deployment"


def _pulled(store: et.Store, path: Path) -> tuple[int, int]:
    receipt = et.pull(KubernetesFiles(path), store)
    return receipt.rows["logs"], receipt.duplicates


def test_a_second_snapshot_of_an_event_adds_nothing(tmp_path: Path) -> None:
    store = et.Store()
    later = event(0, count=9, lastTimestamp="2026-01-01T09:00:00Z")
    assert _pulled(store, write(tmp_path / "one.json", listed(event(0)))) == (1, 0)
    assert _pulled(store, write(tmp_path / "two.json", listed(later, event(1)))) == (1, 1)


def test_a_second_snapshot_of_pods_adds_their_counts_and_no_end(tmp_path: Path) -> None:
    store = et.Store()
    et.pull(KubernetesFiles(write(tmp_path / f"pods-{AT}.json", listed(pod()))), store)
    receipt = et.pull(KubernetesFiles(write(tmp_path / "pods-20260706T0059Z.json", listed(pod()))), store)
    assert (dict(receipt.rows), receipt.duplicates) == ({"inventory": 4}, 1)


def test_a_rotated_copy_adds_nothing_and_replicas_keep_their_lines(tmp_path: Path) -> None:
    store = et.Store()
    line = f"{stamp(0)} stdout F INFO same\n"
    assert _pulled(store, write(tmp_path / f"{POD}.log", line * 2)) == (2, 0)
    assert _pulled(store, write(tmp_path / f"{POD}.log.1.gz", line * 2 + f"{stamp(1)} stdout F INFO more\n")) == (1, 2)
    assert _pulled(store, write(tmp_path / "orders-7d9f8b6c5d-z4x2x.log", line * 2)) == (2, 0)
    clef = f'{stamp(0)} stdout F {{"@t":"{stamp(0)}","@mt":"same"}}\n'
    assert _pulled(store, write(tmp_path / f"{POD}.log.2", clef)) == (1, 0)
    assert _pulled(store, write(tmp_path / f"{POD}.log.3.gz", clef)) == (0, 1)
    assert _pulled(store, write(tmp_path / "orders-7d9f8b6c5d-z4x2x.log.1", clef)) == (1, 0)


def test_what_the_cluster_says_is_not_what_a_service_logged(tmp_path: Path) -> None:
    store = et.Store()
    et.pull(KubernetesFiles(write(tmp_path / f"pods-{AT}.json", listed(pod(), event()))), store)
    assert store.sql("select count(*) as n from logs")["n"][0] == 2
    assert store.sql("select count(*) as n from log_minutes")["n"][0] == 0
    et.pull(KubernetesFiles(write(tmp_path / f"{POD}.log", "2026-07-05T11:34:30Z INFO up\n")), store)
    found = et.measure(store, "log_error_ratio", et.Window("2026-07-05T11:00Z", "2026-07-05T12:00Z"), "60m")
    assert found.filter(pl.col("value").is_not_null()).select("service", "value", "count").rows() == [
        ("orders", 0.0, 1.0)]


def test_what_continues_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    long = "x" * 400_000
    path = write(tmp_path / "a.log", f"{stamp(0)} ERROR one\n" + f"{stamp(0)}   at {long}\n" * 4)
    source = KubernetesFiles(path)
    (row,) = logs(path)
    assert len(row["exception"]) < 2**20
    assert [(line, reason[:35]) for line, reason in reasons(source)] == [
        (at, "continues an event that is longer t") for at in (4, 5)]


def test_the_careful_way_is_the_only_one(tmp_path: Path) -> None:
    source = KubernetesFiles(write(tmp_path / "events.json", listed(event())))
    for careful in (False, True):
        batch = source.read(only(source), careful)
        assert batch.is_careful
        assert run(batch)["logs"].height == 1
