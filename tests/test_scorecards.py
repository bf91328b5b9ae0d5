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
