"""What the rows of a scorecard are made of, and how a row is judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from erp_telemetry import catalog
from erp_telemetry.incidents import Incident, incidents
from erp_telemetry.measures import WHOLE, Question, Sight, answerable, ask_all, condensed, is_condensed, question
from erp_telemetry.objectives import HIGHER_IS_BETTER, UNITS, Objectives
from erp_telemetry.store import Store, answers
from erp_telemetry.window import Window

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Facts:
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


def gather(store: Store, window: Window, objectives: Objectives, *, is_measured: bool = True) -> Facts:
    """Ask the store for all of it, or for what rests on no measure."""
    bounds = {"start": window.start, "stop": window.stop}
    with store.reading() as connection:
        sight = Sight(connection)
        readings = _readings(sight, window, objectives) if is_measured else {}
        services = [row[0] for row in answers.rows(connection, catalog.query("scorecards/services").text)]
        down: dict[str, list[datetime]] = {}
        for moment, service in answers.rows(connection, catalog.query("scorecards/down_minutes").text, bounds):
            down.setdefault(service, []).append(moment)
        recoveries = answers.few(connection, catalog.query("scorecards/recoveries").text, bounds)
        observed = dict(sight.observed((window.start, window.stop)).select("service", "minutes").iter_rows())
        probed = frozenset(row[0] for row in answers.rows(connection, _PROBED))
        has_incidents = answers.count(connection, "incidents") > 0
    minutes = window.duration / MINUTE
    coverage: dict[str | None, float] = {name: observed.get(name, 0) / minutes for name in services}
    coverage[None] = sum(coverage.values()) / len(coverage) if coverage else 0.0
    named = (*services, *(name for name in objectives.services if name not in services))
    return Facts(window, objectives, tuple(named), tuple(incidents(store, window)), down,
                  tuple(recoveries.iter_rows(named=True)), readings, coverage, probed, has_incidents)


def _readings(
    sight: Sight, window: Window, objectives: Objectives
) -> dict[tuple[str, str | None], dict[str, Any]]:
    """Every measure that a row rests on, over the whole window, by service and for the whole system."""
    merged = answerable(window, sight.dropped_before, "latency_p99")
    questions: list[Question] = []
    for name in sorted({"error_ratio", "latency_p99", *(band.measure for band in objectives.bands)}):
        span = answerable(window, sight.dropped_before, name)
        every = f"{int(span.duration / MINUTE)}m"
        services, whole = (question(name, span, every, by, None, "UTC", False, objectives.client_errors)
                           for by in (("service",), ()))
        questions += [replace(services, with_whole=True)] if is_condensed(services) else [services, whole]
    with condensed(sight, window, merged):
        answered = ask_all(sight, questions, objectives)
    found: dict[tuple[str, str | None], dict[str, Any]] = {}
    for reading in (one for readings in answered for one in readings.iter_rows(named=True)):
        service = reading.get("service", WHOLE)
        # a series without a service is part of the whole, and no service of its own
        if service is not None:
            found[reading["measure"], None if service == WHOLE else service] = reading
    return found


def row(facts: Facts, kpi: str, service: str | None, *, n: float, coverage: float, rule: str) -> dict[str, Any]:
    """A row that has seen nothing yet."""
    return {
        "kpi": kpi, "service": service, "value": None, "target": facts.objectives.target(kpi, service),
        "state": "no_data", "n": n, "low": None, "high": None, "coverage": min(1.0, coverage), "rule": rule,
        "unit": UNITS[kpi],
    }


def judged(found: dict[str, Any], *, value: float, low: float | None, high: float | None) -> dict[str, Any]:
    """Met or missed where the whole interval lies on one side of the target, else insufficient."""
    target = found["target"]
    lower, upper = (value if low is None else low), high
    if found["kpi"] in HIGHER_IS_BETTER:
        met, missed = lower >= target, upper is not None and upper < target
    else:
        met, missed = upper is not None and upper < target, lower >= target
    state = "met" if met else "missed" if missed else "insufficient"
    return found | {"value": value, "low": low, "high": high, "state": state}


_PROBED = "select distinct service from probe_minutes where kind in ('readiness', 'availability')"
