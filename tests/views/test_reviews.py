"""What a review says: runs of states, steps that fit, sentences that do not claim too much."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import erp_telemetry as et
from erp_telemetry.objectives import Objectives
from erp_telemetry.views.openings import opening
from erp_telemetry.views.origins import origins
from erp_telemetry.views.panels import STEPS, aligned, step_for
from erp_telemetry.views.reviews import review
from erp_telemetry.views.strips import departures, strips
from tests.events import START, incident, requests

STEP = timedelta(minutes=5)
FORTNIGHT = et.Window.parse("2026-06-22/2026-07-06")


def states(*rows: tuple[str, str, str, float | None, bool]) -> pl.DataFrame:
    """Rows of service, kpi, state, value, is_certain; a step each within service and kpi."""
    seen: dict[tuple[str, str], int] = {}
    made: list[dict[str, Any]] = []
    for service, kpi, state, value, is_certain in rows:
        at = seen[service, kpi] = seen.get((service, kpi), -1) + 1
        before = next((row for row in reversed(made) if (row["service"], row["kpi"]) == (service, kpi)), None)
        since = before["since"] if before and before["state"] == state else START + at * STEP
        made.append({"service": service, "kpi": kpi, "time": START + at * STEP, "stop": START + (at + 1) * STEP,
                     "value": value, "state": state, "held_state": state, "since": since, "is_certain": is_certain,
                     "coverage": 1.0, "is_provisional": False, "version": "0"})
    return pl.DataFrame(made)


def test_a_strip_shows_the_worst_band_and_silence_hides_nothing() -> None:
    frame = states(
        ("orders", "cpu_band", "normal", 0.1, True), ("orders", "cpu_band", "critical", 0.95, True),
        ("orders", "cpu_band", "unknown", None, True), ("orders", "cpu_band", "unknown", None, True),
        ("orders", "error_band", "warning", 0.005, False), ("orders", "error_band", "unknown", None, True),
        ("orders", "error_band", "normal", 0.0, True), ("orders", "error_band", "unknown", None, True))
    (strip,) = strips(frame)
    assert [(run["state"], run["is_certain"], run["share"]) for run in strip["runs"]] == [
        ("warning", False, 0.25), ("critical", True, 0.25), ("normal", True, 0.25), ("unknown", True, 0.25)]
    assert strip["shares"] == {"critical": 0.25, "warning": 0.25, "unknown": 0.25, "normal": 0.25}
    assert strip["runs"][-1]["stop"] == START + 4 * STEP


@given(st.lists(st.sampled_from(["normal", "warning", "critical", "unknown"]), min_size=1, max_size=30))
def test_runs_tile_the_strip(words: list[str]) -> None:
    (strip,) = strips(states(*(("a", "cpu_band", word, 0.5, True) for word in words)))
    assert sum(run["share"] for run in strip["runs"]) == pytest.approx(1)
    assert all(one["stop"] == other["start"] for one, other in zip(strip["runs"], strip["runs"][1:], strict=False))
    assert sum(strip["shares"].values()) == pytest.approx(1)


def test_departures_name_the_worst_value_on_the_side_that_is_worse() -> None:
    frame = states(("a", "cache_hit_band", "critical", 0.4, True), ("a", "cache_hit_band", "critical", 0.2, True),
                   ("a", "cpu_band", "warning", 0.5, False), ("a", "cpu_band", "normal", 0.1, True),
                   ("a", "cpu_band", "critical", 0.95, False))
    found = departures(frame, Objectives.load())
    assert [(one["kpi"], one["state"], one["peak"], one["is_certain"]) for one in found] == [
        ("cache_hit_band", "critical", 0.2, True), ("cpu_band", "critical", 0.95, False),
        ("cpu_band", "warning", 0.5, False)]
    assert found[0]["stop"] - found[0]["start"] == 2 * STEP


@given(st.integers(1, 2_000_000), st.integers(0, 10_000))
def test_steps_fit_a_window_of_any_length(minutes: int, offset: int) -> None:
    begin = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=offset)
    window = et.Window(begin, begin + timedelta(minutes=minutes))
    name, width = step_for(window)
    grown = aligned(window, width)
    assert STEPS[name] * 60 == width.total_seconds()
    assert grown.start <= window.start and window.stop <= grown.stop
    assert grown.duration % width == timedelta(0) and grown.duration - window.duration < 2 * width
    assert name == "7d" or grown.duration / width <= 182


def test_the_opening_of_an_empty_store_claims_nothing() -> None:
    facts, drawings = review(et.Store(), FORTNIGHT, Objectives.load())
    text = {line["about"]: line["text"] for line in opening(facts)}
    assert "0 are met" in text["objectives"] and "no data: Uptime" in text["objectives"]
    assert text["health"] == "Nothing was seen that a health band could be told from."
    assert text["telemetry"] == "No service was ever heard of."
    assert facts["services"] == [] and drawings == {}


def test_incidents_tell_what_failed_and_what_was_changed_before() -> None:
    rows = [{"time": START + timedelta(seconds=10 * n), "is_failed": 60 <= n < 90} for n in range(180)]
    changes = pl.DataFrame({"time": [START + timedelta(minutes=m) for m in (-70, 5, 12)], "service": ["orders"] * 3,
                            "kind": ["deployment"] * 3, "version": ["0", "1", "2"]})
    store = et.Store()
    et.pull(et.Frames(requests=requests(rows), changes=changes, incidents=pl.DataFrame([
        incident(impact_start=10, detected=11, impact_end=15)])), store)
    facts, _ = review(store, et.Window(START, START + timedelta(hours=1)), Objectives.load())
    (one,) = facts["incidents"]
    assert (one["requests"], one["failed"]) == (30, 30)
    assert one["worst"]["value"] == 1 and one["worst"]["service"] == "orders"
    assert [(made["version"], made["after_s"]) for made in one["changes"]] == [("1", -300.0), ("2", 120.0)]


def test_every_kpi_says_how_it_came_about() -> None:
    store = et.Store()
    et.pull(et.Frames(requests=requests([{}])), store)
    card = et.score(store, et.Window(START, START + timedelta(hours=1))).to_dicts()
    found = {one["kpi"]: one for one in origins(card, Objectives.load())}
    assert set(found) == {row["kpi"] for row in card}
    assert all(one["answers"] and one["rules"] and one["name"] for one in found.values())
    for name in ("error_ratio", "latency_p99", "uptime", "error_band"):
        for query in found[name]["queries"]:
            assert "$start" in query["text"] and len(query["sha256"]) == 64
        assert found[name]["queries"]


def test_charts_show_incidents_and_changes_of_their_services(sample_store: et.Store) -> None:
    from erp_telemetry.contexts import context

    around = context(sample_store, FORTNIGHT)
    readings = et.measure(sample_store, "error_ratio", FORTNIGHT, "1d")

    def told(service: str) -> list[dict[str, Any]]:
        spec = et.chart(readings.filter(pl.col("service") == service), context=around).to_dict()
        return [row for layer in spec["layer"] for row in spec["datasets"].get(layer.get("data", {}).get("name"), [])]

    orders, auth = told("orders"), told("auth")
    assert {row["incident"] for row in orders if "incident" in row} == {
        "Orders answer 500 after release 2026.7.1", "Five services fail: erp-db has no sessions left"}
    assert {row["incident"] for row in auth if "incident" in row} == {"Logins slow: cache emptied"}
    assert any("2026.7.1" in row.get("change", "") for row in orders)


def test_a_failed_backup_and_an_incident_after_the_telemetry_are_told(tmp_path: Any) -> None:
    store = et.Store()
    et.pull(et.Frames(
        requests=requests([{}]),
        recoveries=pl.DataFrame({"time": [START, START + timedelta(minutes=1)], "service": ["erp-db"] * 2,
                                 "kind": ["backup"] * 2, "is_failed": [True, False]}),
        incidents=pl.DataFrame([incident(impact_start=90, title="All down")])), store)
    hour = et.Window(START, START + timedelta(hours=1))
    facts, _ = review(store, hour, Objectives.load())
    assert facts["recoveries"]["backups"] == 2 and [row["time"] for row in facts["recoveries"]["failed"]] == [START]
    assert facts["incidents"] == [] and [row["title"] for row in facts["begun_since"]] == ["All down"]
    page = et.report(store, hour).save(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "1 failed" in page and "begun after this window: All down" in page


def test_what_flaps_is_one_departure_where_the_objectives_hold_it(tmp_path: Any) -> None:
    rows = [{"time": START + timedelta(minutes=minute, seconds=at), "is_failed": minute // 5 % 2 == 0 and at < 20}
            for minute in range(60) for at in range(0, 60, 2)]
    store = et.Store()
    et.pull(et.Frames(requests=requests(rows)), store)
    hour = et.Window(START, START + timedelta(hours=1))
    mine = tmp_path / "mine.toml"
    mine.write_text('[bands.error_band]\nrecover_for = "10m"\n', encoding="utf-8")

    def told(objectives: Objectives | None) -> tuple[int, list[tuple[datetime, float]], str]:
        report = et.report(store, hour, objectives=objectives)
        runs = [(run["start"], (run["stop"] - run["start"]).total_seconds()) for run in report.facts["departures"]
                if run["kpi"] == "error_band" and run["state"] == "critical"]
        return report.facts["held_back"], runs, report.save(tmp_path / "r.html").read_text(encoding="utf-8")

    held_back, runs, page = told(None)
    assert held_back == 0 and len(runs) == 6 and "has not yet entered" not in page
    held_back, runs, page = told(Objectives.load(mine))
    assert runs == [(START, 3600.0)]
    assert held_back == 6 and "6 steps show a state that a band holds on to or has not yet entered" in page
