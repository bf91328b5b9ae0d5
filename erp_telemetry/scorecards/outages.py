"""Outages: what of a window was down, by incidents and by probes that all failed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from erp_telemetry.incidents import Incident
from erp_telemetry.scorecards.facts import MINUTE, Facts, judged, row
from erp_telemetry.window import Window

Span = tuple[datetime, datetime]


def uptime(facts: Facts, service: str | None) -> dict[str, Any]:
    """1 - union of down intervals / window; unobserved time widens the interval, it is not uptime.

    An incident whose impact or end is not known makes it insufficient, unless what is known misses already.
    """
    window, policy = facts.window, facts.objectives.down_impacts
    touching = [found for found in facts.incidents if found.touches(service)]
    unclear = [found for found in touching if _is_unclear(found, policy)]
    counted = [found for found in touching if found.impact in policy and found not in unclear]
    names = facts.services if service is None else (service,)
    spans = [(found.impact_start, found.ended or window.stop) for found in counted]
    spans += [(moment, moment + MINUTE) for name in names for moment in facts.down_minutes.get(name, ())]
    seconds = window.duration.total_seconds()
    coverage = min(1.0, facts.coverage.get(service, 0.0))
    found = row(facts, "uptime", service, n=coverage * seconds / 60, coverage=coverage,
                rule=_rule(policy, counted, unclear))
    if (coverage == 0 or not facts.tells_outages(service)) and not spans and not unclear:
        return found | ({} if facts.tells_outages(service) else {
            "rule": "untold: neither readiness or availability probes nor any incident was ever pulled"})
    high = 1 - union_seconds(spans, window) / seconds
    worst = union_seconds([*spans, *(_longest(one, window) for one in unclear)], window)
    low = max(0.0, 1 - (worst + (1 - coverage) * seconds) / seconds)
    found = judged(found, value=high, low=low, high=high)
    if unclear and found["state"] != "missed":
        return found | {"value": None, "state": "insufficient"}
    # down at least that long can prove a miss, never that it was met
    is_least = any(one.is_start_estimated for one in counted)
    return found | ({"state": "insufficient"} if is_least and found["state"] == "met" else {})


def _is_unclear(found: Incident, policy: Iterable[str]) -> bool:
    """Whether it cannot be told if, or how long, it was down."""
    is_backward = found.ended is not None and found.ended < found.impact_start
    return found.impact is None or (found.impact in policy and (found.is_end_unknown or is_backward))


def _longest(found: Incident, window: Window) -> Span:
    """The longest it can have been down within the window, as far as its moments say."""
    is_forward = found.ended is not None and found.ended >= found.impact_start
    return found.impact_start, found.ended if is_forward and found.ended is not None else window.stop


def _rule(policy: Iterable[str], counted: list[Incident], unclear: list[Incident]) -> str:
    rule = f"1 - union of incidents ({', '.join(policy)}) and minutes whose probes all failed; "
    rule += "low counts unobserved time as down"
    if unclear:
        rule += f"; {len(unclear)} incidents of unknown impact or end, which low counts as down"
    if estimated := sum(found.is_start_estimated for found in counted):
        rule += f"; {estimated} incidents count from when a tool was told, so they were down at least that long"
    return rule


def union_seconds(spans: Iterable[Span], window: Window) -> float:
    """Length of the union of spans, clipped to a window."""
    total, reached = 0.0, window.start
    for start, stop in sorted(spans):
        first, last = max(start, reached), min(stop, window.stop)
        if last > first:
            total += (last - first).total_seconds()
            reached = last
    return total
