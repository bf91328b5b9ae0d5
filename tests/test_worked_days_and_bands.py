"""Worked numbers of the sheet of KPIs on calendar time and health bands; each test names what it shows."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

import erp_telemetry as et

from .events import START, requests
from .test_worked_numbers import HOUR, kpi, pulled, repeated

# calendar time


def allowed(start: str, stop: str, zone: str, target: float) -> float:
    """Minutes that a target leaves of a calendar span of a zone."""
    here = ZoneInfo(zone)
    window = et.Window(*(datetime.fromisoformat(day).replace(tzinfo=here) for day in (start, stop)))
    return (1 - target) * window.duration / timedelta(minutes=1)


@pytest.mark.parametrize(("start", "stop", "zone", "target", "minutes"), [
    ("2026-03-01", "2026-04-01", "Europe/Berlin", 0.999, 44.58),
    ("2026-10-01", "2026-11-01", "Europe/Berlin", 0.999, 44.70),
    ("2026-07-01", "2026-08-01", "Europe/Berlin", 0.999, 44.64), ("2026-06-01", "2026-07-01", "UTC", 0.9995, 21.60),
    ("2026-02-01", "2026-03-01", "UTC", 0.9995, 20.16), ("2026-07-01", "2026-08-01", "UTC", 0.9995, 22.32),
    ("2026-03-01", "2026-04-01", "Europe/Berlin", 0.9995, 22.29),
    ("2026-10-01", "2026-11-01", "Europe/Berlin", 0.9995, 22.35)])
def test_a_budget_is_of_real_hours(start: str, stop: str, zone: str, target: float, minutes: float) -> None:
    """Section 4, 99.9 %; section 1, 99.95 % of 28, 30 and 31 days and of months with a clock change."""
    assert allowed(start, stop, zone, target) == pytest.approx(minutes, abs=0.0051)


@pytest.fixture(scope="module")
def a_request_every_half_hour() -> et.Store:
    """From January to November 2026, so that a count is a length of time."""
    times = pl.datetime_range(datetime(2026, 1, 1), datetime(2026, 11, 30), "30m", time_zone="UTC", closed="left",
                              eager=True)
    return pulled(requests=requests([{}]).drop("time").join(pl.DataFrame(
        {"time": times, "id": [str(number) for number in range(times.len())]}), how="cross"))


@pytest.mark.parametrize(("zone", "day", "hours"), [
    ("Europe/Berlin", "2026-03-29", 23), ("Europe/Berlin", "2026-10-25", 25), ("Europe/Berlin", "2026-07-01", 24),
    ("Asia/Kolkata", "2026-03-29", 24)])
def test_days_have_their_real_hours(a_request_every_half_hour: et.Store, zone: str, day: str, hours: int) -> None:
    """Section 9, row 14: 23 and 25 hours at the clock changes; a zone at +5:30 begins its days at its own midnight."""
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    window = et.Window(begin - timedelta(days=2), begin + timedelta(days=3))
    days = et.measure(a_request_every_half_hour, "request_rate", window, every="1d", zone=zone)
    at = dict(zip(days["time"], days.select("count", "value", "coverage").rows(), strict=True))
    # two requests an hour, each heard of in one minute of thirty
    assert at[begin] == (2 * hours, pytest.approx(2 / 3600), pytest.approx(2 / 60))
    assert days["count"].sum() == 2 * window.duration / timedelta(hours=1)
    assert [f"{moment.astimezone(begin.tzinfo):%H:%M}" for moment in days["time"]] == ["00:00"] * 5


def test_months_begin_at_local_midnight(a_request_every_half_hour: et.Store) -> None:
    """Section 9, row 14: in Europe/Amsterdam, where a bucket in UTC would begin an hour or two late (duckdb#17554)."""
    here = ZoneInfo("Europe/Amsterdam")
    edges = [datetime(2026, month, 1, tzinfo=here) for month in (3, 4, 5, 10, 11)]
    for window in (et.Window(edges[0], edges[2]), et.Window(edges[3], edges[4])):
        months = et.measure(a_request_every_half_hour, "request_rate", window, every="1mo", zone="Europe/Amsterdam")
        assert months["time"].to_list() == [edge for edge in edges if window.start <= edge < window.stop]
        assert set(months["count"]) <= {2 * 743, 2 * 720, 2 * 745}


# bands

_CELLS = [
    ("cpu_band", "cpu_ratio", [(0.29, "normal"), (0.30, "warning"), (0.5, "warning"), (0.75, "warning"),
                               (0.80, "warning"), (0.90, "warning"), (0.91, "critical")]),
    ("memory_band", "memory_ratio", [(0.39, "normal"), (0.40, "warning"), (0.6, "warning"), (0.85, "warning"),
                                     (0.90, "warning"), (0.91, "critical")]),
    ("db_connection_band", "db_connection_ratio", [(0.49, "normal"), (0.50, "warning"), (0.80, "warning"),
                                                   (0.95, "warning"), (0.96, "critical")]),
]


@pytest.mark.parametrize(("band", "name", "cells"), _CELLS)
def test_every_number_has_one_state(band: str, name: str, cells: list[tuple[float, str]]) -> None:
    """Section 1: every printed cell is kept, and what the handbook leaves open, bounds included, is a warning."""
    points = pl.DataFrame([{"time": START, "service": f"at-{value:g}", "kind": "gauge", "name": name, "value": value}
                           for value, _ in cells])
    card = et.score(pulled(metrics=points), HOUR)
    assert {value: kpi(card, band, f"at-{value:g}")["state"] for value, _ in cells} == dict(cells)
    assert kpi(card, "cache_hit_band", None)["state"] == "unknown"


@pytest.mark.parametrize(("value", "state"), [
    (0.81, "normal"), (0.80, "warning"), (0.50, "warning"), (0.49, "critical")])
def test_a_band_may_run_the_other_way(value: float, state: str) -> None:
    """Section 1, cache hit rate, and section 9, row 23: direction and equality."""
    points = pl.DataFrame([{"time": START, "service": "erp-redis", "kind": "delta", "name": name, "value": count}
                           for name, count in (("cachehits", value * 100), ("cachemisses", 100 - value * 100))])
    assert kpi(et.score(pulled(metrics=points), HOUR), "cache_hit_band", "erp-redis")["state"] == state


@pytest.mark.parametrize(("failed", "state"), [(9, "normal"), (10, "warning"), (100, "warning"), (101, "critical")])
def test_the_bounds_of_the_error_band_are_warnings(failed: int, state: str) -> None:
    """Section 1: below 0.1 % normal, above 1 % critical; here of 10,000 requests."""
    store = pulled(requests=pl.concat([repeated(10_000 - failed), repeated(failed, is_failed=True)]))
    assert kpi(et.score(store, HOUR), "error_band")["state"] == state


@pytest.mark.parametrize(("band", "value", "state"), [
    ("latency_band", 99.9, "normal"), ("latency_band", 100.0, "warning"), ("latency_band", 700.0, "warning"),
    ("latency_band", 1000.0, "warning"), ("latency_band", 1000.1, "critical"), ("gateway_cpu_band", 0.35, "normal"),
    ("gateway_cpu_band", 0.40, "warning"), ("gateway_cpu_band", 0.50, "warning"), ("gateway_cpu_band", 0.90, "warning"),
    ("gateway_cpu_band", 0.95, "critical"), ("cpu_band", None, "unknown"), ("cpu_band", float("nan"), "unknown"),
    ("cache_hit_band", None, "unknown"), ("cache_hit_band", float("nan"), "unknown")])
def test_a_band_answers_for_bounds_null_and_nan(band: str, value: float | None, state: str) -> None:
    """Section 1 and section 9, row 23: one state for every number, Unknown for null and NaN."""
    (found,) = [one for one in et.Objectives.load().bands if one.name == band]
    assert found.state(value) == state
