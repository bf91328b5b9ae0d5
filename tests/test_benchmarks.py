"""The benchmarks measure what they say: traffic is the same every time and in every form, results become a page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import erp_telemetry as et
from erp_telemetry.schema import TABLES

FOLDER = Path(__file__).parent.parent / "benchmarks"
ROWS = 1000
SOURCES: dict[str, Callable[[Path], et.Source]] = {
    "azure": et.AzureFiles, "otlp": et.OtlpFiles, "parquet": et.TableFiles,
    "clef": lambda path: et.SerilogFiles(path, weight="ItemCount"),
}


@pytest.fixture(autouse=True)
def _beside_the_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)


def made(form: str, rows: int, folder: Path) -> Path:
    from generator import Traffic, write_form

    path: Path = write_form(form, Traffic(ROWS, 2), rows, folder)
    return path


@pytest.mark.parametrize("form", ["azure", "otlp", "clef", "cri", "parquet"])
def test_traffic_is_the_same_every_time(form: str, tmp_path: Path) -> None:
    first, second = made(form, ROWS, tmp_path / "a"), made(form, ROWS, tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    part = made(form, 300, tmp_path / "a")
    if form not in ("otlp", "parquet"):  # seven spans share a line of OTLP, and Parquet is no text
        assert first.read_text().startswith(part.read_text())
    if form == "parquet":
        assert_frame_equal(pl.read_parquet(first).head(300), pl.read_parquet(part))


def test_traffic_is_that_of_an_erp(tmp_path: Path) -> None:
    found = pl.read_parquet(made("parquet", ROWS, tmp_path))
    assert set(found.columns) < set(TABLES["requests"].names)
    assert found["time"].is_sorted() and found.height == ROWS
    assert found["service"].n_unique() == 7
    assert set(found["weight"].unique()) == {1.0, 2.0, 5.0}
    assert found.select("trace_id", "span_id").unique().height == ROWS
    hours = found.group_by(pl.col("time").dt.hour()).len().sort("time")["len"]
    assert hours.max() > 5 * hours.min()  # the day is busier than the night
    assert found["duration_ms"].quantile(0.999) > 5 * found["duration_ms"].quantile(0.95)  # and the tail is heavy


def test_every_form_lands_as_the_same_kpis(tmp_path: Path) -> None:
    answers = {}
    for form, source in SOURCES.items():
        store = et.Store(tmp_path / f"{form}.duckdb")
        receipt = et.pull(source(made(form, ROWS, tmp_path)), store)
        assert receipt.rows["requests"] == ROWS and not receipt.rejects, form
        window = et.Window.parse("2026-06-01/2026-06-03")
        answers[form] = pl.concat([
            et.measure(store, name, window, every="6h").drop("coverage", "is_provisional")
            for name in ("request_rate", "error_ratio", "latency_p99")])
    assert answers["parquet"]["value"].drop_nulls().len() > 60
    for form, answer in answers.items():
        assert_frame_equal(answer, answers["parquet"], check_exact=False, rel_tol=1e-9)
        assert answer.height == answers["parquet"].height, form


def test_container_logs_are_read_whole(tmp_path: Path) -> None:
    folder = made("cri", ROWS, tmp_path).parents[2]
    store = et.Store(tmp_path / "logs.duckdb")
    assert et.pull(et.KubernetesFiles(folder), store).rows["logs"] == ROWS
    assert store.sql("select distinct instance from logs").item() == "orders-0"


SCRIPT = """
import time
from timing import Bench, Case, Goal, run

def slow(place):
    return lambda: time.sleep(0.2) or {"same": 7, "rows": place.rows(500)}

def quick(place):
    return lambda: {"same": SAME}

def cases(chosen):
    return [Case("race", "slow", slow), Case("race", "quick", quick), Case("race", "gone", quick, needs=("no_such",))]

def goals(found, chosen):
    return [Goal("slow against quick", found.ratio("race", "slow", "quick"), ">=", 2),
            Goal("slow against gone", found.ratio("race", "slow", "gone"), "<=", 2)]

run(Bench("race", "A race.", cases, goals), __file__)
"""


def raced(tmp_path: Path, same: int) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "bench_race.py"
    script.write_text(SCRIPT.replace("SAME", str(same)))
    return subprocess.run(
        [sys.executable, script, "--small", "--rounds", "2", "--data", tmp_path], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(FOLDER)})


def test_cases_run_in_turns_in_fresh_processes(tmp_path: Path) -> None:
    done = raced(tmp_path, 7)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "results" / "race.json").read_text())
    slow, quick, gone = result["rows"]
    assert slow["seconds"] >= 0.2 > quick["seconds"] and len(slow["runs"]) == 2
    assert slow["rows"] == 5 and slow["resident_mb"] > 1
    assert gone["skipped"] == "no_such is not installed"
    assert [goal["is_reached"] for goal in result["goals"]] == [True, None]
    assert result["machine"]["cores"] == os.cpu_count() and result["machine"]["packages"]["duckdb"]


def test_peers_that_do_not_agree_are_refused(tmp_path: Path) -> None:
    done = raced(tmp_path, 8)
    assert done.returncode == 1 and "do not agree: {'slow': 7, 'quick': 8}" in done.stderr


def result(**changes: Any) -> dict[str, Any]:
    return {
        "bench": "race", "about": "A race.", "command": "python benchmarks/bench_race.py --rounds 3", "is_small": False,
        "machine": {"date": "2026-11-24", "processor": "A processor", "cores": 2, "vector_instructions": ["avx2"],
                    "memory_gib": 23.4, "system": "Linux", "python": "3.11.2", "packages": {"duckdb": "2.0.0"}},
        "rows": [{"group": "race", "case": "ours", "seconds": 2.0, "runs": [2.0], "resident_mb": 123.4, "rows": 5000},
                 {"group": "race", "case": "peer", "seconds": 5.0, "runs": [5.0], "resident_mb": 99.0},
                 {"group": "race", "case": "gone", "skipped": "no_such is not installed"}],
        "goals": [goal("peer against ours", 2.5, ">=", 2.0, True), goal("ours against a scan", 8.0, "<=", 4.0, False),
                  goal("size", 3.0, "<=", None, None), goal("ours against gone", None, "<=", 2.0, None)], **changes}


def goal(claim: str, value: float | None, sign: str, bound: float | None, is_reached: bool | None) -> dict[str, Any]:
    return {"claim": claim, "value": value, "sign": sign, "bound": bound, "unit": "x", "is_reached": is_reached}


def test_results_become_a_page() -> None:
    from report import page

    lines = page([result()]).splitlines()
    assert "| peer against ours | 2.5 x | >= 2 x | reached |" in lines
    assert "| ours against a scan | 8 x | <= 4 x | **not reached** |" in lines
    assert "| size | 3 x | stated |  |" in lines
    assert "| ours against gone | – | <= 2 x | not measured |" in lines  # noqa: RUF001
    assert "| ours | 2.000 | 1.00 | 123 | rows 5,000 |" in lines
    assert "| peer | 5.000 | 2.50 | 99 |  |" in lines
    assert "| gone | | | | skipped: no_such is not installed |" in lines
    assert "`python benchmarks/bench_race.py --rounds 3` on 2026-11-24." in lines
    assert "- A processor, 2 cores, vector instructions: avx2" in lines
    assert "no measurement" in page([result(is_small=True)])


def test_the_picture_shows_how_far_from_its_target_each_figure_is(tmp_path: Path) -> None:
    from report import marks, picture

    shown = marks([result()])
    assert [(mark["claim"], mark["better"], mark["state"]) for mark in shown] == [
        ("peer against ours", 1.25, "reached"), ("ours against a scan", 0.5, "not reached")]
    picture(shown).save(tmp_path / "results.svg")
    drawn = (tmp_path / "results.svg").read_text()
    assert "2.5 x (wanted &gt;= 2 x)" in drawn and "not reached" in drawn
