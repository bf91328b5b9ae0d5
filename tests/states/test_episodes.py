"""Episodes: runs of held states, with what they rest on."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings

from erp_telemetry.errors import FrameError
from erp_telemetry.objectives import Band, Objectives
from erp_telemetry.schema import EPISODES
from erp_telemetry.states.episodes import episodes
from erp_telemetry.states.held import hold
from tests.states.bands import MINUTE, START, Value, bands, beside, values

HANDBOOK = Objectives.load()
CPU = Band("cpu_band", "cpu_ratio", 0.30, 0.90)
HITS = Band("cache_hit_band", "cache_hit_ratio", 0.80, 0.50)


def health_of(seen: list[Value], band: Band) -> pl.DataFrame:
    """A frame as ``health`` gives it, of values of one band."""
    return hold(beside(seen, band)).with_columns(
        pl.Series("state", [band.state(value) for value in seen], pl.String), pl.lit(True).alias("is_certain"),
        pl.lit(1.0).alias("coverage"), pl.lit(False).alias("is_provisional"), pl.lit(band.version).alias("version"))


@settings(deadline=None)
@given(values, bands)
def test_episodes_tile_the_time_and_two_in_a_row_differ(seen: list[Value], band: Band) -> None:
    named = dataclasses.replace(HANDBOOK, bands=(band,))
    frame = health_of(seen, band)
    found = episodes(frame, objectives=named)
    assert found.columns == [column.name for column in EPISODES]
    assert found["duration_s"].sum() == 60 * len(seen)
    rows = found.rows(named=True)
    for one, other in itertools.pairwise(rows):
        assert one["stop"] == other["start"] and one["state"] != other["state"]
    for row in rows:
        within = frame.filter(pl.col("time").is_between(row["start"], row["stop"], closed="left"))
        assert within["held_state"].unique().to_list() == [row["state"]]
        assert within["since"].unique().to_list() == [row["start"]]


@pytest.mark.parametrize(("band", "seen", "peaks"), [
    (CPU, [0.95, 0.99, None, 0.1, 0.2], [0.99, None, 0.2]),
    (HITS, [0.4, 0.2, float("nan"), 0.9, 0.85], [0.2, None, 0.85]),
])
def test_the_peak_is_the_value_on_the_side_that_is_worse(
    band: Band, seen: list[Value], peaks: list[float | None]
) -> None:
    found = episodes(health_of(seen, band))
    assert found["peak"].to_list() == peaks
    assert found["state"].to_list() == ["critical", "unknown", "normal"]


def test_an_episode_is_certain_by_a_step_that_is_surely_as_bad() -> None:
    band = dataclasses.replace(CPU, recover_seconds=120.0)
    frame = health_of([0.95, None, 0.1, 0.95], band)
    unsure = frame.with_columns(pl.Series("is_certain", [False, True, True, False]))
    assert episodes(frame)["is_certain"].to_list() == [True]
    assert episodes(unsure)["state"].to_list() == ["critical"]
    assert episodes(unsure)["is_certain"].to_list() == [False]


def test_an_episode_knows_that_it_began_before_the_frame() -> None:
    frame = health_of([0.1, 0.95, 0.95, 0.95], CPU).slice(2)
    (row,) = episodes(frame).rows(named=True)
    assert (row["start"], row["stop"], row["duration_s"]) == (START + MINUTE, START + timedelta(minutes=4), 180)


def test_it_may_still_change_where_its_last_step_may() -> None:
    frame = health_of([0.95, 0.95, 0.1], CPU).with_columns(pl.Series("is_provisional", [False, True, True]))
    assert episodes(frame)["is_provisional"].to_list() == [True, True]


def test_other_frames_and_other_objectives_are_refused() -> None:
    with pytest.raises(FrameError, match="held_state"):
        episodes(health_of([0.1], CPU).drop("held_state"))
    with pytest.raises(FrameError, match="no band mine in these objectives"):
        episodes(health_of([0.1], dataclasses.replace(CPU, name="mine")))


def test_no_health_has_no_episodes() -> None:
    found = episodes(health_of([], CPU))
    assert found.height == 0 and found.columns == [column.name for column in EPISODES]
