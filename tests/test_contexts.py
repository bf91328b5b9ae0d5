"""Contexts: incidents and changes of a window; what two sources tell of one change stands there once."""

from datetime import datetime, timedelta

import polars as pl

import erp_telemetry as et
from erp_telemetry.contexts import context
from erp_telemetry.slices import Source

from .events import START, incident

DAY = et.Window(START, START + timedelta(days=1))


class Other(et.Frames):
    """The same frames by another name."""

    @property
    def name(self) -> str:
        return "other"


def change(minutes: float, kind: str = "scaling", service: str = "orders") -> tuple[datetime, str, str, str]:
    return START + timedelta(minutes=minutes), service, kind, f"{minutes}"


def changes(*rows: tuple[datetime, str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=["time", "service", "kind", "id"], orient="row")


def test_a_change_told_by_two_sources_within_two_minutes_is_one() -> None:
    store = et.Store()
    told: Source = Other(changes=changes(
        change(1.5), change(30), change(60.5, "deployment"), change(90, service="sales")))
    et.pull(et.Frames(changes=changes(change(0), change(10), change(11), change(60), change(90))), store)
    et.pull(told, store)
    found = context(store, DAY).changes.select("id", "source").rows()
    # 1.5 repeats 0; 10 and 11 are of one source and both stand; 60.5 is of another kind, 90 of another service too
    assert [row[0] for row in found] == ["0", "10", "11", "30", "60", "60.5", "90", "90"]


def test_it_holds_the_incidents_that_touch_the_window() -> None:
    store = et.Store()
    early = incident(id="A", impact_start=-90, impact_end=-60)
    over = incident(id="B", impact_start=-10, impact_end=10)
    et.pull(et.Frames(incidents=pl.DataFrame([early, over])), store)
    assert [one.id for one in context(store, DAY).incidents] == ["B"]


def test_an_empty_store_has_an_empty_context() -> None:
    found = context(et.Store(), DAY)
    assert found.incidents == () and found.changes.height == 0
