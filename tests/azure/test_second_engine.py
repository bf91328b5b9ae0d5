"""chdb's dialect of KQL, held against the loopback's: which files it runs as they stand, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("chdb", reason="chdb, 530 MB, is not installed: it comes with the extra bench")

from chdb.session import Session

from erp_telemetry.catalog import root
from tests.azure.language_service import TABLES
from tests.azure.test_questions import at, question

TYPES = {"string": "String", "datetime": "DateTime64(6, 'UTC')", "real": "Nullable(Float64)", "bool": "Nullable(Bool)",
         "int": "Nullable(Int32)", "long": "Nullable(Int64)", "dynamic": "String"}
# of chdb 4.4.0, which is ClickHouse 26.9.2: no ingestion_time(), hash(), column_ifexists(), parse_json(), bag_pack(),
# Properties["x"], arg_max(x, *), todouble() of a number, percentilesw(); join only with brackets
RUNS = {"questions/container_restarts"}
ENDINGS = ("count", "slices")


@pytest.fixture(scope="module")
def chdb() -> Iterator[Session]:
    session = Session()
    for table, columns in TABLES.items():
        made = ", ".join(f"`{name}` {TYPES[kind]}" for name, kind in columns.items())
        session.query(f"create table `{table}` ({made}) engine = Memory")
    yield session
    session.close()


def ask(session: Session, text: str) -> list[dict[str, Any]]:
    session.query("set allow_experimental_kusto_dialect = 1")
    session.query("set dialect = 'kusto'")
    try:
        return [json.loads(line) for line in str(session.query(text, "JSONEachRow")).splitlines()]
    finally:
        session.query("set dialect = 'clickhouse'")


def test_the_files_it_runs_as_they_stand(chdb: Session) -> None:
    runs = set()
    for path in (root() / "azure").rglob("*.kql"):
        if path.stem in ENDINGS:  # no query by itself
            continue
        try:
            ask(chdb, path.read_text(encoding="utf-8"))
        except RuntimeError:  # a syntax or a function it does not know
            continue
        runs.add(path.relative_to(root() / "azure").with_suffix("").as_posix())
    assert runs == RUNS


def test_it_answers_the_same(chdb: Session) -> None:
    rows = [{"TimeGenerated": at(minute), "Name": pod, "Namespace": "erp", "ContainerName": "u/api",
             "ContainerRestartCount": count}
            for pod, counts in {"orders-0": (2, 2, 5), "billing-0": (1, 1, 1), "sales-0": (0, 3, 9)}.items()
            for minute, count in enumerate(counts)]
    lines = "\n".join(json.dumps(row) for row in rows)
    chdb.query("insert into KubePodInventory settings date_time_input_format = 'best_effort' "
               f"format JSONEachRow {lines}")
    text = (root() / "azure/questions/container_restarts.kql").read_text(encoding="utf-8")
    text = text.replace("ago(1d)", "datetime(2026-03-01)").replace("now()", "datetime(2026-03-02)")
    found = ask(chdb, text)
    assert found == question("container_restarts", KubePodInventory=rows).to_dicts()
    assert len(found) == 2
