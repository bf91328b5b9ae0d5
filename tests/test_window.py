"""Window: half-open, UTC, tiled by its parts, calendar steps in real hours."""

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_telemetry.window import Window, step


def test_naive_moments_are_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        Window(datetime(2026, 7, 1), datetime(2026, 7, 2, tzinfo=UTC))
    with pytest.raises(ValueError, match="no time zone"):
        Window.parse("2026-07-01T00:00/2026-07-02")


@pytest.mark.parametrize("text", ["2026-07-01", "2026-07-02/2026-07-01", "2026-07-01/2026-07-01"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="window"):
        Window.parse(text)


@given(st.integers(1, 50), st.integers(1, 10**7))
def test_split_tiles_the_window(n: int, seconds: int) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    whole = Window(start, start + timedelta(seconds=seconds))
    parts = whole.split(n)
    assert parts[0].start == whole.start
    assert parts[-1].stop == whole.stop
    assert all(a.stop == b.start for a, b in itertools.pairwise(parts))


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-07-01", 24)])
def test_days_in_berlin_have_real_hours(day: str, hours: int) -> None:
    start = datetime.fromisoformat(f"{day}T00:00:00+00:00") - timedelta(days=1)
    edges = Window(start, start + timedelta(days=4)).steps("1d", "Europe/Berlin")
    widths = {edge.astimezone(UTC): (after - edge) / timedelta(hours=1)
              for edge, after in itertools.pairwise(edges)}
    local = datetime.fromisoformat(f"{day}T00:00:00")
    import zoneinfo

    begin = local.replace(tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")).astimezone(UTC)
    assert widths[begin] == hours


def test_a_half_hour_zone_begins_days_at_its_own_midnight() -> None:
    edges = Window.parse("2026-07-01/2026-07-03").steps("1d", "Asia/Kolkata")
    assert [edge.strftime("%d %H:%M") for edge in edges] == ["01 00:00", "01 18:30", "02 18:30", "03 00:00"]


def test_months_and_weeks() -> None:
    window = Window.parse("2026-01-15/2026-04-02")
    assert [edge.strftime("%m-%d") for edge in window.steps("1mo")] == ["01-15", "02-01", "03-01", "04-01", "04-02"]
    assert Window.parse("2026-07-01/2026-07-15").steps("1w")[1].strftime("%a") == "Mon"


@pytest.mark.parametrize("every", ["0m", "5", "m", "5 minutes", "-1h", "1y"])
def test_a_bad_step_says_how_to_write_one(every: str) -> None:
    with pytest.raises(ValueError, match="such as 5m"):
        step(every)


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(ValueError, match="Mars/Olympus"):
        Window.parse("2026-07-01/2026-07-02").steps("1d", "Mars/Olympus")


def test_long_calendar_steps_are_stepped_and_absurd_ones_refused() -> None:
    decade = Window.parse("2010-01-01/2020-01-01")
    assert [f"{edge:%Y-%m-%d}" for edge in decade.steps("1500d")] == [
        "2010-01-01", "2014-02-09", "2018-03-20", "2020-01-01"]
    for every in ("99999999999h", "99999999999d", "99999999999mo"):
        with pytest.raises(ValueError, match="longer than a century"):
            decade.steps(every)


@pytest.mark.parametrize(("text", "says"), [
    ("a/b", r"no moment: 'a': write a date such as 2026-03-01"), ("2026-03-01/", "no moment: ''"),
    ("2026-03-32/2026-04-01", r"no moment: '2026-03-32' \(day is out of range for month\)"),
    ("2026-03-01/2026-03-08/2026-03-09", "no moment: '2026-03-08/2026-03-09'"),
    ("0001-01-01T00:00+14:00/2026-01-01", "lies outside of the calendar"),
    ("2026-01-01/9999-12-31T23:59-14:00", "lies outside of the calendar"),
    ("x" * 10_000 + "/2026-01-01", r"no moment: 'x{60}…': write"),
])
def test_a_moment_that_cannot_be_says_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        Window.parse(text)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(("days", "says"), [
    (10**400, "more than 1e308 days and 0 hours are longer than any calendar"),
    (-(10**400), "less than -1e308 days"), (float("inf"), "inf days"), (10**6, "before the calendar begins"),
    (float("nan"), "days and hours are numbers"), ("7", "days and hours are numbers"), (0, "start < stop"),
])
def test_a_last_that_cannot_be_is_refused(days: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Window.last(days=days)


@pytest.mark.parametrize("make", [
    lambda: Window(None, None), lambda: Window(date(2026, 3, 1), date(2026, 3, 2)), lambda: Window.parse(5),  # type: ignore[arg-type]
    lambda: Window.last(days=1, until=1_770_000_000),  # type: ignore[arg-type]
])
def test_what_is_no_moment_is_named_by_its_type(make: Callable[[], Window]) -> None:
    with pytest.raises(TypeError, match=r"such as '2026-03-01.*, not (NoneType|date|int)"):
        make()
