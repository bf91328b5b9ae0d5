"""Every query by classic names gives the rows that its twin by the new names gives of the same records."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from azure.core.rest import HttpRequest
from azure.monitor.query import LogsQueryClient

import erp_telemetry as et
from erp_telemetry.testing import LoopbackAzure
from erp_telemetry.testing.classics import classic_tables
from erp_telemetry.workspace_queries import workspace_queries, workspace_query
from tests.azure.answers import LATER, LONG_AGO, START, STOP, held
from tests.azure.test_rows import CASES, told

# what a file of classic names cannot say as the new ones do: when a row arrived
ARRIVED = "received_at"
TWINS = {workspace_query(f"azure/{stem}").reads: stem for stem in CASES}


@pytest.mark.parametrize("stem", workspace_queries("azure/classic"))
def test_the_twin_gives_the_same_rows(stem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    classic = workspace_query(f"azure/classic/{stem}")
    twin = workspace_query(f"azure/{TWINS[classic_tables()[classic.reads].of]}")
    # arrival is what the service tells by ingestion_time(); the twin takes it of a column that classic tables lack
    records = [{**record, "_IngestionTime": datetime.fromisoformat(record["_TimeReceived"])}
               for record in CASES[twin.name.rpartition("/")[2]]]
    bounds = START, STOP, LONG_AGO, LATER
    with LoopbackAzure({twin.reads: held(twin.reads, records)}) as azure, LogsQueryClient(
            azure.credential, endpoint=azure.endpoint, connection_verify=azure.certificate) as logs:
        told = logs.query_resource(azure.component, classic.text(*bounds), timespan=None).tables[0]
        wanted = logs.query_workspace(azure.workspace, twin.text(*bounds), timespan=None).tables[0]
    assert (told.columns, told.columns_types) == (wanted.columns, wanted.columns_types)
    assert sorted(map(list, told.rows), key=repr) == sorted(map(list, wanted.rows), key=repr)
    assert len(told.rows) == len(records) > 1


@pytest.mark.parametrize("is_saved", [True, False], ids=["answer", "lines"])
@pytest.mark.parametrize("stem", workspace_queries("azure/classic"))
def test_a_file_of_classic_names_gives_the_same_rows(
    stem: str, is_saved: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    view = classic_tables()[stem]
    query, records = workspace_query(f"azure/{TWINS[view.of]}"), CASES[TWINS[view.of]]
    with LoopbackAzure({view.of: held(view.of, records)}) as azure, LogsQueryClient(
            azure.credential, endpoint=azure.endpoint, connection_verify=azure.certificate) as logs:
        reply = logs.send_request(HttpRequest("POST", f"{azure.component}/query", json={"query": stem}))
    [table] = reply.json()["tables"]
    names = [column["name"] for column in table["columns"]]
    classic, new = tmp_path / "classic.json", tmp_path / "new.json"
    classic.write_text(reply.text() if is_saved else "".join(
        json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in table["rows"]))
    new.write_text("".join(json.dumps({"Type": view.of, **record}) + "\n" for record in records))
    by_classic, by_new = (told(et.AzureFiles(file), tmp_path, file.stem, query.answers) for file in (classic, new))
    for row in (*by_classic, *by_new):
        row.pop(ARRIVED, None)
        if (row.get("exception") or "").startswith("["):
            # without a stack the details stand there as JSON, spaced as they came
            row["exception"] = json.loads(row["exception"])
    assert sorted(by_classic, key=repr) == sorted(by_new, key=repr)
