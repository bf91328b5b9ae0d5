"""Held states: the laws that hold whatever the values are."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erp_telemetry.objectives import Band
from erp_telemetry.states.held import hold
from tests.states.bands import MINUTE, Value, bands, beside, held, held_slowly, values

CPU = Band("cpu_band", "cpu_ratio", 0.30, 0.90)
HITS = Band("cache_hit_band", "cache_hit_ratio", 0.80, 0.50)


@settings(deadline=None)
@given(values, bands, st.sampled_from([MINUTE, timedelta(seconds=90), timedelta(hours=1)]))
def test_it_is_the_rule_followed_step_by_step(seen: list[Value], band: Band, width: timedelta) -> None:
    assert hold(beside(seen, band, width=width))["held_state"].to_list() == held_slowly(seen, band, width)


@settings(deadline=None)
@given(values, bands)
def test_without_hysteresis_and_durations_it_is_what_the_value_says(seen: list[Value], band: Band) -> None:
    bare = dataclasses.replace(band, hysteresis=0.0, for_seconds=0.0, recover_seconds=0.0)
    assert held(seen, bare) == [bare.state(value) for value in seen]


@settings(deadline=None)
@given(values, bands)
def test_negating_values_and_bounds_changes_nothing(seen: list[Value], band: Band) -> None:
    mirrored = dataclasses.replace(band, normal=-band.normal, critical=-band.critical)
    assert held([None if value is None else -value for value in seen], mirrored) == held(seen, band)


@settings(deadline=None)
@given(values, bands, st.integers(0, 40))
def test_later_values_never_change_earlier_states(seen: list[Value], band: Band, cut: int) -> None:
    whole = hold(beside(seen, band)).select("held_state", "since")
    assert hold(beside(seen[:cut], band)).select("held_state", "since").equals(whole.head(cut))


@settings(deadline=None)
@given(values, bands, st.integers(0, 40))
def test_since_is_where_the_run_of_the_state_begins(seen: list[Value], band: Band, at: int) -> None:
    found = hold(beside(seen, band)).select("time", "held_state", "since").rows()
    began = None
    for place, (time, word, since) in enumerate(found):
        began = time if place == 0 or found[place - 1][1] != word else began
        assert since == began


@settings(deadline=None)
@given(values, bands)
def test_unknown_steps_neither_raise_nor_clear(seen: list[Value], band: Band) -> None:
    known = [value for value in seen if value is not None and value == value]
    shown = [word for value, word in zip(seen, held(seen, band), strict=True) if value is not None and value == value]
    assert shown == held(known, band)


@settings(deadline=None)
@given(values, bands)
def test_nothing_seen_is_never_well_once_it_lasts(seen: list[Value], band: Band) -> None:
    steps = int(band.recover_seconds // 60)
    found = held([*seen, *[None] * (steps + 5)], band)
    assert found[len(seen) + steps:] == ["unknown"] * 5


@settings(deadline=None)
@given(st.lists(values, min_size=2, max_size=4), bands, bands)
def test_each_service_and_band_is_held_by_itself(many: list[list[Value]], one: Band, other: Band) -> None:
    parts = [beside(seen, dataclasses.replace(band, name=name), service)
             for service, seen in enumerate_names(many) for name, band in (("a", one), ("b", other))]
    together = hold(pl.concat(parts))
    assert together.equals(pl.concat([hold(part) for part in parts]))


def enumerate_names(many: list[list[Value]]) -> list[tuple[str, list[Value]]]:
    return [(f"s{number}", seen) for number, seen in enumerate(many)]


@settings(deadline=None)
@given(st.floats(0.01, 0.5), st.data())
def test_flapping_within_the_margin_is_one_run(hysteresis: float, data: st.DataObject) -> None:
    band = dataclasses.replace(CPU, hysteresis=hysteresis)
    inside = st.floats(max(0.30, 0.90 * (1 - hysteresis) * 1.0001), 1.5)
    found = held([0.95, *data.draw(st.lists(inside, max_size=30)), 0.1], band)
    assert found == ["critical"] * (len(found) - 1) + ["normal"]


@pytest.mark.parametrize(("band", "flapping"), [(CPU, (0.91, 0.89)), (HITS, (0.49, 0.51))])
def test_a_margin_ends_flapping_in_both_directions(band: Band, flapping: tuple[float, float]) -> None:
    seen = list(flapping) * 5
    assert held(seen, band) == ["critical", "warning"] * 5
    assert held(seen, dataclasses.replace(band, hysteresis=0.05)) == ["critical"] * 10


@pytest.mark.parametrize(("band", "values", "words"), [
    (CPU, [0.2999, 0.30, 0.30001, 0.90, 0.90001], ["normal", "warning", "warning", "warning", "critical"]),
    (HITS, [0.8001, 0.80, 0.79999, 0.50, 0.49999], ["normal", "warning", "warning", "warning", "critical"]),
])
def test_a_bound_itself_is_warning_in_both_directions(band: Band, values: list[float], words: list[str]) -> None:
    assert held(values, band) == words


@pytest.mark.parametrize(("band", "bad", "at_margins"), [
    # the margin's end is read like the bound: of critical it is warning, of normal it is not yet normal
    (Band("b", "m", 4.0, 8.0, hysteresis=0.25), 9.0, [6.0, 3.0, 2.9]),
    (Band("b", "m", 8.0, 4.0, hysteresis=0.25), 3.0, [5.0, 10.0, 10.1]),
    (Band("b", "m", -4.0, 4.0, hysteresis=0.25), 5.0, [3.0, -5.0, -5.1]),
])
def test_the_end_of_a_margin_is_read_like_the_bound(band: Band, bad: float, at_margins: list[float]) -> None:
    assert held([bad, *at_margins], band) == ["critical", "warning", "warning", "normal"]


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(0, 12))
def test_a_worse_state_is_entered_once_it_lasted(minutes: int, lasts: int) -> None:
    band = dataclasses.replace(CPU, for_seconds=60.0 * minutes)
    found = held([0.1, *[0.95] * lasts, 0.1], band)
    bad = max(0, lasts - minutes + 1)
    assert found == ["normal"] * (1 + lasts - bad) + ["critical"] * bad + ["normal"]


def test_each_bound_waits_for_itself() -> None:
    band = dataclasses.replace(CPU, for_seconds=180.0)
    assert held([0.1, 0.5, 0.95, 0.95, 0.95, 0.95], band) == [
        "normal", "normal", "normal", "warning", "critical", "critical"]


@settings(deadline=None)
@given(st.integers(0, 12), st.integers(0, 12))
def test_a_better_state_is_believed_once_it_lasted(minutes: int, lasts: int) -> None:
    band = dataclasses.replace(CPU, recover_seconds=60.0 * minutes)
    found = held([0.95, *[0.1] * lasts, 0.95], band)
    well = lasts - minutes + 1 if minutes else lasts
    assert found.count("normal") == max(0, well)
    assert set(found) <= {"critical", "normal"}


def test_bursts_are_one_run_where_recovery_takes_longer_than_the_pause() -> None:
    band = dataclasses.replace(CPU, recover_seconds=180.0)
    assert held([0.95, 0.1, 0.1] * 4, band) == ["critical"] * 12
    assert held([0.95, 0.1, 0.1, 0.1], band)[-1] == "normal"


def test_a_hole_is_not_recovery() -> None:
    seen = [0.95, None, None, None, 0.89]
    margin = dataclasses.replace(CPU, hysteresis=0.05)
    assert held(seen, margin) == ["critical", "unknown", "unknown", "unknown", "critical"]
    kept = dataclasses.replace(margin, recover_seconds=120.0)
    assert held(seen, kept) == ["critical", "critical", "critical", "unknown", "critical"]


def test_a_state_that_has_not_lasted_is_unknown_where_nothing_was_before() -> None:
    band = dataclasses.replace(CPU, for_seconds=180.0)
    assert held([0.95, 0.95, 0.95], band) == ["unknown", "unknown", "critical"]
    assert held([0.95, 0.95, 0.1], band) == ["unknown", "unknown", "normal"]


def test_an_empty_frame_holds_nothing() -> None:
    found = hold(beside([], CPU))
    assert found.height == 0 and found.columns[-2:] == ["held_state", "since"]
    assert found.schema["since"] == pl.Datetime("us", "UTC") and found.schema["held_state"] == pl.String
