"""demo: the samples from end to end."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

import erp_telemetry as et
from tests.cli.support import call


def test_demo_twice_is_the_same_page_and_names_what_it_leaves_out(tmp_path: Path) -> None:
    for later in ("history", "serilog", "simulator", "tables"):
        (tmp_path / "samples" / later).mkdir(parents=True)
    (tmp_path / "samples" / "history" / "hourly.bin").write_bytes(b"\x00\x01")
    (tmp_path / "samples" / "simulator" / "run.py").write_text("import this\n", encoding="utf-8")
    lines = [f"2026-03-01T{hour:02}:00:00Z,orders,12.5,false,1" for hour in range(24)]
    (tmp_path / "samples" / "tables" / "requests.csv").write_text(
        "\n".join(["time,service,duration_ms,is_failed,weight", *lines, "soon,orders,1,false,1"]), encoding="utf-8")
    (tmp_path / "samples" / "tables" / "notes.txt").write_text("hello", encoding="utf-8")
    asked = ("demo", "--out", tmp_path / "out", "--samples", tmp_path / "samples")
    first = call(*asked)
    assert first.exit_code == 0, first.stderr
    page = (tmp_path / "out" / "review.html").read_bytes()
    assert "24 requests" in first.stdout and "requests.csv:26" in first.stdout
    assert "1 file as canonical requests, CSV\nfolders that no source reads yet: history, serilog\n" in first.stdout
    assert "notes.txt" in first.stderr and "run.py" not in first.output
    again = call(*asked)
    assert again.stdout == first.stdout
    assert (tmp_path / "out" / "review.html").read_bytes() == page


def test_demo_reads_every_sample_that_a_source_reads(samples: Path, tmp_path: Path) -> None:
    done = call("demo", "--out", tmp_path / "out", "--samples", samples)
    assert done.exit_code == 0, done.stderr
    for name in ("azure_files", "kubernetes_files", "otlp_files", "serilog_files", "table_files"):
        assert f"{name}: " in done.stdout
    assert "folders that no source reads yet: history\n" in done.stdout
    shown = done.stdout.partition("\nIncidents\n")[2].partition("\n\n")[0] or done.stdout.split("Incidents")[-1]
    assert shown.count("2026-0") >= 6 and "still open" in shown
    assert done.stdout.splitlines()[-1].endswith("review.html")


def test_demo_without_samples_is_refused(tmp_path: Path) -> None:
    done = call("demo", "--out", tmp_path / "out", "--samples", tmp_path)
    assert done.exit_code == 1 and "--samples" in done.stderr
    assert not (tmp_path / "out").exists()


def test_demo_over_the_network_pulls_what_a_stand_in_for_azure_holds(
    samples: Path, tmp_path: Path, sample_store: et.Store
) -> None:
    pytest.importorskip("duckdb_kql", reason="the extra testing is not installed")
    done = call("demo", "--azure", "--out", tmp_path / "out", "--samples", samples)
    assert done.exit_code == 0, done.stderr
    truth = json.loads((samples / "truth.json").read_text(encoding="utf-8"))
    kept = ", ".join(f"{truth['rows'][table]['azure']:,} {table}"
                     for table in ("dependencies", "logs", "probes", "requests"))
    again = truth["duplicates"]["azure/diagnostics/AppRequests.jsonl.gz"]
    assert f"azure_logs: {kept}; " in done.stdout and f"; {again} duplicates; " in done.stdout
    [bad] = [one for one in truth["malformed"] if one["file"].startswith("azure/")]
    assert done.stdout.startswith("left out of the workspace: ")
    assert f"{bad['file']}:{bad['line']}: no record" in done.stdout
    assert "queries in KQL" in done.stdout
    assert "beside it, as a ticket tool exports them: alerts, changes, incidents, inventory, recoveries" in done.stdout
    assert "no incident is on record" not in done.stdout and "still open" in done.stdout
    assert re.search(r"\nmttr +whole system +(met|missed|insufficient) ", done.stdout)
    assert "error_ratio" in done.stdout and (tmp_path / "out" / "review.html").is_file()
    # what a workspace has of a service scores as the files of all sources do; what other systems tell it cannot
    window = et.Window.parse("2026-06-22/2026-07-06")
    kpis = ["mttr", "mttd", "rto", "rpo", "error_ratio", "latency_p99", "latency_band", "error_band"]
    own = pl.col("kpi").is_in(kpis) & pl.col("service").is_in(["api-gateway", "auth", "orders"])
    one, other = (et.score(store, window).filter(own).select("kpi", "service", "value", "target", "n")
                  for store in (et.Store(tmp_path / "out" / "erp.duckdb"), sample_store))
    assert one.height == 24 and one.equals(other)
    again = call("demo", "--azure", "--out", tmp_path / "again", "--samples", tmp_path)
    assert again.exit_code == 1 and "--samples" in again.stderr and not (tmp_path / "again").exists()
