"""Rollups: small tables that merge exactly, whatever the order of the parts.

Each is one SQL file in ``queries/rollups/`` that reads a raw table. While a slice lands, a temporary
table of the same name holds just its new rows, so the same text that would build a rollup of the
whole table builds that of the part; the part is then merged into what the store has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import duckdb

from erp_telemetry import catalog
from erp_telemetry.store.answers import rows

_TIME = "timestamptz"
_CALL_KEYS = {"population": "varchar", "status_class": "varchar", "is_failed": "boolean",
              "apdex_ms": "double", "slo_ms": "double"}
_CALL_VALUES = {"count": "sum", "raw_count": "sum", "weight_squares": "sum", "timed": "sum", "duration_us": "sum",
                "duration_min_ms": "min", "duration_max_ms": "max",
                "within_apdex": "sum", "within_4_apdex": "sum", "within_slo": "sum"}


@dataclass(frozen=True, slots=True)
class Rollup:
    """A rollup: the raw table it is of, its key columns, and how each value column merges."""

    name: str
    table: str
    keys: Mapping[str, str]
    values: Mapping[str, str]

    @property
    def columns(self) -> dict[str, str]:
        """Column names with DuckDB types."""
        kinds = {"last": "double", "raw_count": "bigint", "max": "double"}
        typed = {name: kinds.get(name, "double") for name in self.values}
        if "last_time" in typed:
            typed["last_time"] = _TIME
        return {"time": _TIME, "service": "varchar", **self.keys, **typed}

    def merge(self, how: str, column: str) -> str:
        """SQL that merges one value column."""
        return "arg_max(last, last_time)" if how == "last" else f"{how}({column})"


ROLLUPS: Mapping[str, Rollup] = MappingProxyType({
    rollup.name: rollup
    for rollup in (
        Rollup("request_minutes", "requests", {"resource": "varchar", **_CALL_KEYS}, _CALL_VALUES),
        Rollup("operation_hours", "requests", {"operation": "varchar", "resource": "varchar", **_CALL_KEYS},
               _CALL_VALUES),
        Rollup("latency_sketches", "requests", {"population": "varchar", "bucket": "integer"},
               {"count": "sum", "weight_squares": "sum"}),
        Rollup("dependency_minutes", "dependencies", {"resource": "varchar", **_CALL_KEYS}, _CALL_VALUES),
        Rollup("dependency_sketches", "dependencies",
               {"resource": "varchar", "population": "varchar", "bucket": "integer"},
               {"count": "sum", "weight_squares": "sum"}),
        Rollup("log_minutes", "logs", {"level": "varchar"},
               {"count": "sum", "weight_squares": "sum", "raw_count": "sum", "bytes": "sum"}),
        Rollup("metric_minutes", "metrics",
               {"instance": "varchar", "resource": "varchar", "name": "varchar", "kind": "varchar"},
               {"count": "sum", "sum": "sum", "min": "min", "max": "max", "last": "last", "last_time": "max"}),
        Rollup("probe_minutes", "probes", {"kind": "varchar"},
               {"count": "sum", "weight_squares": "sum", "failed": "sum"}),
    )
})


def merge(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Merge the rollups of the rows in the temporary ``table`` into the store, inside its transaction."""
    for rollup in ROLLUPS.values():
        if rollup.table != table:
            continue
        statement = catalog.query(f"rollups/{rollup.name}").bind()
        rows(connection, f"create or replace temp table fresh as {statement.sql}")
        _merge(connection, rollup)
        rows(connection, "drop table temp.fresh")


def _merge(connection: duckdb.DuckDBPyConnection, rollup: Rollup) -> None:
    keys = ", ".join(("time", "service", *rollup.keys))
    values = ", ".join(f"{rollup.merge(how, name)} as {name}" for name, how in rollup.values.items())
    touched = """
        time >= (select min(time) from temp.fresh) and time <= (select max(time) from temp.fresh)
        and exists (select 1 from temp.fresh as f
                    where f.time = kept.time and f.service is not distinct from kept.service)
    """
    rows(
        connection,
        f"""create or replace temp table merged as
        select {keys}, {values}
        from (select * from store.main.{rollup.name} as kept where {touched} union all by name from temp.fresh)
        group by {keys}"""
    )
    rows(connection, f"delete from store.main.{rollup.name} as kept where {touched}")
    rows(connection, f"insert into store.main.{rollup.name} by name from temp.merged")
    rows(connection, "drop table temp.merged")
