"""Kubernetes objects and the canonical rows they become.

Events become logs and changes, pods and deployments inventory; other kinds are set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from erp_telemetry.sources.files import Json
from erp_telemetry.sources.kubernetes_names import quantity, service_of_pod, service_of_replica_set

RESOURCE = "kubernetes"
"""The resource of log rows that the cluster wrote, not the service they speak of."""

Row = dict[str, Any]

_NAMED_AFTER_SERVICE = ("Deployment", "StatefulSet", "DaemonSet", "HorizontalPodAutoscaler", "Service", "Ingress")
_EVENTS = (None, "v1", "events.k8s.io/v1", "events.k8s.io/v1beta1")
_STATUSES = ("containerStatuses", "initContainerStatuses")


def title(found: Json) -> str:
    """Kind, namespace and name, for messages."""
    meta = _object(found.get("metadata"))
    return f"{found.get('kind') or 'no kind'} {_path(meta)}".strip()


def identity(found: Json) -> str:
    """What stays the same from one snapshot of an object to the next: its uid, else namespace and name."""
    meta = _object(found.get("metadata"))
    return _text(meta.get("uid")) or _path(meta)


def is_snapshot(found: Json) -> bool:
    """Whether the object says how things are at a moment, without naming it."""
    return found.get("kind") in ("Pod", "Deployment")


def rows(found: Json, moment: datetime | None) -> list[Row]:
    """The canonical rows of one object; ``ValueError`` says why it is set aside."""
    kind = found.get("kind")
    if not kind:
        raise ValueError("no Kubernetes object: kind is missing")
    make = _KINDS.get(str(kind))
    if make is None:
        raise ValueError(f"objects of kind {kind} are not read; {', '.join(sorted(_KINDS))} are")
    if found.get("__deleted") and is_snapshot(found):
        raise ValueError(f"{kind} deleted while it was watched")
    return make(found, moment.isoformat() if moment else None)


def _event(found: Json, _: str | None) -> list[Row]:
    if found.get("apiVersion") not in _EVENTS:
        raise ValueError(f"events of {found.get('apiVersion')} are not read")
    about = _object(found.get("involvedObject")) or _object(found.get("regarding"))
    series, meta = _object(found.get("series")), _object(found.get("metadata"))
    time = _first(found, "firstTimestamp", "deprecatedFirstTimestamp", "eventTime") or meta.get("creationTimestamp")
    if not time:
        raise ValueError("an event without firstTimestamp, eventTime and creationTimestamp")
    source = _object(found.get("source")) or _object(found.get("deprecatedSource"))
    component = _first(found, "reportingComponent", "reportingController") or source.get("component")
    kind, name, reason = _text(about.get("kind")), _text(about.get("name")), _text(found.get("reason"))
    message = _text(_first(found, "message", "note"))
    row: Row = {"time": time, "service": _service(kind, name), "id": identity(found)}
    log = row | {
        "table": "logs", "instance": name if kind == "Pod" else None, "resource": RESOURCE, "message": message,
        "level": "warning" if found.get("type") == "Warning" else "information", "template": reason,
        "attributes": _said({
            "namespace": about.get("namespace") or meta.get("namespace"), "object_kind": kind, "object_name": name,
            "field_path": about.get("fieldPath"), "type": found.get("type"), "action": found.get("action"),
            "count": _first(found, "count", "deprecatedCount") or series.get("count"),
            "last_time": _first(found, "lastTimestamp", "deprecatedLastTimestamp") or series.get("lastObservedTime"),
            "component": component, "host": source.get("host") or found.get("reportingInstance")}),
    }
    if reason != "ScalingReplicaSet":
        return [log]
    return [log, row | {"table": "changes", "kind": "scaling", "description": message, "author": _text(component)}]


def _pod(found: Json, moment: str | None) -> list[Row]:
    status, spec = _object(found.get("status")), _object(found.get("spec"))
    name = _text(_object(found.get("metadata")).get("name"))
    who: Row = {"service": _service_of_object(found), "instance": name}
    made = [who | one for one in _ends(found, status)]
    if status.get("phase") not in ("Succeeded", "Failed"):
        # a container that runs beside the others for good is written as an init container that restarts always
        held = [*_list(spec.get("containers")),
                *(one for one in _list(spec.get("initContainers")) if one.get("restartPolicy") == "Always")]
        made += _counts(who, moment, _resources(held) | {"restarts": _restarts(status)})
    if not made:
        raise ValueError(f"a pod in phase {status.get('phase')} that holds nothing and tells of no end")
    return made


def _ends(found: Json, status: Json) -> Iterator[Row]:
    """Each container that ended, the one that runs now or the one before it, as a dated log row."""
    for container in (one for key in _STATUSES for one in _list(status.get(key))):
        for state in ("lastState", "state"):
            end = _object(_object(container.get(state)).get("terminated"))
            if not end.get("finishedAt"):
                continue
            code, name = end.get("exitCode"), _text(container.get("name"))
            reason = _text(end.get("reason")) or "Terminated"
            about = f": {_text(end.get('message'))}" if end.get("message") else ""
            yield {
                "table": "logs", "time": end["finishedAt"], "resource": RESOURCE, "template": reason,
                "level": "information" if code == 0 else "error",
                "message": f"container {name} ended, {reason}, exit code {code}{about}",
                "id": f"{identity(found)}:{name}:{end['finishedAt']}",
                "attributes": _said({
                    "namespace": _object(found.get("metadata")).get("namespace"), "container": name,
                    "exit_code": code, "signal": end.get("signal"), "started_at": end.get("startedAt")})}


def _deployment(found: Json, moment: str | None) -> list[Row]:
    status, spec = _object(found.get("status")), _object(found.get("spec"))
    template = _object(_object(spec.get("template")).get("spec"))
    # the server leaves counts of zero out
    counts: dict[str, float | None] = {
        "replicas": _number(status.get("replicas", 0)), "replicas_wanted": _number(spec.get("replicas")),
        "replicas_ready": _number(status.get("readyReplicas", 0))}
    held = _resources(_list(template.get("containers")))
    return _counts({"service": _service_of_object(found)}, moment, counts | held)


def _counts(who: Row, moment: str | None, counts: Mapping[str, float | None]) -> list[Row]:
    """One inventory row for each count that is known."""
    return [who | {"table": "inventory", "time": moment, "name": name, "value": value}
            for name, value in counts.items() if value is not None]


def _resources(containers: list[Json]) -> dict[str, float | None]:
    """Limits and requests of a pod: the sum over its containers; one container without limit leaves the pod without."""
    found: dict[str, float | None] = {}
    for key, kind in (("limits", "limit"), ("requests", "request")):
        for resource, unit in (("cpu", "cores"), ("memory", "bytes")):
            held = [_object(_object(one.get("resources")).get(key)).get(resource) for one in containers]
            said = [quantity(one) for one in held if one is not None]
            known = [one for one in said if one is not None]
            if len(known) < len(said):
                raise ValueError(f"{resource} {kind} is no quantity: {[one for one in held if one is not None]}")
            is_whole = len(known) == len(containers) if kind == "limit" else True
            found[f"{resource}_{kind}_{unit}"] = sum(known) if known and is_whole else None
    return found


def _restarts(status: Json) -> float | None:
    counts = [_number(one.get("restartCount")) for key in _STATUSES for one in _list(status.get(key))]
    known = [one for one in counts if one is not None]
    return sum(known) if known else None


def _service_of_object(found: Json) -> str | None:
    """By label, else by owner, else by name."""
    meta = _object(found.get("metadata"))
    labels = _object(meta.get("labels"))
    named = _text(labels.get("app.kubernetes.io/name")) or _text(labels.get("app"))
    owner = next(iter(_list(meta.get("ownerReferences"))), {})
    return named or _service(_text(owner.get("kind")), _text(owner.get("name"))) or _service(
        _text(found.get("kind")), _text(meta.get("name")))


def _service(kind: str | None, name: str | None) -> str | None:
    """The service an object belongs to by its kind and name; ``None`` where it belongs to none, as a node does."""
    if name is None or kind is None:
        return None
    if kind == "Pod":
        return service_of_pod(name)
    if kind == "ReplicaSet":
        return service_of_replica_set(name)
    return name if kind in _NAMED_AFTER_SERVICE else None


def _path(meta: Json) -> str:
    return "/".join(part for part in (_text(meta.get("namespace")), _text(meta.get("name"))) if part)


def _first(found: Json, *names: str) -> Any:
    return next((found[name] for name in names if found.get(name)), None)


def _said(found: Json) -> Json:
    return {name: value for name, value in found.items() if value not in (None, "")}


def _object(found: Any) -> Json:
    return found if isinstance(found, dict) else {}


def _list(found: Any) -> list[Json]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _text(found: Any) -> str | None:
    return found if isinstance(found, str) and found else None


def _number(found: Any) -> float | None:
    return float(found) if isinstance(found, int | float) else None


_KINDS: Mapping[str, Callable[[Json, str | None], list[Row]]] = {
    "Event": _event, "Pod": _pod, "Deployment": _deployment}
