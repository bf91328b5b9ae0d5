"""A store whose every text tries to act, and frames of every canonical table to fill it."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

import erp_telemetry as et
from erp_telemetry.schema import TABLES, Table, polars_schema

SCRIPT = "<script>alert(1)</script>"
TEXT = f'"\'>{SCRIPT}<img src=x onerror=alert(2)>${{7*7}}{{{{7*7}}}}\u202e[x](javascript:alert(3))'
# what a row must say in these words to be counted at all
_WORDS = {"level": "error", "kind": "readiness", "name": "cpu_percent", "status_code": "500", "population": "user",
          "severity": "critical", "impact": "outage", "status": "open"}


def hostile(start: datetime) -> dict[str, pl.DataFrame]:
    """One frame for each canonical table: three rows, a minute apart, with hostile text in every text column."""
    return {name: _frame(table, start) for name, table in TABLES.items()}


def _frame(table: Table, start: datetime) -> pl.DataFrame:
    columns: dict[str, object] = {}
    for column in table.columns:
        kind = column.dtype
        if kind.startswith("TIMESTAMP"):
            columns[column.name] = [start + timedelta(minutes=at) for at in range(3)]
        elif kind == "VARCHAR":
            columns[column.name] = [f"{at} {TEXT}" for at in range(3)]
        elif kind == "JSON":
            columns[column.name] = ['{"a": "<script>alert(1)</script>"}'] * 3
        elif kind == "VARCHAR[]":
            columns[column.name] = [[f"{at} {TEXT}" for at in range(3)]] * 3
        elif kind in ("DOUBLE", "INTEGER"):
            columns[column.name] = [1, 1, 1]
        elif kind == "BOOLEAN":
            columns[column.name] = [True, False, True]
    columns.update({name: [word] * 3 for name, word in _WORDS.items() if name in table.names})
    if table.name == "changes":
        columns["kind"] = [TEXT] * 3
    if table.name == "metrics":
        columns["kind"] = ["gauge"] * 3
    if table.name == "incidents":
        columns |= {name: [None] * 3 for name in ("impact_end", "resolved", "closed", "restored", "last_recoverable")}
    columns.pop("source")
    schema = {column.name: dtype for column, dtype in zip(
        table.columns, polars_schema(table.columns).values(), strict=True) if column.name in columns}
    return pl.DataFrame(columns, schema=schema, strict=False).drop(
        *(name for name in schema if name in ("bounds", "bucket_counts")))


def hostile_store(path: str, start: datetime) -> et.Store:
    """A store of them, pulled as frames."""
    store = et.Store(path)
    et.pull(et.Frames(**hostile(start)), store)
    return store
