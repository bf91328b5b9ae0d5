"""Window: half-open, UTC, tiled by its parts, calendar steps in real hours."""

import itertools
from datetime import UTC, datetime, timedelta

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
