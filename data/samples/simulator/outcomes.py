"""Truth about uptime, repair, detection and recovery."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean
from typing import Any

from simulator.plan import MINUTE, SECOND, SERVICES, START, stamp
from simulator.records import DRILL_RECOVERABLE, DRILL_RESTORED, DRILL_START

_TARGETS = {
    "database_down": 5,
    "api_gateway_down": 2,
    "service_cascade_failure": 10,
    "data_loss": 60,
    "security_incident": 15,
}
_DEFAULT_TARGET, _RPO_TARGET = 30, 5
Interval = tuple[int, int]


def _at(text: str) -> int:
    return stamp(text.rstrip("Z"))


class Downtime:
    """Minutes in which every readiness or availability probe of a service failed."""

    def __init__(self) -> None:
        self._asked: dict[str, dict[int, bool]] = {service: {} for service in SERVICES}

    def probe(self, service: str, kind: str, at: int, is_failed: bool) -> None:
        """Take note of one probe."""
        if kind in ("readiness", "availability"):
            minutes, minute = self._asked[service], at - at % MINUTE
            minutes[minute] = minutes.get(minute, True) and is_failed

    def intervals(self, service: str) -> list[Interval]:
        """The minutes without one good answer."""
        return [(minute, minute + MINUTE) for minute, all_failed in sorted(self._asked[service].items()) if all_failed]


def union_seconds(intervals: list[Interval], end: int) -> float:
    """Length of the union, clipped to the window."""
    covered, reached = 0, START
    for first, last in sorted(intervals):
        begin, stop = max(first, reached), min(last, end)
        if stop > begin:
            covered += stop - begin
            reached = stop
    return covered / SECOND


def uptime(downtime: Downtime, incidents: list[dict[str, Any]], end: int) -> dict[str, Any]:
    """Uptime and down seconds per service and of all."""
    found, everything = {}, []
    for service in SERVICES:
        intervals = downtime.intervals(service)
        for incident in incidents:
            if service in incident["services"] and incident["impact"] in ("outage", "partial"):
                last = _at(incident["impact_end"]) if incident["impact_end"] else end
                intervals.append((_at(incident["impact_start"]), last))
        everything += intervals
        found[service] = _share(intervals, end)
    return found | {"total": _share(everything, end)}


def _share(intervals: list[Interval], end: int) -> dict[str, float]:
    down, window = union_seconds(intervals, end), (end - START) / SECOND
    return {"down_seconds": down, "uptime": 1 - down / window}


def _mean(values: list[float]) -> float | None:
    return fmean(values) if values else None


def repair_and_detection(incidents: list[dict[str, Any]]) -> dict[str, Any]:
    """MTTR (detected to impact_end) and MTTD (impact_start to detected) per service and of all."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for incident in incidents:
        for name in [*incident["services"], "total"]:
            groups[name].append(incident)
    found: dict[str, Any] = {"mttr": {}, "mttd": {}}
    for name, group in groups.items():
        closed = [i for i in group if i["impact_end"]]
        repair = [(_at(i["impact_end"]) - _at(i["detected"])) / SECOND for i in closed]
        detect = [(_at(i["detected"]) - _at(i["impact_start"])) / SECOND for i in group]
        found["mttr"][name] = {"seconds": repair, "mean": _mean(repair), "open": len(group) - len(closed)}
        found["mttd"][name] = {"seconds": detect, "mean": _mean(detect)}
    return found


def recovery(incidents: list[dict[str, Any]], end: int) -> dict[str, Any]:
    """RTO and RPO of every incident or drill that restored something."""
    rto, rpo = [], []
    for incident in incidents:
        target = _TARGETS.get(incident["class"] or "", _DEFAULT_TARGET) * 60
        start = _at(incident["impact_start"])
        if incident["restored"]:
            rto.append(_entry(incident["id"], incident["services"], _at(incident["restored"]) - start, target))
        if incident["last_recoverable"]:
            rpo.append(
                _entry(
                    incident["id"], incident["services"], start - _at(incident["last_recoverable"]), _RPO_TARGET * 60
                )
            )
    if end > DRILL_START:
        rto.append(_entry("drill", ["erp-db"], DRILL_RESTORED - DRILL_START, _DEFAULT_TARGET * 60))
        rpo.append(_entry("drill", ["erp-db"], DRILL_START - DRILL_RECOVERABLE, _RPO_TARGET * 60))
    return {"rto": _worst(rto), "rpo": _worst(rpo)}


def _entry(name: str, services: list[str], micros: int, target: int) -> dict[str, Any]:
    return {"of": name, "services": services, "seconds": micros / SECOND, "target_seconds": target}


def _worst(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {"each": found, "worst": max(found, key=lambda e: e["seconds"] / e["target_seconds"], default=None)}
