"""Retention: what a prune drops is counted, what it keeps answers as before, what it took is refused, never guessed."""

from __future__ import annotations

import random
from datetime import timedelta

import polars as pl
import pytest

import erp_telemetry as et
from erp_telemetry import catalog
from erp_telemetry.store.rollups import FINE_SKETCHES, ROLLUPS

from ..events import START, requests

DAYS = 60
WHOLE = et.Window(START, START + timedelta(days=DAYS))
EARLY = et.Window(START + timedelta(days=1, minutes=20), START + timedelta(days=4, minutes=45))


def told() -> dict[str, pl.DataFrame]:
    """Some rows of each table on each of sixty days."""
    seeded = random.Random(4)
    moments = [START + timedelta(minutes=minute) for minute in sorted(seeded.sample(range(DAYS * 1440), 1500))]
    calls = requests([
        {"id": str(n), "time": at, "service": seeded.choice("ab"), "is_failed": seeded.random() < 0.1,
         "duration_ms": round(seeded.lognormvariate(3, 1), 3), "weight": float(seeded.choice([1, 2, 5]))}
        for n, at in enumerate(moments)])
    names = [str(n) for n in range(len(moments))]
    common = {"id": names, "time": moments, "service": [seeded.choice("ab") for _ in names]}
    return {
        "requests": calls, "dependencies": calls.with_columns(resource=pl.lit("db")),
        "logs": pl.DataFrame({**common, "level": [seeded.choice(["error", "information"]) for _ in names]}),
        "metrics": pl.DataFrame({**common, "name": ["cpu_ratio"] * len(names), "kind": ["gauge"] * len(names),
                                 "value": [seeded.randrange(9) / 8 for _ in names]}),
        "probes": pl.DataFrame({**common, "kind": ["readiness"] * len(names),
                                "is_failed": [seeded.random() < 0.2 for _ in names]}),
    }


@pytest.fixture(scope="module")
def frames() -> dict[str, pl.DataFrame]:
    return told()


@pytest.fixture
def store(frames: dict[str, pl.DataFrame]) -> et.Store:
    made = et.Store()
    et.pull(et.Frames(**frames), made)
    return made


def answers(store: et.Store, every: str = "1h", window: et.Window = WHOLE) -> dict[str, pl.DataFrame]:
    return {name: et.measure(store, name, window, every) for name in catalog.names("measures")}


def kept(store: et.Store) -> dict[str, list[tuple[object, ...]]]:
    """Every rollup that is kept for ever."""
    names = [*sorted(set(ROLLUPS) - set(FINE_SKETCHES)), "observed_minutes", "minute_percentiles"]
    return {name: store.sql(f"select columns(*)::varchar from {name} order by all").rows() for name in names}


def test_rollups_and_every_measure_by_the_hour_stay_as_they_were(
    store: et.Store, frames: dict[str, pl.DataFrame]
) -> None:
    before, rollups = answers(store), kept(store)
    fine = {name: store.sql(f"select count(*) as n from {name}").item() for name in FINE_SKETCHES}
    pruned = store.prune(raw_days=3)
    assert pruned.before is not None
    assert pruned.before.minute == 0
    for name, frame in frames.items():
        gone = frame.filter(pl.col("time") < pruned.before).height
        assert pruned.rows[name] == gone > 0
        assert store.sql(f"select count(*) as n from {name}").item() == frame.height - gone
    left = {name: store.sql(f"select count(*) as n from {name}").item() for name in FINE_SKETCHES}
    assert pruned.sketch_rows == sum(fine.values()) - sum(left.values()) > 0
    assert min(left.values()) > 0
    assert kept(store) == rollups
    for name, readings in answers(store).items():
        assert readings.equals(before[name]), name
    again = store.prune(raw_days=3)
    assert (sum(again.rows.values()), again.sketch_rows) == (0, 0)


def test_steps_finer_than_an_hour_are_refused_before_the_mark_and_answered_after(store: et.Store) -> None:
    before = et.measure(store, "latency_p95", store.last(days=10), "1h")
    store.prune(raw_days=3)
    mark = store.sql("select max(before) as m from sealed where table_name = 'latency_sketches'").item()
    for name in ("latency_p50", "latency_p95", "latency_p99", "dependency_latency_p95"):
        for window in (EARLY, et.Window(mark - timedelta(minutes=5), mark + timedelta(hours=3))):
            says = f"before {mark:%Y-%m-%d %H:%M} UTC is kept by the hour: ask for 1h"
            with pytest.raises(et.QueryError, match=says):
                et.measure(store, name, window, "5m")
        assert et.measure(store, name, et.Window(mark, mark + timedelta(days=2)), "5m")["value"].count() > 0
        assert et.measure(store, name, et.Window(mark - timedelta(days=2), mark), "1h")["value"].count() > 0
    assert et.measure(store, "latency_p95", store.last(days=10), "1h").equals(before)


def test_late_rows_older_than_the_mark_count_in_their_hour_and_never_in_5_minutes(store: et.Store) -> None:
    store.prune(raw_days=3)
    at = EARLY.start
    hour = et.Window(at.replace(minute=0), at.replace(minute=0) + timedelta(hours=1))
    before = et.measure(store, "latency_p95", hour, "1h", by=())
    late = requests([{"id": f"late{n}", "time": at + timedelta(seconds=n), "service": "a", "duration_ms": 7e6}
                     for n in range(500)])
    receipt = et.pull(et.Frames(requests=late, dependencies=late.with_columns(resource=pl.lit("db"))), store)
    assert receipt.unprovable == 1000
    after = et.measure(store, "latency_p95", hour, "1h", by=())
    assert after["count"].item() == (before["count"].item() or 0.0) + 500
    outgoing = et.measure(store, "dependency_latency_p95", hour, "1h", by=())
    for readings in (after, outgoing):
        assert readings["value"].item() == pytest.approx(7e6, rel=0.0109)
    assert et.measure(store, "request_rate", hour, "1h", by=())["count"].item() == after["count"].item()
    for table in FINE_SKETCHES:
        mark = store.sql("select max(before) as m from sealed where table_name = $t", t=table).item()
        assert store.sql(f"select min(time) as t from {table}").item() >= mark
    with pytest.raises(et.QueryError, match="kept by the hour"):
        et.measure(store, "latency_p95", hour, "5m")
    assert store.sql("select count(*) as n from requests where id like 'late%'").item() == 0


def test_late_rows_between_both_marks_count_in_every_tier(store: et.Store) -> None:
    """Their raw rows are gone, their 5-minute sketches are not: those take them in as well."""
    store.prune(raw_days=3)
    at = WHOLE.stop - timedelta(days=20, minutes=35)
    five = et.Window(at, at + timedelta(minutes=5))
    late = requests([{"id": f"late{n}", "time": at + timedelta(seconds=n), "service": "a"} for n in range(30)])
    before = et.measure(store, "latency_p50", five, "5m", by=())["count"].item() or 0.0
    assert et.pull(et.Frames(requests=late), store).unprovable == 30
    assert et.measure(store, "latency_p50", five, "5m", by=())["count"].item() == before + 30
    hour = et.Window(at.replace(minute=0), at.replace(minute=0) + timedelta(hours=1))
    tiers = [et.measure(store, "latency_p50", hour, every, by=())["count"].sum() for every in ("5m", "15m", "1h")]
    assert tiers == [tiers[0]] * 3


def test_a_scorecard_of_an_old_window_has_its_latency_from_whole_hours(store: et.Store) -> None:
    before = et.score(store, EARLY).filter(pl.col("kpi").str.starts_with("latency"))
    assert before["value"].null_count() == 0
    store.prune(raw_days=3)
    after = et.score(store, EARLY).filter(pl.col("kpi").str.starts_with("latency"))
    assert after["value"].null_count() == 0
    inner = et.Window(EARLY.start.replace(minute=0) + timedelta(hours=1), EARLY.stop.replace(minute=0))
    exact = et.measure(store, "latency_p99", inner, "1000h")
    found = after.filter(pl.col("kpi") == "latency_p99").filter(pl.col("service").is_not_null())
    values = dict(found.select("service", "value").rows())
    assert values == dict(exact.select("service", "value").rows())


def test_counted_rows_are_presumed_and_unknown_ones_unprovable() -> None:
    """Rows of a slice that was read before are told apart from rows nothing is left to compare with."""
    old = requests([{"id": str(n), "time": START + timedelta(minutes=n)} for n in range(20)])
    new = requests([{"id": "new", "time": START + timedelta(days=9)}])
    source = et.Frames(requests=pl.concat([old, new]))
    store = et.Store()
    first = et.pull(source, store, et.Window(START, START + timedelta(minutes=10)))
    assert first.rows["requests"] == 10
    et.pull(et.Frames(requests=new), store)
    store.prune(raw_days=2)
    rest = et.pull(source, store)
    # ten lie in the window that was counted, ten were never seen, the new one is there
    assert (rest.rows["requests"], rest.duplicates, rest.unprovable, rest.is_complete) == (10, 1, 20, True)
    hour = et.Window(START, START + timedelta(hours=1))
    assert et.measure(store, "request_rate", hour, "1h")["count"].item() == 20
    # the same rows from elsewhere: nothing can prove that they are, so they count, and the receipt says so
    elsewhere = et.pull(et.Frames(requests=old.head(3)), store)
    assert (elsewhere.rows["requests"], elsewhere.unprovable) == (3, 3)
    assert et.measure(store, "request_rate", hour, "1h")["count"].item() == 23
