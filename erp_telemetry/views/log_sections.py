"""Log sections: what a review says of the logs: who writes how much, who became louder, what is written most."""

from __future__ import annotations

from typing import Any

import polars as pl

from erp_telemetry.logs import MATERIAL, LogAnalysis

LEVELS = ("critical", "error", "warning", "information", "debug", "verbose")
SHOWN_TEMPLATES = 15
_DRIFTED = ("louder", "quieter")


def log_section(found: LogAnalysis) -> dict[str, Any]:
    """The facts of a log analysis that a page has room for.

    ``services``: by name, events, bytes, events per hour, and ``levels``: level and share of its events.
    ``drifted``: services and levels that became louder or quieter by a quarter; the other states are counted.
    ``templates``: the most frequent; ``without_template``: the share of events whose log brings none.
    """
    drifted = found.drift.filter(pl.col("state").is_in(_DRIFTED)).sort(
        "ratio", "service", "level", descending=[True, False, False], nulls_last=True)
    named = found.templates.filter(pl.col("template").is_not_null())
    without = found.templates.filter(pl.col("template").is_null())["share"].sum()
    return {
        "services": _services(found.volume),
        "drifted": drifted.to_dicts(), "material": MATERIAL,
        "drift_states": dict(found.drift.group_by("state").len().sort("state").iter_rows()),
        "templates": named.head(SHOWN_TEMPLATES).to_dicts(),
        "templates_left_out": max(0, named.height - SHOWN_TEMPLATES),
        "without_template": without if found.templates.height else None,
        "raw_since": found.raw_since,
        "retention": found.retention.to_dicts(),
    }


def _services(volume: pl.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for (service,), part in volume.group_by("service", maintain_order=True):
        counts = dict(part.select("level", "count").iter_rows())
        total = sum(counts.values())
        order = [level for level in LEVELS if level in counts] + sorted(set(counts) - set(LEVELS))
        rows.append({
            "service": service, "count": total, "bytes": part["bytes"].sum(), "share": part["share"].sum(),
            "per_hour": part["per_hour"].sum(),
            "levels": [{"level": level, "count": counts[level], "share": counts[level] / total} for level in order],
        })
    return sorted(rows, key=lambda row: (-row["bytes"], str(row["service"])))
