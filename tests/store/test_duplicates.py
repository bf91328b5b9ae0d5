"""Duplicates: one span told of by several sources counts once, whatever the order and the slices."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import polars as pl
import pytest

import erp_telemetry as et

from ..events import START, requests

SPAN = f"{7:032x}:{7:016x}"
OTHER = f"{8:032x}:{8:016x}"


def _told(*seconds: float, **more: Any) -> pl.DataFrame:
    return requests([{"id": SPAN, "time": START + timedelta(seconds=at), **more} for at in seconds])


def _kept(*parts: pl.DataFrame, table: str = "requests") -> list[float]:
    store = et.Store()
    for part in parts:
        et.pull(et.Frames(**{table: part}), store)
    rows = store.sql(f"select time from {table} order by time").rows()
    return [(moment - START).total_seconds() for (moment,) in rows]


@pytest.mark.parametrize("table", ["requests", "dependencies"])
@pytest.mark.parametrize(("apart", "kept"), [(0.0, 1), (0.000001, 1), (1.999999, 1), (2.0, 1), (2.000001, 2), (60, 2)])
def test_a_span_within_two_seconds_is_the_same(apart: float, kept: int, table: str) -> None:
    assert len(_kept(_told(0, apart), table=table)) == kept
    assert len(_kept(_told(0), _told(apart), table=table)) == kept
    assert len(_kept(_told(apart), _told(0), table=table)) == kept


def test_slices_and_order_do_not_matter() -> None:
    """Three tellings of one span and one far later, however they are cut, are two events."""
    for order in list(permutations((0.0, 0.7, 2.0, 30.0)))[::5]:
        assert len(_kept(_told(*order))) == 2
        assert len(_kept(_told(*order[:2]), _told(*order[2:]))) == 2
        assert len(_kept(*(_told(at) for at in order))) == 2


def test_a_longer_row_of_tellings_is_counted_from_its_first() -> None:
    assert _kept(_told(3.0, 0.0, 1.5)) == [0.0, 3.0] == _kept(_told(0.0), _told(1.5), _told(3.0))


@pytest.mark.parametrize("change", [{"service": "billing"}, {"id": OTHER}])
def test_another_service_or_span_is_another_event(change: dict[str, str]) -> None:
    assert len(_kept(_told(0), _told(1, **change))) == 2
    assert len(_kept(pl.concat([_told(0), _told(1, **change)]))) == 2


@pytest.mark.parametrize("identity", ["order-7", f"{7:032x}", f"{7:032x}:{7:x}", f"{7:032x}:{7:016x}0", f"x{SPAN}"])
def test_any_other_id_is_told_apart_by_its_time(identity: str) -> None:
    assert len(_kept(_told(0, 1, id=identity))) == 2
    assert len(_kept(_told(0, id=identity), _told(1, id=identity))) == 2
    assert len(_kept(_told(0, id=identity), _told(0, id=identity, duration_ms=2.0))) == 1


def test_logs_of_one_span_are_all_kept() -> None:
    logs = pl.DataFrame({"time": [START, START + timedelta(seconds=1)], "level": ["error"] * 2, "id": [SPAN] * 2})
    assert len(_kept(logs, table="logs")) == 2


def test_what_was_dropped_is_counted_and_in_no_rollup() -> None:
    store = et.Store()
    et.pull(et.Frames(requests=_told(0, weight=4.0)), store)
    receipt = et.pull(et.Frames(requests=_told(0.5, 1.0, weight=4.0)), store)
    assert (receipt.duplicates, sum(receipt.rows.values())) == (2, 0)
    assert store.sql("select sum(count) from request_minutes").rows() == [(4.0,)]
