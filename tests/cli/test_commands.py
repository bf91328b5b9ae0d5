"""The shell: exit codes, one line for a refusal, clean JSON, text that cannot act."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import erp_telemetry as et
from erp_telemetry.cli import app, screens

WINDOW = "2026-03-01T00:00:00Z/2026-03-01T00:20:00Z"


def call(*arguments: object) -> Result:
    screens.screen.width = 200
    return CliRunner().invoke(app, [str(part) for part in arguments])


def test_version() -> None:
    assert call("--version").stdout.strip() == f"erp-telemetry {et.__version__}"


@pytest.mark.parametrize("command", ["score", "status", "verify"])
def test_a_missing_store_is_one_line_and_exit_1(command: str, tmp_path: Path) -> None:
    done = call(command, "--store", tmp_path / "none.duckdb")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and "does not exist" in done.stderr
    assert not (tmp_path / "none.duckdb").exists()


@pytest.mark.parametrize("command", ["score", "status"])
def test_an_empty_store_is_refused(command: str, tmp_path: Path) -> None:
    et.Store(tmp_path / "empty.duckdb")
    done = call(command, "--store", tmp_path / "empty.duckdb")
    assert done.exit_code == 1 and "is empty" in done.stderr


def test_score_as_json_is_rows_and_nothing_else(small_store: et.Store) -> None:
    rows = json.loads(call("score", "--store", small_store.path, "--window", WINDOW, "--json").stdout)
    whole = next(row for row in rows if row["kpi"] == "error_ratio" and row["service"] is None)
    assert whole["n"] == 1901 and whole["value"] == pytest.approx(1 / 1901)


def test_a_missed_gate_exits_2(small_store: et.Store, tmp_path: Path) -> None:
    wanted = tmp_path / "strict.toml"
    wanted.write_text('[targets]\nlatency_p99 = "1ms"\n', encoding="utf-8")
    asked = ("score", "--store", small_store.path, "--window", WINDOW, "--objectives", wanted)
    states = {row["state"] for row in json.loads(call(*asked, "--json").stdout)}
    done = call(*asked, "--fail-on", "missed", "--fail-on", "insufficient")
    assert states & {"missed", "insufficient"}
    assert done.exit_code == 2 and "gate missed" in done.stderr
    assert call(*asked).exit_code == 0


def test_measure_without_a_name_lists_all_with_unit_and_sentence() -> None:
    rows = json.loads(call("measure", "--json").stdout)
    assert [row["measure"] for row in rows] == list(et.catalog.names("measures"))
    assert all(row["unit"] and row["answers"].endswith(".") for row in rows)
    assert "error_ratio" in call("measure").stdout


def test_measure_as_json_has_iso_times(small_store: et.Store) -> None:
    done = call("measure", "request_rate", "--store", small_store.path, "--every", "5m", "--window", WINDOW, "--json")
    rows = json.loads(done.stdout)
    assert [row["time"] for row in rows][:2] == ["2026-03-01T00:00:00+00:00", "2026-03-01T00:05:00+00:00"]


@pytest.mark.parametrize("asked", [
    ("measure", "error_ratio", "--every", "7q"), ("score", "--last", "soon"), ("score", "--window", "yesterday"),
    ("score", "--last", "1d", "--window", "2026-03-01/2026-03-02"), ("measure", "error_ratio", "--where", "orders"),
])
def test_a_wrong_call_exits_2_and_says_what_to_write(asked: tuple[str, ...], small_store: et.Store) -> None:
    done = call(*asked, "--store", small_store.path)
    assert done.exit_code == 2
    assert "Traceback" not in done.stderr and "Invalid value" in done.stderr


def test_an_unknown_measure_names_the_nearest(small_store: et.Store) -> None:
    done = call("measure", "latency_p98", "--store", small_store.path)
    assert done.exit_code == 1 and "latency_p99" in done.stderr


def test_status_shows_untrusted_text_as_text(small_store: et.Store) -> None:
    done = call("status", "--store", small_store.path)
    assert done.exit_code == 0
    assert "[red]" in done.stdout and "\x1b" not in done.stdout
    assert "still open" in done.stdout and "All services healthy? yes" not in done.stdout


def test_verify_counts_the_entries(small_store: et.Store) -> None:
    rows = json.loads(call("verify", "--store", small_store.path, "--json").stdout)
    assert rows[0]["entries"] == small_store.ledger().height


def test_pull_recognises_names_the_unknown_and_repeats_to_nothing(tmp_path: Path) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "requests.csv").write_text(
        "time,service,duration_ms,is_failed,weight\n2026-03-01T00:00:00Z,orders,12.5,false,1\n", encoding="utf-8")
    (exports / "notes.txt").write_text("hello", encoding="utf-8")
    store = tmp_path / "erp.duckdb"
    first = call("pull", exports, "--store", store)
    assert first.exit_code == 0, first.stderr
    assert "1 requests" in first.stdout and "notes.txt" in first.stderr
    again = json.loads(call("pull", exports, "--store", store, "--json").stdout)
    assert again[0]["rows"] == {} and again[0]["skipped"] == 1


def test_pull_of_nothing_is_refused(tmp_path: Path) -> None:
    done = call("pull", tmp_path / "none", "--store", tmp_path / "erp.duckdb")
    assert done.exit_code == 1 and "nothing to read" in done.stderr
    assert not (tmp_path / "erp.duckdb").exists()


def test_demo_twice_is_the_same_page_and_names_what_it_leaves_out(tmp_path: Path) -> None:
    for later in ("serilog", "kubernetes", "simulator", "tables"):
        (tmp_path / "samples" / later).mkdir(parents=True)
    lines = [f"2026-03-01T{hour:02}:00:00Z,orders,12.5,false,1" for hour in range(24)]
    (tmp_path / "samples" / "tables" / "requests.csv").write_text(
        "\n".join(["time,service,duration_ms,is_failed,weight", *lines, "soon,orders,1,false,1"]), encoding="utf-8")
    asked = ("demo", "--out", tmp_path / "out", "--samples", tmp_path / "samples")
    first = call(*asked)
    assert first.exit_code == 0, first.stderr
    page = (tmp_path / "out" / "scorecard.html").read_bytes()
    assert "24 requests" in first.stdout and "requests.csv:26" in first.stdout
    assert "kept for later sources: kubernetes, serilog\n" in first.stdout
    again = call(*asked)
    assert again.stdout == first.stdout
    assert (tmp_path / "out" / "scorecard.html").read_bytes() == page


def test_demo_without_samples_is_refused(tmp_path: Path) -> None:
    done = call("demo", "--out", tmp_path / "out", "--samples", tmp_path)
    assert done.exit_code == 1 and "--samples" in done.stderr
