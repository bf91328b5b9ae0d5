"""Recoveries: how long it took to detect, to repair and to restore, held against what is wanted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from erp_telemetry.analyses.intervals import mean_of_skewed
from erp_telemetry.incidents import Incident
from erp_telemetry.schema import STATUS_PAGE
from erp_telemetry.scorecards.facts import Facts, judged, row


def mean_time(facts: Facts, service: str | None, kpi: str) -> dict[str, Any]:
    """Mean of a named pair of moments; open incidents are at least as long as they have lasted."""
    is_repair = kpi == "mttr"
    found = facts.of(service)
    counted = [one for one in found if (one.time_to_repair if is_repair else one.time_to_detect) is not None]
    spans = [span.total_seconds() for one in counted
             if (span := one.time_to_repair if is_repair else one.time_to_detect) is not None]
    still_open = sum(one.is_open for one in found) if is_repair else 0
    rule = (f"mean of {'detected to impact_end' if is_repair else 'impact_start to detected'} "
            f"over {len(spans)} incidents")
    rule += _left_out(found, len(spans), still_open, is_repair) + _bounds(counted, is_repair)
    made = row(facts, kpi, service, n=float(len(spans)), coverage=facts.coverage.get(service, 0.0),
               rule=f"{rule}; interval by Cox's method, n >= 3")
    if not found:
        return made
    low, high = mean_of_skewed(spans)
    value = sum(spans) / len(spans) if spans else None
    made |= {"value": value, "low": low, "high": high}
    # too few, or some not over: only a miss that no further minute can mend would be certain
    if value is None or low is None or high is None or still_open:
        return made | {"state": "insufficient"}
    made = judged(made, value=value, low=low, high=high)
    # a page tells the public late: repair was longer than this, detection shorter
    unproven = "met" if is_repair else "missed"
    return made | {"state": "insufficient"} if _on_a_page(counted) and made["state"] == unproven else made


def _left_out(found: list[Incident], counted: int, still_open: int, is_repair: bool) -> str:
    """What the mean does not count, by reason."""
    estimated = 0 if is_repair else sum(one.is_start_estimated for one in found)
    ended = sum(one.is_end_unknown for one in found) if is_repair else 0
    rest = len(found) - counted - still_open - estimated - ended
    reasons = ((still_open, "open and not yet countable"), (estimated, "whose start is only estimated"),
               (ended, "over at a moment that nobody wrote down"), (rest, "without both moments in order"))
    told = [f"{count} {reason}" for count, reason in reasons if count]
    return f"; left out: {', '.join(told)}" if told else ""


def _bounds(counted: list[Incident], is_repair: bool) -> str:
    """Where the moments that are counted are not quite those that are meant."""
    said = ""
    if is_repair and (told := sum(one.impact_end is None for one in counted)):
        said += f"; {told} end when they were called resolved or closed"
    if pages := _on_a_page(counted):
        limit = "repair is at least this long" if is_repair else "detection took at most this long"
        said += f"; {pages} detected by a status page, so {limit}"
    return said


def _on_a_page(counted: Iterable[Incident]) -> int:
    return sum(one.detected_by == STATUS_PAGE for one in counted)


def recovery(facts: Facts, service: str | None, kpi: str) -> dict[str, Any]:
    """The recovery that came off worst against the objective of its critical issue."""
    general = facts.objectives.target(kpi, service)
    cases: list[tuple[float, float]] = []
    unusable = 0
    for one in facts.of(service):
        span = one.time_to_restore if kpi == "rto" else one.data_loss
        if span is not None:
            cases.append((span.total_seconds(), _target(facts, kpi, one.critical_issue, general)))
        elif (one.restored if kpi == "rto" else one.last_recoverable) is not None:
            unusable += 1
    for drill in facts.recoveries:
        seconds = drill["restore_seconds" if kpi == "rto" else "loss_seconds"]
        if seconds is not None and seconds >= 0 and service in (None, drill["service"]):
            cases.append((seconds, _target(facts, kpi, drill["critical_issue"], general)))
    rule = (f"worst of {len(cases)} restores, failovers and drills against the objective of its class"
            if cases else "untested: no restore, failover or drill in the window")
    if unusable:
        rule += f"; left out: {unusable} incidents whose start is estimated or whose moments are out of order"
    made = row(facts, kpi, service, n=float(len(cases)), coverage=facts.coverage.get(service, 0.0), rule=rule)
    if not cases:
        return made
    value, target = max(cases, key=lambda case: case[0] / case[1])
    return made | {"value": value, "target": target, "state": "met" if value < target else "missed"}


def _target(facts: Facts, kpi: str, critical_issue: str | None, general: float) -> float:
    return facts.objectives.recovery.get(critical_issue or "", general) if kpi == "rto" else general
