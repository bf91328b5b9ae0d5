"""Tables that ``kubectl top`` prints: CPU and memory of pods, containers or nodes at one moment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from erp_telemetry.sources.files import Json
from erp_telemetry.sources.kubernetes_names import quantity, service_of_pod

_GAP = re.compile(r"\s+")
_HEADER = re.compile(r"^(?:NAMESPACE\s+)?(?:POD\s+)?NAME\s+CPU\(cores\)\s+(?:CPU\(?%\)?\s+)?MEMORY\(bytes\)")
_BARE = re.compile(r"^(?:\S+\s+){1,3}\d+m\s+(?:\d+%\s+)?\d+[KMGT]i(?:\s+\d+%)?\s*$")
_CPU, _MEMORY = "CPU(cores)", "MEMORY(bytes)"


def is_header(line: str) -> bool:
    """Whether a line heads such a table."""
    return _HEADER.match(line) is not None


def is_bare(lines: Iterable[str]) -> bool:
    """Whether these lines are rows of such a table whose header was left out."""
    held = list(lines)
    return bool(held) and all(_BARE.match(line) for line in held)


def kind(header: str) -> str:
    """What the table is of: ``pods``, ``containers`` or ``nodes``."""
    names = header.split()
    if "POD" in names:
        return "containers"
    return "nodes" if any(name.startswith("CPU") and "%" in name for name in names) else "pods"


def records(numbered: Iterable[tuple[int, str]]) -> Iterator[tuple[int | None, str, Json]]:
    """Each row below the header, with its line, as an object by column name; ``None`` where a field is missing."""
    names: list[str] = []
    for number, text in numbered:
        if not names:
            names = text.split()
            continue
        yield number, text, {"__kind": kind(" ".join(names)), "__again": is_header(text), **_fields(names, text)}


def _fields(names: list[str], text: str) -> Json:
    found = _GAP.split(text.strip())
    return dict(zip(names, found, strict=True)) if len(found) == len(names) else {}


def rows(record: Json, time: str) -> list[Json]:
    """CPU and memory of one row as two metrics; ``ValueError`` says why it is set aside."""
    if record["__again"]:
        raise ValueError("a second header: keep each moment in a file of its own")
    if _CPU not in record or _MEMORY not in record:
        raise ValueError("not as many fields as the header has names, such as the total of --sum")
    cpu, memory = quantity(record[_CPU]), quantity(record[_MEMORY])
    if cpu is None or memory is None:
        raise ValueError(f"not measured: CPU {record[_CPU]}, memory {record[_MEMORY]}")
    scope, who = _who(record)
    shared: dict[str, Any] = {"table": "metrics", "time": time, "kind": "gauge", **who}
    if record.get("NAMESPACE"):
        shared["attributes"] = {"namespace": record["NAMESPACE"]}
    return [shared | {"name": f"{scope}.cpu.usage", "unit": "{cpu}", "value": cpu},
            shared | {"name": f"{scope}.memory.usage", "unit": "By", "value": memory}]


def _who(record: Json) -> tuple[str, Json]:
    """The prefix of the metric's name, as OpenTelemetry has it, and whose it is."""
    if record["__kind"] == "nodes":
        return "k8s.node", {"service": None, "resource": record["NAME"]}
    if record["__kind"] == "containers":
        return "container", {
            "service": service_of_pod(record["POD"]), "instance": record["POD"], "resource": record["NAME"]}
    return "k8s.pod", {"service": service_of_pod(record["NAME"]), "instance": record["NAME"]}
