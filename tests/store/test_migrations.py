"""Migrations: a store that an older version wrote keeps every KPI, and the same sources add nothing to it."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import erp_telemetry as et

from ..events import START

THIRD = Path(__file__).parent / "fixtures" / "version_3.duckdb.gz"
PACKED = Path(__file__).parent / "fixtures" / "version_2.duckdb.gz"
DAY = timedelta(days=1)
FIRST = et.Window(START, START + timedelta(hours=1))
TENTH = et.Window(START + 10 * DAY, START + 10 * DAY + timedelta(hours=2))


def told() -> list[dict[str, pl.DataFrame]]:
    """What version 2 was told, on a day that it pruned and on one that it kept: ids of every kind."""
    who = {"service": "orders", "operation": "GET /api/orders", "is_failed": False, "status_code": "200"}
    blank = {"id": None, "trace_id": None, "span_id": None}
    ids: list[dict[str, str]] = [
        *({"id": f"{n:032x}:{n:016x}", "trace_id": f"{n:032x}", "span_id": f"{n:016x}"} for n in range(1, 5)),
        *({"trace_id": f"{n:032x}", "span_id": f"{n:016x}"} for n in range(5, 7)),
        {"id": f"{7:032x}:{7:016x}"}, {"id": "order-8"}, {}, {}, {"trace_id": "t", "span_id": "s"},
        {"trace_id": f"{12:032x}"}]
    rows: list[dict[str, Any]] = [
        {"time": START + day * DAY + timedelta(seconds=20 * n), **who, **blank, **own, "duration_ms": 10.0 + n,
         "weight": [1.0, 2.5, None][n % 3]} for day in (0, 10) for n, own in enumerate(ids)]
    rows[-1]["is_failed"] = True
    calls = pl.DataFrame(rows, infer_schema_length=None)
    both = {"time": [START + 10 * DAY, START], "service": ["orders"] * 2}
    return [
        {"requests": calls}, {"dependencies": calls.with_columns(kind=pl.lit("sql"), resource=pl.lit("db"))},
        {"probes": pl.DataFrame({**both, "kind": ["readiness"] * 2, "is_failed": [False, True]}),
         "logs": pl.DataFrame({**both, "level": ["error", "information"], "message": ["a", "b"]}),
         "metrics": pl.DataFrame({
             "time": both["time"] * 2, "service": ["orders"] * 4, "instance": ["a"] * 4,
             "name": ["cpu_ratio"] * 2 + ["restarts"] * 2, "kind": ["gauge"] * 2 + ["cumulative"] * 2,
             "value": [0.5, 0.25, 3.0, 1.0]}),
         "incidents": pl.DataFrame({
             "id": ["INC-1"], "title": ["down"], "impact": ["outage"], "services": [["orders"]],
             "impact_start": [START + 10 * DAY], "detected": [START + 10 * DAY + timedelta(minutes=1)],
             "impact_end": [START + 10 * DAY + timedelta(minutes=30)]})},
    ]


def spans(path: Path) -> Path:
    """Four spans, two of them requests, an hour into the tenth day."""
    begin = int((START + 10 * DAY + timedelta(hours=1)).timestamp()) * 10**9
    path.write_text(json.dumps({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "orders"}}]},
        "scopeSpans": [{"spans": [
            {"traceId": f"{n:032x}", "spanId": f"{n:016x}", "name": "GET /api/orders", "kind": 2 if n % 2 else 3,
             "startTimeUnixNano": str(begin + n * 10**9), "endTimeUnixNano": str(begin + n * 10**9 + 10**7)}
            for n in range(100, 104)]}]}]}) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def older(tmp_path: Path) -> et.Store:
    """Written by the last commit of version 2: told, pruned to two days, and one late request into the first."""
    path = tmp_path / "old.duckdb"
    path.write_bytes(gzip.decompress(PACKED.read_bytes()))
    return et.Store(path)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> et.Store:
    """The same told to this version."""
    store = et.Store()
    for frames in told():
        et.pull(et.Frames(**frames), store)
    et.pull(et.OtlpFiles(spans(tmp_path_factory.mktemp("otlp") / "spans.jsonl")), store)
    return store


def test_it_is_a_store_of_version_2(older: et.Store) -> None:
    with duckdb.connect(older.path, read_only=True) as file:
        assert file.execute("select max(version) from store_version").fetchall() == [(2,)]
        assert file.execute("select count(*) from requests where id = trace_id || ':' || span_id").fetchall() == [(6,)]
        assert file.execute("select count(*) from requests where trace_id is null and id like '%:00%'").fetchall() == [
            (1,)]
        assert file.execute("select count(*) from sealed").fetchall() == [(5,)]
    assert older.is_outdated


@pytest.mark.parametrize("name", [
    "request_rate", "error_ratio", "latency_mean", "latency_p50", "latency_p95", "latency_p99", "apdex", "cpu_ratio",
    "dependency_error_ratio", "dependency_latency_p95", "log_error_ratio", "probe_success_ratio"])
def test_every_measure_answers_as_a_store_told_the_same_today(name: str, older: et.Store, fresh: et.Store) -> None:
    for every in ("1m", "5m", "1h"):
        if (name, every) != ("dependency_latency_p95", "1m"):
            assert et.measure(older, name, TENTH, every).equals(et.measure(fresh, name, TENTH, every)), every
    late = 1.0 if name in ("request_rate", "error_ratio", "latency_mean", "latency_p50", "latency_p95", "latency_p99",
                           "apdex") else 0.0
    found, wanted = (et.measure(store, name, FIRST, "1h")["count"].item() for store in (older, fresh))
    assert (found or 0.0) == (wanted or 0.0) + late
    assert older.verify() == 8


def test_what_a_total_rose_by_across_the_prune_is_not_told(older: et.Store, fresh: et.Store) -> None:
    """Version 2 kept no series and did not tell it either: a later point has nothing to be held against."""
    days = et.Window(START, START + 11 * DAY)
    found, wanted = (et.measure(store, "restart_count", days, "1d").drop_nulls("count") for store in (older, fresh))
    assert (found["value"].to_list(), wanted["value"].to_list()) == ([0.0, 0.0], [0.0, 2.0])
    assert found["count"].equals(wanted["count"])


def test_its_scorecard_its_incident_and_its_sealed_minutes_are_kept(older: et.Store, fresh: et.Store) -> None:
    found, wanted = (et.score(store, TENTH) for store in (older, fresh))
    assert found.equals(wanted)
    assert [one.id for one in et.incidents(older, TENTH)] == ["INC-1"]
    sealed = et.measure(older, "latency_p95", FIRST, "1m").filter(pl.col("count") > 0)
    assert (sealed.height, sealed["value"].null_count(), sealed["count"].sum()) == (4, 4, 19.0)
    # of the hour its sketches still tell
    assert et.measure(older, "latency_p95", FIRST, "1h")["value"].item() == pytest.approx(21.0, rel=0.06)


def test_the_same_sources_add_nothing(older: et.Store, tmp_path: Path) -> None:
    before = older.sql("select * exclude (entry) from requests order by all").rows()
    for frames in told():
        assert et.pull(et.Frames(**frames), older).slices == 0
    assert not et.pull(et.OtlpFiles(spans(tmp_path / "spans.jsonl")), older).rows
    assert older.sql("select * exclude (entry) from requests order by all").rows() == before


def test_the_same_rows_in_another_slice_add_nothing_where_they_can_be_compared(
    older: et.Store, tmp_path: Path
) -> None:
    """What has no id is told by the hash of what it says: the same hash as in version 2, in frames and in files."""
    for name, frame in {**told()[0], **told()[1]}.items():
        kept = frame.filter(pl.col("time") > START + 5 * DAY)
        receipt = et.pull(et.Frames(**{name: kept}), older)
        assert (receipt.rows, receipt.duplicates) == ({}, 12)
        kept.write_parquet(tmp_path / f"{name}-1.parquet")
        receipt = et.pull(et.TableFiles(tmp_path / f"{name}-1.parquet"), older)
        assert (receipt.rows, receipt.duplicates) == ({}, 12)


def test_sketches_by_the_day_are_made_of_those_by_the_hour(tmp_path: Path) -> None:
    """A store of version 3, told the same: windows of days answer as a store told today."""
    path = tmp_path / "third.duckdb"
    path.write_bytes(gzip.decompress(THIRD.read_bytes()))
    with duckdb.connect(str(path), read_only=True) as file:
        assert file.execute("select max(version) from store_version").fetchall() == [(3,)]
    third, today = et.Store(path), et.Store()
    for frames in told():
        et.pull(et.Frames(**frames), today)
    days = et.Window(START, START + 11 * DAY)
    for name in ("latency_p50", "latency_p99", "dependency_latency_p95"):
        found = et.measure(third, name, days, "1d")
        assert found["value"].drop_nulls().len() == 2
        assert found.equals(et.measure(today, name, days, "1d")), name
    assert et.score(third, days).equals(et.score(today, days))
