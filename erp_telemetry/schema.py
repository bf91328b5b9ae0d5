"""What every frame looks like: each column's name, type, unit and meaning.

The types are DuckDB's, because the store is where frames come from and go to; :func:`polars_schema` gives
the Polars twin. A column that is ``required`` may not be null: a row without it is set aside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

DIMENSIONS = ("service", "operation", "instance", "resource", "tenant")
"""Columns that, with ``measure``, make the key of readings."""

CALLS = ("requests", "dependencies")
"""Tables of spans: trace and span tell a row from every other, whatever brought it."""

STATUS_PAGE = "status page"
"""What ``incidents.detected_by`` says where ``detected`` is only when the public was told."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: name, DuckDB type, meaning with its unit, and whether a row may lack it."""

    name: str
    dtype: str
    meaning: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One canonical table: its columns, what a row is, and what every row must satisfy."""

    name: str
    grain: str
    columns: tuple[Column, ...]
    checks: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that a row may not lack."""
        return tuple(column.name for column in self.columns if column.required)


TIME = "TIMESTAMP WITH TIME ZONE"


def _columns(text: str) -> tuple[Column, ...]:
    """Read ``name! type | meaning`` lines; ``!`` marks a required column."""
    found = []
    for line in filter(None, (raw.strip() for raw in text.splitlines())):
        head, _, meaning = (part.strip() for part in line.partition("|"))
        name, _, dtype = head.partition(" ")
        dtype = dtype.strip().replace("TIME", TIME)
        found.append(Column(name.rstrip("!"), dtype, meaning, name.endswith("!")))
    return tuple(found)


_ROW = """
id VARCHAR | the telemetry's own id, else the hash of the row and its ordinal; null where trace and span tell it
source VARCHAR | what brought the row: the source's name
entry BIGINT | the ledger entry that brought the row
"""
_WHO = """
service VARCHAR | logical service, the OpenTelemetry service.name or AppRoleName
operation VARCHAR | route or operation, ids and numbers replaced by placeholders
instance VARCHAR | pod, replica or role instance
resource VARCHAR | what was used or measured: database, cache, queue, Azure resource
tenant VARCHAR | the customer inside the ERP, not the Log Analytics workspace
"""
_TRACE = """
trace_id VARCHAR | 32 lower-case hex digits, or the operation id as sent
span_id VARCHAR | this span
parent_id VARCHAR | the span that called
"""
_POSITIVE_WEIGHT = "weight is not a number above 0 and up to a billion", "weight > 0 and weight <= 1e9"
_NAMED_SERVICE = "service is blank", "service >= '!' or trim(service) <> ''"
_KNOWN_POPULATION = "population is none of user, probe, synthetic", "population in ('user', 'probe', 'synthetic')"
_POSITIVE_DURATION = (
    "duration_ms is negative, longer than a year or not a number", "duration_ms >= 0 and duration_ms <= 31.6e9")


def _table(name: str, grain: str, *blocks: str, checks: tuple[tuple[str, str], ...] = ()) -> Table:
    return Table(name, grain, _columns("\n".join(blocks)), MappingProxyType(dict(checks)))


_CALL = """
duration_ms! DOUBLE | ms; null is refused unless the source says that its format cannot tell (access logs)
is_failed BOOLEAN | as the telemetry said; null = unknown
status_code VARCHAR | HTTP or gRPC status as sent
weight! DOUBLE | how many real events this row stands for: ItemCount, or 2^56/(2^56-T) of ot=th, else 1
population VARCHAR | user, probe or synthetic
"""

TABLES: Mapping[str, Table] = MappingProxyType({
    table.name: table
    for table in (
        _table("requests", "one handled request: a server or consumer span",
               "time! TIME | start of the request, UTC", _WHO.replace("service ", "service! "),
               _CALL, _TRACE, "received_at TIME | when the telemetry backend got the row", _ROW,
               checks=(_POSITIVE_WEIGHT, _POSITIVE_DURATION, _NAMED_SERVICE, _KNOWN_POPULATION)),
        _table("dependencies", "one outgoing call: a client, producer or internal span",
               "time! TIME | start of the call, UTC", _WHO.replace("service ", "service! "),
               "kind VARCHAR | sql, redis, http, dapr, queue or as sent", _CALL, _TRACE,
               "received_at TIME | when the telemetry backend got the row", _ROW,
               checks=(_POSITIVE_WEIGHT, _POSITIVE_DURATION, _NAMED_SERVICE, _KNOWN_POPULATION)),
        _table("logs", "one log event or exception",
               "time! TIME | when it was logged, UTC", _WHO, """
               level! VARCHAR | verbose, debug, information, warning, error or critical
               message VARCHAR | rendered text, untrusted
               template VARCHAR | message template where the log brings it, else null
               exception_type VARCHAR | type of the exception, null without one
               exception VARCHAR | stack trace, untrusted
               weight! DOUBLE | how many real events this row stands for
               attributes JSON | the other properties
               """, "trace_id VARCHAR | trace it belongs to\nspan_id VARCHAR | span it belongs to",
               "received_at TIME | when the telemetry backend got the row", _ROW,
               checks=(_POSITIVE_WEIGHT,)),
        _table("metrics", "one data point of a metric, as reported",
               "time! TIME | end of the interval the point speaks of, UTC", _WHO, """
               name! VARCHAR | metric name as reported; queries/rollups/metric_names.csv gives its canonical name
               unit VARCHAR | unit as reported
               kind! VARCHAR | gauge, delta, cumulative, histogram or exponential_histogram
               value DOUBLE | of a gauge or counter
               count DOUBLE | observations in the point
               sum DOUBLE | of the observations
               min DOUBLE | least observation
               max DOUBLE | greatest observation
               started_at TIME | where a running total began, its own time if unknown; null of what is none
               bounds DOUBLE[] | upper bounds of explicit buckets
               bucket_counts DOUBLE[] | one more than bounds; of an exponential histogram its positive buckets
               scale INTEGER | of an exponential histogram
               zero_count DOUBLE | of an exponential histogram
               bucket_offset INTEGER | index of the first positive bucket
               attributes JSON | the other dimensions
               """, _ROW,
               checks=(("value and sum are missing", "value is not null or sum is not null"),
                       ("value, sum, min, max or count is not a number",
                        "isfinite(coalesce(value, 0)) and isfinite(coalesce(sum, 0)) and isfinite(coalesce(min, 0)) "
                        "and isfinite(coalesce(max, 0)) and isfinite(coalesce(count, 0))"))),
        _table("probes", "one health probe or availability test",
               "time! TIME | when it was asked, UTC", _WHO.replace("service ", "service! "), """
               kind! VARCHAR | liveness, readiness, startup or availability
               is_failed! BOOLEAN | true when the probe failed
               duration_ms DOUBLE | ms
               message VARCHAR | answer, untrusted
               weight! DOUBLE | how many real probes this row stands for
               """, _ROW, checks=(_POSITIVE_WEIGHT, _NAMED_SERVICE)),
        _table("alerts", "one alert that fired",
               "time! TIME | when it fired, UTC", _WHO, """
               rule! VARCHAR | name of the alert rule
               severity VARCHAR | critical, high, medium or low
               state VARCHAR | new, acknowledged, resolved or closed
               acknowledged_at TIME | first human answer
               resolved_at TIME | when the condition ended
               message VARCHAR | untrusted
               """, _ROW),
        _table("incidents", "one incident; a later record of the same id replaces the earlier", """
               title! VARCHAR | one line, untrusted
               severity VARCHAR | critical, high, medium or low
               status VARCHAR | open, mitigated, resolved or closed
               class VARCHAR | critical-issue class of the handbook, such as database_down
               impact VARCHAR | outage, partial, degraded or none
               services VARCHAR[] | services touched
               impact_start! TIME | users began to suffer
               is_start_estimated BOOLEAN | true where impact_start is when a tool was told: they began no later
               detected TIME | first noticed by machine or person
               declared TIME | called an incident
               acknowledged TIME | someone took it
               mitigated TIME | the worst was over
               impact_end TIME | users stopped suffering
               resolved TIME | cause removed
               closed TIME | paperwork done
               restored TIME | service or data restored
               last_recoverable TIME | last moment whose data could be restored
               cause VARCHAR | what it was, untrusted
               detected_by VARCHAR | alert, probe, person, status page …
               updated_at TIME | when this record was written; the newest wins
               """, _ROW),
        _table("changes", "one deliberate change",
               "time! TIME | when it took effect, UTC", _WHO, """
               kind! VARCHAR | deployment, scaling, configuration or failover
               version VARCHAR | what was deployed
               description VARCHAR | untrusted
               author VARCHAR | who
               """, _ROW),
        _table("recoveries", "one backup, restore drill, restore or failover",
               "time! TIME | when it began, or the disruption it answers, UTC", _WHO, """
               kind! VARCHAR | backup, drill, restore or failover
               class VARCHAR | critical-issue class of the handbook it answers
               completed_at TIME | when it ended
               restored_at TIME | when service or data was back
               last_recoverable_at TIME | last moment whose data was recovered
               is_failed BOOLEAN | true when it failed
               """, _ROW),
        _table("inventory", "how much there was of something",
               "time! TIME | when it was counted, UTC", _WHO, """
               name! VARCHAR | replicas, cpu_limit_cores, memory_limit_bytes, connection_limit …
               value! DOUBLE | in the unit of the name
               """, _ROW),
    )
})

READINGS = _columns("""
measure! VARCHAR | name of the measure
time! TIME | start of the step
value DOUBLE | the answer; null where nothing was seen
value_low DOUBLE | lower end of the 95 % interval of value; null where it has none
value_high DOUBLE | upper end
count DOUBLE | weighted number of observations behind value
effective_count DOUBLE | as many unweighted observations would say as much: (sum w)^2 / sum w^2, after Kish
is_supported BOOLEAN | false where too few were seen for this value; null where none
coverage DOUBLE | observed share of the step, 0..1
is_provisional BOOLEAN | the step ends after what the store was told of these rows, so it may still change
""")

SCORECARD = _columns("""
kpi! VARCHAR | success metric or health band of the handbook
service VARCHAR | null = the whole system
value DOUBLE | in the unit of the row; null where nothing was seen
target DOUBLE | what is wanted; of a band its normal bound
state! VARCHAR | met, missed, insufficient, no_data; of a band normal, warning, critical, unknown
n DOUBLE | weighted observations, incidents, or minutes behind value
low DOUBLE | lower end of the 95 % interval
high DOUBLE | upper end
coverage DOUBLE | observed share of the window, 0..1
rule! VARCHAR | how the state came about
unit! VARCHAR | ratio, ms or s
""")

HEALTH = _columns("""
kpi! VARCHAR | health band of the objectives
service! VARCHAR | service or resource
time! TIME | start of the step
stop! TIME | end of the step
value DOUBLE | in the unit of the band's measure; null where nothing was seen
state! VARCHAR | normal, warning, critical, unknown: what the value alone says
held_state! VARCHAR | the same words: what is held after hysteresis, for and recover_for of the band
since! TIME | start of the step in which held_state began, as far as was looked back
is_certain BOOLEAN | no better state is in the 95 % interval of value, of 30 observations or more; true without one
coverage DOUBLE | observed share of the step, 0..1
is_provisional BOOLEAN | the step ends after the store's watermark, so it may still change
version! VARCHAR | hash of the definition of the band that held for this service
""")

EPISODES = _columns("""
kpi! VARCHAR | health band of the objectives
service! VARCHAR | service or resource
state! VARCHAR | normal, warning, critical, unknown: held from start to stop
start! TIME | start of the step in which it began
stop! TIME | end of the last step in which it was held
duration_s! DOUBLE | s, from start to stop
peak DOUBLE | the value farthest on the worse side, in the unit of the band's measure; null where nothing was seen
is_certain BOOLEAN | a step in it was surely as bad, or worse, by its own value
is_provisional BOOLEAN | its last step ends after the store's watermark, so it may still change
version! VARCHAR | hash of the definition of the band that held for this service
""")

_POLARS: Mapping[str, pl.DataType] = MappingProxyType({
    "VARCHAR": pl.String(), "JSON": pl.String(), "DOUBLE": pl.Float64(), "BOOLEAN": pl.Boolean(),
    "INTEGER": pl.Int32(), "BIGINT": pl.Int64(), TIME: pl.Datetime("us", "UTC"),
    "VARCHAR[]": pl.List(pl.String()), "DOUBLE[]": pl.List(pl.Float64()),
})


def polars_schema(columns: tuple[Column, ...]) -> dict[str, pl.DataType]:
    """The Polars twin of these columns."""
    return {column.name: _POLARS[column.dtype] for column in columns}
