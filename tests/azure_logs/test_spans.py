"""Spans: halves tile, names are read back, and what is held is known moment by moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import erp_telemetry as et
from erp_telemetry.sources.azure_failures import _retry_after
from erp_telemetry.sources.azure_plans import pack
from erp_telemetry.sources.azure_spans import ORIGIN, Entry, Held, Span, entry, slice_name

from .support import DAY, HOUR, MINUTE, MORNING, NOON

WORKSPACE = "00000000-0000-0000-0000-00000000000a"
TICK = timedelta(microseconds=1)
DAYS = timedelta(days=1)


def span(start: int, stop: int, after: int | None, before: int) -> Span:
    """Hours of the day, and of arrival."""
    return Span(DAY + start * HOUR, DAY + stop * HOUR, ORIGIN if after is None else DAY + after * HOUR,
                DAY + before * HOUR)


def test_a_name_is_read_back() -> None:
    told = Span(DAY + TICK, NOON, ORIGIN, NOON + HOUR)
    name = slice_name(WORKSPACE, "app_requests", told)
    assert "@" not in name
    assert entry(WORKSPACE, name, "n=7") == Entry("app_requests", told, 7)
    assert entry(WORKSPACE, name, "partial:3/7") == Entry("app_requests", told, 7, 4)
    assert entry("00000000-0000-0000-0000-00000000000b", name, "n=7") is None
    assert entry(WORKSPACE, "azure_files:exports/a.json", "0f") is None


def test_halves_go_down_to_a_tick_and_then_by_hash() -> None:
    one, parts = Span(DAY, DAY + DAYS, ORIGIN, NOON), []
    while halves := one.halves():
        parts.append(halves)
        assert (halves[0].start, halves[-1].stop) == (one.start, one.stop)
        one = halves[-1]
    assert one.stop - one.start == TICK and (one.parts, one.part) == (64, 63) and len(parts) < 50
    for left, right in parts:
        assert left.stop == right.start or (left.part + left.parts // 2 == right.part and left.parts == right.parts)


@given(st.lists(st.tuples(st.integers(0, 47), st.integers(0, 90), st.integers(0, 900)), max_size=30))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_packed_slices_tile_their_span_and_lose_no_row(bins: list[tuple[int, int, int]]) -> None:
    told = [(DAY + 15 * at * MINUTE, rows, size) for at, rows, size in {at: (at, *rest) for at, *rest in bins}.values()]
    whole = Span(DAY + 7 * MINUTE, NOON, ORIGIN, NOON)
    slices = list(pack(whole, told, 100, 1000))
    assert (slices[0][0].start, slices[-1][0].stop) == (whole.start, whole.stop)
    assert all(one[0].stop == other[0].start for one, other in pairwise(slices))
    assert sum(rows for _, rows, _ in slices) == sum(rows for _, rows, _ in told)
    assert all(rows <= 100 and size <= 1000 for _, rows, size in slices)


def test_what_is_held_are_steps() -> None:
    held = Held.of([span(0, 4, None, 10), span(2, 6, None, 12), span(0, 6, 10, 14)])
    assert [((start - DAY) // HOUR, (stop - DAY) // HOUR, (before - DAY) // HOUR) for start, stop, before in held.steps
            ] == [(0, 6, 14)]
    assert held.gaps(et.Window(DAY, DAY + 8 * HOUR), NOON) == [Span(DAY + 6 * HOUR, DAY + 8 * HOUR, ORIGIN, NOON)]


def test_an_arrival_that_does_not_join_on_tells_nothing() -> None:
    held = Held.of([span(0, 4, None, 10), span(0, 6, 10, 14), span(0, 4, 11, 15)])
    assert [(stop - start, before) for start, stop, before in held.steps] == [(4 * HOUR, DAY + 10 * HOUR)]


def test_what_is_final_is_not_open() -> None:
    held = Held.of([Span(DAY - 5 * DAYS, NOON, ORIGIN, NOON)])
    (again,) = held.open(NOON + HOUR, 3 * DAYS)
    assert again == Span(NOON - 3 * DAYS, NOON, NOON, NOON + HOUR)
    assert held.open(NOON, 3 * DAYS) == [] == held.open(NOON - HOUR, 3 * DAYS)
    assert held.gaps(MORNING, NOON) == []


@pytest.mark.parametrize(("text", "seconds"), [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), (None, None), ("soon", None)])
def test_retry_after_in_seconds(text: str | None, seconds: float | None) -> None:
    assert _retry_after(text) == seconds


def test_retry_after_as_a_date() -> None:
    later = datetime.now(UTC) + timedelta(seconds=90)
    told = _retry_after(f"{later:%a, %d %b %Y %H:%M:%S} GMT")
    assert told is not None and 85 < told <= 90
