"""A query gives what happened and arrived within its bounds, half open; its parts are the whole, each row once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl

from tests.azure.answers import START, STOP, Record, answer

TICK = timedelta(microseconds=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def traces(*moments: datetime, arrived: datetime | None = None) -> list[Record]:
    return [{"TimeGenerated": moment.isoformat(), "Message": str(number), "_IngestionTime": arrived}
            for number, moment in enumerate(moments)]


def test_what_happened_is_half_open() -> None:
    found = answer("app_traces", traces(START - TICK, START, STOP - TICK, STOP))
    assert sorted(found["message"]) == ["1", "2"]


def test_what_arrived_is_half_open_and_else_goes_by_when_it_happened() -> None:
    arrivals = [NOON - TICK, NOON, NOON + timedelta(hours=1) - TICK, NOON + timedelta(hours=1), None]
    records = [{**one, "_IngestionTime": moment}
               for one, moment in zip(traces(*[NOON] * 5), arrivals, strict=True)]
    hour = {"ingested_after": NOON, "ingested_before": NOON + timedelta(hours=1)}
    assert sorted(answer("app_traces", records, **hour)["message"]) == ["1", "2", "4"]


def test_parts_are_the_whole_and_each_row_is_in_one() -> None:
    records = traces(*[NOON] * 40)
    parts = [answer("app_traces", records, parts=4, part=part) for part in range(4)]
    assert all(0 < part.height < 40 for part in parts)
    assert sorted(pl.concat(parts)["message"]) == sorted(str(number) for number in range(40))


def test_a_count_and_slices_speak_of_the_same_rows() -> None:
    quarter = timedelta(minutes=15)
    records = traces(NOON, NOON + quarter - TICK, NOON + quarter, STOP)
    assert answer("app_traces", records, ending="azure/count").rows() == [(3,)]
    found = answer("app_traces", records, ending="azure/slices").sort("time")
    assert found.select("time", "n").rows() == [(NOON, 2), (NOON + quarter, 1)]
    assert (found["bytes"] > 0).all()
    scanned = answer("app_traces", records, ending="azure/scan")
    assert scanned["total"].item() == 3
    assert [(datetime.fromisoformat(one["time"]), one["n"], one["bytes"]) for one in sorted(
        json.loads(scanned["bins"].item()), key=lambda one: one["time"])] == found.rows()
    # a query that filters is counted as it answers
    events = [{"TimeGenerated": NOON.isoformat(), "Reason": reason} for reason in ("ScalingReplicaSet", "Killing")]
    assert answer("kube_events_changes", events, ending="azure/count").rows() == [(1,)]
