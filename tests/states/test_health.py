"""Health over time: the state of a step is the band's, and few observations are told from proof."""

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import erp_telemetry as et
from erp_telemetry.objectives import Band, Objectives
from erp_telemetry.schema import HEALTH
from erp_telemetry.states import _state, health
from tests.events import START, requests

HOUR = et.Window(START, START + timedelta(hours=1))
BOUND = st.floats(0, 100, allow_nan=False)


@given(st.one_of(st.none(), st.floats(-1, 200), st.just(float("nan"))), BOUND, BOUND)
def test_a_column_has_the_state_that_the_band_gives(value: float | None, normal: float, critical: float) -> None:
    if normal == critical:
        return
    frame = pl.DataFrame({"value": [value], "normal": [normal], "critical": [critical]},
                         schema=dict.fromkeys(("value", "normal", "critical"), pl.Float64))
    found = frame.select(_state(pl.col("value")).alias("state"))
    assert found["state"][0] == Band("b", "m", normal, critical).state(value)


@pytest.fixture(scope="module")
def store() -> et.Store:
    """orders: 1 failure of 20 in the first 5 minutes, 60 of 200 in the second; nothing after that is known."""
    few = [{"time": START + timedelta(seconds=at), "is_failed": at == 0} for at in range(20)]
    many = [{"time": START + timedelta(minutes=5, seconds=at), "is_failed": at < 60} for at in range(200)]
    held = et.Store()
    et.pull(et.Frames(requests=requests(few + many)), held)
    return held


def test_every_step_has_a_state_and_silence_is_unknown(store: et.Store) -> None:
    found = health(store, HOUR, "5m").filter(pl.col("kpi") == "error_band")
    assert found.columns == [column.name for column in HEALTH]
    assert found["state"].to_list() == ["critical", "critical", *["unknown"] * 10]
    assert found["is_certain"].to_list()[:2] == [False, True]
    assert found["service"].unique().to_list() == ["orders"]


def test_a_service_has_the_bounds_made_for_it(store: et.Store) -> None:
    base = Objectives.load()
    own = Objectives(base.targets, base.bands, base.recovery, base.thresholds, base.client_errors, base.down_impacts,
                     {"orders": {"bands": {"error_band": {"normal": 0.2, "critical": 0.5}}}})
    found = health(store, HOUR, "5m", objectives=own).filter(pl.col("kpi") == "error_band")
    assert found["state"].to_list()[:2] == ["normal", "warning"]


def test_an_empty_store_has_no_state() -> None:
    assert health(et.Store(), HOUR, "5m").height == 0


def test_a_timeline_can_be_drawn(store: et.Store) -> None:
    drawn = et.chart(health(store, HOUR, "5m")).to_dict()
    (rows,) = drawn["datasets"].values()
    assert {row["state"] for row in rows} >= {"critical", "unknown"}
