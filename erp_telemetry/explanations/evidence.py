"""Evidence: the incidents, minutes and drills that a KPI counts, and those that it leaves out, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from erp_telemetry import catalog
from erp_telemetry.explanations.account import Part
from erp_telemetry.explanations.standing import Origin, Standing, origin
from erp_telemetry.incidents import Incident
from erp_telemetry.scorecards.facts import MINUTE, Facts
from erp_telemetry.store import answers
from erp_telemetry.window import Window

_TOUCHING = "incidents/touching"
_QUERIES = {"uptime": (_TOUCHING, "scorecards/down_minutes"), "mttr": (_TOUCHING,), "mttd": (_TOUCHING,),
            "rto": (_TOUCHING, "scorecards/recoveries"), "rpo": (_TOUCHING, "scorecards/recoveries")}
_PAIRS = {"mttr": "detected to over", "mttd": "impact_start to detected", "rto": "impact_start to restored",
          "rpo": "last_recoverable to impact_start"}

_DRILLED = {"rto": "begun to restored", "rpo": "last recoverable to begun"}

Parts = tuple[tuple[Part, ...], tuple[Part, ...]]


def queries_of(kpi: str) -> Sequence[str]:
    """Queries that give what a KPI is made of."""
    return _QUERIES[kpi]


def told_until(connection: answers.Connection) -> datetime | None:
    """The end of the last minute that anything was told of; an incident that nobody told of cannot be known."""
    found: datetime | None = answers.value(
        connection, "select date_trunc('minute', max(time)) + interval 1 minute from watermarks")
    return found


def entries_told(
    connection: answers.Connection, names: Iterable[str], window: Window, service: str | None, stood: Standing
) -> Origin:
    """Which entries brought incidents that touch a window, and probes and recoveries in it."""
    bounds = {"start": window.start, "stop": window.stop}
    touching = catalog.query(_TOUCHING).text
    asked = [f"select distinct entry from incidents where id in (select id from (\n{touching}))"]
    tables: dict[str, Window] = {}
    if "scorecards/down_minutes" in names:
        asked.append("select distinct entry from probes where time >= $start and time < $stop "
                     "and kind in ('readiness', 'availability') and ($service is null or service = $service)")
        tables |= dict.fromkeys(stood.dropped(("probes",), window), window)
    if "scorecards/recoveries" in names:
        asked.append("select distinct entry from recoveries where time >= $start and time < $stop "
                     "and kind in ('drill', 'restore', 'failover') and ($service is null or service = $service)")
    named: set[int | None] = set()
    for sql in asked:
        own = bounds | ({"service": service} if "$service" in sql else {})
        named |= {entry for (entry,) in answers.rows(connection, sql, own)}
    if None in named:
        tables |= {"incidents": window, "recoveries": window}
    return origin(connection, named, tables)


def parted(connection: answers.Connection, facts: Facts, kpi: str, service: str | None) -> Parts:
    """What a KPI counts, and what it leaves out, each with its span and the reason."""
    if kpi == "uptime":
        return _down(facts, service)
    counted: list[Part] = []
    left_out: list[Part] = []
    for one in facts.of(service):
        start, stop, seconds = _span(one, kpi)
        if seconds is not None:
            counted.append(Part(one.id, start, stop, seconds, f"{one.title}; {_PAIRS[kpi]}"))
        elif kpi in ("mttr", "mttd") or stop is not None:
            left_out.append(Part(one.id, one.impact_start, one.ended, None, _why_not(one, kpi)))
    if kpi in ("rto", "rpo"):
        drilled, undrilled = _drills(connection, facts, kpi, service)
        counted += drilled
        left_out += undrilled
    before = [one for one in facts.incidents if one.touches(service) and one.impact_start < facts.window.start]
    left_out += [Part(one.id, one.impact_start, one.ended, None, "began before the window") for one in before]
    return tuple(counted), tuple(left_out)


def _span(one: Incident, kpi: str) -> tuple[datetime, datetime | None, float | None]:
    """The pair of moments that a KPI measures, and the seconds between them where they count."""
    lasted: timedelta | None
    if kpi == "mttr":
        first, last, lasted = one.detected, one.ended, one.time_to_repair
    elif kpi == "mttd":
        first, last, lasted = one.impact_start, one.detected, one.time_to_detect
    elif kpi == "rto":
        first, last, lasted = one.impact_start, one.restored, one.time_to_restore
    else:
        first, last, lasted = one.last_recoverable, one.impact_start, one.data_loss
        last = None if first is None else last
    return first or one.impact_start, last, None if lasted is None else lasted.total_seconds()


def _why_not(one: Incident, kpi: str) -> str:
    if kpi == "mttr" and one.is_open:
        return "open: it has lasted at least until now"
    if kpi == "mttr" and one.is_end_unknown:
        return "over at a moment that nobody wrote down"
    if kpi != "mttr" and one.is_start_estimated:
        return "its start is only estimated"
    return f"without both moments in order: {_PAIRS[kpi]}"


def _drills(connection: answers.Connection, facts: Facts, kpi: str, service: str | None) -> Parts:
    """Restores, failovers and drills with the moments that a KPI measures."""
    asked = catalog.query("explanations/recoveries").bind(
        start=facts.window.start, stop=facts.window.stop, service=service)
    counted: list[Part] = []
    left_out: list[Part] = []
    for one in answers.frame(connection, asked.sql, asked.parameters).iter_rows(named=True):
        is_restore = kpi == "rto"
        first, last = ((one["time"], one["restored_at"]) if is_restore
                       else (one["last_recoverable_at"], one["time"]))
        seconds = one["restore_seconds" if is_restore else "loss_seconds"]
        if one["is_failed"] or seconds is None or seconds < 0:
            why = "it failed" if one["is_failed"] else f"without both moments in order: {_DRILLED[kpi]}"
            left_out.append(Part(one["what"], one["time"], one["restored_at"], None, why))
        else:
            counted.append(Part(one["what"], first, last, seconds,
                                f"{_DRILLED[kpi]}; critical issue {one['critical_issue'] or 'not named'}"))
    return tuple(counted), tuple(left_out)


def _down(facts: Facts, service: str | None) -> Parts:
    """Incidents that were down by the policy and minutes whose probes all failed; what is not clear is left out."""
    counted: list[Part] = []
    left_out: list[Part] = []
    policy = facts.objectives.down_impacts
    for one in (found for found in facts.incidents if found.touches(service)):
        why = _why_not_down(one, policy)
        if why is None:
            stop = one.ended or facts.window.stop
            counted.append(Part(one.id, one.impact_start, stop, (stop - one.impact_start).total_seconds(),
                                f"{one.title}; {one.impact}"))
        else:
            left_out.append(Part(one.id, one.impact_start, one.ended, None, why))
    for name in facts.services if service is None else (service,):
        for start, stop in _runs(facts.down_minutes.get(name, ())):
            counted.append(Part(name, start, stop, (stop - start).total_seconds(), "every probe failed"))
    return tuple(counted), tuple(left_out)


def _why_not_down(one: Incident, policy: Sequence[str]) -> str | None:
    if one.impact is None:
        return "nobody wrote down its impact; low counts it as down"
    if one.impact not in policy:
        return f"{one.impact} is not down by the policy ({', '.join(policy)})"
    if one.is_end_unknown:
        return "over at a moment that nobody wrote down; low counts it as down to the end of the window"
    if one.ended is not None and one.ended < one.impact_start:
        return "it ends before it begins; low counts it as down to the end of the window"
    return None


def _runs(minutes: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """Minutes in order, neighbours joined."""
    found: list[tuple[datetime, datetime]] = []
    for moment in minutes:
        start = found.pop()[0] if found and found[-1][1] == moment else moment
        found.append((start, moment + MINUTE))
    return found
