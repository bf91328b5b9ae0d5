"""Scorecards: no data is a state, weights count, uptime is a union, open incidents are not dropped."""

from datetime import timedelta

import polars as pl
import pytest

import erp_telemetry as et
from erp_telemetry.scorecards import union_seconds

from .events import START, incident, requests, weighted

HOUR = et.Window(START, START + timedelta(hours=1))


def row(card: pl.DataFrame, kpi: str, service: str | None = None) -> dict[str, object]:
    found = card.filter((pl.col("kpi") == kpi) & pl.col("service").eq_missing(pl.lit(service, pl.String)))
    assert found.height == 1, (kpi, service)
    return found.row(0, named=True)


def probes(minutes: range, failed: range = range(0)) -> pl.DataFrame:
    return pl.DataFrame({
        "time": [START + timedelta(minutes=m) for m in minutes], "service": ["orders"] * len(minutes),
        "kind": ["readiness"] * len(minutes), "is_failed": [m in failed for m in minutes]})


def test_weights_count_everywhere() -> None:
    store = et.Store()
    et.pull(et.Frames(requests=weighted()), store)
    card = et.score(store, HOUR)
    error = row(card, "error_ratio", "orders")
    assert error["n"] == 1901
    assert error["value"] == pytest.approx(1 / 1901, abs=0)
    assert row(card, "latency_p99", "orders")["value"] == pytest.approx(10, rel=0.011)
    # 1901 weighted rows are 19 real ones: too few to say met
    assert error["state"] == "insufficient"


def test_an_empty_store_is_never_met_or_normal() -> None:
    card = et.score(et.Store(), HOUR)
    assert card.height >= 13
    assert set(card["state"]) == {"no_data", "unknown"}


def test_a_total_outage_is_never_met_or_normal() -> None:
    store = et.Store()
    et.pull(et.Frames(requests=weighted(), probes=probes(range(60))), store)
    later = et.Window(HOUR.stop, HOUR.stop + timedelta(hours=1))
    card = et.score(store, later)
    assert "orders" in card["service"].to_list()
    assert set(card["state"]) == {"no_data", "unknown"}
    assert set(card["coverage"]) == {0.0}


def test_unobserved_time_is_not_uptime() -> None:
    store = et.Store()
    et.pull(et.Frames(probes=probes(range(30))), store)
    found = row(et.score(store, HOUR), "uptime", "orders")
    assert (found["value"], found["low"], found["coverage"]) == (1.0, 0.5, 0.5)
    assert found["state"] == "insufficient"


def test_uptime_is_the_union_of_incidents_and_failed_probes() -> None:
    store = et.Store()
    down = pl.DataFrame([incident(impact_start=10, detected=12, impact_end=20)])
    et.pull(et.Frames(probes=probes(range(60), failed=range(15, 25)), incidents=down), store)
    found = row(et.score(store, HOUR), "uptime", "orders")
    assert found["value"] == pytest.approx(0.75)
    assert found["state"] == "missed"


def test_union_worked_number() -> None:
    month = et.Window(START, START + timedelta(days=30))
    ten = START + timedelta(hours=10)
    half = timedelta(minutes=30)
    spans = [(ten, ten + 2 * half), (ten + half, ten + 3 * half)]
    assert 1 - union_seconds(spans, month) / month.duration.total_seconds() == pytest.approx(0.997917, abs=5e-7)
    assert union_seconds([(START - half, START + half)], month) == 1800


def test_mean_times_are_named_pairs() -> None:
    store = et.Store()
    many = [incident(id=f"INC-{i}", impact_start=0, detected=3.5, impact_end=59 + i) for i in range(4)]
    et.pull(et.Frames(incidents=pl.DataFrame(many)), store)
    card = et.score(store, et.Window(START, START + timedelta(days=1)))
    repair, detect = row(card, "mttr"), row(card, "mttd")
    assert repair["value"] == pytest.approx((55.5 + 1.5) * 60)
    assert detect["value"] == pytest.approx(210)
    assert repair["state"] == detect["state"] == "missed"
    assert repair["n"] == 4


def test_an_open_incident_is_not_dropped() -> None:
    store = et.Store()
    many = [incident(id=f"INC-{i}", impact_start=0, detected=1, impact_end=2 + i / 100) for i in range(5)]
    many.append(incident(id="INC-9", impact_start=0, detected=1, impact_end=None))
    et.pull(et.Frames(incidents=pl.DataFrame(many)), store)
    found = row(et.score(store, et.Window(START, START + timedelta(days=1))), "mttr")
    assert found["state"] == "insufficient"
    assert "1 open" in str(found["rule"])


def test_moments_out_of_order_are_counted_not_negative() -> None:
    store = et.Store()
    et.pull(et.Frames(incidents=pl.DataFrame([incident(impact_start=10, detected=5, impact_end=20)])), store)
    found = row(et.score(store, HOUR), "mttd")
    assert (found["value"], found["n"], found["state"]) == (None, 0.0, "insufficient")
    assert "1 without both moments in order" in str(found["rule"])


def test_recovery_is_held_against_the_objective_of_its_class() -> None:
    store = et.Store()
    down = incident(impact_start=0, detected=1, impact_end=7, restored=7, last_recoverable=-4,
                    **{"class": "database_down"})
    et.pull(et.Frames(incidents=pl.DataFrame([down])), store)
    card = et.score(store, HOUR)
    rto, rpo = row(card, "rto"), row(card, "rpo")
    assert (rto["value"], rto["target"], rto["state"]) == (420, 300, "missed")
    assert (rpo["value"], rpo["target"], rpo["state"]) == (240, 300, "met")


def test_untested_is_not_met() -> None:
    store = et.Store()
    et.pull(et.Frames(requests=weighted()), store)
    found = row(et.score(store, HOUR), "rto", "orders")
    assert found["state"] == "no_data"
    assert str(found["rule"]).startswith("untested")


@pytest.mark.parametrize(("policy", "expected"), [("good", 0.10), ("failed", 0.15), ("excluded", 10 / 95)])
def test_the_population_is_declared(policy: str, expected: float, tmp_path) -> None:  # type: ignore[no-untyped-def]
    rows = [{"operation": "GET /healthz/ready", "status_code": "200"}] * 1000
    rows += [{"status_code": "200"}] * 85 + [{"status_code": "404", "is_failed": True}] * 5
    rows += [{"status_code": "500", "is_failed": True}] * 10
    path = tmp_path / "o.toml"
    path.write_text(f"[policy]\nclient_errors = '{policy}'\n")
    store = et.Store()
    et.pull(et.Frames(requests=requests(rows)), store)  # type: ignore[arg-type]
    found = row(et.score(store, HOUR, et.Objectives.load(path)), "error_ratio", "orders")
    assert found["value"] == pytest.approx(expected)


def test_a_series_without_a_service_does_not_stand_for_the_whole() -> None:
    rows = [{"time": START + timedelta(minutes=m), "service": "a", "kind": "gauge", "name": "cpu_ratio", "value": 0.95}
            for m in range(60)]
    rows += [{**rows[0], "service": None, "value": 0.01}] * 3
    store = et.Store()
    et.pull(et.Frames(metrics=pl.DataFrame(rows)), store)
    found = row(et.score(store, HOUR), "cpu_band")
    assert (found["n"], found["state"]) == (63, "critical")


def test_a_service_that_fell_silent_is_unknown_not_left_out() -> None:
    rows = [{"time": START + timedelta(minutes=m), "service": "quiet", "kind": "gauge", "name": "cpu_ratio",
             "value": 0.1} for m in range(30)]
    store = et.Store()
    et.pull(et.Frames(metrics=pl.DataFrame(rows)), store)
    later = et.Window(START + timedelta(minutes=40), START + timedelta(minutes=55))
    assert row(et.score(store, later), "cpu_band", "quiet")["state"] == "unknown"


def test_uptime_is_not_told_by_requests_alone() -> None:
    store = et.Store()
    et.pull(et.Frames(requests=weighted()), store)
    found = row(et.score(store, et.Window(START, START + timedelta(minutes=1))), "uptime", "orders")
    assert found["state"] == "no_data"
    assert str(found["rule"]).startswith("untold")


def card_of(*records: dict[str, object], probed: bool = True) -> pl.DataFrame:
    store = et.Store()
    if probed:
        et.pull(et.Frames(probes=probes(range(60))), store)
    for record in records:
        et.pull(et.Frames(incidents=pl.DataFrame([record])), store)
    return et.score(store, HOUR)


@pytest.mark.parametrize("unclear", [
    {"impact": None, "impact_end": 20}, {"impact": None, "status": "open"}, {"status": "resolved"},
    {"impact_end": -10},
])
def test_an_incident_of_unknown_impact_or_end_makes_uptime_insufficient(unclear: dict[str, object]) -> None:
    found = row(card_of(incident(impact_start=0, **unclear)), "uptime", "orders")
    assert (found["value"], found["state"], found["high"]) == (None, "insufficient", 1.0)
    assert found["low"] == pytest.approx(2 / 3 if unclear.get("impact_end") == 20 else 0)
    assert "1 incidents of unknown impact or end, which low counts as down" in str(found["rule"])
    # it says nothing of a service that it does not touch
    other = card_of(incident(impact_start=0, services=["sales"], **unclear))
    assert (row(other, "uptime", "orders")["value"], row(other, "uptime", "orders")["state"]) == (1.0, "met")
    assert row(other, "uptime")["state"] == "insufficient"


def test_an_unknown_impact_without_any_telemetry_is_insufficient_and_what_misses_already_is_missed() -> None:
    alone = row(card_of(incident(impact=None, impact_start=0, impact_end=1), probed=False), "uptime")
    assert (alone["value"], alone["state"], alone["low"]) == (None, "insufficient", 0.0)
    both = row(card_of(incident(impact=None, impact_start=0, impact_end=1),
                       incident(id="INC-2", impact_start=30, impact_end=45)), "uptime", "orders")
    assert (both["value"], both["state"]) == (0.75, "missed")
    assert both["low"] == pytest.approx(44 / 60)


def test_a_resolved_incident_is_down_until_it_was_resolved_not_for_ever() -> None:
    found = row(card_of(incident(impact_start=0, status="resolved", resolved=15, is_start_estimated=True)),
                "uptime", "orders")
    assert (found["value"], found["state"]) == (0.75, "missed")
    assert "1 incidents count from when a tool was told" in str(found["rule"])


def test_what_a_mean_leaves_out_is_counted_by_reason() -> None:
    many = [incident(id=f"INC-{i}", impact_start=0, detected=1, impact_end=2 + i / 100, status="closed")
            for i in range(5)]
    many += [
        incident(id="a", impact_start=0, detected=0, resolved=9, status="resolved", is_start_estimated=True),
        incident(id="b", impact_start=0, detected=1, status="closed"),
        incident(id="c", impact_start=0, detected=30, impact_end=20, status="closed"),
        incident(id="d", impact_start=5, detected=1, status="open"),
    ]
    card = card_of(*many)
    repair, detect = row(card, "mttr"), row(card, "mttd")
    assert repair["n"] == 6
    assert ("left out: 1 open and not yet countable, 1 over at a moment that nobody wrote down, "
            "1 without both moments in order; 1 end when they were called resolved or closed;") in str(repair["rule"])
    assert detect["n"] == 7
    assert "left out: 1 whose start is only estimated, 1 without both moments in order;" in str(detect["rule"])


@pytest.mark.parametrize(("minutes", "by", "repair", "detect"), [
    (1, "alert", "met", "met"), (1, "status page", "insufficient", "met"),
    (300, "alert", "missed", "missed"), (300, "status page", "missed", "insufficient"),
])
def test_a_status_page_bounds_one_side_only(minutes: int, by: str, repair: str, detect: str) -> None:
    many = [incident(id=f"INC-{i}", impact_start=0, detected=minutes + i / 100, impact_end=2 * (minutes + i / 100),
                     detected_by=by) for i in range(9)]
    card = card_of(*many)
    assert (row(card, "mttr")["state"], row(card, "mttd")["state"]) == (repair, detect)
    is_page = by == "status page"
    assert ("9 detected by a status page, so repair is at least this long" in str(row(card, "mttr")["rule"])) == is_page
    assert ("so detection took at most this long" in str(row(card, "mttd")["rule"])) == is_page


def test_recovery_leaves_out_what_began_at_an_estimated_moment() -> None:
    guessed = incident(impact_start=0, detected=0, impact_end=7, restored=7, last_recoverable=-4,
                       is_start_estimated=True)
    card = card_of(guessed)
    for kpi in ("rto", "rpo"):
        found = row(card, kpi)
        assert found["state"] == "no_data"
        assert str(found["rule"]).startswith("untested: ")
        assert "left out: 1 incidents whose start is estimated" in str(found["rule"])


@pytest.mark.parametrize(("first", "last"), [(3, 4), (3, 10), (0, 5), (7, 52), (0, 60), (5, 60)])
def test_a_window_of_any_minutes_says_of_the_system_what_its_measures_say(first: int, last: int) -> None:
    store = et.Store()
    rows = [{"id": str(n), "time": START + timedelta(seconds=13 * n), "service": ("orders", "billing")[n % 2],
             "duration_ms": float(n % 97 + 1)} for n in range(270)]
    et.pull(et.Frames(requests=requests(rows)), store)
    window = et.Window(START + timedelta(minutes=first), START + timedelta(minutes=last))
    card = et.score(store, window)
    for kpi in ("latency_p99", "error_ratio"):
        wanted = et.measure(store, kpi, window, every=f"{last - first}m", by=()).row(0, named=True)
        found = row(card, kpi)
        assert found["value"] is not None and (found["value"], found["n"]) == (wanted["value"], wanted["count"])
