from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import erp_telemetry as et

EMAIL, PASSWORD = "jo.doe@example.com", "Summer26!x"


@pytest.fixture
def telling_store(tmp_path: Path) -> et.Store:
    """Ten log events of orders and two incidents, one of them over, with secrets in what people wrote."""
    start = datetime(2026, 3, 1, tzinfo=UTC)
    logs = pl.DataFrame({
        "time": [start + timedelta(minutes=minute) for minute in range(10)],
        "service": ["orders"] * 10,
        "level": ["error"] * 2 + ["information"] * 8,
        "message": [f"Login of {EMAIL} refused", f"Server=db;User Id=sa;Password={PASSWORD};"] + ["Order created"] * 8,
        "template": ["Login of {User} refused", None] + ["Order created"] * 8,
        "weight": [1.0] * 10,
    })
    incidents = pl.DataFrame({
        "id": ["INC-1", "INC-2"], "title": [f"Mail to {EMAIL} bounces", "Disk full"],
        "impact": ["degraded", "outage"], "services": [["orders"], ["orders"]],
        "impact_start": [start, start], "detected": [start + timedelta(minutes=2)] * 2,
        "impact_end": [None, start + timedelta(minutes=7)], "updated_at": [start + timedelta(minutes=9)] * 2,
    })
    store = et.Store(tmp_path / "telling.duckdb")
    et.pull(et.Frames(logs=logs, incidents=incidents), store)
    return store
