"""Metrics by minute: parts are the whole in any order, running totals rise by what was counted, resets included."""

import gzip
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import erp_telemetry as et
from erp_telemetry import catalog
from erp_telemetry.store.rollups import ROLLUPS

from ..events import START

HOUR = et.Window(START, START + timedelta(hours=1))
Point = dict[str, Any]
_TYPES = {"value": pl.Float64, "count": pl.Float64, "sum": pl.Float64, "min": pl.Float64, "max": pl.Float64,
          "started_at": pl.Datetime("us", "UTC"), "instance": pl.String, "attributes": pl.String}


def points(rows: Sequence[Point]) -> pl.DataFrame:
    """Points of the restart counter of inventory-0, unless a row says otherwise; moments as seconds from START."""
    base = {"service": "inventory", "instance": "inventory-0", "name": "restarts", "kind": "cumulative", "value": None,
            "count": None, "sum": None, "min": None, "max": None, "started_at": None, "attributes": None}
    return pl.DataFrame([
        {**base, **row} | {name: START + timedelta(seconds=row[name])
                           for name in ("time", "started_at") if row.get(name) is not None}
        for row in rows], schema_overrides=_TYPES)


def held(*parts: pl.DataFrame) -> et.Store:
    store = et.Store()
    for part in parts:
        if part.height:
            et.pull(et.Frames(metrics=part), store)
    return store


def restarts(store: et.Store, every: str = "1h") -> list[float | None]:
    found: list[float | None] = et.measure(store, "restart_count", HOUR, every=every)["value"].to_list()
    return found


def rollup(store: et.Store, source: str = "metric_minutes") -> list[tuple[object, ...]]:
    columns = ", ".join(ROLLUPS["metric_minutes"].columns)
    # as text: a struct has no order in a frame
    return store.sql(f"select columns(*)::varchar from (select {columns} from {source}) order by all").rows()


# sums of eighths are exact in any order, so rows can be compared to the last bit
_EIGHTHS = st.integers(0, 800).map(lambda n: n / 8)
_KINDS = st.sampled_from(["gauge", "delta", "cumulative", "histogram", "running histogram"])


@st.composite
def _points(draw: st.DrawFn) -> list[Point]:
    made: list[Point] = []
    for _ in range(draw(st.integers(1, 25))):
        kind = draw(_KINDS)
        row: Point = {"time": draw(st.integers(0, 150)), "kind": kind.removeprefix("running "),
                      "instance": draw(st.sampled_from(["a", "b"])),
                      "attributes": draw(st.sampled_from([None, '{"x":"1","y":2}', '{"y":2,"x":"1"}', '{"x":"2"}'])),
                      "started_at": draw(st.sampled_from([None, -10, 60])) if kind == "cumulative" else None}
        if "histogram" in kind:
            row |= {"count": float(draw(st.integers(0, 9))), "sum": draw(_EIGHTHS),
                    "started_at": -10 if kind.startswith("running") else None}
        else:
            row["value"] = draw(_EIGHTHS)
        made.append(row)
    return made


@settings(max_examples=25, deadline=None)
@given(_points(), st.data())
def test_any_parts_in_any_order_are_the_whole(rows: list[Point], data: st.DataObject) -> None:
    frame = points(rows).with_row_index("id").with_columns(pl.col("id").cast(pl.String))
    shuffled = frame[data.draw(st.permutations(range(frame.height)))]
    cuts = sorted(data.draw(st.lists(st.integers(0, frame.height), max_size=3)))
    whole = held(frame)
    parts = held(*(shuffled[low:high] for low, high in zip([0, *cuts], [*cuts, frame.height], strict=True)))
    assert rollup(parts) == rollup(whole)
    with whole.reading() as connection:
        connection.execute("create or replace temp table metric_names as from read_csv($file, header = true)",
                           {"file": str(catalog.root() / "rollups" / "metric_names.csv")})
        again = f"({catalog.query('rollups/metric_minutes').text})"
        columns = ", ".join(ROLLUPS["metric_minutes"].columns)
        built = connection.execute(f"select columns(*)::varchar from (select {columns} from {again}) order by all")
        assert built.fetchall() == rollup(whole)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 90), st.integers(0, 9), st.booleans()), min_size=1, max_size=30),
       st.data())
def test_a_counter_rises_by_what_was_counted_told_as_delta_or_in_total(
    steps: list[tuple[int, int, bool]], data: st.DataObject
) -> None:
    """A reset may lie between any two points, in one minute too, and the new total may exceed the old one."""
    deltas, totals, now, total, started = [], [], 0, 0, 0
    for gap, counted, is_reset in steps:
        if is_reset:
            total, started = 0, now
        now, total = now + gap, total + counted
        deltas.append({"time": now, "kind": "delta", "value": float(counted)})
        totals.append({"time": now, "value": float(total), "started_at": started})
    order = data.draw(st.permutations(range(len(totals))))
    cut = data.draw(st.integers(0, len(totals)))
    frame = points(totals)[order]
    told = et.measure(held(points(deltas)), "restart_count", HOUR, every="1m")
    summed = et.measure(held(frame[:cut], frame[cut:]), "restart_count", HOUR, every="1m")
    assert summed["value"].sum() == sum(counted for _, counted, _ in steps)
    assert summed.select("time", "value", "count").equals(told.select("time", "value", "count"))


@pytest.mark.parametrize(("first", "expected"), [
    ({"time": 60, "value": 2.0, "started_at": 0}, 2), ({"time": 60, "value": 2.0, "started_at": -86400}, 0),
    ({"time": 60, "value": 2.0, "started_at": 60}, 0), ({"time": 60, "value": 2.0}, 0)])
def test_what_was_counted_before_the_store_listened_is_not_told(first: Point, expected: int) -> None:
    assert restarts(held(points([first]))) == [expected]


def test_a_total_that_began_at_its_first_point_rises_from_there() -> None:
    """OpenTelemetry: where the start is not known, it is the time of the first point, and that counts for nothing."""
    rows = [{"time": 60 * n, "value": value, "started_at": 60} for n, value in enumerate([3.0, 3.0, 5.0], 1)]
    assert restarts(held(points(rows))) == [2]


def test_a_series_that_joins_others_of_its_instance_counts_from_nothing() -> None:
    """An error that never happened before has no series; the first one that happens must not be lost."""
    rows = [{"time": 60 * n, "value": 5.0, "started_at": -86400, "attributes": '{"reason":"Error"}'} for n in range(4)]
    rows += [{"time": 180, "value": 1.0, "started_at": -86400, "attributes": '{"reason":"OOMKilled"}'}]
    assert restarts(held(points(rows))) == [1]


def test_attributes_tell_series_apart_whatever_their_order() -> None:
    rows = [{"time": 60 * n, "value": value, "attributes": label} for n, value, label in [
        (0, 100.0, '{"a":1,"b":2}'), (0, 1.0, '{"a":2}'), (1, 101.0, '{"b":2,"a":1}'), (1, 3.0, '{"a":2}')]]
    assert restarts(held(points(rows))) == [1 + 2]


def test_a_counter_told_as_a_gauge_is_counted_as_a_counter() -> None:
    rows = [{"time": 10 * n, "value": value, "kind": "gauge", "name": "k8s.container.restarts"}
            for n, value in enumerate([3.0, 4.0, 0.0, 1.0])]
    assert restarts(held(points(rows))) == [1 + 0 + 1]


def test_a_running_histogram_is_told_by_its_increase() -> None:
    """Means 0.2, then 0.8 over 30 more, then after a restart 0.5 over 4; totals summed would say 0.59."""
    told = [(0, 10.0, 2.0, -60), (60, 40.0, 26.0, -60), (120, 4.0, 2.0, 90)]
    rows = [{"time": at, "kind": "histogram", "name": "cpu_ratio", "count": count, "sum": total, "started_at": since,
             "min": 0.0, "max": 1.0} for at, count, total, since in told]
    store = held(points(rows[2:]), points(rows[:2]))
    by_minute = et.measure(store, "cpu_ratio", et.Window(START, START + timedelta(minutes=3)))
    assert by_minute["value"].to_list() == [pytest.approx(0.2), pytest.approx(0.8), pytest.approx(0.5)]
    assert by_minute["count"].to_list() == [10, 30, 4]
    assert et.measure(store, "cpu_ratio", HOUR, every="1h")["value"].to_list() == [pytest.approx(28 / 44)]
    assert store.sql("select count(*) from metric_minutes where sum is not null or min is not null").item() == 0


def test_cache_look_ups_told_in_total_are_counted() -> None:
    rows = [{"time": 60 * n, "value": value, "name": name} for name, values in (
        ("redis.keyspace.hits", [1000.0, 1090.0]), ("redis.keyspace.misses", [500.0, 510.0]))
        for n, value in enumerate(values)]
    assert et.measure(held(points(rows)), "cache_hit_ratio", HOUR, every="1h")["value"].to_list() == [0.9]


def test_late_points_between_others_of_a_sealed_minute_are_counted_as_if_they_had_come_in_time() -> None:
    """0, 5, reset, 1, 4 rises by 9; the raw rows of the first part are gone when the second arrives."""
    rows = [{"time": at, "value": value} for at, value in ((0, 0.0), (10, 5.0), (20, 1.0), (30, 4.0))]
    later = [{"time": 86400 * 10, "value": 4.0}]
    store = held(points([rows[0], rows[3], *later]))
    assert store.prune(raw_days=2).rows["metrics"] == 2
    assert restarts(store) == [4]
    et.pull(et.Frames(metrics=points(rows[1:3])), store)
    assert restarts(store) == [9]


def test_an_older_store_keeps_its_metrics_and_learns_their_series(tmp_path: Path) -> None:
    """On the first day raw rows are gone: of each minute the last total is all that is known."""
    path = tmp_path / "old.duckdb"
    path.write_bytes(gzip.decompress((Path(__file__).parent / "fixtures" / "version_1.duckdb.gz").read_bytes()))
    later = START + timedelta(days=10)
    who = "'inventory' as service, 'i0' as instance, 'restarts' as name, 'cumulative' as kind"
    with duckdb.connect(str(path)) as file:
        for minute, last in enumerate([2.0, 6.0]):
            file.execute(f"insert into metric_minutes by name select $at as time, {who}, 3.0 as count, 9.0 as sum, "
                         "$last as last, $at as last_time", {"at": START + timedelta(minutes=minute), "last": last})
        for number, value in enumerate([1.0, 2.0, 0.0, 3.0]):
            file.execute(f"insert into metrics by name select $at as time, {who}, $value as value, $id as id, "
                         "'{\"c\":\"main\"}' as attributes",
                         {"at": later + timedelta(seconds=20 * number), "value": value, "id": str(number)})
        file.execute("insert into sealed values ('metrics', $at)", {"at": later - timedelta(days=1)})
        file.execute("insert into watermarks values ('metrics', 'frames', 'inventory', 'p', $at)",
                     {"at": later + timedelta(minutes=1)})
    store = et.Store(path)
    assert store.is_outdated
    days = et.Window(START, START + timedelta(days=11))
    found = et.measure(store, "restart_count", days, every="1d", where={"service": "inventory"})
    assert found["value"].drop_nulls().to_list() == [4, 1 + 0 + 3]
