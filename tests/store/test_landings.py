"""Landings: pulled twice equals once, order does not matter, bad rows are set aside, ids tell rows apart."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import erp_telemetry as et
from erp_telemetry import catalog
from erp_telemetry.store import landings
from erp_telemetry.store.rollups import ROLLUPS

from ..events import START, incident, requests, weighted

ROLLUP_OF_REQUESTS = [rollup for rollup in ROLLUPS.values() if rollup.table == "requests"]


def content(store: et.Store) -> dict[str, list[tuple[object, ...]]]:
    """Every raw row and rollup row, in a fixed order."""
    names = ["requests", "incidents", *ROLLUPS]
    return {name: store.sql(f"select * from {name} order by all").rows() for name in names}


def test_pull_twice_is_pull_once() -> None:
    store = et.Store()
    first = et.pull(et.Frames(requests=weighted()), store)
    before = content(store)
    again = et.pull(et.Frames(requests=weighted()), store)
    assert (first.rows["requests"], again.slices, again.skipped) == (20, 0, 1)
    assert content(store) == before


def test_the_same_rows_in_another_slice_are_duplicates() -> None:
    store = et.Store()
    et.pull(et.Frames(requests=weighted()), store)
    before = content(store)
    again = et.pull(et.Frames(requests=weighted().head(7)), store)
    assert (again.duplicates, sum(again.rows.values())) == (7, 0)
    assert content(store) == before


def test_equal_rows_without_an_id_are_told_apart_by_ordinal() -> None:
    store = et.Store()
    twins = requests([{"time": START}] * 3)
    assert et.pull(et.Frames(requests=twins), store).rows["requests"] == 3
    assert et.pull(et.Frames(requests=pl.concat([twins, twins.head(1)])), store).rows["requests"] == 1


def test_rows_with_one_id_are_one_row() -> None:
    store = et.Store()
    twins = requests([{"id": "a", "time": START}, {"id": "a", "time": START}, {"id": "b", "time": START}])
    receipt = et.pull(et.Frames(requests=twins), store)
    assert (receipt.rows["requests"], receipt.duplicates) == (2, 1)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 900), st.integers(1, 2_000_000), st.sampled_from([1.0, 2.0, 4.0]),
                          st.booleans()), min_size=1, max_size=60), st.data())
def test_rollups_of_parts_are_the_rollup_of_the_whole(
    rows: list[tuple[int, int, float, bool]], data: st.DataObject
) -> None:
    frame = requests([
        {"id": str(n), "time": START + timedelta(seconds=s), "duration_ms": us / 1000, "weight": w, "is_failed": f}
        for n, (s, us, w, f) in enumerate(rows)])
    order = data.draw(st.permutations(range(frame.height)))
    cut = data.draw(st.integers(0, frame.height))
    whole, parts = et.Store(), et.Store()
    et.pull(et.Frames(requests=frame), whole)
    shuffled = frame[order]
    for part in (shuffled[:cut], shuffled[cut:]):
        if part.height:
            et.pull(et.Frames(requests=part), parts)
    for rollup in ROLLUP_OF_REQUESTS:
        columns = ", ".join(rollup.columns)
        merged = parts.sql(f"select {columns} from {rollup.name} order by all").rows()
        built = whole.sql(f"select {columns} from {rollup.name} order by all").rows()
        again = whole.sql(f"select {columns} from ({catalog.query(f'rollups/{rollup.name}').text}) order by all").rows()
        assert merged == built == again


@pytest.mark.parametrize(("bad", "reason"), [
    ({"duration_ms": -1.0}, "duration_ms is negative"), ({"duration_ms": float("nan")}, "duration_ms is negative"),
    ({"weight": 0.0}, "weight is not a number above 0"), ({"weight": float("inf")}, "weight is not"),
    ({"service": None}, "service is missing"), ({"duration_ms": None}, "duration_ms is missing"),
])
def test_a_row_that_breaks_a_rule_is_set_aside_and_named(bad: dict[str, object], reason: str) -> None:
    store = et.Store()
    receipt = et.pull(et.Frames(requests=requests([{}, bad, {}])), store)
    assert receipt.rows["requests"] == 2
    assert [reason in reject.reason for reject in receipt.rejects] == [True]
    assert store.rejects().height == 1


def test_operations_become_templates_and_probes_are_told() -> None:
    store = et.Store()
    names = ["GET /api/orders/48213?x=1", "GET /o/0f8fad5b-d9cb-469f-a165-70867728950e/lines/7", "GET /v2/2fa/code",
             "GET /healthz/ready", "PostInvoice"]
    et.pull(et.Frames(requests=requests([{"operation": name} for name in names])), store)
    found = store.sql("select operation, population from requests order by time").rows()
    assert found == [("GET /api/orders/{id}", "user"), ("GET /o/{id}/lines/{id}", "user"),
                     ("GET /v2/2fa/code", "user"), ("GET /healthz/ready", "probe"), ("PostInvoice", "user")]


def test_the_newest_record_of_an_incident_wins() -> None:
    store = et.Store()
    old = incident(impact_start=0, detected=1, impact_end=None, status="open", updated_at=1)
    new = incident(impact_start=0, detected=1, impact_end=30, status="resolved", updated_at=31)
    for record in (old, new, old):
        et.pull(et.Frames(incidents=pl.DataFrame([record], schema_overrides={
            "impact_end": pl.Datetime("us", "UTC")})), store)
    found = et.incidents(store, et.Window(START, START + timedelta(hours=1)))
    assert [(one.status, one.is_open) for one in found] == [("resolved", False)]


def test_late_rows_are_counted() -> None:
    store = et.Store()
    et.pull(et.Frames(requests=requests([{}] * 10)), store)
    late = requests([{"time": START + timedelta(seconds=3), "duration_ms": 77.0}])
    assert et.pull(et.Frames(requests=late), store).late == 1


def test_late_rows_say_what_they_changed() -> None:
    store = et.Store()
    at = [START + timedelta(minutes=minute) for minute in (0, 0, 1, 5)]
    rows = requests([{"time": time, "duration_ms": float(n)} for n, time in enumerate(at)])
    first = et.pull(et.Frames(requests=rows), store)
    assert first.reopened == ()
    late = requests([{"time": START + timedelta(seconds=30), "is_failed": True, "weight": 3.0},
                     {"time": START + timedelta(minutes=2), "duration_ms": 7.0},
                     {"time": START + timedelta(minutes=5, seconds=2), "duration_ms": 8.0},
                     {"time": START + timedelta(minutes=1), "service": "billing"}])
    receipt = et.pull(et.Frames(requests=late), store)
    # minute 5 was still open when the first pull ended, and nobody had told of billing
    assert [asdict(one) for one in receipt.reopened] == [{
        "service": "orders", "day": START, "minutes": 2, "requests_before": 2.0, "requests_after": 6.0,
        "error_ratio_before": 0.0, "error_ratio_after": 0.5}]
    assert "2 minutes re-opened (orders 2026-07-01: 2 minutes, 2 -> 6 requests, errors 0.00% -> 50.00%)" in str(receipt)
    window = et.Window(START, START + timedelta(minutes=3))
    assert et.measure(store, "error_ratio", window, "3m", where={"service": "orders"})["value"].item() == 3 / 7
    assert et.pull(et.Frames(requests=late), store).reopened == ()


def test_late_rows_in_several_slices_are_told_once(tmp_path: Path) -> None:
    store = et.Store()
    et.pull(et.TableFiles(_parquet(tmp_path / "a.parquet", [0, 60, 120])), store)
    for name, seconds in (("b", [10, 70]), ("c", [20, 65])):
        _parquet(tmp_path / f"{name}.parquet", seconds)
    receipt = et.pull(et.TableFiles(tmp_path), store)
    (told,) = receipt.reopened
    assert (told.minutes, told.requests_before, told.requests_after) == (2, 2.0, 6.0)


def _parquet(path: Path, seconds: list[int]) -> Path:
    requests([{"time": START + timedelta(seconds=at), "duration_ms": float(at)} for at in seconds]).write_parquet(path)
    return path


def test_text_from_outside_is_bound_not_pasted() -> None:
    store = et.Store()
    nasty = "'); drop table requests; --<script>alert(1)</script>"
    et.pull(et.Frames(requests=requests([{"service": nasty, "operation": nasty}])), store)
    window = et.Window(START, START + timedelta(minutes=5))
    found = et.measure(store, "request_rate", window, every="5m", where={"service": nasty})
    assert found["service"].to_list() == [nasty]


def test_a_window_takes_its_rows_only_and_a_later_pull_the_rest() -> None:
    store = et.Store()
    source = et.Frames(requests=requests([{}] * 10))
    window = et.Window(START + timedelta(seconds=2), START + timedelta(seconds=5))
    assert et.pull(source, store, window).rows["requests"] == 3
    assert et.pull(source, store, window).slices == 0
    rest = et.pull(source, store)
    assert (rest.rows["requests"], rest.duplicates, rest.is_complete) == (7, 3, True)
    assert et.pull(source, store, window).slices == 0


def test_one_id_in_two_services_is_two_rows_and_an_empty_id_is_none() -> None:
    store = et.Store()
    rows = [{"id": str(n), "service": name} for name in ("a", "b") for n in range(3)] + [{"id": " "}] * 3
    assert et.pull(et.Frames(requests=requests(rows)), store).rows["requests"] == 9


def test_a_clock_in_the_future_is_set_aside() -> None:
    store = et.Store()
    ahead = datetime.now(UTC) + timedelta(days=3)
    receipt = et.pull(et.Frames(requests=requests([{}, {"time": ahead}])), store)
    assert receipt.rows["requests"] == 1
    assert ["ahead of the clock" in reject.reason for reject in receipt.rejects] == [True]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_metric_that_is_no_number_does_not_poison_its_step(value: float) -> None:
    store = et.Store()
    points = pl.DataFrame({"time": [START] * 2, "service": ["a"] * 2, "kind": ["gauge"] * 2, "name": ["cpu_ratio"] * 2,
                           "value": [0.95, value]})
    assert len(et.pull(et.Frames(metrics=points), store).rejects) == 1
    window = et.Window(START, START + timedelta(minutes=5))
    assert et.measure(store, "cpu_ratio", window, every="5m")["value"].to_list() == [0.95]


def test_a_correction_of_an_undated_incident_wins_and_an_undated_one_never_beats_a_dated() -> None:
    store = et.Store()
    first = incident(impact_start=0, detected=1, impact_end=30)
    corrected = incident(impact_start=20, detected=21, impact_end=30, impact="none")
    for record in (first, corrected):
        et.pull(et.Frames(incidents=pl.DataFrame([record])), store)
    window = et.Window(START, START + timedelta(hours=1))
    assert [(one.impact, one.impact_start) for one in et.incidents(store, window)] == [
        ("none", START + timedelta(minutes=20))]
    et.pull(et.Frames(incidents=pl.DataFrame([incident(impact_start=20, detected=21, impact_end=30, updated_at=40)])),
            store)
    et.pull(et.Frames(incidents=pl.DataFrame([corrected])), store)
    assert [one.impact for one in et.incidents(store, window)] == ["outage"]


def test_ctrl_c_within_a_statement_is_no_reason_to_read_another_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def interrupted(*given: object) -> None:
        asked.append(given)
        raise duckdb.InterruptException("INTERRUPT Error: Interrupted!")

    monkeypatch.setattr(landings, "_commit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        et.pull(et.Frames(requests=weighted()), et.Store(tmp_path / "s.duckdb"))
    assert len(asked) == 1
