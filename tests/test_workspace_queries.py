"""Workspace queries: how a ``.kql`` file is read, what becomes of its bounds, what is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from erp_telemetry import workspace_queries
from erp_telemetry.catalog import names, root
from erp_telemetry.errors import QueryError
from erp_telemetry.workspace_queries import DOOR, literal, workspace_query

START, STOP = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, 0, 15, tzinfo=UTC)
AFTER, BEFORE = datetime(1900, 1, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
GOOD = """// Requests.
// reads: AppRequests
// answers: requests
let start = ago(1h);
let stop = now();
let ingested_after = datetime(1900-01-01);
let ingested_before = datetime(2100-01-01);
let parts = 1;
let part = 0;
let rows = AppRequests
    // let start = datetime(2000-01-01); is said in a comment only
    | where TimeGenerated >= start and TimeGenerated < stop
    | where ingestion_time() >= ingested_after and ingestion_time() < ingested_before
    | where parts == 1 or hash(_ItemId, parts) == part;
let answer = rows
    | project ['time'] = TimeGenerated, service = strcat("a; | project b = c,", AppRoleName), // d = e,
        weight = coalesce(todouble(ItemCount), 1.0);
answer
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Puts a file into a family of its own; gives its name."""
    (tmp_path / "own").mkdir()
    monkeypatch.setattr(workspace_queries, "root", lambda: tmp_path)
    caches = (workspace_queries.workspace_queries, workspace_query, workspace_queries._ending)
    for one in caches:
        one.cache_clear()

    def put(text: str, stem: str = "one") -> str:
        (tmp_path / "own" / f"{stem}.kql").write_text(text, encoding="utf-8")
        return f"own/{stem}"

    return put


@pytest.fixture(autouse=True)
def _forget() -> None:
    for one in (workspace_queries.workspace_queries, workspace_query, workspace_queries._ending):
        one.cache_clear()


def test_a_file_tells_what_it_reads_answers_and_gives(folder: Callable[..., str]) -> None:
    query = workspace_query(folder(GOOD))
    assert (query.title, query.reads, query.answers) == ("Requests.", "AppRequests", "requests")
    assert query.columns == ("time", "service", "weight")


def test_only_the_six_lines_are_replaced(folder: Callable[..., str]) -> None:
    query = workspace_query(folder(GOOD))
    text = query.text(START, STOP, AFTER, BEFORE, 4, 3)
    wanted = (GOOD.replace("ago(1h)", "datetime(2026-03-01T00:00:00.000000Z)")
              .replace("now()", "datetime(2026-03-01T00:15:00.000000Z)")
              .replace("= datetime(1900-01-01)", "= datetime(1900-01-01T00:00:00.000000Z)")
              .replace("datetime(2100-01-01)", "datetime(2026-03-02T00:00:00.000000Z)")
              .replace("parts = 1;", "parts = 4;").replace("part = 0;", "part = 3;"))
    assert text == wanted


def test_moments_are_written_in_utc_to_the_microsecond() -> None:
    late = datetime(2026, 3, 1, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert literal(late) == "datetime(2026-02-28T19:32:03.000004Z)"
    assert literal(datetime(1, 1, 1, tzinfo=UTC)) == "datetime(0001-01-01T00:00:00.000000Z)"


def test_naive_moments_and_spans_that_cannot_be_are_refused(folder: Callable[..., str]) -> None:
    query = workspace_query(folder(GOOD))
    naive = datetime(2026, 3, 1)
    with pytest.raises(ValueError, match="no time zone: pass an aware datetime"):
        query.text(naive, naive + timedelta(minutes=1), AFTER, BEFORE)
    with pytest.raises(ValueError, match="no time zone"):
        query.text(START, STOP, naive, naive + timedelta(minutes=1))
    with pytest.raises(ValueError, match="has to end after it begins"):
        query.text(STOP, START, AFTER, BEFORE)
    with pytest.raises(ValueError, match="has to end after it begins"):
        query.text(START, STOP, BEFORE, BEFORE)
    for parts, part in ((0, 0), (4, 4), (4, -1)):
        with pytest.raises(ValueError, match="parts are counted from 0"):
            query.text(START, STOP, AFTER, BEFORE, parts, part)


def test_another_last_statement_follows_the_same_prelude() -> None:
    query = workspace_query("azure/app_requests")
    asked = query.text(START, STOP, AFTER, BEFORE)
    counted = query.text(START, STOP, AFTER, BEFORE, ending="azure/count")
    sliced = query.text(START, STOP, AFTER, BEFORE, ending="azure/slices")
    assert asked.endswith(";\nanswer\n")
    assert counted == asked.removesuffix("answer\n") + "answer\n| count\n"
    assert sliced.startswith(asked.removesuffix("answer\n") + "answer\n| summarize n = count()")
    with pytest.raises(QueryError, match=r"'azure/app_requests' lends no last statement. Known: count, scan, slices"):
        query.text(START, STOP, AFTER, BEFORE, ending="azure/app_requests")


@pytest.mark.parametrize(("old", "new", "said"), [
    ("// Requests.\n", "", "a query begins with a comment"),
    ("// reads: AppRequests\n", "", "lacks `// reads:`, the Azure table"),
    ("// answers: requests\n", "", "lacks `// answers:`, the canonical table"),
    ("answers: requests", "answers: request", "answers 'request'. Did you mean: requests"),
    ("let stop = now();\n", "", "lacks a whole line `let stop = …;`"),
    ("let parts = 1;\n", "let parts = 1;\nlet parts = 2;\n", "has 2 times a whole line `let parts"),
    ("let part = 0;\n", "let part = 0; let more = 1;\n", "does not write as a whole line `let part ="),
    (" == part;", " == 0;", "part is declared and not used"),
    ("TimeGenerated >= start and ", "", "start is declared and not used"),
    ("answer\n", "answer | take 10\n", "its last statement has to be the word `answer`"),
    ("weight = coalesce(todouble(ItemCount), 1.0)", "ItemCount", "'ItemCount' in the last project has no name"),
    ("weight =", "wait =", "wait is no column of requests"),
    ("weight =", "service =", "a column is projected twice"),
    ("ItemCount), 1.0);", "ItemCount), 1.0)\n    | where weight > 0;", "has to end in `| project name = …`"),
])
def test_a_file_that_is_not_as_the_others_is_refused(
    old: str, new: str, said: str, folder: Callable[..., str]
) -> None:
    assert GOOD.count(old) >= 1
    head, found, tail = GOOD.rpartition(old)
    name = folder(head + new + tail)
    assert found
    with pytest.raises(QueryError) as refused:
        workspace_query(name)
    assert said in str(refused.value)
    assert "one.kql" in str(refused.value)


def test_an_unknown_name_is_told_its_neighbours() -> None:
    with pytest.raises(QueryError, match=r"no workspace query 'azure/app_request'\. Did you mean: app_events, app"):
        workspace_query("azure/app_request")


def test_the_catalog_of_sql_does_not_list_them() -> None:
    assert (root() / "azure").is_dir()
    assert names("azure") == ()


@pytest.mark.parametrize("stem", workspace_queries.workspace_queries("azure"))
def test_each_query_has_what_a_row_needs(stem: str) -> None:
    from erp_telemetry.schema import TABLES

    query = workspace_query(f"azure/{stem}")
    assert set(TABLES[query.answers].required) - {"weight"} <= set(query.columns) | {"source"}
    assert query.columns[0] == "time"
    assert "id" in query.columns
    assert set(query.columns) <= {*TABLES[query.answers].names, *DOOR}
