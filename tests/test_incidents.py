"""Incidents: what ended when, what is open, what is not known, and which two may be one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

import erp_telemetry as et
from erp_telemetry.incidents import overlapping

from .events import START, incident

HOUR = et.Window(START, START + timedelta(hours=1))
MINUTE = timedelta(minutes=1)


def held(*records: dict[str, Any], window: et.Window = HOUR) -> list[et.Incident]:
    store = et.Store()
    for record in records:
        et.pull(et.Frames(incidents=pl.DataFrame([record])), store)
    return et.incidents(store, window)


def test_the_worked_incident() -> None:
    """kpis.md section 2: detect 3.5 min, repair 55.5 min."""
    (found,) = held(incident(impact_start=0, detected=3.5, declared=6, acknowledged=8, mitigated=41, impact_end=59,
                             resolved=80, closed=1380, status="closed"))
    assert found.time_to_detect == 3.5 * MINUTE
    assert found.time_to_repair == 55.5 * MINUTE
    assert found.ended == START + 59 * MINUTE


@pytest.mark.parametrize(("moments", "status", "ended", "is_open", "is_end_unknown"), [
    ({}, "open", None, True, False),
    ({}, None, None, True, False),
    ({}, "mitigated", None, True, False),
    ({}, "resolved", None, False, True),
    ({}, "closed", None, False, True),
    ({"impact_end": 20, "resolved": 30}, "resolved", 20, False, False),
    ({"impact_end": 20}, "open", 20, False, False),
    ({"resolved": 30, "closed": 40}, "closed", 30, False, False),
    ({"closed": 40}, "closed", 40, False, False),
    ({"closed": 40}, None, 40, False, False),
    ({"resolved": 30}, "open", None, True, False),
])
def test_when_it_was_over(
    moments: dict[str, float], status: str | None, ended: float | None, is_open: bool, is_end_unknown: bool
) -> None:
    (found,) = held(incident(impact_start=0, detected=5, status=status, **moments))
    assert found.ended == (None if ended is None else START + ended * MINUTE)
    assert (found.is_open, found.is_end_unknown) == (is_open, is_end_unknown)
    assert found.time_to_repair == (None if ended is None else (ended - 5) * MINUTE)


def test_what_is_measured_from_an_estimated_start_is_not_known() -> None:
    (found,) = held(incident(impact_start=10, detected=12, impact_end=20, restored=25, last_recoverable=5,
                             is_start_estimated=True))
    assert (found.time_to_detect, found.time_to_restore, found.data_loss) == (None, None, None)
    assert found.time_to_repair == 8 * MINUTE


def test_an_unknown_end_does_not_touch_every_later_window() -> None:
    later = et.Window(START + timedelta(days=30), START + timedelta(days=31))
    over = {"impact_start": 0, "status": "resolved"}
    assert held(incident(**over), window=later) == []
    assert len(held(incident(**over))) == 1
    assert len(held(incident(**over, updated_at=60 * 24 * 30 + 5), window=later)) == 1
    assert held(incident(**over, updated_at=60 * 24 * 29), window=later) == []
    assert len(held(incident(impact_start=0, status="open"), window=later)) == 1
    assert held(incident(impact_start=0, status="closed", closed=90), window=later) == []


def test_moments_out_of_order_do_not_hide_an_incident() -> None:
    (found,) = held(incident(impact_start=10, detected=11, impact_end=-100))
    assert (found.time_to_repair, found.is_open) == (None, False)


def test_one_outage_told_by_two_tools_is_flagged_and_not_merged() -> None:
    found = held(
        incident(id="pagerduty:Q1", impact_start=0, impact_end=30),
        incident(id="servicenow:INC1", impact_start=5, impact_end=40),
        incident(id="pagerduty:Q2", impact_start=6, impact_end=8),
        incident(id="github:a/b#1", impact_start=10, impact_end=20, services=["sales"]),
        incident(id="INC-1", impact_start=40, impact_end=50),
        incident(id="statuspage:p/1", impact_start=45, services=["orders", "sales"], status="open"),
        incident(id="opsgenie:1", impact_start=55, services=["sales"], status="resolved"),
        incident(id="opsgenie:2", impact_start=58, services=[]),
    )
    assert [(one.id, other.id) for one, other in overlapping(found)] == [
        ("pagerduty:Q1", "servicenow:INC1"), ("servicenow:INC1", "pagerduty:Q2"), ("INC-1", "statuspage:p/1"),
        ("statuspage:p/1", "opsgenie:1")]
    assert overlapping(reversed(found)) == overlapping(found)
    assert len(found) == 8


def test_an_estimated_start_can_prove_a_miss_and_never_that_uptime_was_met() -> None:
    from datetime import timedelta

    import polars as pl

    from .events import START, requests
    from .events import incident as record

    heard = requests([{"time": START + timedelta(minutes=minute)} for minute in range(2880)])
    window = et.Window(START, START + timedelta(days=2))
    for end, state in ((10.5, "insufficient"), (120, "missed")):
        store = et.Store()
        et.pull(et.Frames(requests=heard, incidents=pl.DataFrame(
            [record(impact_start=10, impact_end=end, is_start_estimated=True)])), store)
        card = et.score(store, window).filter((pl.col("kpi") == "uptime") & pl.col("service").is_null())
        assert card["state"].to_list() == [state]
