"""Tables: which canonical table the rows behind a measure came in by, and which entries brought them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from erp_telemetry.catalog import Query
from erp_telemetry.measures import Question
from erp_telemetry.store import ROLLUPS, answers

_METRICS = {"cache_hit_ratio": ("cache_hits", "cache_misses"), "restart_count": ("restarts",)}
# what a measure reads of its table, beside its key
_ONLY = {
    "logs": " and resource is distinct from 'kubernetes'",
    "metrics": """ and exists (
        select 1 from (select distinct series from metric_minutes
                       where time >= $start and time < $stop and list_contains($names, name)) as told
        where starts_with(told.series, r.name))""",
}


def table_of(definition: Query) -> str:
    """The canonical table behind what a measure reads."""
    name = definition.header["reads"].split()[0].replace("request_cells", "request_minutes")
    while name in ROLLUPS:
        name = ROLLUPS[name].table
    return name


def metric_names(measure: str) -> list[str]:
    """Canonical names of the metrics that a measure of metrics reads."""
    return list(_METRICS.get(measure, (measure,)))


def entries_behind(
    connection: answers.Connection, table: str, step: Question, own: Mapping[str, str | None]
) -> set[int | None]:
    """Entries that the raw rows of a step and key name; a row that an older version wrote names none."""
    bounds: dict[str, Any] = {"start": step.edges[0], "stop": step.edges[-1],
                              **{f"own_{key}": value for key, value in own.items()}}
    if table == "metrics":
        bounds["names"] = metric_names(step.name)
    only = "".join(f" and r.{key} is not distinct from $own_{key}" for key in own) + _ONLY.get(table, "")
    return {entry for (entry,) in answers.rows(
        connection, f"select distinct entry from {table} as r where r.time >= $start and r.time < $stop{only}", bounds)}
