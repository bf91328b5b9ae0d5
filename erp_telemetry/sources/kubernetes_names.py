"""Kubernetes names and quantities: what a pod, a container or a saved file is called, and how much ``250m`` is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from erp_telemetry.errors import SourceError

# the letters Kubernetes draws random names from: no vowels, so that no word comes out
_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"
_OF_DEPLOYMENT = re.compile(rf"-{_RANDOM}{{6,10}}-{_RANDOM}{{5}}$")
_OF_REPLICA_SET = re.compile(rf"-{_RANDOM}{{6,10}}$")
_ORDINAL = re.compile(r"-\d+$")
_QUANTITY = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d+))?$")
_FACTORS = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}
_MOMENT = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)T(\d\d)[:-]?(\d\d)(?:[:-]?(\d\d))?Z")
_ROTATED = re.compile(r"[.-]\d{4}-?\d\d-?\d\d(?:[T_-]?\d\d(?:[:-]?\d\d(?:[:-]?\d\d)?)?)?Z?$|\.\d+$")
_SUFFIX = re.compile(r"\.(?:log|txt|out|err|json|jsonl|ndjson|clef|gz|zst)$|-json$", re.IGNORECASE)
# how the kubelet lays logs down: containers/<pod>_<namespace>_<container>-<id>.log, pods/<namespace>_<pod>_<uid>/…
_ON_NODE = re.compile(r"^(?P<pod>[a-z0-9][a-z0-9.-]*)_[a-z0-9-]+_(?P<container>[a-z0-9-]+)-[0-9a-f]{64}$")
_POD_FOLDER = re.compile(r"^[a-z0-9-]+_(?P<pod>[a-z0-9][a-z0-9.-]*)_[0-9a-f-]{32,36}$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a container log was written: the instance, and the service as far as names tell."""

    instance: str
    service: str | None = None
    container: str | None = None


def service_of_pod(pod: str) -> str:
    """The service of a pod by its name alone: without the random ends of a Deployment or the ordinal of a StatefulSet.

    >>> service_of_pod("orders-7d9f8b6c5d-x2x4z"), service_of_pod("billing-0"), service_of_pod("orders")
    ('orders', 'billing', 'orders')
    """
    shorter = _OF_DEPLOYMENT.sub("", pod)
    return shorter if shorter != pod else _ORDINAL.sub("", pod)


def service_of_replica_set(name: str) -> str:
    """The service of a ReplicaSet: its name without the hash of the pod template."""
    return _OF_REPLICA_SET.sub("", name)


def quantity(text: object) -> float | None:
    """A Kubernetes quantity in cores or bytes; ``None`` where it is none.

    Source: the Kubernetes API's resource.Quantity (decimal and binary suffixes, decimal exponents).

    >>> quantity("250m"), quantity("1Gi"), quantity("1e3"), quantity("<unknown>")
    (0.25, 1073741824.0, 1000.0, None)
    """
    found = _QUANTITY.match(str(text).strip())
    if not found:
        return None
    digits, unit, exponent = found.groups()
    return float(f"{digits}e{exponent}") if exponent else float(digits) * _FACTORS.get(unit or "", 1.0)


def moment(path: Path, at: datetime | str | None) -> datetime:
    """When a snapshot was taken: as declared, else as its file name says.

    Raises ``SourceError`` where neither tells.
    """
    if isinstance(at, datetime):
        return at
    if at == "mtime":
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    found = _MOMENT.search(path.name)
    if found:
        try:
            year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError as error:
            raise SourceError(f"{path}: {found[0]} in its name is no moment: {error}") from error
    raise SourceError(
        f"{path}: a snapshot that does not say when it was taken. Save it under a name with the time "
        "(kubectl … > pods-$(date -u +%Y%m%dT%H%MZ).json), or say KubernetesFiles(..., at=\"2026-07-05T23:59Z\") "
        "or at=\"mtime\" for the time the file was written; at the shell --at"
    )


def place(path: Path) -> Place:
    """Instance and service of a container log by its name and folder: rotation does not change them."""
    stem = path.name
    while (shorter := _SUFFIX.sub("", _ROTATED.sub("", stem))) != stem and shorter:
        stem = shorter
    folder = _POD_FOLDER.match(path.parent.parent.name)
    if folder:
        return Place(folder["pod"], service_of_pod(folder["pod"]), path.parent.name)
    on_node = _ON_NODE.match(stem)
    if on_node:
        return Place(on_node["pod"], service_of_pod(on_node["pod"]), on_node["container"])
    return Place(stem, _OF_DEPLOYMENT.sub("", stem) if _OF_DEPLOYMENT.search(stem) else None)
