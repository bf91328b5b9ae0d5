"""Records as a workspace holds them, and what a ``.kql`` makes of them, run by the loopback for the real client."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

pytest.importorskip("duckdb_kql", reason="the loopback needs the extra: pip install erp-telemetry[testing]")

from azure.core.rest import HttpRequest
from azure.monitor.query import LogsQueryClient

from erp_telemetry.testing import LoopbackAzure
from erp_telemetry.workspace_queries import workspace_query
from tests.azure.language_service import TABLES

Record = Mapping[str, Any]
START, STOP = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
LONG_AGO, LATER = datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_POLARS: Mapping[str, pl.DataType] = {
    "string": pl.String(), "datetime": pl.Datetime("us", "UTC"), "real": pl.Float64(), "bool": pl.Boolean(),
    "int": pl.Int32(), "long": pl.Int64(), "dynamic": pl.String()}


def held(table: str, records: Sequence[Record]) -> pl.DataFrame:
    """Records in the table's columns: text that is missing is empty, everything else null."""
    unknown = {name for record in records for name in record} - {*TABLES[table], "_IngestionTime"}
    assert not unknown, f"{table} has no columns {unknown}"
    columns = {name: _POLARS[kind] for name, kind in TABLES[table].items()}
    rows = [{name: _value(record.get(name), TABLES[table][name]) for name in columns} for record in records]
    for number, row in enumerate(rows):
        row["_ItemId"] = row["_ItemId"] or f"{table}{number}"
        row["Type"] = table
        row["_IngestionTime"] = records[number].get("_IngestionTime")
    return pl.DataFrame(rows, schema=columns | {"_IngestionTime": _POLARS["datetime"]})


def _value(value: Any, kind: str) -> Any:
    if kind == "datetime" and isinstance(value, str):
        return datetime.fromisoformat(value)
    if kind == "dynamic" and value is not None:
        return json.dumps(value)
    return "" if value is None and kind == "string" else value


def answer(stem: str, records: Sequence[Record], **bounds: Any) -> pl.DataFrame:
    """What the query gives for these records, text as it comes: ``''`` where it is missing."""
    query = workspace_query(f"azure/{stem}")
    span = {"start": START, "stop": STOP, "ingested_after": LONG_AGO, "ingested_before": LATER} | bounds
    found = run(query.text(**span), {query.reads: records})
    assert bounds.get("ending") or tuple(found.columns) == query.columns
    return found


def run(text: str, tables: Mapping[str, Sequence[Record]]) -> pl.DataFrame:
    """What a query gives in a workspace of these tables, asked over TLS with the real client."""
    with LoopbackAzure({name: held(name, records) for name, records in tables.items()}) as azure:
        client = LogsQueryClient(azure.credential, endpoint=azure.endpoint, connection_verify=azure.certificate)
        with client as logs:
            asked = HttpRequest("POST", f"/workspaces/{azure.workspace}/query", json={"query": text})
            reply = logs.send_request(asked)
    assert reply.status_code == 200, reply.text()
    [table] = reply.json()["tables"]
    kinds = {one["name"]: one["type"] for one in table["columns"]}
    rows = [dict(zip(kinds, row, strict=True)) for row in table["rows"]]
    for row in rows:
        for name, kind in kinds.items():
            if kind == "datetime" and row[name] is not None:
                row[name] = datetime.fromisoformat(row[name])
            elif kind == "dynamic" and row[name] is not None and not isinstance(row[name], str):
                row[name] = json.dumps(row[name])
    return pl.DataFrame(rows, schema={name: _POLARS[kind] for name, kind in kinds.items()})


def canonical(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """Empty text as null, as a pull takes it; the message of a log may be empty."""
    texts = [name for name, kind in frame.schema.items()
             if kind == pl.String and not (table == "logs" and name == "message")]
    return frame.with_columns(pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in texts)
