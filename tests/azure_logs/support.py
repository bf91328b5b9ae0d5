"""Requests as Log Analytics has them, a source that asks the loopback, and what the store should hold."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import erp_telemetry as et

if TYPE_CHECKING:
    from erp_telemetry.testing import LoopbackAzure

DAY = datetime(2026, 3, 10, tzinfo=UTC)
NOON = DAY + timedelta(hours=12)
MORNING = et.Window(DAY, NOON)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def requests(moments: Iterable[datetime], arrivals: Iterable[datetime | None] | None = None, first: int = 0,
             ) -> pl.DataFrame:
    """AppRequests at these moments, each with a span id of its own; arrived at once where nothing else is said."""
    times = list(moments)
    numbers = range(first, first + len(times))
    return pl.DataFrame({
        "TimeGenerated": times,
        "AppRoleName": [("orders", "billing")[number % 2] for number in numbers],
        "Name": ["GET /orders"] * len(times),
        "OperationId": [f"{number + 1:032x}" for number in numbers],
        "Id": [f"{number + 1:016x}" for number in numbers],
        "DurationMs": [float(number % 97) for number in numbers],
        "Success": [number % 10 != 0 for number in numbers],
        "ResultCode": ["200"] * len(times),
        "ItemCount": [1 + number % 3 for number in numbers],
        "_IngestionTime": times if arrivals is None else list(arrivals),
    }, schema_overrides={"TimeGenerated": pl.Datetime("us", "UTC"), "_IngestionTime": pl.Datetime("us", "UTC"),
                         "ItemCount": pl.Int32})


def every(step: timedelta, start: datetime = DAY, stop: datetime = NOON) -> list[datetime]:
    """Moments of ``[start, stop)``, a step apart."""
    return [start + step * number for number in range(-(-(stop - start) // step))]


def limits(**changed: Any) -> et.AzureLimits:
    """The service's limits, without long pauses."""
    return et.AzureLimits(**{"pause_seconds": 0.002, "longest_pause_seconds": 0.05, "tries": 4, **changed})


def source(azure: LoopbackAzure, *tables: str, **changed: Any) -> et.AzureLogs:
    """AppRequests, or other tables, of the loopback."""
    told = {"credential": azure.credential, "endpoint": azure.endpoint, "connection_verify": azure.certificate,
            "limits": limits(), "tables": tables or ("AppRequests",)}
    return et.AzureLogs(azure.workspace, **told | changed)


def spans(store: et.Store) -> list[str]:
    """Span ids of the requests in a store, each as often as it is there."""
    return [name for (name,) in store.sql("select span_id from requests order by span_id").iter_rows()]


def wanted(frame: pl.DataFrame, window: et.Window = MORNING, before: datetime | None = None) -> list[str]:
    """Span ids of a window, of what arrived before a moment."""
    found = frame.filter(pl.col("TimeGenerated").is_between(window.start, window.stop, closed="left"))
    if before is not None:
        found = found.filter(pl.coalesce("_IngestionTime", "TimeGenerated") < before)
    return sorted(found["Id"])


def data_asked(azure: LoopbackAzure) -> int:
    """How many downloads the loopback was asked for."""
    return sum(one.kind == "data" and "print" not in one.query for one in azure.asked)


def refusal(asked: et.AzureLogs, kind: type[et.SourceError] = et.SourceUnreachable) -> str:
    with pytest.raises(et.SourceError) as caught:
        et.pull(asked, et.Store(), MORNING)
    assert type(caught.value) is kind
    line = str(caught.value)
    assert "\n" not in line and len(line) < 400
    return line


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
