"""status: are all services healthy?"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

import erp_telemetry as et
from tests.cli.support import call


def test_status_shows_untrusted_text_as_text(small_store: et.Store) -> None:
    done = call("status", "--store", small_store.path)
    assert done.exit_code == 0
    assert "[red]" in done.stdout and "\x1b" not in done.stdout
    assert "still open" in done.stdout and "All services healthy? yes" not in done.stdout


def test_status_says_of_each_band_how_it_went_and_who_is_not_normal(sample_store: et.Store) -> None:
    done = call("status", "--store", sample_store.path)
    bands = {line.split()[0]: line for line in done.stdout.splitlines() if line[:1].islower()}
    assert "▁" in bands["error"] or "█" in bands["error"]
    assert "trend, 1 h 20 m" in done.stdout
    rows = json.loads(call("status", "--store", sample_store.path, "--json").stdout)
    for row in rows:
        if row["service"] is not None and row["state"] != "normal":
            assert row["service"] in bands[row["kpi"].removesuffix("_band")]


def test_old_telemetry_no_longer_speaks_of_now(small_store: et.Store) -> None:
    assert "not known now; as of 2026-03-01" in call("status", "--store", small_store.path).stdout


def test_an_incident_told_after_the_telemetry_ended_is_on_the_screens(tmp_path: Path) -> None:
    """In a total outage the telemetry stops first and the page comes later."""
    start = datetime(2026, 3, 1, tzinfo=UTC)
    rows = pl.DataFrame({"time": [start], "service": ["orders"], "duration_ms": [1.0]})
    late = pl.DataFrame({"id": ["INC-9"], "title": ["All down"], "impact": ["outage"], "services": [["orders"]],
                         "impact_start": [start + timedelta(hours=2)], "updated_at": [start + timedelta(hours=2)]})
    store = et.Store(tmp_path / "s.duckdb")
    et.pull(et.Frames(requests=rows, incidents=late), store)
    for command in (("status",), ("incidents", "--open")):
        assert "All down" in call(*command, "--store", store.path).output
