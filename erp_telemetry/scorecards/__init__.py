"""Scorecards: every KPI of the handbook beside its objective, per service and for the whole system.

A state is said only where the data carry it: *insufficient* where the 95 % interval straddles the
target, *no_data* where nothing was seen.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from erp_telemetry import catalog
from erp_telemetry.objectives import Band, Objectives
from erp_telemetry.redactions import redact_keys
from erp_telemetry.schema import SCORECARD, polars_schema
from erp_telemetry.scorecards.facts import Facts, gather, judged, row
from erp_telemetry.scorecards.outages import union_seconds, uptime
from erp_telemetry.scorecards.recoveries import mean_time, recovery
from erp_telemetry.store import Store, shortfalls
from erp_telemetry.window import Window

__all__ = ["score", "union_seconds"]


def score(store: Store, window: Window, objectives: Objectives | None = None) -> pl.DataFrame:
    """Every KPI beside its objective over a window of whole minutes.

    Returns:
        A scorecard: ``kpi, service`` (null = whole system), ``value, target, state, n, low, high,
        coverage, rule, unit``. The seven success metrics, then the seven health bands; the whole
        system first, then each service. States: met, missed, insufficient, no_data; of bands
        normal, warning, critical, unknown.

    Warns:
        ShortfallWarning: rows of the window are known to be missing, as a pull that keeps parts found.
    """
    if not isinstance(window, Window):
        raise TypeError(f"window is an et.Window, such as Window.parse('2026-06-22/2026-07-06'), not {window!r}")
    with store.reading() as connection:
        shortfalls.warn(connection, window)
        facts = gather(store, window, Objectives.wanted(objectives))
    rows: list[dict[str, Any]] = []
    for service in (None, *facts.services):
        rows += [uptime(facts, service), mean_time(facts, service, "mttr"), mean_time(facts, service, "mttd"),
                 recovery(facts, service, "rto"), recovery(facts, service, "rpo"),
                 _ratio_or_latency(facts, service, "error_ratio"), _ratio_or_latency(facts, service, "latency_p99")]
    for service in (None, *facts.measured):
        rows += [_band(facts, service, band) for band in facts.objectives.bands_of(service)]
    rows = [one for one in rows if one["service"] is None or one["n"] or not one["kpi"].endswith("_band")
            or one["service"] in facts.expects(one["kpi"])]
    card = pl.DataFrame(rows, schema=polars_schema(SCORECARD), orient="row").sort(
        pl.col("kpi").replace_strict(_ORDER, return_dtype=pl.Int32, default=99), "service", nulls_last=False)
    return redact_keys(card, ("service",))


def _ratio_or_latency(facts: Facts, service: str | None, kpi: str) -> dict[str, Any]:
    reading = facts.readings.get((kpi, service))
    rule = (f"failed / valid user requests, 4xx {facts.objectives.client_errors}; Wilson 95 %"
            if kpi == "error_ratio" else "99th percentile of user requests from sketches; interval of the rank")
    found = row(facts, kpi, service, n=0.0, coverage=facts.coverage.get(service, 0.0), rule=rule)
    if reading is None or reading["value"] is None:
        return found
    found["n"] = reading["count"]
    return judged(found, value=reading["value"], low=reading["value_low"], high=reading["value_high"])


def _band(facts: Facts, service: str | None, band: Band) -> dict[str, Any]:
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


_ORDER = {name: number for number, name in enumerate((
    "uptime", "mttr", "mttd", "rto", "rpo", "error_ratio", "latency_p99", "cpu_band", "memory_band", "latency_band",
    "error_band", "gateway_cpu_band", "db_connection_band", "cache_hit_band"))}
