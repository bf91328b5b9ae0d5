"""One event in the clothes of every format, and a bare engine to run batches on."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import zstandard

from erp_telemetry.schema import TABLES
from erp_telemetry.slices import Batch, Slice, Source

LEDGER = pl.DataFrame(schema={"slice": pl.String, "fingerprint": pl.String})
DOOR = {"line", "synthetic", "user_agent", "url_path", "is_untimed"}
START = 1_767_225_600_123_456_789
CANONICAL = (
    "time", "service", "operation", "instance", "duration_ms", "is_failed", "status_code", "weight",
    "trace_id", "span_id", "parent_id", "id",
)
# trace and span tell a call: a format that has both gives no id beside them
COMPARED = CANONICAL[:-1]


def attribute(key: str, value: Any) -> dict[str, Any]:
    kind = "intValue" if isinstance(value, int) else "stringValue"
    return {"key": key, "value": {kind: value}}


def span(at: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "traceId": f"{at + 1:032X}", "spanId": f"{at + 1:016x}", "parentSpanId": "00000000000000aa", "kind": 2,
        "name": "GET", "startTimeUnixNano": str(START + at * 10**9),
        "endTimeUnixNano": str(START + at * 10**9 + 12_345_678), "status": {}, "attributes": [
            attribute("http.request.method", "GET"), attribute("http.route", "/orders/{id}"),
            attribute("http.response.status_code", 200)],
        **changes,
    }


def otlp(*spans: dict[str, Any], service: str | None = "erp") -> dict[str, Any]:
    attributes = [attribute("service.instance.id", "pod-1")]
    if service:
        attributes.append(attribute("service.name", service))
    return {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": list(spans)}]}]}


def app(at: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "Type": "AppRequests", "TimeGenerated": f"2026-01-01T00:00:{at:02}.1234567Z", "AppRoleName": "erp",
        "AppRoleInstance": "pod-1", "OperationName": "GET /orders/{id}", "DurationMs": 12.345678, "Success": True,
        "ResultCode": "200", "OperationId": f"{at + 1:032x}", "Id": f"{at + 1:016x}", "ParentId": "00000000000000aa",
        **changes,
    }


def classic(at: int = 0) -> dict[str, Any]:
    return {
        "itemType": "request", "timestamp": f"2026-01-01T00:00:{at:02}.1234567Z", "cloud_RoleName": "erp",
        "cloud_RoleInstance": "pod-1", "operation_Name": "GET /orders/{id}", "duration": 12.345678, "success": "True",
        "resultCode": "200", "operation_Id": f"{at + 1:032x}", "id": f"{at + 1:016x}",
        "operation_ParentId": "00000000000000aa", "itemCount": 1,
    }


def canonical(at: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "time": f"2026-01-01T00:00:{at:02}.123456+00:00", "service": "erp", "operation": "GET /orders/{id}",
        "instance": "pod-1", "duration_ms": 12.345678, "is_failed": False, "status_code": "200", "weight": 1,
        "trace_id": f"{at + 1:032x}", "span_id": f"{at + 1:016x}", "parent_id": "00000000000000aa",
        "id": f"{at + 1:032x}:{at + 1:016x}", **changes,
    }


@dataclass(frozen=True)
class Form:
    """A format in the shared suite: how a good file of it looks, and how much of an event it can tell.

    ``text(count)`` writes the events ``canonical(0) … canonical(count - 1)``; ``columns`` are those of
    ``table`` in which what is read equals ``expected(at)``. ``first_line`` is the line of the first event.
    """

    name: str
    make: Callable[..., Source]
    suffix: str
    text: Callable[[int], str]
    columns: tuple[str, ...] = COMPARED
    table: str = "requests"
    expected: Callable[[int], dict[str, Any]] = canonical
    first_line: int = 1
    has_fast_path: bool = True


def each_line(make: Callable[[int], Any]) -> Callable[[int], str]:
    """A file with one JSON object per line."""
    return lambda count: "".join(json.dumps(make(at)) + "\n" for at in range(count))


def write(path: Path, content: str | bytes) -> Path:
    """Write it, packed as the suffix says."""
    raw = content.encode() if isinstance(content, str) else content
    if path.suffix == ".gz":
        raw = gzip.compress(raw)
    if path.suffix == ".zst":
        raw = zstandard.compress(raw)
    path.write_bytes(raw)
    return path


def run(batch: Batch) -> dict[str, pl.DataFrame]:
    """The rows of a batch, as the store would see them."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone='UTC'")
        if batch.staging is not None:
            connection.execute(f"create temp table staged as {batch.staging.sql}", dict(batch.staging.parameters))
        found = {}
        for table, rows in batch.rows.items():
            if isinstance(rows, pl.DataFrame):
                found[table] = rows
            else:
                found[table] = connection.sql(rows.sql, params=dict(rows.parameters)).pl()
            columns = set(found[table].columns)
            assert columns <= {*TABLES[table].names, *DOOR}, columns
    batch.close()
    return {table: frame for table, frame in found.items() if frame.height}


def only(source: Source) -> Slice:
    found = source.slices(None, None, LEDGER)
    assert len(found) == 1
    return found[0]


def read(source: Source, careful: bool = False) -> dict[str, pl.DataFrame]:
    return run(source.read(only(source), careful))


def lines(tmp_path: Path, *records: Any, name: str = "requests.jsonl") -> Path:
    return write(tmp_path / name, "".join(json.dumps(one) + "\n" for one in records))

