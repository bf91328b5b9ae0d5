"""Frames of events that several tests pull."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

START = datetime(2026, 7, 1, tzinfo=UTC)


def requests(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Requests of orders, one a second from START unless a row says otherwise."""
    base = {"service": "orders", "operation": "GET /api/orders", "duration_ms": 10.0, "is_failed": False,
            "weight": 1.0, "status_code": None}
    filled = [{"time": START + timedelta(seconds=number), **base, **row} for number, row in enumerate(rows)]
    return pl.DataFrame(filled, schema_overrides={"status_code": pl.String, "is_failed": pl.Boolean,
                                                  "duration_ms": pl.Float64, "weight": pl.Float64})


def weighted() -> pl.DataFrame:
    """19 good rows of 10 ms that weigh 100, and one failed of 1000 ms that weighs 1."""
    return requests([{"weight": 100.0}] * 19 + [{"duration_ms": 1000.0, "is_failed": True}])


def incident(**fields: Any) -> dict[str, Any]:
    """An incident record; minutes given as numbers count from START."""
    moments = ("impact_start", "detected", "declared", "acknowledged", "mitigated", "impact_end", "resolved",
               "closed", "restored", "last_recoverable", "updated_at")
    record: dict[str, Any] = {"id": "INC-1", "title": "orders down", "impact": "outage", "services": ["orders"]}
    for name, value in fields.items():
        record[name] = START + timedelta(minutes=value) if name in moments and value is not None else value
    return record
