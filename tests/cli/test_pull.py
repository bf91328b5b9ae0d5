"""pull: files into the store, and word of what became of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import erp_telemetry as et
from erp_telemetry.cli import completions
from erp_telemetry.sources.recognition import READERS
from tests.cli.conftest import EMAIL
from tests.cli.support import call

HEADER = "time,service,duration_ms,is_failed,weight\n"
ROW = "2026-03-01T00:00:00Z,orders,12.5,false,1\n"
PODS = {"apiVersion": "v1", "kind": "List", "items": [
    {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "orders-0", "namespace": "erp"},
     "spec": {"containers": [{"name": "orders", "resources": {"limits": {"cpu": "500m"}}}]},
     "status": {"phase": "Running", "containerStatuses": [{"name": "orders", "restartCount": 1, "ready": True}]}}]}


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    for day in range(3):
        (folder / f"requests-{day}.csv").write_text(HEADER + ROW.replace("-01T", f"-0{day + 1}T"), encoding="utf-8")
    (folder / "notes.txt").write_text("hello", encoding="utf-8")
    for number in range(5):
        (folder / f"tool{number}.py").write_text("import this\n", encoding="utf-8")
    return folder


def test_pull_says_what_it_took_files_for_and_repeats_to_nothing(exports: Path, tmp_path: Path) -> None:
    store = tmp_path / "erp.duckdb"
    first = call("pull", exports, "--store", store)
    assert first.exit_code == 0, first.stderr
    assert first.stdout.splitlines()[0] == "3 files as canonical requests, CSV"
    assert "3 requests" in first.stdout
    (again,) = json.loads(call("pull", exports, "--store", store, "--json").stdout)
    assert again["rows"] == {} and again["skipped"] == 3 and again["is_complete"]
    assert again["taken"] == {"canonical requests, CSV": 3}


def test_what_nothing_reads_is_named_and_many_alike_are_one_line(exports: Path, tmp_path: Path) -> None:
    said = call("pull", exports, "--store", tmp_path / "erp.duckdb").stderr.splitlines()
    assert len(said) == 2
    assert said[0].startswith(f"not read {exports.as_posix()}/notes.txt: no source knows this format")
    assert said[1] == "not read 5 .py files: no source knows this format; --verbose names them"


def test_verbose_names_each_file(exports: Path, tmp_path: Path) -> None:
    done = call("pull", exports, "--store", tmp_path / "erp.duckdb", "--verbose")
    assert f"{exports.as_posix()}/requests-2.csv: canonical requests, CSV" in done.stdout
    assert len(done.stderr.splitlines()) == 6 and "tool4.py" in done.stderr


def test_pull_of_nothing_is_refused(tmp_path: Path) -> None:
    done = call("pull", tmp_path / "none", "--store", tmp_path / "erp.duckdb")
    assert done.exit_code == 1 and "nothing to read" in done.stderr
    assert not (tmp_path / "erp.duckdb").exists()


def test_the_names_for_source_are_those_of_the_readers() -> None:
    assert [f"{name}_files" for name in sorted(completions.sources())] == sorted(one.name for one in READERS)


@pytest.mark.parametrize("name", ["table", "tables", "TABLE", "table_files", "table-files"])
def test_source_reads_all_of_it_as_this(name: str, exports: Path, tmp_path: Path) -> None:
    done = call("pull", exports / "requests-0.csv", "--store", tmp_path / "erp.duckdb", "--source", name)
    assert done.exit_code == 0 and done.stdout.splitlines()[0] == "1 file as table, as told"


def test_a_source_that_cannot_read_a_file_refuses_it(exports: Path, tmp_path: Path) -> None:
    done = call("pull", exports / "requests-0.csv", "--store", tmp_path / "erp.duckdb", "--source", "otlp")
    assert done.exit_code == 1


@pytest.mark.parametrize(("more", "said"), [
    (("--source", "tabel"), "table_files"), (("--naive", "Nowhere"), "IANA"), (("--population", "none"), "population"),
    (("--at", "yesterday"), "yesterday"),
])
def test_a_wrong_option_is_a_wrong_call(more: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "pods.json").write_text(json.dumps(PODS), encoding="utf-8")
    (tmp_path / "k6.csv").write_text(
        "metric_name,timestamp,metric_value,check,error,error_code,expected_response,group,method,name,proto,scenario,"
        "service,status,subproto,tls_version,url,extra_tags,metadata\n"
        "http_req_duration,1772323200,12.5,,,,true,,GET,http://x/,HTTP/1.1,default,,200,,,http://x/,,\n",
        encoding="utf-8")
    done = call("pull", tmp_path, "--store", tmp_path / "erp.duckdb", *more)
    assert done.exit_code == 2 and said in done.stderr.splitlines()[-1] and "Invalid value" in done.stderr
    assert not (tmp_path / "erp.duckdb").exists()


def test_naive_times_are_read_in_their_zone(tmp_path: Path) -> None:
    (tmp_path / "requests.csv").write_text(HEADER + ROW.replace("Z,", ","), encoding="utf-8")
    store = tmp_path / "erp.duckdb"
    refused = call("pull", tmp_path / "requests.csv", "--store", store)
    assert "set aside" in refused.output
    call("pull", tmp_path / "requests.csv", "--store", tmp_path / "zoned.duckdb", "--naive", "Europe/Amsterdam")
    moment = et.Store(tmp_path / "zoned.duckdb").sql("select time from requests")["time"][0]
    assert moment.isoformat() == "2026-02-28T23:00:00+00:00"


def test_a_snapshot_is_of_the_moment_that_is_given(tmp_path: Path) -> None:
    (tmp_path / "pods.json").write_text(json.dumps(PODS), encoding="utf-8")
    store = tmp_path / "erp.duckdb"
    assert call("pull", tmp_path / "pods.json", "--store", store).exit_code == 1
    done = call("pull", tmp_path / "pods.json", "--store", store, "--at", "2026-03-01T12:00:00Z", "--service", "mine")
    assert done.exit_code == 0, done.output
    rows = et.Store(store).sql("select distinct time, service from inventory")
    assert [(row[0].isoformat(), row[1]) for row in rows.iter_rows()] == [("2026-03-01T12:00:00+00:00", "mine")]


def test_no_secret_of_a_broken_line_reaches_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "requests.csv").write_text(f"{HEADER}{ROW}{EMAIL},orders,1,false,1\n", encoding="utf-8")
    done = call("pull", tmp_path / "requests.csv", "--store", tmp_path / "erp.duckdb")
    assert "set aside" in done.stdout and EMAIL not in done.output


def test_a_source_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text('{"resourceSpans": [', encoding="utf-8")
    (tmp_path / "a.clef").write_text('{"@t":"2026-07-01T10:00:00Z","@mt":"x"}\n' * 3, encoding="utf-8")
    done = call("pull", tmp_path, "--store", tmp_path / "s.duckdb")
    assert done.exit_code == 1 and "b.json" in done.output
    assert et.Store(tmp_path / "s.duckdb").sql("select count(*) from logs").item() == 3
