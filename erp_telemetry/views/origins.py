"""Origins: how each number of a report came about: what it is of, the rule, the query and its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from erp_telemetry import catalog
from erp_telemetry.objectives import Objectives
from erp_telemetry.quantities import readable
from erp_telemetry.views.theme import KPI_NAMES

_MOMENTS = {
    "uptime": "1 minus the union of down intervals over the window. Down is a minute whose readiness and availability "
              "probes all failed, or an incident whose impact counts as down.",
    "mttr": "Mean of detected to impact_end over the incidents that began in the window.",
    "mttd": "Mean of impact_start to detected over the incidents that began in the window.",
    "rto": "The restore, failover or drill that came off worst: impact_start to restored, against the objective of "
           "its critical issue.",
    "rpo": "The restore, failover or drill that lost most: last_recoverable to impact_start.",
}
_ASKED = {
    "uptime": ("scorecards/down_minutes",), "rto": ("scorecards/recoveries",), "rpo": ("scorecards/recoveries",),
}


def origins(scorecard: Sequence[Mapping[str, Any]], objectives: Objectives) -> list[dict[str, Any]]:
    """One entry for each KPI of a scorecard, in its order.

    Each holds ``kpi, name, answers`` (what it says, in a sentence), ``target`` as a person reads it,
    ``rules`` of its rows with the services they hold for, and ``queries``: ``name, text, sha256``.
    """
    bands = {band.name: band.measure for band in objectives.bands}
    found = []
    for kpi in dict.fromkeys(row["kpi"] for row in scorecard):
        rows = [row for row in scorecard if row["kpi"] == kpi]
        measure = bands.get(kpi, kpi)
        is_measure = measure in catalog.names("measures")
        asked = [f"measures/{measure}"] if is_measure else list(_ASKED.get(kpi, ()))
        found.append({
            "kpi": kpi, "name": KPI_NAMES.get(kpi, kpi),
            "answers": catalog.query(asked[0]).title if is_measure else _MOMENTS.get(kpi, ""),
            "target": readable(rows[0]["target"], rows[0]["unit"]),
            "rules": _rules(rows), "queries": [_query(name) for name in asked],
        })
    return found


def _rules(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    told: dict[str, list[str | None]] = {}
    for row in rows:
        told.setdefault(row["rule"], []).append(row["service"])
    return [{"rule": rule, "services": services} for rule, services in told.items()]


def _query(name: str) -> dict[str, str]:
    text = catalog.query(name).text
    return {"name": f"{name}.sql", "text": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}
