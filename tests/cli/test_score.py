"""score: rows for machines, a gate for pipelines, a trend for people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import erp_telemetry as et
from erp_telemetry.cli.trends import stepped, trends
from tests.cli.support import WINDOW, call


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


def test_a_kpi_with_a_measure_has_a_trend_and_another_has_none(small_store: et.Store) -> None:
    shown = call("score", "--store", small_store.path, "--window", WINDOW).stdout.splitlines()
    row = next(line for line in shown if line.startswith("error_ratio") and "whole system" in line)
    # four steps of 5 minutes; only the last has a failed request
    assert "▁▁▁█" in row
    assert not any(bar in next(line for line in shown if line.startswith("uptime")) for bar in "▁█")


def test_a_trend_is_the_measure_of_each_step(small_store: et.Store) -> None:
    window = et.Window.parse(WINDOW)
    found = trends(small_store, window, None, [None, "<b>orders</b>"], bars=16)
    own = et.measure(small_store, "error_ratio", window, "5m")["value"].to_list()
    assert found["error_ratio", "<b>orders</b>"] == own == [0.0, 0.0, 0.0, pytest.approx(1 / 401)]
    assert ("uptime", None) not in found
    # nothing tells of CPU here: a gap, not a zero
    assert found["cpu_band", None] == [None] * 4


@pytest.mark.parametrize(("text", "bars", "span", "every"), [
    ("2026-03-01T00:01:00Z/2026-03-08T00:01:00Z", 16, "2026-03-01T00:00:00Z/2026-03-08T00:05:00Z", "635m"),
    ("2026-03-01T00:00:00Z/2026-03-01T01:20:00Z", 16, "2026-03-01T00:00:00Z/2026-03-01T01:20:00Z", "5m"),
    ("2026-03-01T00:04:00Z/2026-03-01T00:06:00Z", 8, "2026-03-01T00:00:00Z/2026-03-01T00:10:00Z", "5m"),
])
def test_a_trend_is_cut_where_percentiles_can_answer(text: str, bars: int, span: str, every: str) -> None:
    window, step = stepped(et.Window.parse(text), bars)
    assert (str(window), step) == (span, every)
    assert len(window.steps(step)) - 1 <= bars
