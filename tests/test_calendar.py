"""Calendar steps: local days of 23 to 25 hours, weeks and months, in zones of any offset, against plain counting."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

import erp_telemetry as et

WITHIN = 2 ** (1 / 64) - 1 + 1e-9


def events(start: datetime, stop: datetime, count: int = 4000) -> pl.DataFrame:
    """Requests of two services at any moment of a span; one in ten failed, durations of a heavy tail."""
    rng = np.random.default_rng(int(start.timestamp()))
    moments = rng.integers(int(start.timestamp()) * 10**6, int(stop.timestamp()) * 10**6, count)
    return pl.DataFrame({
        "id": [str(number) for number in range(count)],
        "time": pl.Series(moments).cast(pl.Datetime("us", "UTC")), "service": rng.choice(["a", "b"], count).tolist(),
        "operation": ["GET /"] * count, "status_code": ["200"] * count, "is_failed": rng.random(count) < 0.1,
        "duration_ms": np.round(rng.lognormal(4, 1.5, count), 3), "weight": rng.integers(1, 9, count).astype(float),
    }).with_columns(status_code=pl.when("is_failed").then(pl.lit("500")).otherwise("status_code"))


def held(frame: pl.DataFrame) -> et.Store:
    store = et.Store()
    et.pull(et.Frames(requests=frame), store)
    return store


def percentile(durations: list[float], weights: list[float], q: float) -> float:
    ordered = sorted(zip(durations, weights, strict=True))
    upto = 0.0
    for duration, weight in ordered:
        upto += weight
        if upto >= (q - 1e-12) * math.fsum(weights):
            return duration
    raise AssertionError("unreachable: the last row is beyond every share")


def by_local_step(frame: pl.DataFrame, window: et.Window, every: str, zone: str) -> pl.DataFrame:
    """What Polars counts by local date, with the real seconds of each step, clipped to the window."""
    inside = frame.filter(pl.col("time").is_between(window.start, window.stop, closed="left"))
    local = pl.col("time").dt.convert_time_zone(zone).dt.truncate(every)
    return inside.with_columns(local.alias("local")).group_by("service", "local").agg(
        pl.col("weight").sum().alias("count"), pl.col("weight").filter("is_failed").sum().alias("failed"),
        "duration_ms", pl.col("weight").alias("weights"),
    ).with_columns(
        start=pl.max_horizontal(pl.col("local").dt.convert_time_zone("UTC"), pl.lit(window.start)),
        stop=pl.min_horizontal(
            pl.col("local").dt.offset_by(every).dt.convert_time_zone("UTC"), pl.lit(window.stop)),
    ).with_columns(seconds=(pl.col("stop") - pl.col("start")).dt.total_seconds()).sort("service", "start")


def check(store: et.Store, frame: pl.DataFrame, window: et.Window, every: str, zone: str) -> pl.DataFrame:
    wanted = by_local_step(frame, window, every, zone)
    rate, errors, p95 = (et.measure(store, name, window, every, zone=zone)
                         for name in ("request_rate", "error_ratio", "latency_p95"))
    for readings in (rate, errors, p95):
        assert readings["time"].to_list() == wanted["start"].to_list()
        assert readings["service"].to_list() == wanted["service"].to_list()
        assert readings["count"].to_list() == wanted["count"].to_list()
    assert rate["value"].to_list() == (wanted["count"] / wanted["seconds"]).to_list()
    assert errors["value"].to_list() == (wanted["failed"] / wanted["count"]).to_list()
    for found, row in zip(p95["value"], wanted.iter_rows(named=True), strict=True):
        exact = percentile(row["duration_ms"], row["weights"], 0.95)
        assert abs(found - exact) <= WITHIN * exact
    coverage = rate["coverage"].to_list()
    assert all(share is not None and 0 < share <= 1 for share in coverage)
    return wanted.filter(pl.col("service") == "a")


def local(zone: str, *parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone)).astimezone(UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(("first", "hours"), [((2026, 3, 28), [24, 23, 24]), ((2026, 10, 24), [24, 25, 24])])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Europe/Amsterdam"])
def test_days_of_23_and_25_hours(zone: str, first: tuple[int, int, int], hours: list[int]) -> None:
    window = et.Window(local(zone, *first), local(zone, first[0], first[1], first[2] + 3))
    frame = events(window.start - timedelta(hours=5), window.stop + timedelta(hours=5), 3000)
    steps = check(held(frame), frame, window, "1d", zone)
    assert (steps["seconds"] / 3600).to_list() == hours


def test_the_rate_of_a_short_day_is_by_its_real_seconds() -> None:
    """One request a second, all day: the rate is 1 on a day of 23 hours, too."""
    day = et.Window(local("Europe/Berlin", 2026, 3, 29), local("Europe/Berlin", 2026, 3, 30))
    times = pl.datetime_range(day.start, day.stop, "10s", closed="left", time_zone="UTC", eager=True)
    frame = pl.DataFrame({"time": times, "service": ["a"] * len(times), "operation": ["GET /"] * len(times),
                          "duration_ms": [1.0] * len(times), "weight": [10.0] * len(times)})
    readings = et.measure(held(frame), "request_rate", day, "1d", zone="Europe/Berlin")
    assert readings.select("value", "count", "coverage").rows() == [(1.0, 82_800.0, 1.0)]


@pytest.mark.parametrize(("zone", "offset"), [("Asia/Kolkata", 330), ("Asia/Kathmandu", 345)])
def test_days_that_do_not_begin_on_a_whole_hour_of_utc(zone: str, offset: int) -> None:
    window = et.Window(local(zone, 2026, 6, 10), local(zone, 2026, 6, 14))
    frame = events(window.start - timedelta(hours=9), window.stop + timedelta(hours=9))
    steps = check(held(frame), frame, window, "1d", zone)
    assert [(at.hour * 60 + at.minute + offset) % 1440 for at in steps["start"]] == [0] * 4


@pytest.mark.parametrize("every", ["1w", "1mo"])
@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "Asia/Kolkata"])
def test_weeks_begin_on_monday_and_months_on_their_first_at_local_midnight(every: str, zone: str) -> None:
    window = et.Window(local(zone, 2026, 3, 1), local(zone, 2026, 5, 1))
    frame = events(window.start - timedelta(days=3), window.stop + timedelta(days=3))
    steps = check(held(frame), frame, window, every, zone)
    days = [at.astimezone(ZoneInfo(zone)) for at in steps["start"]]
    assert {(at.hour, at.minute) for at in days} == {(0, 0)}
    if every == "1mo":
        assert [(at.month, at.day) for at in days] == [(3, 1), (4, 1)]
        summer = 1 if zone == "Europe/Amsterdam" else 0
        assert (steps["seconds"] / 3600).to_list() == [31 * 24 - summer, 30 * 24]
    else:
        assert {at.weekday() for at in days[1:]} == {0}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu", "UTC", "America/St_Johns"])
@pytest.mark.parametrize("every", ["1d", "1w"])
def test_the_first_and_the_last_step_are_clipped_to_a_window_that_starts_mid_hour(zone: str, every: str) -> None:
    window = et.Window(datetime(2026, 3, 26, 11, 25, tzinfo=UTC), datetime(2026, 4, 7, 16, 40, tzinfo=UTC))
    frame = events(window.start - timedelta(days=1), window.stop + timedelta(days=1))
    steps = check(held(frame), frame, window, every, zone)
    assert (steps["start"][0], steps["stop"][-1]) == (window.start, window.stop)
    assert steps["seconds"].sum() == window.duration.total_seconds()


def test_the_whole_system_and_operations_by_local_day() -> None:
    zone = "Europe/Berlin"
    window = et.Window(local(zone, 2026, 10, 24), local(zone, 2026, 10, 27))
    frame = events(window.start, window.stop)
    store = held(frame)
    whole = by_local_step(frame.with_columns(service=pl.lit("all")), window, "1d", zone)
    for by in ((), ("operation",)):
        rate = et.measure(store, "request_rate", window, "1d", by=by, zone=zone)
        assert rate["value"].to_list() == (whole["count"] / whole["seconds"]).to_list()
    exact = et.measure(store, "latency_p99", window, "1d", by=("operation",), zone=zone)["value"].to_list()
    assert exact == [percentile(row["duration_ms"], row["weights"], 0.99) for row in whole.iter_rows(named=True)]


def test_what_lies_before_the_kept_5_minutes_is_answered_by_whole_hours_only() -> None:
    """After 35 days a day of Berlin is still known, one of Kolkata is cut by hours: refused, with what to ask."""
    start = datetime(2026, 3, 20, tzinfo=UTC)
    frame = events(start, start + timedelta(days=60), 6000)
    store = held(frame)
    pruned = store.prune(raw_days=10)
    assert pruned.sketch_rows > 0
    berlin = et.Window(local("Europe/Berlin", 2026, 3, 28), local("Europe/Berlin", 2026, 3, 31))
    steps = check(store, frame, berlin, "1d", "Europe/Berlin")
    assert (steps["seconds"] / 3600).to_list() == [24, 23, 24]
    for zone in ("Asia/Kolkata", "Asia/Kathmandu"):
        early = et.Window(local(zone, 2026, 3, 28), local(zone, 2026, 3, 31))
        with pytest.raises(et.QueryError, match=r"before 2026-04-1\d \d\d:00 UTC is kept by the hour: ask for 1h, 2h"):
            et.measure(store, "latency_p95", early, "1d", zone=zone)
        # counters are kept by the minute: they are known for ever
        wanted = by_local_step(frame, early, "1d", zone)
        rate = et.measure(store, "request_rate", early, "1d", zone=zone)
        assert rate["count"].to_list() == wanted["count"].to_list()
        late = et.Window(local(zone, 2026, 5, 12), local(zone, 2026, 5, 15))
        check(store, frame, late, "1d", zone)


@pytest.mark.parametrize("zone", ["Africa/Cairo", "America/Havana", "America/Santiago", "Asia/Beirut",
                                  "Australia/Lord_Howe", "Pacific/Chatham"])
def test_a_day_begins_where_the_local_date_changes_even_where_midnight_is_skipped_or_comes_twice(zone: str) -> None:
    here = ZoneInfo(zone)
    window = et.Window(datetime(2025, 1, 1, 9, 5, tzinfo=UTC), datetime(2025, 12, 30, 17, 10, tzinfo=UTC))
    edges = window.steps("1d", zone)
    dates = [(edge.astimezone(here).date(), (edge - timedelta(microseconds=1)).astimezone(here).date())
             for edge in edges[1:-1]]
    assert all(after == before + timedelta(days=1) for after, before in dates)
    assert len(edges) - 1 == (window.stop.astimezone(here).date() - window.start.astimezone(here).date()).days + 1
    frame = events(window.start, window.stop, 500)
    found = et.measure(held(frame), "request_rate", window, "1d", by=(), zone=zone)
    weights = frame.group_by(pl.col("time").dt.convert_time_zone(zone).dt.date()).agg(pl.col("weight").sum())
    assert found.filter(pl.col("count") > 0)["count"].to_list() == weights.sort("time")["weight"].to_list()
