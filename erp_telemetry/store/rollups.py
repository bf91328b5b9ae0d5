"""Rollups: small tables that merge exactly, whatever the order of the parts.

Each is one SQL file in ``queries/rollups/`` that reads a raw table. While a slice lands, a temporary
view of the same name holds just its new rows, so the same text that would build a rollup of the
whole table builds that of the part; the part is then merged into what the store has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import duckdb

from erp_telemetry import catalog
from erp_telemetry.schema import TIME
from erp_telemetry.store.answers import create, rows, value

_CALL_KEYS = {"population": "varchar", "status_class": "varchar", "is_failed": "boolean",
              "apdex_ms": "double", "slo_ms": "double"}
_CALL_VALUES = {"count": "sum", "raw_count": "sum", "weight_squares": "sum", "timed": "sum", "duration_us": "sum",
                "duration_min_ms": "min", "duration_max_ms": "max",
                "within_apdex": "sum", "within_4_apdex": "sum", "within_slo": "sum"}
_SKETCH = {"count": "sum", "weight_squares": "sum"}
_TYPES = {"raw_count": "bigint", "last_time": TIME,
          "points": 'struct(time_us bigint, started_us bigint, "sum" double, "count" double)[]'}
# where two points are of one moment the greater is the last, and points are a set in their order:
# neither knows which part came first
_MERGES = {"last": "arg_max(last, row(last_time, last))",
           "points": "nullif(list_sort(list_distinct(flatten(list(points)))), [])"}


@dataclass(frozen=True, slots=True)
class Rollup:
    """A rollup: the table it is of, its key columns, and how each value column merges.

    ``heard`` says which of its rows show that a service was observed in their minute; none where null.
    """

    name: str
    table: str
    keys: Mapping[str, str]
    values: Mapping[str, str]
    heard: str | None = None

    @property
    def order(self) -> str:
        """SQL that puts rows beside their like, which makes them small; sketches are small as they come."""
        return "" if "bucket" in self.keys else "order by time, service"

    @property
    def columns(self) -> dict[str, str]:
        """Column names with DuckDB types."""
        typed = {name: _TYPES.get(name, "double") for name in self.values}
        return {"time": TIME, "service": "varchar", **self.keys, **typed}

    def merge(self, how: str, column: str) -> str:
        """SQL that merges one value column."""
        return _MERGES.get(how, f"{how}({column})")


ROLLUPS: Mapping[str, Rollup] = MappingProxyType({
    rollup.name: rollup
    for rollup in (
        # a load test is told by its tool, not by the service: what only it saw was not observed
        Rollup("request_minutes", "requests", {"resource": "varchar", **_CALL_KEYS}, _CALL_VALUES,
               heard="population <> 'synthetic'"),
        Rollup("operation_hours", "requests", {"operation": "varchar", "resource": "varchar", **_CALL_KEYS},
               _CALL_VALUES),
        Rollup("latency_sketches", "requests", {"population": "varchar", "bucket": "integer"}, _SKETCH),
        Rollup("latency_sketch_hours", "latency_sketches", {"population": "varchar", "bucket": "integer"}, _SKETCH),
        Rollup("latency_sketch_days", "latency_sketch_hours", {"population": "varchar", "bucket": "integer"}, _SKETCH),
        Rollup("dependency_minutes", "dependencies", {"resource": "varchar", **_CALL_KEYS}, _CALL_VALUES, heard="true"),
        Rollup("dependency_sketches", "dependencies",
               {"resource": "varchar", "population": "varchar", "bucket": "integer"}, _SKETCH),
        Rollup("dependency_sketch_hours", "dependency_sketches",
               {"resource": "varchar", "population": "varchar", "bucket": "integer"}, _SKETCH),
        Rollup("dependency_sketch_days", "dependency_sketch_hours",
               {"resource": "varchar", "population": "varchar", "bucket": "integer"}, _SKETCH),
        Rollup("log_minutes", "logs", {"level": "varchar"}, {**_SKETCH, "raw_count": "sum", "bytes": "sum"},
               heard="true"),
        Rollup("metric_minutes", "metrics",
               {"instance": "varchar", "resource": "varchar", "name": "varchar", "series": "varchar",
                "kind": "varchar"},
               {"count": "sum", "sum": "sum", "min": "min", "max": "max", "last": "last", "last_time": "max",
                "points": "points"}, heard="true"),
        Rollup("probe_minutes", "probes", {"kind": "varchar"}, {**_SKETCH, "failed": "sum"}, heard="true"),
    )
})

FINE_SKETCHES = ("latency_sketches", "dependency_sketches")
"""Sketches that are dropped after a while; those of the hour and the day are kept."""


def set_references(
    connection: duckdb.DuckDBPyConnection, thresholds: Mapping[str | None, tuple[float, float]]
) -> None:
    """Set what rollups look up: latency thresholds by service, canonical names of metrics."""
    rows(connection, "delete from store.main.thresholds")
    for service, (apdex_ms, slo_ms) in thresholds.items():
        rows(connection, "insert into store.main.thresholds values ($service, $apdex_ms, $slo_ms)",
             {"service": service, "apdex_ms": apdex_ms, "slo_ms": slo_ms})
    create(connection, "metric_names", "from read_csv($file, header = true)",
           {"file": str(catalog.root() / "rollups" / "metric_names.csv")})


def merge(connection: duckdb.DuckDBPyConnection, table: str, new: str) -> None:
    """Merge the rollups of the ``new`` rows of a table into the store, inside its transaction."""
    own = [rollup for rollup in ROLLUPS.values() if rollup.table == table]
    if not own:
        return
    # plain timestamps of UTC: the same moments, and the engine needs no calendar to cut them
    rows(connection, f"create or replace temp view {table} as "
                     f"select * replace (make_timestamp(epoch_us(time)) as time) from {new} as r")
    for rollup in own:
        fresh = f"fresh_{rollup.name}"
        create(connection, fresh, f"select * replace (make_timestamptz(epoch_us(time)) as time) "
                                  f"from ({catalog.query(f'rollups/{rollup.name}').bind().sql}) as r")
        # sketches of the hour take in what those of 5 minutes no longer hold
        merge(connection, rollup.name, f"temp.{fresh}")
        if rollup.name in FINE_SKETCHES:
            rows(connection, f"delete from temp.{fresh} where time < (select max(before) from store.main.sealed "
                             "where table_name = $name)", {"name": rollup.name})
        _merge(connection, rollup, f"temp.{fresh}")
        if rollup.heard is not None:
            _hear(connection, f"temp.{fresh}", rollup.heard)
        rows(connection, f"drop table temp.{fresh}")
    rows(connection, f"drop view temp.{table}")


def _merge(connection: duckdb.DuckDBPyConnection, rollup: Rollup, fresh: str) -> None:
    """Add cells the store does not have; merge those of a moment and service it has."""
    store = f"store.main.{rollup.name}"
    touched = f"""
        time >= (select min(time) from {fresh}) and time <= (select max(time) from {fresh})
        and exists (select 1 from {fresh} as f
                    where f.time = kept.time and f.service is not distinct from kept.service)
    """
    create(connection, "merged", f"select * from {store} as kept where {touched}")
    if value(connection, "select count(*) from temp.merged"):
        keys = ", ".join(("time", "service", *rollup.keys))
        values = ", ".join(f"{rollup.merge(how, name)} as {name}" for name, how in rollup.values.items())
        both = f"select * from temp.merged union all by name select * from {fresh}"
        rows(connection, f"delete from {store} as kept where {touched}")
        rows(connection, f"insert into {store} by name select {keys}, {values} from ({both}) "
                         f"group by {keys} {rollup.order}")
    else:
        rows(connection, f"insert into {store} by name from {fresh} {rollup.order}")
    rows(connection, "drop table temp.merged")


def _hear(connection: duckdb.DuckDBPyConnection, fresh: str, heard: str) -> None:
    """Remember the minutes in which a service was observed."""
    rows(connection, f"""
        insert into store.main.observed_minutes by name
        select distinct time, service from {fresh} as f where {heard} and not exists (
            select 1 from store.main.observed_minutes as o
            where o.time >= (select min(time) from {fresh}) and o.time <= (select max(time) from {fresh})
              and o.time = f.time and o.service is not distinct from f.service)
        order by time, service""")
