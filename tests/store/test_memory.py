"""A file larger than the memory the engine may use lands whole, and a line too long for it is set aside."""

import json
from pathlib import Path

import pytest

import erp_telemetry as et
from erp_telemetry import catalog
from erp_telemetry.sources.files import LONGEST_LINE
from erp_telemetry.store import engines

RECORD = ('{"time":"2026-07-01T%02d:%02d:%02d.0000000Z","Type":"AppRequests","AppRoleName":"orders",'
          '"OperationId":"%032x","Id":"%016x",'
          '"Name":"GET /api/orders","ResultCode":"200","Success":true,"DurationMs":12.5,"ItemCount":1,'
          '"Properties":{"padding":"%s"}}\n')


def write(path: Path, count: int, padding: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        for n in range(count):
            file.write(RECORD % (n // 3600 % 24, n // 60 % 60, n % 60, n, n, padding))


def test_a_file_larger_than_memory_lands(tmp_path: Path) -> None:
    path = tmp_path / "AppRequests.jsonl"
    write(path, 260_000, "x" * 1700)
    assert path.stat().st_size > 500 * 10**6
    store = et.Store(tmp_path / "s.duckdb", memory_limit="400MB")
    receipt = et.pull(et.AzureFiles(path), store)
    assert (receipt.rows, receipt.is_complete) == ({"requests": 260_000}, True)
    assert store.sql("select sum(raw_count) as n from request_minutes").item() == 260_000


def test_a_line_too_long_is_set_aside_and_the_rest_kept(tmp_path: Path) -> None:
    path = tmp_path / "AppRequests.jsonl"
    write(path, 3, "x")
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"Type": "AppRequests", "Properties": "y" * LONGEST_LINE}) + "\n")
    receipt = et.pull(et.AzureFiles(path), et.Store())
    assert receipt.rows == {"requests": 3}
    assert [(reject.line, reject.reason) for reject in receipt.rejects] == [(4, "longer than 32 MiB")]


@pytest.mark.parametrize("name", ["azure_staged", "otlp_spans", "otlp_metrics", "otlp_logs"])
def test_the_queries_read_lines_as_long(name: str) -> None:
    assert f"maximum_object_size = {LONGEST_LINE}" in catalog.query(f"files/{name}").text


def test_what_does_not_fit_into_little_memory_lands_with_all_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "AppRequests.jsonl"
    write(path, 20_000, "x" * 100)
    monkeypatch.setattr(engines, "SPARING", "1MB")
    store = et.Store(tmp_path / "s.duckdb")
    assert et.pull(et.AzureFiles(path), store).rows == {"requests": 20_000}
    # where the user says how little, there is no more
    with pytest.raises(et.StoreError, match="does not fit"):
        et.pull(et.AzureFiles(path), et.Store(tmp_path / "small.duckdb", memory_limit="1MB"))


def test_a_pull_gives_back_the_limit_it_kept_to(tmp_path: Path) -> None:
    limit = "select current_setting('memory_limit')"
    stores = {"file": et.Store(tmp_path / "a.duckdb"), "memory": et.Store(),
              "told": et.Store(tmp_path / "b.duckdb", memory_limit="1GB")}
    for name, kept in stores.items():
        with kept.writing() as connection:
            before = connection.execute(limit).fetchone()
            with engines.sparing(connection):
                within = connection.execute(limit).fetchone()
            assert connection.execute(limit).fetchone() == before
            assert (within != before) is (name == "file")
