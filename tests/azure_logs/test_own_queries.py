"""Own queries: tables of one's own are pulled by one's own files, with the same proof that all came."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

import erp_telemetry as et
from erp_telemetry.errors import QueryError
from tests.cli.support import ROOT

from .conftest import Opening
from .support import DAY, HOUR, MINUTE, MORNING, NOON, every, limits, requests, spans, wanted

pytest.importorskip("duckdb_kql", reason="the loopback needs the extra testing")

from erp_telemetry.testing import LoopbackAzure, faults

DOCUMENT = (ROOT / "docs" / "own-tables.md").read_text(encoding="utf-8")
[QUERY] = re.findall(r"```kusto\n(// Orders.*?)```", DOCUMENT, re.DOTALL)


def orders(count: int, late: timedelta = timedelta()) -> pl.DataFrame:
    times = every(MINUTE)[:count]
    return pl.DataFrame({
        "TimeGenerated": times, "Level_s": ["Error", "Information"] * (count // 2),
        "Service_s": ["orders"] * count, "Message_s": [f"order {number}" for number in range(count)],
        "Template_s": ["order {Id}"] * count, "_IngestionTime": [time + late for time in times],
    }, schema_overrides={"TimeGenerated": pl.Datetime("us", "UTC"), "_IngestionTime": pl.Datetime("us", "UTC")})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "own"
    made.mkdir()
    (made / "orders_cl.kql").write_text(QUERY, encoding="utf-8")
    return made


def source(azure: LoopbackAzure, folder: Path, *tables: str, **changed: object) -> et.AzureLogs:
    return et.AzureLogs(
        azure.workspace, azure.credential, tables=tables or None, endpoint=azure.endpoint, queries=folder,
        connection_verify=azure.certificate, limits=limits(**changed))


def messages(store: et.Store) -> list[str]:
    return store.sql("select message from logs order by time")["message"].to_list()


def test_the_file_of_the_docs_pulls_a_custom_table_beside_ours(opened: Opening, folder: Path) -> None:
    frame = requests(every(HOUR))
    azure, store = opened(Orders_CL=orders(600), AppRequests=frame), et.Store()
    azure.misbehave(faults.row_cap(90), of="data")
    receipt = et.pull(source(azure, folder), store, MORNING)
    assert receipt.is_complete and receipt.rows == {"logs": 600, "requests": 12}
    assert messages(store) == [f"order {number}" for number in range(600)] and spans(store) == wanted(frame)
    assert store.sql("select distinct level, service from logs order by level").rows() == [
        ("error", "orders"), ("information", "orders")]
    assert et.pull(source(azure, folder), store, MORNING).slices == 0, "what is held is not asked again"


def test_late_rows_of_it_come_with_later_pulls(opened: Opening, folder: Path) -> None:
    azure, store = opened(Orders_CL=orders(600, late=5 * HOUR)), et.Store()
    et.pull(source(azure, folder, "Orders_CL"), store, MORNING)
    before = len(messages(store))
    azure.clock = NOON + 12 * HOUR
    assert et.pull(source(azure, folder, "Orders_CL"), store, MORNING).is_complete
    assert before < 600 and len(messages(store)) == 600


def test_a_file_of_ones_own_takes_the_place_of_ours(opened: Opening, folder: Path) -> None:
    text = QUERY.replace("Orders_CL", "AppTraces").replace("_s", "").replace("Service", "AppRoleName")
    (folder / "traces.kql").write_text(text.replace("tolower(Level)", '"critical"').replace("Template", "Message"),
                                       encoding="utf-8")
    rows = pl.DataFrame({"TimeGenerated": [DAY], "Message": ["m"], "AppRoleName": ["orders"], "SeverityLevel": [1]},
                        schema_overrides={"TimeGenerated": pl.Datetime("us", "UTC")})
    azure, store = opened(AppTraces=rows), et.Store()
    et.pull(source(azure, folder, "AppTraces"), store, MORNING)
    assert store.sql("select level from logs").rows() == [("critical",)]


@pytest.mark.parametrize(("text", "said"), [
    ("", "a query begins with a comment"), (QUERY.replace("// reads: Orders_CL\n", ""), "the header lacks `// reads:`"),
    (QUERY.replace("answers: logs", "answers: orders"), "answers 'orders'"),
    (QUERY.replace("let part = 0;\n", ""), "lacks a whole line `let part = …;`"),
    (QUERY.replace("template =", "orders ="), "orders is no column of logs"),
    (QUERY.rstrip().removesuffix("answer") + "rows\n", "its last statement has to be the word `answer`"),
])
def test_a_file_that_is_not_as_the_others_is_refused_by_its_name(folder: Path, text: str, said: str) -> None:
    (folder / "broken.kql").write_text(text, encoding="utf-8")
    with pytest.raises(QueryError, match=re.escape(said)) as refused:
        et.AzureLogs("11111111-2222-4333-8444-555555555555", queries=folder)
    assert "broken.kql" in str(refused.value)


def test_what_is_no_folder_of_queries_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a folder with \.kql files of yours, and .* is none"):
        et.AzureLogs("11111111-2222-4333-8444-555555555555", queries=tmp_path)
    with pytest.raises(TypeError, match="not int"):
        et.AzureLogs("11111111-2222-4333-8444-555555555555", queries=3)  # type: ignore[arg-type]
    (tmp_path / "or ders.kql").write_bytes(b"\xff")
    with pytest.raises(QueryError, match="letters, digits and underscores"):
        et.AzureLogs("11111111-2222-4333-8444-555555555555", queries=tmp_path)
    (tmp_path / "or ders.kql").rename(tmp_path / "orders.kql")
    with pytest.raises(QueryError, match="cannot be read as text in UTF-8"):
        et.AzureLogs("11111111-2222-4333-8444-555555555555", queries=tmp_path)


def test_a_column_that_the_table_lacks_is_told_with_the_file(opened: Opening, folder: Path) -> None:
    azure = opened(Orders_CL=orders(10).drop("Template_s"))
    with pytest.raises(et.SourceError, match=r"orders_cl\.kql does not run in this workspace: .*Template_s"):
        et.pull(source(azure, folder, "Orders_CL"), et.Store(), MORNING)
