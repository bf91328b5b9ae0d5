"""Every ``.kql`` by the Kusto language service: no error, and the columns and types that the schema wants."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from erp_telemetry.catalog import root
from erp_telemetry.schema import TABLES, TIME
from erp_telemetry.testing.plans import Plans
from erp_telemetry.workspace_queries import DOOR, WorkspaceQuery, workspace_queries, workspace_query
from tests.azure import language_service

KQL = {"VARCHAR": "string", "JSON": "dynamic", "DOUBLE": "real", "BOOLEAN": "bool", "BIGINT": "long", TIME: "datetime"}
ENDINGS = ("slices", "count", "scan")
CLASSIC = tuple(f"classic/{stem}" for stem in workspace_queries("azure/classic"))
STEMS = (*workspace_queries("azure"), *CLASSIC)
FILES = sorted(path.relative_to(root() / "azure").with_suffix("").as_posix()
               for path in (root() / "azure").rglob("*.kql"))
SAME = """    | where TimeGenerated >= start and TimeGenerated < stop
    // a row whose arrival the service does not tell counts as arrived when it happened
    | extend arrived = coalesce(ingestion_time(), TimeGenerated)
    | where arrived >= ingested_after and arrived < ingested_before
"""
checks = pytest.mark.skipif(bool(language_service.missing()), reason=language_service.missing() or "nothing is missing")


def asked(query: WorkspaceQuery, ending: str | None = None) -> str:
    moments = (datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 1, 2))
    return query.text(*moments, 2, 1, ending=ending)


def misspelt(query: WorkspaceQuery) -> tuple[str, str]:
    """A name that is none of the table's columns, and the query that reads it in place of a column."""
    rows, answer = asked(query).split("let answer = rows")
    columns = (language_service.TABLES | language_service.CLASSIC)[query.reads]
    column = next(one for one in columns if one not in ("TimeGenerated", "_ItemId", "Type") and f" {one}" in answer)
    return f"{column}s", f"{rows}let answer = rows{answer.replace(f' {column}', f' {column}s')}"


@cache
def answered() -> dict[str, Any]:
    """What the service says of every file as it stands, and of each query with bounds and each ending."""
    texts = {file: (root() / "azure" / f"{file}.kql").read_text(encoding="utf-8") for file in FILES}
    for stem in STEMS:
        query = workspace_query(f"azure/{stem}")
        texts |= {f"{stem}>None": asked(query), f"{stem}>misspelt": misspelt(query)[1]}
        texts |= {f"{stem}>{ending}": asked(query, f"azure/{ending}") for ending in ENDINGS}
    return language_service.check(texts)


def columns(name: str) -> list[tuple[str, str]]:
    return [(one["name"], one["type"]) for one in answered()[name]["columns"]]


@checks
@pytest.mark.parametrize("file", FILES)
def test_a_file_has_no_error(file: str) -> None:
    assert answered()[file]["errors"] == []


@checks
@pytest.mark.parametrize("stem", STEMS)
def test_the_answer_is_as_the_schema_says(stem: str) -> None:
    query = workspace_query(f"azure/{stem}")
    types = {column.name: KQL[column.dtype] for column in TABLES[query.answers].columns if column.dtype in KQL}
    types |= {"line": "long", "is_untimed": "bool"} | {name: "string" for name in DOOR[1:4]}
    wanted = [(name, types[name]) for name in query.columns]
    assert columns(stem) == columns(f"{stem}>None") == wanted
    assert answered()[f"{stem}>None"]["errors"] == []


@checks
@pytest.mark.parametrize("stem", STEMS)
def test_it_can_be_counted_and_cut(stem: str) -> None:
    for ending in ENDINGS:
        assert answered()[f"{stem}>{ending}"]["errors"] == []
    assert columns(f"{stem}>slices") == [("time", "datetime"), ("n", "long"), ("bytes", "long")]
    assert columns(f"{stem}>count") == [("Count", "long")]
    assert columns(f"{stem}>scan") == [("total", "long"), ("bins", "dynamic")]


@checks
@pytest.mark.parametrize("stem", STEMS)
def test_a_misspelt_column_is_found(stem: str) -> None:
    name, _ = misspelt(workspace_query(f"azure/{stem}"))
    assert ("KS142", name) in {(one["code"], one["text"]) for one in answered()[f"{stem}>misspelt"]["errors"]}


@pytest.mark.parametrize("stem", STEMS)
def test_it_runs_on_the_basic_plan_too(stem: str) -> None:
    tables = frozenset(language_service.TABLES | language_service.CLASSIC)
    plans = Plans({workspace_query(f"azure/{stem}").reads: "Basic"}, tables)
    for ending in (None, *(f"azure/{name}" for name in ENDINGS)):
        assert plans.refuse("search", asked(workspace_query(f"azure/{stem}"), ending), "P1D") is None


@checks
def test_an_unknown_table_function_and_type_are_found() -> None:
    found = language_service.check({
        "table": "AppRequest | count", "function": "AppRequests | where nowadays() > now()",
        "type": "AppRequests | where DurationMs + Url > 3", "syntax": "AppRequests | wher Id == 1"})
    assert all(one["errors"] for one in found.values()), found


@pytest.mark.parametrize("stem", STEMS)
def test_every_query_keeps_to_its_bounds_in_the_same_words(stem: str) -> None:
    query = workspace_query(f"azure/{stem}")
    rows = query.prelude.partition(f"let rows = {query.reads}\n")[2]
    assert rows.startswith(SAME.replace("TimeGenerated", "timestamp") if stem in CLASSIC else SAME)
    identity = "itemId" if stem in CLASSIC else "_ItemId"
    assert f"    | where parts == 1 or hash({identity}, parts) == part;\nlet answer = rows\n" in rows
    answer = rows.partition("let answer = rows\n")[2]
    operators = {line.split()[1] for line in answer.splitlines() if line.startswith("    | ")}
    assert operators <= {"extend", "project"}, "an answer neither drops nor multiplies rows"


def test_every_table_that_is_asked_is_declared() -> None:
    read = {workspace_query(f"azure/{stem}").reads for stem in STEMS if stem not in CLASSIC}
    assert {workspace_query(f"azure/{stem}").reads for stem in CLASSIC} == set(language_service.CLASSIC)
    asked_about = {table for file in (root() / "azure" / "questions").glob("*.kql")
                   for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("// reads: ")
                   for table in line.removeprefix("// reads: ").split()}
    assert read | asked_about <= set(language_service.TABLES)
