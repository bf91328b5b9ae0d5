"""Scorecards: every KPI of the handbook beside its objective, per service and for the whole system.

A state is said only where the data carry it: *insufficient* where the 95 % interval straddles the
target, *no_data* where nothing was seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from erp_telemetry import catalog
from erp_telemetry.analyses.intervals import mean_of_skewed
from erp_telemetry.incidents import Incident, incidents
from erp_telemetry.measures import answerable, measure
from erp_telemetry.objectives import HIGHER_IS_BETTER, UNITS, Band, Objectives
from erp_telemetry.schema import SCORECARD, polars_schema
from erp_telemetry.store import Store, answers
from erp_telemetry.window import Window

_MINUTE = timedelta(minutes=1)


def score(store: Store, window: Window, objectives: Objectives | None = None) -> pl.DataFrame:
    """Every KPI beside its objective over a window of whole minutes.

    Returns:
        A scorecard: ``kpi, service`` (null = whole system), ``value, target, state, n, low, high,
        coverage, rule, unit``. The seven success metrics, then the seven health bands; the whole
        system first, then each service. States: met, missed, insufficient, no_data; of bands
        normal, warning, critical, unknown.
    """
    with store.reading():
        facts = _gather(store, window, objectives if objectives is not None else Objectives.load())
    rows: list[dict[str, Any]] = []
    for service in (None, *facts.services):
        rows += [_uptime(facts, service), _mean_time(facts, service, "mttr"), _mean_time(facts, service, "mttd"),
                 _recovery(facts, service, "rto"), _recovery(facts, service, "rpo"),
                 _ratio_or_latency(facts, service, "error_ratio"), _ratio_or_latency(facts, service, "latency_p99")]
    for service in (None, *facts.measured):
        rows += [_band(facts, service, band) for band in facts.objectives.bands_of(service)]
    rows = [row for row in rows if row["service"] is None or row["n"] or not row["kpi"].endswith("_band")
            or row["service"] in facts.expects(row["kpi"])]
    return pl.DataFrame(rows, schema=polars_schema(SCORECARD), orient="row").sort(
        pl.col("kpi").replace_strict(_ORDER, return_dtype=pl.Int32, default=99), "service", nulls_last=False)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the rows of a scorecard are made of."""

    window: Window
    objectives: Objectives
    services: tuple[str, ...]
    incidents: tuple[Incident, ...]
    down_minutes: dict[str, list[datetime]]
    recoveries: tuple[dict[str, Any], ...]
    readings: dict[tuple[str, str | None], dict[str, Any]]
    coverage: dict[str | None, float]
    probed: frozenset[str]
    has_incidents: bool

    def tells_outages(self, service: str | None) -> bool:
        """Whether anything in the store could say that a service was down."""
        return self.has_incidents or bool(self.probed if service is None else service in self.probed)

    @property
    def measured(self) -> tuple[str, ...]:
        """Services and resources any reading speaks of."""
        named = {service for band in self.objectives.bands for service in band.services}
        return tuple(sorted({name for _, name in self.readings if name is not None} | set(self.services) | named))

    def expects(self, kpi: str) -> tuple[str, ...]:
        """Services that must show a band even without data: those it was ever measured of, or made for."""
        bands = [band for band in self.objectives.bands if band.name == kpi]
        made_for = [name for band in bands for name in band.services]
        asked = {band.measure for band in bands}
        measured = [name for measure_name, name in self.readings if measure_name in asked and name is not None]
        return (*made_for, *measured)

    def of(self, service: str | None) -> list[Incident]:
        """Incidents that touch a service and began in the window."""
        return [found for found in self.incidents
                if found.touches(service) and found.impact_start >= self.window.start]


def _gather(store: Store, window: Window, objectives: Objectives) -> _Facts:
    readings: dict[tuple[str, str | None], dict[str, Any]] = {}
    wanted = {"error_ratio", "latency_p99", *(band.measure for band in objectives.bands)}
    for name in sorted(wanted):
        span = answerable(store, name, window)
        every = f"{int(span.duration / _MINUTE)}m"
        for by in ((), ("service",)):
            for row in measure(store, name, span, every, by, objectives=objectives).iter_rows(named=True):
                # a series without a service is part of the whole, and no service of its own
                if not by or row["service"] is not None:
                    readings[name, row.get("service")] = row
    bounds = {"start": window.start, "stop": window.stop}
    with store.reading() as connection:
        services = [row[0] for row in answers.rows(connection, catalog.query("scorecards/services").text)]
        down: dict[str, list[datetime]] = {}
        for moment, service in answers.rows(connection, catalog.query("scorecards/down_minutes").text, bounds):
            down.setdefault(service, []).append(moment)
        recoveries = answers.frame(connection, catalog.query("scorecards/recoveries").text, bounds)
        observed = dict(answers.rows(connection, _OBSERVED, bounds))
        probed = frozenset(row[0] for row in answers.rows(connection, _PROBED))
        has_incidents = answers.count(connection, "incidents") > 0
    minutes = window.duration / _MINUTE
    coverage: dict[str | None, float] = {name: observed.get(name, 0) / minutes for name in services}
    coverage[None] = sum(coverage.values()) / len(coverage) if coverage else 0.0
    named = (*services, *(name for name in objectives.services if name not in services))
    return _Facts(window, objectives, tuple(named), tuple(incidents(store, window)), down,
                  tuple(recoveries.iter_rows(named=True)), readings, coverage, probed, has_incidents)


def _uptime(facts: _Facts, service: str | None) -> dict[str, Any]:
    """1 - union of down intervals / window; unobserved time widens the interval, it is not uptime."""
    window, policy = facts.window, facts.objectives.down_impacts
    spans = [(found.impact_start, found.impact_end or window.stop) for found in facts.incidents
             if found.touches(service) and found.impact in policy]
    names = facts.services if service is None else (service,)
    spans += [(moment, moment + _MINUTE) for name in names for moment in facts.down_minutes.get(name, ())]
    down = union_seconds(spans, window)
    seconds = window.duration.total_seconds()
    coverage = min(1.0, facts.coverage.get(service, 0.0))
    unseen = (1 - coverage) * seconds
    row = _row(facts, "uptime", service, n=coverage * seconds / 60, coverage=coverage,
               rule=f"1 - union of incidents ({', '.join(policy)}) and minutes whose probes all failed; "
                    "low counts unobserved time as down")
    if (coverage == 0 or not facts.tells_outages(service)) and not spans:
        return row | ({} if facts.tells_outages(service) else {
            "rule": "untold: neither readiness or availability probes nor any incident was ever pulled"})
    high = 1 - down / seconds
    return _judged(row, value=high, low=max(0.0, 1 - (down + unseen) / seconds), high=high)


def union_seconds(spans: Iterable[tuple[datetime, datetime]], window: Window) -> float:
    """Length of the union of spans, clipped to a window."""
    total, reached = 0.0, window.start
    for start, stop in sorted(spans):
        first, last = max(start, reached), min(stop, window.stop)
        if last > first:
            total += (last - first).total_seconds()
            reached = last
    return total


def _mean_time(facts: _Facts, service: str | None, kpi: str) -> dict[str, Any]:
    """Mean of a named pair of moments; open incidents are at least as long as they have lasted."""
    of_kind = "time_to_repair" if kpi == "mttr" else "time_to_detect"
    pair = "detected to impact_end" if kpi == "mttr" else "impact_start to detected"
    found = facts.of(service)
    spans = [span.total_seconds() for incident in found if (span := getattr(incident, of_kind)) is not None]
    still_open = sum(incident.is_open for incident in found) if kpi == "mttr" else 0
    left_out = len(found) - len(spans) - still_open
    rule = f"mean of {pair} over {len(spans)} incidents"
    rule += f", {still_open} open and not yet countable" if still_open else ""
    rule += f", {left_out} without both moments in order" if left_out else ""
    row = _row(facts, kpi, service, n=float(len(spans)), coverage=facts.coverage.get(service, 0.0),
               rule=f"{rule}; interval by Cox's method, n >= 3")
    if not found:
        return row
    low, high = mean_of_skewed(spans)
    value = sum(spans) / len(spans) if spans else None
    row |= {"value": value, "low": low, "high": high}
    if value is not None and low is not None and high is not None and not still_open:
        return _judged(row, value=value, low=low, high=high)
    # too few, or some not over: only a miss that no further minute can mend would be certain
    return row | {"state": "insufficient"}


def _recovery(facts: _Facts, service: str | None, kpi: str) -> dict[str, Any]:
    """The recovery that came off worst against the objective of its critical issue."""
    general = facts.objectives.target(kpi, service)
    cases: list[tuple[float, float]] = []
    for incident in facts.of(service):
        span = incident.time_to_restore if kpi == "rto" else incident.data_loss
        if span is not None:
            cases.append((span.total_seconds(), _recovery_target(facts, kpi, incident.critical_issue, general)))
    for drill in facts.recoveries:
        seconds = drill["restore_seconds" if kpi == "rto" else "loss_seconds"]
        if seconds is not None and seconds >= 0 and service in (None, drill["service"]):
            cases.append((seconds, _recovery_target(facts, kpi, drill["critical_issue"], general)))
    row = _row(facts, kpi, service, n=float(len(cases)), coverage=facts.coverage.get(service, 0.0),
               rule=f"worst of {len(cases)} restores, failovers and drills against the objective of its class"
                    if cases else "untested: no restore, failover or drill in the window")
    if not cases:
        return row
    value, target = max(cases, key=lambda case: case[0] / case[1])
    return row | {"value": value, "target": target, "state": "met" if value < target else "missed"}


def _recovery_target(facts: _Facts, kpi: str, critical_issue: str | None, general: float) -> float:
    return facts.objectives.recovery.get(critical_issue or "", general) if kpi == "rto" else general


def _ratio_or_latency(facts: _Facts, service: str | None, kpi: str) -> dict[str, Any]:
    reading = facts.readings.get((kpi, service))
    rule = (f"failed / valid user requests, 4xx {facts.objectives.client_errors}; Wilson 95 %"
            if kpi == "error_ratio" else "99th percentile of user requests from sketches; interval of the rank")
    row = _row(facts, kpi, service, n=0.0, coverage=facts.coverage.get(service, 0.0), rule=rule)
    if reading is None or reading["value"] is None:
        return row
    row["n"] = reading["count"]
    return _judged(row, value=reading["value"], low=reading["value_low"], high=reading["value_high"])


def _band(facts: _Facts, service: str | None, band: Band) -> dict[str, Any]:
    reading = facts.readings.get((band.measure, service)) or {}
    value = reading.get("value")
    query = catalog.query(f"measures/{band.measure}")
    sign = "<" if band.normal < band.critical else ">"
    return {
        "kpi": band.name, "service": service, "value": value, "target": band.normal, "state": band.state(value),
        "n": reading.get("count") or 0.0, "low": reading.get("value_low"), "high": reading.get("value_high"),
        "coverage": min(1.0, reading.get("coverage") or 0.0), "unit": query.header["unit"],
        "rule": f"{band.measure} over the window: normal {sign} {band.normal:g}, "
                f"critical {'>' if sign == '<' else '<'} {band.critical:g}, else warning",
    }


def _row(facts: _Facts, kpi: str, service: str | None, *, n: float, coverage: float, rule: str) -> dict[str, Any]:
    return {
        "kpi": kpi, "service": service, "value": None, "target": facts.objectives.target(kpi, service),
        "state": "no_data", "n": n, "low": None, "high": None, "coverage": min(1.0, coverage), "rule": rule,
        "unit": UNITS[kpi],
    }


def _judged(row: dict[str, Any], *, value: float, low: float | None, high: float | None) -> dict[str, Any]:
    """Met or missed where the whole interval lies on one side of the target, else insufficient."""
    target = row["target"]
    lower, upper = (value if low is None else low), high
    if row["kpi"] in HIGHER_IS_BETTER:
        met, missed = lower >= target, upper is not None and upper < target
    else:
        met, missed = upper is not None and upper < target, lower >= target
    state = "met" if met else "missed" if missed else "insufficient"
    return row | {"value": value, "low": low, "high": high, "state": state}


_OBSERVED = """select service, count(*) from observed_minutes
    where time >= $start and time < $stop group by service"""
_PROBED = "select distinct service from probe_minutes where kind in ('readiness', 'availability')"
_ORDER = {name: number for number, name in enumerate((
    "uptime", "mttr", "mttd", "rto", "rpo", "error_ratio", "latency_p99", "cpu_band", "memory_band", "latency_band",
    "error_band", "gateway_cpu_band", "db_connection_band", "cache_hit_band"))}
