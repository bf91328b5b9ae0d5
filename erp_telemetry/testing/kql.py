"""What the loopback adds to duckdb-kql: functions it does not map, and names it does not tell apart.

The whole list: ``ingestion_time()``, ``hash(x)``, ``hash(x, n)``, ``estimate_data_size(*)``,
``bag_merge(a, b)``, ``bag_remove_keys(bag, keys)``, ``column_ifexists("X", otherwise)``, ``string_size(x)``,
``strrep(x, n)`` of no more times than the service does, ``percentilew(x, weight, p)``, ``percentiles(x, p, …)`` and
``percentilesw(x, weight, p, …)`` of a column; and a name that differs from a column only in case is unknown, as
the service says it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

ARRIVAL = "_IngestionTime"
HIDDEN = ("_ItemId", "_TimeReceived", ARRIVAL)
"""Columns of every table that a query gets only by naming them."""
_MAP = "cast({0} as map(varchar, json))"
_FUNCTIONS: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "ingestion_time": (f'"{ARRIVAL}"', (0,)),
    # the service hashes otherwise; what is promised is only that equal texts share one of n parts
    "hash": ("cast(hash(cast({0} as varchar)) % {1} as bigint)", (2,)),
    "estimate_data_size": ("strlen(concat(*columns(*)))", (0,)),
    "string_size": ("strlen(coalesce(cast({0} as varchar), ''))", (1,)),
    # the service repeats at most 1,024 times
    "strrep": ("repeat({0}, least({1}, 1024))", (2,)),
    "bag_merge": (f"to_json(map_concat({_MAP.format('{1}')}, {_MAP}))", (2,)),
    "bag_remove_keys": (
        f"to_json(map_from_entries(list_filter(map_entries({_MAP}), "
        "lambda e: not list_contains(cast({1} as varchar[]), e.key))))", (2,)),
}
_WEIGHED = "filter ({0} is not null and {1} > 0)"
# the least value at or below which the wanted share of the weight lies: nearest rank, as of rows repeated by weight
_AGGREGATES: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "percentilew": (
        f"list_reduce(list_sort(list({{{{'x': {{0}}, 'w': cast({{1}} as bigint)}}}}) {_WEIGHED}), lambda a, e: "
        f"case when a.w * 100 >= {{2}} * sum({{1}}) {_WEIGHED} then a else {{{{'x': e.x, 'w': a.w + e.w}}}} end).x",
        (3,)),
}
_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*)"""
    r"""|(?P<text>[hH]?@"[^"]*"|[hH]?@'[^']*'|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"""|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"""
    r"""|(?P<other>.)""", re.DOTALL)
_LITERAL = re.compile(
    r"""(datetime\(\s*|\blet\s+\w+\s*=\s*(?=\d+\s*;))(?:(?P<moment>\d{4}-[\dT:.Z-]+)|(?P<whole>\d{1,9}))(\s*[;)])""")
_LIFTED = "lifted"
_WHOLE_ROW = re.compile(r"estimate_data_size\s*\(\s*\*\s*\)")
_PERCENTILES = re.compile(
    r"\b(?P<name>percentiles(?P<is_weighed>w)?)\(\s*(?P<of>\w+)\s*,\s*(?(is_weighed)(?P<weight>\w+)\s*,\s*)"
    r"(?P<shares>\d+(?:\.\d+)?(?:\s*,\s*\d+(?:\.\d+)?)*)\s*\)")
_SERIES = re.compile(r"SELECT UNNEST\(generate_series\(")
_NAMED = re.compile(r"([A-Za-z_]\w*)(?:['\"]\])?\s*=(?![=~])")
_OPTIONAL = re.compile(r"column_ifexists\s*\(\s*(['\"])(\w+)\1\s*,")


class QueryRefused(Exception):
    """The service would not run this query: its code, such as ``SEM0100``, and what it says."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def names_in(kql: str) -> list[str]:
    """Every name a query may read a table or a column by, in order.

    Left out are comments, texts, functions, operators after a bar, and members of a dynamic value; names
    quoted as ``['x']`` are in.
    """
    found = []
    tokens = _tokens(kql)
    for place, match in enumerate(tokens):
        before = tokens[place - 1] if place else None
        after = tokens[place + 1][0] if place + 1 < len(tokens) else ""
        if match["name"] and after != "(" and (before is None or before[0] not in ("|", ".")):
            found.append(match["name"])
        # what is indexed stands right before the bracket
        elif match["text"] and before and before[0] == "[" and not re.match(r"[\w\])]", kql[before.start() - 1:]):
            found.append(match["text"].strip("hH@'\""))
    return found


def operators_in(kql: str) -> set[str]:
    """The operators of a query: what stands after a bar or begins a statement or a bracket."""
    tokens = _tokens(kql)
    before = ["|", *(match[0] for match in tokens)]
    return {match["name"] for match, last in zip(tokens, before, strict=False)
            if match["name"] and last in ("|", ";", "(", "=")}


def functions_in(kql: str) -> set[str]:
    """The functions that a query calls."""
    return {match["name"] for match, after in pairwise(_tokens(kql)) if match["name"] and after[0] == "("}


def _tokens(kql: str) -> list[re.Match[str]]:
    return [match for match in _TOKEN.finditer(kql) if not match["comment"] and match[0].strip()]


def optional_in(kql: str) -> set[str]:
    """The columns a query takes if they are there."""
    return {match[2] for match in _OPTIONAL.finditer(kql)}


class Translation(NamedTuple):
    """A query in DuckDB's SQL; queries that differ in moments and numbers only share it, and bind those."""

    sql: str
    parameters: dict[str, Any]


def translate(kql: str, schema: Mapping[str, Iterable[str]], now: datetime) -> Translation:
    """Turn a query into SQL of DuckDB.

    ``schema`` has the columns of the tables by name. ``now`` is what ``now()`` and ``ago()`` go by.

    Raises:
        QueryRefused: the query does not parse, or holds what is not in the list above nor in duckdb-kql.
    """
    columns = {name for of in schema.values() for name in of}
    _check_case(kql, columns)
    plain = _plain(kql, columns)
    fixed = tuple((name, tuple(of)) for name, of in schema.items())
    template, literals = _lift(plain)
    try:
        sql, has_clock = _sql(template, fixed)
    except QueryRefused:
        # with its own literals, so that what is refused is told by them
        sql, has_clock = _sql(plain, fixed)
    parameters: dict[str, Any] = {_clock_slot(): now.astimezone(UTC).replace(tzinfo=None)} if has_clock else {}
    for number, (sentinel, literal) in enumerate(literals.items()):
        written, bound = _places(sentinel, f"${_LIFTED}{number}")
        if sql.count(written) == sql.count(sentinel) > 0:
            sql = sql.replace(written, bound)
            parameters[f"{_LIFTED}{number}"] = int(literal) if literal.isdigit() else literal
        else:
            sql = sql.replace(sentinel, literal)
    return Translation(sql, parameters)


def _places(sentinel: str, parameter: str) -> tuple[str, str]:
    """How duckdb-kql writes a sentinel as a value, and the parameter in its place."""
    if sentinel.isdigit():
        return f"CAST({sentinel} AS BIGINT)", f"CAST({parameter} AS BIGINT)"
    return f"'{sentinel}'", parameter


@lru_cache(maxsize=512)
def _sql(kql: str, schema: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[str, bool]:
    """The SQL of a query, and whether it asks for the time; parsing takes far longer than running."""
    import duckdb_kql

    _teach()
    try:
        found = duckdb_kql.to_sql(
            kql, schema={name: list(of) for name, of in schema}, allow_write=False, query_now=datetime(2000, 1, 1))
    except duckdb_kql.KqlSyntaxError as error:
        raise QueryRefused("SYN0002", str(error)) from error
    except duckdb_kql.KqlSchemaError as error:
        raise QueryRefused("SEM0100", str(error)) from error
    except duckdb_kql.KqlUnsupportedError as error:
        raise QueryRefused("SEM0260", f"{error}; the loopback cannot run this") from error
    except RecursionError as error:
        raise QueryRefused("SEM0260", "the query is nested too deeply; the loopback cannot run this") from error
    return _streamed(str(found)), _clock_slot() in found.parameters


def _streamed(sql: str) -> str:
    """Let `range` give its rows as they are wanted: duckdb-kql makes one list of them, of whatever size."""
    while begin := _SERIES.search(sql):
        stop = _closing(sql, begin.end())
        said = sql[begin.end():stop]
        alias = re.match(r'\) AS ("[^"]+")', sql[stop + 1:])
        if alias is None or "SELECT" in said:
            break
        rows = f"SELECT s AS {alias[1]} FROM generate_series({said}) AS t(s)"
        sql = f"{sql[:begin.start()]}{rows}{sql[stop + 1 + alias.end():]}"
    return sql


def _clock_slot() -> str:
    from duckdb_kql.translate import CLOCK_SLOT

    return CLOCK_SLOT


def _lift(kql: str) -> tuple[str, dict[str, str]]:
    """Take the moments and whole numbers out of a query, so that queries that differ in them only are one.

    Returns: the query with sentinels in their place, and what each stands for.
    """
    literals: dict[str, str] = {}

    def lift(match: re.Match[str]) -> str:
        number = len(literals) + 1
        sentinel = f"{number:04}-01-01T00:00:00.765432Z" if match["moment"] else f"98765{number:04}"
        literals[sentinel] = match["moment"] or match["whole"]
        return f"{match[1]}{sentinel}{match[4]}"

    return _LITERAL.sub(lift, kql), literals


@cache
def _teach() -> None:
    """Give duckdb-kql the functions of our list, once."""
    from duckdb_kql.translate.functions import AGGREGATE_FUNCTIONS, SCALAR_FUNCTIONS, AggregateSpec, FunctionSpec

    for name, (template, arities) in _AGGREGATES.items():
        AGGREGATE_FUNCTIONS.setdefault(name, AggregateSpec(name, template, arities, name_prefix="percentile"))
    for name, (template, arities) in _FUNCTIONS.items():
        SCALAR_FUNCTIONS[name] = FunctionSpec(name, "template", template, arities)


def _check_case(kql: str, columns: set[str]) -> None:
    """Refuse a name that only DuckDB, blind to case, would take for a column."""
    lower = {name.lower() for name in columns}
    made = set(_NAMED.findall(kql))
    for name in names_in(kql):
        if name not in columns and name not in made and name.lower() in lower:
            raise QueryRefused("SEM0100", f"Failed to resolve table or column expression named '{name}'")


def _plain(kql: str, columns: set[str]) -> str:
    """Write what duckdb-kql cannot read in other words: an optional column as itself or as what stands for it.

    Several percentiles are written one by one, under the names that the service gives them.
    """
    kql = _PERCENTILES.sub(_one_by_one, _WHOLE_ROW.sub("estimate_data_size()", kql))
    while found := _OPTIONAL.search(kql):
        stop = _closing(kql, found.end())
        otherwise = kql[found.end():stop].strip()
        is_there = found[2] in columns or found[2] in _made(kql[:found.start()])
        kql = kql[:found.start()] + (found[2] if is_there else f"({otherwise})") + kql[stop + 1:]
    return kql


def _made(before: str) -> set[str]:
    """Names that a query gave to columns up to a place; not the one that it is about to give there."""
    return {match[1] for match in _NAMED.finditer(before) if before[match.end():].strip()}


def _one_by_one(several: re.Match[str]) -> str:
    of, weight = several["of"], several["weight"]
    call = f"percentilew({of}, {weight}, " if weight else f"percentile({of}, "
    return ", ".join(f"percentile_{of}_{share.replace('.', '_')} = {call}{share})"
                     for share in re.split(r"\s*,\s*", several["shares"]))


def _closing(kql: str, start: int) -> int:
    """Where the bracket opened before ``start`` closes."""
    depth = 1
    for match in _TOKEN.finditer(kql, start):
        depth += {"(": 1, ")": -1}.get(match["other"] or "", 0)
        if depth == 0:
            return match.start()
    raise QueryRefused("SYN0002", "Query could not be parsed: a bracket is not closed")

