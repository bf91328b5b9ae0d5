"""Exclusions: how many rows a measure counts in a step, and how many it leaves out, by reason."""

from __future__ import annotations

from collections.abc import Mapping

from erp_telemetry import catalog
from erp_telemetry.explanations.tables import metric_names, table_of
from erp_telemetry.measures import Question
from erp_telemetry.schema import DIMENSIONS
from erp_telemetry.store import answers

_NEEDS_OUTCOME = frozenset({"apdex", "error_ratio", "dependency_error_ratio"})
_NEEDS_LEVEL = frozenset({"cpu_ratio", "memory_ratio", "db_connection_ratio"})


def exclusions(
    connection: answers.Connection, step: Question, own: Mapping[str, str | None]
) -> tuple[int | None, dict[str, float]]:
    """Raw rows behind what is counted (null where a rollup does not tell), and the weight left out by reason."""
    table = table_of(step.definition)
    name = "raw_requests" if step.query.header["reads"].split()[0] == "requests" else table
    asked = catalog.query(f"explanations/{name}").bind(
        start=step.edges[0], stop=step.edges[-1], client_errors=step.client_errors,
        grain="hour" if "operation" in own else "minute", names=metric_names(step.name),
        needs_outcome=step.name in _NEEDS_OUTCOME, needs_level=step.name in _NEEDS_LEVEL,
        needs_time=step.name == "apdex" or "latency" in step.name,
        **{f"by_{dimension}": dimension in own for dimension in DIMENSIONS},
        **{dimension: own.get(dimension) for dimension in DIMENSIONS})
    counted: int | None = None
    excluded: dict[str, float] = {}
    for reason, count, rows in answers.rows(connection, asked.sql, asked.parameters):
        if reason is None:
            counted = rows
        else:
            excluded[reason] = count
    return counted, excluded
