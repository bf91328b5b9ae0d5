"""health: what is held, since when, and when it was not normal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import erp_telemetry as et
from tests.cli.support import call

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def flapping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """orders fails every second minute of an hour, sales never; <b>x</b> is seen once."""
    rows = [(service, START + timedelta(minutes=minute, seconds=at), service == "orders" and minute % 2 == 1)
            for service in ("orders", "sales") for minute in range(60) for at in range(30)]
    rows.append(("[b]x[/]", START, False))
    requests = pl.DataFrame(rows, schema=["service", "time", "is_failed"], orient="row").with_columns(
        pl.lit(10.0).alias("duration_ms"), pl.lit(1.0).alias("weight"))
    path = tmp_path_factory.mktemp("health") / "erp.duckdb"
    et.pull(et.Frames(requests=requests), et.Store(path))
    return path


def asked(store: Path, *more: object) -> tuple[object, ...]:
    return ("health", "--store", store, "--last", "1h", "--every", "1m", *more)


def lines(shown: str, service: str, band: str) -> list[str]:
    """The line of what is held, then those of the episodes."""
    return [line for line in shown.splitlines() if line.split()[:2] == [service, band]]


def test_json_is_every_step_and_with_episodes_every_run(flapping: Path) -> None:
    rows = json.loads(call(*asked(flapping, "--json")).stdout)
    assert list(rows[0]) == et.health(et.Store(flapping), et.Window(START, START + timedelta(hours=1))).columns
    orders = [row["held_state"] for row in rows if (row["service"], row["kpi"]) == ("orders", "error_band")]
    assert orders == ["normal", "critical"] * 30
    runs = json.loads(call(*asked(flapping, "--json", "--episodes", "--service", "sales")).stdout)
    assert [(run["service"], run["kpi"], run["state"], run["duration_s"]) for run in runs] == [
        ("sales", "error_band", "normal", 3600), ("sales", "latency_band", "normal", 3600)]


def test_a_file_of_objectives_says_what_is_held(flapping: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text("[services.orders.bands.error_band]\nrecover_for = '2m'\n", encoding="utf-8")
    shown = call(*asked(flapping, "--objectives", mine)).stdout
    now, run = lines(shown, "orders", "error")
    assert now.split()[2:6] == ["critical", "2026-03-01", "00:01", "100"]
    assert run.split()[2:] == ["critical", "2026-03-01", "00:01", "59", "m", "100", "%", "may", "still", "change"]


def test_the_screen_shows_the_worst_of_each_bar_and_untrusted_text_as_text(flapping: Path) -> None:
    shown = call(*asked(flapping)).stdout
    (now, *_) = lines(shown, "orders", "error")
    assert "▁███████████████▁███████████████    50 %" in now
    assert "▁" * 32 in lines(shown, "sales", "error")[0]
    assert "[b]x[/]" in shown and "10 less bad or shorter ones are left out: --episodes lists all" in shown


def test_where_all_was_well_it_says_so(flapping: Path) -> None:
    assert "no band was in warning or critical" in call(*asked(flapping, "--service", "sales")).stdout


@pytest.mark.parametrize("suffix", [".html", ".svg", ".png", ".json", ".SVG"])
def test_the_timeline_is_drawn_beside_what_is_said(suffix: str, flapping: Path, tmp_path: Path) -> None:
    path = tmp_path / f"health{suffix}"
    done = call(*asked(flapping, "--json", "--chart", path))
    assert done.exit_code == 0 and json.loads(done.stdout) and f"drew {path}" in done.stderr
    begins = {".html": b"<!DOCTYPE html>", ".svg": b"<svg", ".png": b"\x89PNG", ".json": b"{"}[suffix.lower()]
    assert path.read_bytes().lstrip().startswith(begins)
    assert b'src="http' not in path.read_bytes()


def test_a_service_that_is_not_there_is_answered_with_those_that_are(flapping: Path) -> None:
    done = call(*asked(flapping, "--service", "ordres"))
    assert done.exit_code == 1 and "'ordres'" in done.stderr and "orders, sales" in done.stderr
