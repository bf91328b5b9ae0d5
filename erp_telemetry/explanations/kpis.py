"""KPIs: how a row of a scorecard came about, by the measure it rests on or by incidents, probes and recoveries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl

from erp_telemetry import catalog
from erp_telemetry.errors import QueryError, nearest
from erp_telemetry.explanations.account import Wanted
from erp_telemetry.explanations.evidence import entries_told, parted, queries_of, told_until
from erp_telemetry.explanations.explanation import Explanation
from erp_telemetry.explanations.keys import kept
from erp_telemetry.explanations.readings import Asked, hashes, reading_explained, refuse_other
from erp_telemetry.explanations.standing import standing
from erp_telemetry.measures import Sight, answerable, question
from erp_telemetry.objectives import UNITS, Band, Objectives
from erp_telemetry.scorecards.facts import MINUTE, Facts, gather, judged
from erp_telemetry.scorecards.outages import uptime
from erp_telemetry.scorecards.recoveries import mean_time, recovery
from erp_telemetry.store import Store, answers
from erp_telemetry.window import Window

_MARK = "[redacted"
_MEASURED = ("error_ratio", "latency_p99")
_TITLES = {
    "uptime": "Share of the window in which a service was not down by an incident or by probes that all failed.",
    "mttr": "Mean time from detection to the end of the impact.",
    "mttd": "Mean time from the start of the impact to detection.",
    "rto": "Longest time from the start of a disruption to restored service, against the objective of its class.",
    "rpo": "Longest span of data lost before a disruption, against the objective of its class.",
}
_FOLLOWS = {"uptime": "outages.uptime", "mttr": "recoveries.mean_time", "mttd": "recoveries.mean_time",
            "rto": "recoveries.recovery", "rpo": "recoveries.recovery"}
_N_OF = {"uptime": "observed minutes", "mttr": "incidents", "mttd": "incidents",
         "rto": "restores, failovers and drills", "rpo": "restores, failovers and drills"}
_INTERVALS = {"uptime": "unobserved time counts as down at the low end", "mttr": "95 % by Cox's method",
              "mttd": "95 % by Cox's method"}


def explain_kpi(
    store: Store, connection: answers.Connection, row: Mapping[str, Any], window: Window, objectives: Objectives
) -> Explanation:
    """Explain a row of ``score``; ``Raises`` as ``explain``."""
    kpi = str(row["kpi"])
    bands = [band.name for band in objectives.bands]
    if kpi not in UNITS and kpi not in bands:
        raise QueryError(f"no KPI {kpi!r} in these objectives. {nearest(kpi, [*UNITS, *bands])}")
    facts = gather(store, window, objectives, is_measured=False)
    service = _service(store, connection, facts, row)
    is_measured = kpi not in UNITS or kpi in _MEASURED
    made = (_measured if is_measured else _told)(connection, facts, kpi, service, row)
    refuse_other(row, made, "and objectives")
    if made.wanted is not None and row.get("state") not in (None, made.wanted.state):
        raise QueryError(f"the row says {kpi} is {row['state']} where the store and these objectives give "
                         f"{made.wanted.state}: give window and objectives as they were asked for")
    return made


def _service(store: Store, connection: answers.Connection, facts: Facts, row: Mapping[str, Any]) -> str | None:
    """The service as it is kept: marks are numbered among those that have a row in the scorecard."""
    shown = row["service"]
    if shown is None:
        return None
    if shown in facts.services and _MARK not in shown:
        return str(shown)
    if _MARK in shown:
        facts = gather(store, facts.window, facts.objectives)
        names = {*facts.services, *(name for name in facts.measured if _has_band(facts, name))}
    else:
        sight, policy = Sight(connection), facts.objectives.client_errors
        asked = [(band.services, question(band.measure, facts.window, "1mo", (), None, "UTC", False, policy))
                 for band in facts.objectives.bands if band.name == row["kpi"]]
        names = {name for made_for, step in asked for name in (*made_for, *sight.services(step)) if name is not None}
    known = pl.DataFrame({"service": list(names)}, schema={"service": pl.String()})
    return kept(known, ("service",), row)["service"]


def _has_band(facts: Facts, service: str) -> bool:
    """Whether a scorecard has a row of a health band for a service."""
    return any((facts.readings.get((band.measure, service)) or {}).get("count") or service in facts.expects(band.name)
               for band in facts.objectives.bands_of(service))


def _measured(
    connection: answers.Connection, facts: Facts, kpi: str, service: str | None, row: Mapping[str, Any]
) -> Explanation:
    """A row that is the reading of one measure over the whole window."""
    window, objectives = facts.window, facts.objectives
    band = None if kpi in UNITS else _band(kpi, service, objectives)
    name = kpi if band is None else band.measure
    span = answerable(window, standing(connection).sealed, name)
    by = () if service is None else ("service",)
    step = question(name, span, f"{int(span.duration / MINUTE)}m", by, None, "UTC", False, objectives.client_errors)
    sight = Sight(connection)
    asked = Asked(step, {} if service is None else {"service": service}, {"service": row["service"]})
    made = reading_explained(connection, sight, asked, objectives)
    coverage = min(1.0, facts.coverage.get(service, 0.0) if band is None else made.coverage)
    title = made.title if band is None else f"{name}: {made.title}"
    return replace(made, name=kpi, title=title, coverage=coverage,
                   wanted=_wanted(kpi, service, band, made, row, objectives))


def _told(
    connection: answers.Connection, facts: Facts, kpi: str, service: str | None, row: Mapping[str, Any]
) -> Explanation:
    """A row that is made of incidents, probes and recoveries."""
    window, objectives = facts.window, facts.objectives
    made = _row(facts, kpi, service)
    stood = standing(connection)
    names = queries_of(kpi)
    behind = entries_told(connection, names, window, service, stood)
    counted, left_out = parted(connection, facts, kpi, service)
    until = told_until(connection)
    bounds = {"start": window.start, "stop": window.stop}
    target = _origin(kpi, service, None, objectives, made["target"])
    follows = f"erp_telemetry.scorecards.{_FOLLOWS[kpi]}(facts, {row['service']!r}"
    follows += ")" if kpi == "uptime" else f", {kpi!r})"
    shown = {"service": row["service"]}
    return Explanation(
        name=kpi, title=_TITLES[kpi], unit=made["unit"], key=shown, window=window,
        value=made["value"], low=made["low"], high=made["high"], interval=_INTERVALS.get(kpi, "none"),
        n=made["n"], n_of=_N_OF[kpi], effective_n=None, rows=None, excluded={}, is_supported=None,
        coverage=made["coverage"],
        is_provisional=until is None or window.stop > until, watermark=until,
        entries=behind.entries, late=behind.late, dropped=stood.dropped(("probes",) if kpi == "uptime" else (), window),
        definition={"file": ", ".join(f"queries/{name}.sql" for name in names), "unit": made["unit"]},
        inputs={name: catalog.query(name).bind(**bounds) for name in names},
        then=("erp_telemetry.scorecards.facts.gather(store, window, objectives)", follows),
        hashes=hashes(names, behind.hash, stood.ledger,
                      [kpi, shown, window, made["value"], made["low"], made["high"], made["n"]]),
        wanted=Wanted(made["target"], target, made["state"], made["rule"]),
        counted=counted, left_out=left_out, stood=stood, again=partial(_again, kpi, service, window, objectives))


def _row(facts: Facts, kpi: str, service: str | None) -> dict[str, Any]:
    if kpi == "uptime":
        return uptime(facts, service)
    return mean_time(facts, service, kpi) if kpi in ("mttr", "mttd") else recovery(facts, service, kpi)


def _again(kpi: str, service: str | None, window: Window, objectives: Objectives, store: Store) -> float | None:
    value: float | None = _row(gather(store, window, objectives, is_measured=False), kpi, service)["value"]
    return value


def _band(kpi: str, service: str | None, objectives: Objectives) -> Band:
    for band in objectives.bands_of(service):
        if band.name == kpi:
            return band
    raise QueryError(f"these objectives hold no {kpi} for {service or 'the whole system'}: give those that score had")


def _wanted(
    kpi: str, service: str | None, band: Band | None, made: Explanation, row: Mapping[str, Any], objectives: Objectives,
) -> Wanted:
    target = objectives.target(kpi, service) if band is None else band.normal
    if band is not None:
        state = band.state(made.value)
    elif made.value is None:
        state = "no_data"
    else:
        state = judged({"kpi": kpi, "target": target}, value=made.value, low=made.low, high=made.high)["state"]
    rule = str(row.get("rule") or (band.rule if band is not None else "target"))
    return Wanted(target, _origin(kpi, service, band, objectives, target), state, rule)


def _origin(kpi: str, service: str | None, band: Band | None, objectives: Objectives, target: float) -> str:
    """Where an objective is written: for the service alone, in a file of yours, or in the handbook."""
    own = objectives.services.get(service or "", {})
    if kpi in own or kpi in own.get("bands", {}):
        return f"[services.{service}] of your objectives"
    handbook = Objectives.load()
    is_handbook = target == handbook.target(kpi) if band is None else band in handbook.bands
    classes = objectives.recovery.values() if kpi == "rto" else ()
    if not is_handbook and target in classes and target in handbook.recovery.values():
        return "the handbook's, for the critical issue"
    return "the handbook" if is_handbook else "your objectives"
