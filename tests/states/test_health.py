"""Health over time: the state of a step is the band's, and few observations are told from proof."""

import dataclasses
from datetime import timedelta
from tempfile import NamedTemporaryFile

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import erp_telemetry as et
from erp_telemetry.objectives import Band, Objectives
from erp_telemetry.schema import HEALTH
from erp_telemetry.states import _led, _state, health
from erp_telemetry.states.episodes import episodes
from tests.events import START, requests

HOUR = et.Window(START, START + timedelta(hours=1))
BOUND = st.floats(0, 100, allow_nan=False)


@settings(deadline=None)
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


def own(store_wide: str, **services: str) -> Objectives:
    """The handbook's objectives with more about the band of errors, for all or for one service."""
    lines = [f"[bands.error_band]\n{store_wide}\n",
             *(f"[services.{name}.bands.error_band]\n{text}\n" for name, text in services.items())]
    with NamedTemporaryFile("w", suffix=".toml") as file:
        file.write("".join(lines))
        file.flush()
        return Objectives.load(file.name)


@pytest.fixture(scope="module")
def flapping() -> et.Store:
    """orders and sales: every second minute of an hour half of ten requests fail; minutes 40 to 49 are silent."""
    rows = [{"service": service, "time": START + timedelta(minutes=minute, seconds=at),
             "is_failed": minute % 2 == 1 and at < 5}
            for service in ("orders", "sales") for minute in range(60) if not 40 <= minute < 50 for at in range(10)]
    made = et.Store()
    et.pull(et.Frames(requests=requests(rows)), made)
    return made


def errors(store: et.Store, objectives: Objectives, service: str = "orders", window: et.Window = HOUR) -> pl.DataFrame:
    return health(store, window, "1m", objectives=objectives).filter(
        pl.col("kpi") == "error_band", pl.col("service") == service)


def test_by_default_nothing_is_held_back(store: et.Store, flapping: et.Store) -> None:
    for frame in (health(store, HOUR, "5m"), health(flapping, HOUR, "1m")):
        assert frame["held_state"].equals(frame["state"])


def test_steps_end_where_the_next_begins_and_the_last_with_the_window(store: et.Store) -> None:
    found = health(store, et.Window(START, START + timedelta(minutes=50)), "20m").filter(pl.col("kpi") == "error_band")
    assert found["stop"].to_list() == [START + timedelta(minutes=minute) for minute in (20, 40, 50)]


def test_a_flapping_minute_is_one_run_and_silence_ends_what_is_held(flapping: et.Store) -> None:
    found = errors(flapping, own('recover_for = "3m"'))
    assert found["state"].to_list()[:4] == ["normal", "critical", "normal", "critical"]
    assert found["held_state"].to_list() == ["normal", *["critical"] * 42, *["unknown"] * 7, *["critical"] * 10]
    assert found["since"].to_list()[30] == START + timedelta(minutes=1)
    runs = episodes(found)
    assert runs.select("state", "duration_s", "peak").rows() == [
        ("normal", 60, 0.0), ("critical", 42 * 60, 0.5), ("unknown", 7 * 60, None), ("critical", 600, 0.5)]


def test_what_one_service_says_of_its_own_changes_that_service_alone(flapping: et.Store) -> None:
    base, changed = own(""), own("", orders='for = "2m"')
    before, after = (health(flapping, HOUR, "1m", objectives=one) for one in (base, changed))
    differs = before.with_columns(after["held_state"].alias("after")).filter(pl.col("held_state") != pl.col("after"))
    assert differs["service"].unique().to_list() == ["orders"] and differs["kpi"].unique().to_list() == ["error_band"]
    assert "critical" not in errors(flapping, changed)["held_state"]
    versions = {(row["service"], row["kpi"]): row["version"] for row in after.iter_rows(named=True)}
    for (service, kpi), version in versions.items():
        assert version == next(band.version for band in changed.bands_of(service) if band.name == kpi)
    assert versions["orders", "error_band"] != versions["sales", "error_band"]


def test_a_state_does_not_hang_on_where_the_window_begins(flapping: et.Store) -> None:
    wanted = own('for = "1m"\nrecover_for = "3m"')
    late = et.Window(START + timedelta(minutes=20), START + timedelta(minutes=30))
    within = errors(flapping, wanted).filter(pl.col("time").is_between(late.start, late.stop, closed="left"))
    found = errors(flapping, wanted, window=late)
    assert found["held_state"].to_list() == within["held_state"].to_list() == ["critical"] * 10
    # the minute alone was normal; it began before the window, and no further back than was looked
    assert found["state"][0] == "normal" and found["since"][0] == late.start - timedelta(minutes=3)


def test_a_window_of_days_begins_no_earlier_than_it_can(flapping: et.Store) -> None:
    noon = et.Window(START + timedelta(hours=12), START + timedelta(days=3))
    assert _led(noon, "1d", own('for = "2d"')) == noon
    midnight = et.Window(START, START + timedelta(days=3))
    assert _led(midnight, "1d", own('for = "2d"')).start == START - timedelta(days=1)
    assert _led(midnight, "1d", own('for = "1d"')) == midnight
    assert _led(HOUR, "5m", own('for = "7m"\nrecover_for = "9m"', orders='for = "1h"')).start == (
        START - timedelta(minutes=65))


def test_where_the_minutes_before_are_pruned_history_begins_with_the_window(flapping: et.Store) -> None:
    later = [{"time": START + timedelta(days=2, minutes=minute), "is_failed": True} for minute in range(10)]
    pruned = et.Store()
    et.pull(et.Frames(requests=requests([{"time": START}, *later])), pruned)
    pruned.prune(raw_days=1)
    asked = et.Window(START + timedelta(days=2), START + timedelta(days=2, minutes=10))
    wanted = Objectives.load()
    wanted = dataclasses.replace(wanted, bands=tuple(
        dataclasses.replace(band, for_seconds=3 * 86_400.0) for band in wanted.bands))
    with pytest.raises(et.QueryError, match="pruned"):
        et.measure(pruned, "latency_p95", et.Window(START, asked.stop), "2m")
    found = health(pruned, asked, "2m", objectives=wanted)
    for kpi in ("error_band", "latency_band"):
        times = found.filter(pl.col("kpi") == kpi)["time"].to_list()
        assert times == [asked.start + timedelta(minutes=minute) for minute in range(0, 10, 2)]
    with pytest.raises(et.QueryError):
        health(pruned, asked, "30s", objectives=wanted)


def test_an_empty_store_has_no_state() -> None:
    assert health(et.Store(), HOUR, "5m").height == 0
