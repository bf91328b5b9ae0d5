"""Arrivals: what a batch brings becomes rows of a canonical table: checked, named, with an identity.

There are two ways. Calls that a fast batch tells, each with its trace and span, go straight into the
store in one statement. Everything else, and what that statement refuses, is laid down in a temporary
table first, where bad rows can be named and equal ones counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import polars as pl

from erp_telemetry import catalog
from erp_telemetry.catalog import Statement
from erp_telemetry.schema import CALLS, Table
from erp_telemetry.store import answers

# columns a source may add for the door, which does not keep them
_DOOR = {"line": "bigint", "synthetic": "varchar", "user_agent": "varchar", "url_path": "varchar",
         "is_untimed": "boolean"}
# a format that cannot say how long a request took says so; elsewhere a missing duration is a flaw
_UNTIMED = " and not coalesce(is_untimed, false)"
_PROBE_PATHS = ("/health", "/healthz", "/healthz/live", "/healthz/ready", "/healthz/startup", "/livez", "/readyz",
                "/alive", "/ready", "/live", "/health/live", "/health/ready", "/health/startup")
# an id that is trace and span, where neither is told apart from it
_IS_SPELT = ("a.trace_id is null and a.span_id is null "
             "and regexp_full_match(trim(a.id), '[0-9a-fA-F]{32}:[0-9a-fA-F]{16}')")
# OpenTelemetry: an id of zeros is no id
_IS_EMPTY = "a.{0} in ('', '0000000000000000', '00000000000000000000000000000000')"
_OWN = ("id", "source", "entry")
_NEEDS_TEMPLATE = "operation_template(a.operation) <> a.operation or is_probe_operation(a.operation)"
LANDED = "temp.landed"
"""Rows of a slice that are named and not yet in the store."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What each row of a slice says of where it came from."""

    source: str
    entry: int


def lay_down(connection: duckdb.DuckDBPyConnection, table: Table, rows: Statement | pl.DataFrame) -> None:
    """Put what a batch tells of a table into ``temp.arrived``, with the columns of the door."""
    _make_arrived(connection, table)
    if isinstance(rows, pl.DataFrame):
        connection.register("incoming", rows)
        try:
            answers.rows(connection, "insert into temp.arrived by name select * from incoming")
        finally:
            connection.unregister("incoming")
    else:
        answers.rows(connection, f"insert into temp.arrived by name {rows.sql}", rows.parameters)
    if table.name in CALLS:
        for column in ("trace_id", "span_id"):
            answers.rows(connection, f"update temp.arrived as a set {column} = null where {_IS_EMPTY.format(column)}")
        answers.rows(connection, f"update temp.arrived as a set trace_id = left(trim(id), 32), "
                                 f"span_id = right(trim(id), 16), id = null where {_IS_SPELT}")


def bad_rows(connection: duckdb.DuckDBPyConnection, table: Table) -> list[tuple[int | None, str, str]]:
    """Take rows that break a rule of the schema out of ``temp.arrived``: line, reason and text of each."""
    reason = _reason(table)
    shown = ", ".join(f'"{name}"' for name in table.names if name not in _OWN)
    found: list[tuple[int | None, str, str]] = answers.rows(
        connection,
        f"select line, {reason}, left(cast(row({shown}) as varchar), 4000) from temp.arrived "
        f"where {reason} is not null order by all",
    )
    if found:
        answers.rows(connection, f"delete from temp.arrived where {reason} is not null")
    return found


def name(connection: duckdb.DuckDBPyConnection, table: Table, origin: Origin) -> None:
    """Make ``temp.landed`` of ``temp.arrived``: operation templates, population, identity."""
    _make_macros(connection, table)
    if answers.count(connection, f"temp.arrived as a where {_is_nameless(table)}") == 0:
        chosen = f"select {_columns(table)}, {_identity(table)} as id from temp.arrived as a"
    else:
        # the identity of a row without one: the hash of what it says, and its ordinal among equals
        says = ", ".join(f'a."{column}"' for column in table.names if column not in _OWN)
        chosen = f"""with hashed as (
                select {_columns(table)}, {_identity(table)} as id,
                    case when {_is_nameless(table)} then md5(cast(row({says}) as varchar)) end as hash
                from temp.arrived as a)
            select * exclude (id, hash),
                case when hash is null then id
                     else hash || ':' || row_number() over (partition by hash) end as id
            from hashed"""
    answers.create(connection, "landed", chosen, _bound(origin))
    answers.rows(connection, "drop table temp.arrived")


def insert(connection: duckdb.DuckDBPyConnection, table: Table, rows: Statement, origin: Origin) -> bool:
    """Put the calls a statement tells straight into the store; a row that needs another look stops it.

    Returns whether operations were taken for templates as they are: see :func:`are_templates` afterwards.

    Raises:
        duckdb.Error: a row breaks a rule of the schema, or cannot be told from another by trace and span.
    """
    _make_arrived(connection, table)
    _make_macros(connection, table)
    told = f"(select * from temp.arrived union all by name ({rows.sql}))"
    # names are few and rows are many: where none of the first needs a template, they are looked at once, afterwards
    is_plain = not answers.rows(
        connection, f"select 1 from (select operation from {told} limit 2048) as a where {_NEEDS_TEMPLATE} limit 1",
        rows.parameters)
    answers.rows(
        connection,
        f"""insert into store.main.{table.name} by name
        select {_columns(table, is_plain)}, {_identity(table)} as id
        from {told} as a
        where case when {_is_nameless(table)} or ({_IS_SPELT}) or {_IS_EMPTY.format("trace_id")}
                     or {_IS_EMPTY.format("span_id")} then error('a row without trace and span')
                   when {_reason(table)} is not null then error('a row that breaks a rule') else true end""",
        {**rows.parameters, **_bound(origin)},
    )
    answers.rows(connection, "drop table temp.arrived")
    return is_plain


def are_templates(connection: duckdb.DuckDBPyConnection, operations: str) -> bool:
    """Whether every operation of a relation is named as a template, and none is a probe's."""
    return not answers.rows(
        connection, f"select 1 from (select distinct operation from {operations} as r) as a "
                    f"where {_NEEDS_TEMPLATE} limit 1")


def identity(table: Table, alias: str) -> str:
    """SQL for what tells a row from every other: its id, or of a call its trace and span."""
    if table.name in CALLS:
        return f"coalesce({alias}.id, {alias}.trace_id || ':' || {alias}.span_id)"
    return f"{alias}.id"


def _make_arrived(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    columns = {column.name: column.dtype for column in table.columns} | _DOOR
    listed = ", ".join(f'"{column}" {dtype}' for column, dtype in columns.items())
    answers.rows(connection, f"create or replace temp table arrived ({listed})")


def _make_macros(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    if "operation" in table.names:
        answers.rows(connection, catalog.query("rollups/operations").text)


def _bound(origin: Origin) -> dict[str, object]:
    return {"source": origin.source, "entry": origin.entry}


def _is_nameless(table: Table) -> str:
    without = "nullif(trim(a.id), '') is null"
    return f"{without} and (a.trace_id is null or a.span_id is null)" if table.name in CALLS else without


def _identity(table: Table) -> str:
    # what trace and span say is not kept twice: it would be half of the store
    own = "nullif(trim(a.id), '')"
    return f"nullif({own}, a.trace_id || ':' || a.span_id)" if table.name in CALLS else own


def _columns(table: Table, is_plain: bool = False) -> str:
    """The columns of a table as they are kept, from a row ``a`` with those of the door.

    ``is_plain`` says that operations are templates already and none is a probe's.
    """
    kept = [f'a."{column}"' for column in table.names if column not in (*_OWN, "operation", "population", "weight")]
    if "weight" in table.names:
        kept.append("coalesce(a.weight, 1) as weight")
    if "operation" in table.names:
        is_named = table.name in CALLS and not is_plain
        kept.append(f"{'operation_template(a.operation)' if is_named else 'a.operation'} as operation")
    if "population" in table.names:
        kept.append(f"""case
            when coalesce(a.synthetic, '') <> '' then 'synthetic'
            when a.population is not null then a.population
            when {'false' if is_plain else 'is_probe_operation(a.operation)'} or a.url_path in {_PROBE_PATHS}
                or a.user_agent like 'kube-probe%' then 'probe'
            else 'user' end as population""")
    return ", ".join([*kept, "$source as source", "$entry as entry"])


def _reason(table: Table) -> str:
    """SQL for why a row may not be kept; null where it may."""
    cases = [f"when \"{column}\" is null{_UNTIMED if column == 'duration_ms' else ''} then '{column} is missing'"
             for column in table.required if column != "weight"]
    cases += [f"when not ({rule}) then '{reason}'" for reason, rule in table.checks.items()]
    if "time" in table.names:
        # one clock in the future would move the watermark, and with it what is last, final and old
        cases.append("when time > now() + interval 1 day then 'time is more than a day ahead of the clock'")
    return f"case {' '.join(cases)} end" if cases else "cast(null as varchar)"
