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
Writer = Callable[[list[Event], Path], et.Source]


@pytest.fixture(scope="module")
def events() -> list[Event]:
    seeded = random.Random(20)
    made = []
    for number in range(1000):
        status = seeded.choices([200, 404, 503], [95, 3, 2])[0]
        made.append({
            "us": seeded.randrange(3_600_000_000), "duration_us": int(seeded.lognormvariate(10.5, 0.9)),
            "weight": seeded.choice([1, 2, 4]), "status": status, "is_failed": status >= 500,
            "service": seeded.choice(["orders", "billing"]),
            "trace_id": f"{number + 1:032x}", "span_id": f"{number + 1:016x}",
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


def write_spans(events: list[Event], folder: Path) -> et.Source:
    lines = [{
        "@t": at(event, 7, event["duration_us"]), "@mt": "HTTP {RequestMethod} {RequestPath}", "@st": at(event, 7),
        "@tr": event["trace_id"], "@sp": event["span_id"], "@sk": "Server", "@ra": {"service.name": event["service"]},
        **request(event),
    } for event in events]
    return et.SerilogFiles(write(folder / "spans.clef", lines), weight="ItemCount")


def write_completions(events: list[Event], folder: Path) -> et.Source:
    lines = [{
        "@t": at(event, 7, event["duration_us"]), "@tr": event["trace_id"], "@sp": event["span_id"],
        "@mt": "HTTP {RequestMethod} {RequestPath} responded {StatusCode} in {Elapsed:0.0000} ms",
        "@r": [f"{event['duration_us'] / 1000:.4f}"], "Elapsed": event["duration_us"] / 1000,
        "Application": event["service"], **request(event), **({"@l": "Error"} if event["is_failed"] else {}),
    } for event in events]
    return et.SerilogFiles(write(folder / "log.clef", lines), weight="ItemCount")


def request(event: Event) -> Event:
    method, path = event["operation"].split(" ")
    return {"RequestMethod": method, "RequestPath": path, "StatusCode": event["status"], "ItemCount": event["weight"]}


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


def at(event: Event, digits: int, later_us: int = 0) -> str:
    moment = START + timedelta(microseconds=event["us"] + later_us)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0" * (digits - 6) + "Z"


def write(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def tables(source: et.Source, also: tuple[str, ...] = ()) -> list[pl.DataFrame]:
    store = et.Store()
    receipt = et.pull(source, store)
    assert (receipt.rows, receipt.rejects) == (dict.fromkeys(("requests", *also), 1000), [])
    found = [et.measure(store, name, WINDOW, every=every, by=by)
             for name in MEASURES for every in ("1m", "5m", "1h") for by in ((), ("service",))]
    return [*found, et.score(store, WINDOW)]


@pytest.mark.parametrize("writer", [
    write_app_requests, write_classic, write_otlp, write_csv, write_parquet, write_spans, write_completions])
def test_formats_agree(writer: Writer, events: list[Event], tmp_path: Path) -> None:
    expected = tables(et.Frames(requests=canonical(events)))
    also = ("logs",) if writer is write_completions else ()
    for got, wanted in zip(tables(writer(events, tmp_path), also), expected, strict=True):
        assert got.equals(wanted), (got, wanted)


def drift(events: list[Event]) -> list[Event]:
    """The same events by another clock and with another rounding."""
    return [{**event, "us": event["us"] - 900_000, "duration_us": event["duration_us"] + 7} for event in events]


@pytest.mark.parametrize(("one", "other"), [
    (write_app_requests, write_otlp), (write_completions, write_app_requests), (write_completions, write_otlp),
    (write_spans, write_app_requests), (write_spans, write_otlp), (write_spans, write_completions),
])
@pytest.mark.parametrize("is_turned", [False, True])
def test_an_event_that_arrives_by_two_ways_counts_once(
    one: Writer, other: Writer, is_turned: bool, events: list[Event], tmp_path: Path
) -> None:
    store = et.Store()
    sources = [one(events, tmp_path), other(drift(events), tmp_path)]
    first, second = sources[::-1] if is_turned else sources
    before = et.pull(first, store)
    alone = et.measure(store, "request_rate", WINDOW, every="1h")
    receipt = et.pull(second, store)
    assert (before.rows["requests"], receipt.rows["requests"], receipt.duplicates) == (1000, 0, 1000)
    columns = ["service", "time", "value", "count"]
    assert et.measure(store, "request_rate", WINDOW, every="1h").select(columns).equals(alone.select(columns))
