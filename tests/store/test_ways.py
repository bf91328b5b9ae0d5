"""Ways into the store: straight or laid down first, from a frame or a file, whole or in parts: the same store."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import erp_telemetry as et
from erp_telemetry.schema import CALLS, TABLES
from erp_telemetry.store import arrivals
from erp_telemetry.store.rollups import ROLLUPS

from ..events import START

Content = dict[str, list[tuple[object, ...]]]
RAW = ("requests", "dependencies", "logs", "metrics", "probes")
COUNTED = "row_counts, rows, duplicates, rejected, late, unprovable, first_time, last_time"


def rollups(store: et.Store) -> Content:
    """Every rollup row, and what is kept beside: observed minutes and minute percentiles."""
    found = {}
    for name, columns in {**{rollup.name: ", ".join(rollup.columns) for rollup in ROLLUPS.values()},
                          "observed_minutes": "time, service", "minute_percentiles": "*"}.items():
        # as text: a struct has no order in a frame
        found[name] = store.sql(f"select columns(*)::varchar from (select {columns} from {name}) order by all").rows()
    return found


def content(store: et.Store) -> Content:
    """Raw rows but for the entry that brought them, and their source; rollups; what the ledger counted."""
    rows = {}
    for name in RAW:
        columns = ", ".join(column for column in TABLES[name].names if column not in ("entry", "source"))
        rows[name] = store.sql(f"select {columns} from {name} order by all").rows()
    return {**rows, **rollups(store)}


def counted(store: et.Store) -> list[tuple[object, ...]]:
    marks = store.sql("select table_name, source, service, time from watermarks order by all").rows()
    return [*store.sql(f"select {COUNTED} from ledger order by entry").rows(), *marks]


_STRINGS = {"is_failed": pl.Boolean, "status_code": pl.String, "resource": pl.String, "population": pl.String}


def frame_of(rows: list[dict[str, Any]]) -> pl.DataFrame:
    numbered = [{"id": f"row {number}", **row} for number, row in enumerate(rows)]
    kept = {name: dtype for name, dtype in _STRINGS.items() if rows and name in rows[0]}
    return pl.DataFrame(numbered, schema_overrides=kept)


def calls(count: int, seed: int = 3) -> list[dict[str, Any]]:
    seeded = random.Random(seed)
    return [{
        "trace_id": f"{n + 1:032x}", "span_id": f"{n + 1:016x}", "service": seeded.choice(["billing", "orders"]),
        "time": START + timedelta(microseconds=seeded.randrange(7_200_000_000)), "operation": "GET /api/orders",
        "duration_ms": seeded.randrange(3_000_000) / 1000, "weight": float(seeded.choice([1, 2, 4])),
        "status": seeded.choice(["200", "200", "404", "503"])} for n in range(count)]


def azure(rows: list[dict[str, Any]], path: Path, kind: str = "AppRequests") -> Path:
    return write(path, [{
        "time": f"{row['time']:%Y-%m-%dT%H:%M:%S.%f}0Z", "Type": row.get("type", kind), "AppRoleName": row["service"],
        "OperationId": row["trace_id"], "Id": row["span_id"], "Name": row["operation"], "ResultCode": row["status"],
        "Success": row["status"] < "500", "DurationMs": row["duration_ms"], "ItemCount": int(row["weight"]),
        **({"DependencyType": "SQL", "Target": "db"} if kind == "AppDependencies" else {}), **row.get("more", {})}
        for row in rows])


def otlp(rows: list[dict[str, Any]], path: Path, kind: str = "AppRequests") -> Path:
    state = {1.0: {}, 2.0: {"traceState": "ot=th:8"}, 4.0: {"traceState": "ot=th:c"}}
    epoch = int(START.timestamp()) * 10**6
    lines = []
    for row in rows:
        begin = epoch + (row["time"] - START) // timedelta(microseconds=1)
        stop = begin + round(row["duration_ms"] * 1000)
        lines.append({"resourceSpans": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": row["service"]}}]},
            "scopeSpans": [{"spans": [{
                "traceId": row["trace_id"], "spanId": row["span_id"], "name": row["operation"],
                "kind": 2 if kind == "AppRequests" else 3, "startTimeUnixNano": str(begin * 1000),
                "endTimeUnixNano": str(stop * 1000), **state[row["weight"]],
                "status": {"code": 2} if row["status"] >= "500" else {},
                "attributes": [{"key": "http.response.status_code", "value": {"intValue": row["status"]}}]}]}]}]})
    return write(path, lines)


def serilog(rows: list[dict[str, Any]], path: Path, kind: str = "AppRequests") -> Path:
    def at(moment: Any) -> str:
        return f"{moment:%Y-%m-%dT%H:%M:%S.%f}0Z"

    return write(path, [{
        "@t": at(row["time"] + timedelta(milliseconds=row["duration_ms"])), "@st": at(row["time"]),
        "@mt": "HTTP {RequestMethod} {RequestPath}", "@tr": row["trace_id"], "@sp": row["span_id"],
        "@sk": "Server" if kind == "AppRequests" else "Client", "@ra": {"service.name": row["service"]},
        "RequestMethod": "GET", "RequestPath": row["operation"].removeprefix("GET "), "StatusCode": int(row["status"]),
        "ItemCount": row["weight"]} for row in rows])


def table(rows: list[dict[str, Any]], path: Path, kind: str = "AppRequests") -> Path:
    name = "requests" if kind == "AppRequests" else "dependencies"
    target = path.with_name(f"{name}-{path.stem}.parquet")
    frame_of(rows).drop("id").rename({"status": "status_code"}).with_columns(
        is_failed=pl.col("status_code") >= "500").write_parquet(target)
    return target


def write(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


Writer = Callable[..., Path]
FORMATS: dict[str, tuple[Writer, str, Callable[..., et.Source]]] = {
    "azure": (azure, "a.jsonl", et.AzureFiles), "otlp": (otlp, "o.jsonl", et.OtlpFiles),
    "serilog": (serilog, "s.clef", lambda path: et.SerilogFiles(path, weight="ItemCount")),
    "table": (table, "t.parquet", et.TableFiles),
}


def both_ways(source: et.Source, monkeypatch: pytest.MonkeyPatch, *before: et.Source) -> tuple[et.Store, et.Store, int]:
    """Two stores of the same sources: as they come, and with the straight way shut; how often it was gone."""
    stores, gone = [], 0
    real = arrivals.insert

    def shut(*given: Any, **named: Any) -> bool:
        raise duckdb.InvalidInputException("the straight way is shut")

    def counts(*given: Any, **named: Any) -> bool:
        nonlocal gone
        is_plain = real(*given, **named)
        gone += 1
        return is_plain

    for way in (counts, shut):
        monkeypatch.setattr(arrivals, "insert", way)
        store = et.Store()
        for one in (*before, source):
            et.pull(one, store)
        stores.append(store)
    monkeypatch.setattr(arrivals, "insert", real)
    return stores[0], stores[1], gone


def same(one: et.Store, other: et.Store) -> None:
    wanted = content(other)
    for name, rows in content(one).items():
        assert rows == wanted[name], name
    assert counted(one) == counted(other)


@pytest.mark.parametrize("kind", ["AppRequests", "AppDependencies"])
@pytest.mark.parametrize("name", FORMATS)
def test_straight_or_laid_down_first(name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, file, source = FORMATS[name]
    rows = calls(300)
    straight, laid, gone = both_ways(source(writer(rows, tmp_path / file, kind)), monkeypatch)
    assert gone > 0
    same(straight, laid)
    kept = "requests" if kind == "AppRequests" else "dependencies"
    assert straight.sql(f"select count(*) as n from {kept}").item() == 300
    minutes = "request_minutes" if kept == "requests" else "dependency_minutes"
    assert straight.sql(f"select sum(count) as n from {minutes}").item() == sum(row["weight"] for row in rows)
    if name == "table":
        # a frame is never told straight: the same rows, the same rollups
        frame = pl.read_parquet(writer(rows, tmp_path / "f.parquet", kind))
        store = et.Store()
        et.pull(et.Frames(**{kept: frame}), store)
        assert content(store) == content(straight)


def _unusual() -> dict[str, Callable[[list[dict[str, Any]]], list[dict[str, Any]]]]:
    def change(*places: int, **fields: Any) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
        return lambda rows: [{**row, **fields} if number in places or number - len(rows) in places else row
                             for number, row in enumerate(rows)]

    return {
        "told twice": lambda rows: [*rows, rows[7], {**rows[8], "time": rows[8]["time"] + timedelta(seconds=1)}],
        "told again far later": lambda rows: [*rows, {**rows[8], "time": rows[8]["time"] + timedelta(seconds=30)}],
        "empty ids": change(5, 6, -1, trace_id="", span_id=""),
        "an empty span": change(5, -1, span_id=""),
        "ids of zeros": change(5, 6, -1, trace_id="0" * 32, span_id="0" * 16),
        "one id in two services": lambda rows: [*rows, {**rows[7], "service": "sales"}],
        "a raw path at the end": change(-2, -3, operation="GET /api/orders/48213?x=1"),
        "a raw path at the start": change(0, operation="GET /api/orders/48213?x=1"),
        "probes at the end": change(-2, -3, operation="GET /healthz/ready"),
        "ids that are words": change(4, -1, trace_id="order", span_id="x"),
    }


@pytest.mark.parametrize("unusual", _unusual())
@pytest.mark.parametrize("name", FORMATS)
def test_what_is_unusual_loses_nothing_and_counts_nothing_twice(
    name: str, unusual: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, file, source = FORMATS[name]
    rows = _unusual()[unusual](calls(2101 if "at the end" in unusual else 60))
    straight, laid, _ = both_ways(source(writer(rows, tmp_path / file)), monkeypatch)
    same(straight, laid)
    lost = {"told twice": 2}.get(unusual, 0)
    found = straight.sql("select count(*) as n, sum(weight) as weight from requests").row(0)
    assert found[0] == len(rows) - lost
    ledger = straight.sql("select rows, duplicates, rejected from ledger where rows > 0").row(0, named=True)
    assert ledger["duplicates"] == lost
    assert straight.sql("select sum(raw_count) as n, sum(count) as weight from request_minutes").row(0) == found
    if "probes" in unusual:
        assert straight.sql("select count(*) as n from requests where population = 'probe'").item() == 2
    if "raw path" in unusual:
        assert straight.sql("select distinct operation from requests order by 1")["operation"].to_list() == [
            "GET /api/orders", "GET /api/orders/{id}"]


@pytest.mark.parametrize("name", FORMATS)
def test_spans_the_store_has_are_not_taken_again(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, file, source = FORMATS[name]
    rows = calls(400)
    first = source(writer(rows[:250], tmp_path / f"before-{file}"))
    # by another clock, within two seconds
    drifted = [{**row, "time": row["time"] + timedelta(milliseconds=900)} for row in rows[150:]]
    straight, laid, _ = both_ways(source(writer(drifted, tmp_path / file)), monkeypatch, first)
    same(straight, laid)
    assert straight.sql("select count(*) as n from requests").item() == 400
    assert straight.ledger()["duplicates"].to_list() == [0, 100]


@pytest.mark.parametrize("apart_ms", [-1500, -2, 2, 1500])
@pytest.mark.parametrize("is_one_file", [True, False])
def test_a_span_told_on_both_sides_of_an_hour_or_a_midnight_is_one(
    apart_ms: int, is_one_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edges = [START + timedelta(hours=hour) - timedelta(milliseconds=1) for hour in (1, 24, 30)]
    rows = [{**row, "time": edge} for row, edge in zip(calls(3), edges, strict=True)]
    others = [{**row, "time": row["time"] + timedelta(milliseconds=apart_ms)} for row in rows]
    parts = [rows + others] if is_one_file else [rows, others]
    *before, last = (et.OtlpFiles(otlp(part, tmp_path / f"{n}.jsonl")) for n, part in enumerate(parts))
    straight, laid, _ = both_ways(last, monkeypatch, *before)
    same(straight, laid)
    assert straight.sql("select count(*) as n from requests").item() == 3
    assert straight.ledger()["duplicates"].sum() == 3


@pytest.mark.parametrize("other", ["AppDependencies", "AppTraces", "AppMetrics", "unheard of"])
def test_another_record_type_further_on_is_read_too(
    other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = calls(600)
    more = {"Message": "m", "SeverityLevel": 1, "Name": "cpu", "Sum": 1.0}
    rows[550] = {**rows[550], "type": other, "more": more}
    straight, laid, _ = both_ways(et.AzureFiles(azure(rows, tmp_path / "a.jsonl")), monkeypatch)
    same(straight, laid)
    kept = straight.ledger().select("rows", "rejected").row(0)
    assert kept == ((599, 1) if other == "unheard of" else (600, 0))
    assert straight.sql("select count(*) as n from requests").item() == 599


@pytest.mark.parametrize("table_name", CALLS)
def test_late_rows_by_the_straight_way_move_what_late_rows_of_a_frame_move(table_name: str, tmp_path: Path) -> None:
    kind = "AppRequests" if table_name == "requests" else "AppDependencies"
    rows = calls(500)
    one, other, whole = et.Store(), et.Store(), et.Store()
    for number, part in enumerate((rows[::2], rows[1::2])):
        path = table(part, tmp_path / f"{number}.parquet", kind)
        et.pull(et.TableFiles(path), one)
        et.pull(et.Frames(**{table_name: pl.read_parquet(path)}), other)
    et.pull(et.TableFiles(table(rows, tmp_path / "whole.parquet", kind)), whole)
    assert content(one) == content(other) == content(whole)
    assert one.ledger()["late"].to_list() == other.ledger()["late"].to_list()
