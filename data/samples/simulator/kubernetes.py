"""What kubectl shows at the end of the span: pods, events, deployments, top."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from simulator.files import TextFile, write_json
from simulator.otlp_metrics import restarts
from simulator.plan import HOUR, MINUTE, START, iso, replicas, stamp

_SERVICES = ("billing", "inventory", "purchasing", "sales")
# limits and requests of CPU and memory, and restarts; or replicas running, wanted and ready
_COUNTS_OF_POD = 4 + 1
_COUNTS_OF_DEPLOYMENT = 4 + 3


def _list(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}}


def write(root: Path, end: int) -> Counter[str]:
    """Write the four snapshots, three of them named after their moment, and count the rows they hold."""
    moment = iso(end - MINUTE, 0).replace("-", "").replace(":", "")[:13] + "Z"
    pods = [(service, f"{service}-{number}") for service in _SERVICES for number in range(replicas(service, end - 1))]
    written = [_pod(service, pod, end) for service, pod in pods]
    events = _events(end)
    write_json(root, f"kubernetes/pods-{moment}.json", _list(written))
    write_json(
        root, f"kubernetes/deployments-{moment}.json", _list([_deployment(service, end) for service in _SERVICES])
    )
    write_json(root, "kubernetes/events.json", _list(events))
    file = TextFile(root, f"kubernetes/top-pods-{moment}.txt")
    file.line("NAME           CPU(cores)   MEMORY(bytes)")
    for number, (_, pod) in enumerate(pods):
        file.line(f"{pod:<15}{f'{31 + number * 7}m':<13}{262 + number * 11}Mi")
    file.close()
    ended = sum(bool(pod["status"]["containerStatuses"][0]["lastState"]) for pod in written)
    return Counter(
        logs=len(events) + ended,
        changes=sum(event["reason"] == "ScalingReplicaSet" for event in events),
        inventory=_COUNTS_OF_POD * len(pods) + _COUNTS_OF_DEPLOYMENT * len(_SERVICES),
        metrics=2 * len(pods),
    )


def _limits(service: str, end: int) -> dict[str, Any]:
    larger = service == "inventory" and end > stamp("2026-06-25T11:38")
    return {
        "limits": {"cpu": "500m", "memory": "2Gi" if larger else "1Gi"},
        "requests": {"cpu": "100m", "memory": "256Mi"},
    }


def _container_status(service: str, pod: str, end: int) -> dict[str, Any]:
    status: dict[str, Any] = {
        "name": service,
        "image": f"registry.example/erp/{service}:2026.6.5",
        "ready": True,
        "started": True,
        "restartCount": restarts(pod, end - 1),
        "state": {"running": {"startedAt": iso(START + HOUR, 0)}},
        "lastState": {},
    }
    if service == "inventory" and status["restartCount"]:
        terminated = {"exitCode": 137, "reason": "OOMKilled", "startedAt": iso(START, 0)}
        status["lastState"] = {"terminated": terminated | {"finishedAt": "2026-06-25T11:34:00Z"}}
    return status


def _pod(service: str, pod: str, end: int) -> dict[str, Any]:
    status = _container_status(service, pod, end)
    container = {"name": service, "image": status["image"], "resources": _limits(service, end)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod,
            "namespace": "erp",
            "creationTimestamp": iso(START, 0),
            "labels": {"app": service, "app.kubernetes.io/name": service},
        },
        "spec": {"nodeName": "aks-erp-0", "containers": [container]},
        "status": {
            "phase": "Running",
            "startTime": iso(START, 0),
            "qosClass": "Burstable",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": iso(START + HOUR, 0)}],
            "containerStatuses": [status],
        },
    }


def _deployment(service: str, end: int) -> dict[str, Any]:
    count = replicas(service, end - 1)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": service,
            "namespace": "erp",
            "creationTimestamp": iso(START, 0),
            "generation": 4,
            "annotations": {"deployment.kubernetes.io/revision": "4"},
            "labels": {"app": service},
        },
        "spec": {
            "replicas": count,
            "selector": {"matchLabels": {"app": service}},
            "template": {
                "metadata": {"labels": {"app": service}},
                "spec": {
                    "containers": [
                        {
                            "name": service,
                            "image": f"registry.example/erp/{service}:2026.6.5",
                            "resources": _limits(service, end),
                        }
                    ]
                },
            },
        },
        "status": {
            "replicas": count,
            "readyReplicas": count,
            "availableReplicas": count,
            "updatedReplicas": count,
            "observedGeneration": 4,
        },
    }


_EVENTS = (
    (
        "2026-06-25T11:33",
        "inventory-0",
        "Unhealthy",
        "Readiness probe failed: HTTP probe failed with statuscode: 503",
        "Warning",
        3,
    ),
    (
        "2026-06-25T11:34",
        "inventory-0",
        "OOMKilling",
        "Memory cgroup out of memory: Killed process 1 (dotnet)",
        "Warning",
        1,
    ),
    (
        "2026-06-25T11:36",
        "inventory-1",
        "OOMKilling",
        "Memory cgroup out of memory: Killed process 1 (dotnet)",
        "Warning",
        1,
    ),
    ("2026-06-30T13:26", "billing", "ScalingReplicaSet", "Scaled up replica set billing to 3 from 2", "Normal", 1),
    (
        "2026-07-01T14:12",
        "billing-0",
        "Unhealthy",
        "Readiness probe failed: HTTP probe failed with statuscode: 503",
        "Warning",
        5,
    ),
    ("2026-07-01T14:16", "inventory-0", "BackOff", "Back-off restarting failed container inventory", "Warning", 2),
)


def _events(end: int) -> list[dict[str, Any]]:
    found = []
    for number, (time, name, reason, message, kind, count) in enumerate(_EVENTS):
        at = stamp(time)
        if at < end:
            found.append(
                {
                    "apiVersion": "v1",
                    "kind": "Event",
                    "metadata": {"name": f"{name}.{number:016x}", "namespace": "erp", "creationTimestamp": iso(at, 0)},
                    "involvedObject": {
                        "kind": "Deployment" if name == "billing" else "Pod",
                        "name": name,
                        "namespace": "erp",
                    },
                    "reason": reason,
                    "message": message,
                    "type": kind,
                    "count": count,
                    "firstTimestamp": iso(at, 0),
                    "lastTimestamp": iso(at + count * MINUTE, 0),
                    "source": {"component": "kubelet", "host": "aks-erp-0"},
                }
            )
    return found
