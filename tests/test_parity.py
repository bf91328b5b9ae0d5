"""The same 1,000 events in every format give identical KPI tables."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import erp_telemetry as et

START = datetime(2026, 7, 1, 8, tzinfo=UTC)
WINDOW = et.Window(START, START + timedelta(hours=1))
MEASURES = ("request_rate", "error_ratio", "latency_mean", "latency_p50", "latency_p95", "latency_p99", "apdex")
THRESHOLD = {1: None, 2: "8", 4: "c"}
Event = dict[str, Any]


@pytest.fixture(scope="module")
def events() -> list[Event]:
    seeded = random.Random(20)
    made = []
    for number in range(1000):
        status = seeded.choices([200, 404, 503], [95, 3, 2])[0]
        made.append({
            "us": seeded.randrange(3_600_000_000), "duration_us": int(seeded.lognormvariate(10.5, 0.9)),
            "weight": seeded.choice([1, 2, 4]), "status": status, "is_failed": status >= 500,
            "service": seeded.choice(["orders", "billing"]), "trace_id": f"{number:032x}", "span_id": f"{number:016x}",
            "operation": f"GET /api/orders/{number}"})
    return made


def write_app_requests(events: list[Event], folder: Path) -> et.Source:
    lines = [{
        "time": at(event, 7), "Type": "AppRequests", "AppRoleName": event["service"], "OperationId": event["trace_id"],
        "Id": event["span_id"], "Name": event["operation"], "ResultCode": str(event["status"]),
        "Success": not event["is_failed"], "DurationMs": event["duration_us"] / 1000, "ItemCount": event["weight"],
    } for event in events]
    return et.AzureFiles(write(folder / "app.jsonl", lines))


def write_classic(events: list[Event], folder: Path) -> et.Source:
    lines = [{
        "timestamp": at(event, 7), "itemType": "request", "cloud_RoleName": event["service"],
        "operation_Id": event["trace_id"], "id": event["span_id"], "name": event["operation"],
        "resultCode": str(event["status"]), "success": str(not event["is_failed"]),
        "duration": event["duration_us"] / 1000, "itemCount": event["weight"],
    } for event in events]
    return et.AzureFiles(write(folder / "requests.jsonl", lines))


def write_otlp(events: list[Event], folder: Path) -> et.Source:
    lines = []
    epoch = int(START.timestamp()) * 10**9
    for number, event in enumerate(events):
        begin = epoch + event["us"] * 1000
        state = {"traceState": f"ot=th:{THRESHOLD[event['weight']]}"} if event["weight"] > 1 else {}
        code = {"intValue": str(event["status"])} if number % 2 else {"intValue": event["status"]}
        lines.append({"resourceSpans": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": event["service"]}}]},
            "scopeSpans": [{"spans": [{
                "traceId": event["trace_id"], "spanId": event["span_id"], "name": event["operation"],
                "kind": 2 if number % 3 else "SPAN_KIND_SERVER", "startTimeUnixNano": str(begin),
                "endTimeUnixNano": begin + event["duration_us"] * 1000, "status": {"code": 2} if event["is_failed"]
                else {}, "attributes": [{"key": "http.response.status_code", "value": code}], **state}]}]}]})
    return et.OtlpFiles(write(folder / "traces.jsonl", lines))


def canonical(events: list[Event]) -> pl.DataFrame:
    return pl.DataFrame([{
        "time": START + timedelta(microseconds=event["us"]), "service": event["service"],
        "operation": event["operation"], "duration_ms": event["duration_us"] / 1000, "is_failed": event["is_failed"],
        "status_code": str(event["status"]), "weight": float(event["weight"]), "trace_id": event["trace_id"],
        "span_id": event["span_id"], "id": f"{event['trace_id']}:{event['span_id']}"} for event in events])


def write_csv(events: list[Event], folder: Path) -> et.Source:
    canonical(events).write_csv(folder / "requests.csv")
    return et.TableFiles(folder / "requests.csv")


def write_parquet(events: list[Event], folder: Path) -> et.Source:
    canonical(events).write_parquet(folder / "requests.parquet")
    return et.TableFiles(folder / "requests.parquet")


def at(event: Event, digits: int) -> str:
    moment = START + timedelta(microseconds=event["us"])
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0" * (digits - 6) + "Z"


def write(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def tables(source: et.Source) -> list[pl.DataFrame]:
    store = et.Store()
    receipt = et.pull(source, store)
    assert (receipt.rows, receipt.rejects) == ({"requests": 1000}, [])
    found = [et.measure(store, name, WINDOW, every=every, by=by)
             for name in MEASURES for every in ("1m", "5m", "1h") for by in ((), ("service",))]
    return [*found, et.score(store, WINDOW)]


@pytest.mark.parametrize("writer", [write_app_requests, write_classic, write_otlp, write_csv, write_parquet])
def test_formats_agree(
    writer: Callable[[list[Event], Path], et.Source], events: list[Event], tmp_path: Path
) -> None:
    expected = tables(et.Frames(requests=canonical(events)))
    for got, wanted in zip(tables(writer(events, tmp_path)), expected, strict=True):
        assert got.equals(wanted), (got, wanted)


def test_an_event_that_arrives_by_two_ways_counts_once(events: list[Event], tmp_path: Path) -> None:
    store = et.Store()
    et.pull(write_app_requests(events, tmp_path), store)
    receipt = et.pull(write_otlp(events, tmp_path), store)
    assert (sum(receipt.rows.values()), receipt.duplicates) == (0, 1000)
