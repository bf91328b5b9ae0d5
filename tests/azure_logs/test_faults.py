"""Faults: whatever the service does ends in the whole truth, a refusal, or a receipt that says what is missing."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

import erp_telemetry as et

from .conftest import Opening
from .support import DAY, HOUR, MINUTE, MORNING, data_asked, every, limits, requests, source, spans, wanted

pytest.importorskip("duckdb_kql", reason="the loopback needs the extra testing")

from erp_telemetry.testing import LoopbackAzure, faults
from erp_telemetry.testing.faults import Fault

FRAME = requests(every(4 * MINUTE))
TRANSIENT = {
    "throttled": faults.throttled(), "throttled for a while": faults.throttled(0.01),
    "500": faults.failing(500), "502": faults.failing(502), "503": faults.failing(503),
    "408": faults.failing(408),
    "truncated": faults.truncated(), "cut": faults.cut(), "cut late": faults.cut(0.98), "dropped": faults.dropped(),
    "dropped in the body": faults.dropped(0.5), "no content": faults.no_content(), "empty": faults.empty(),
    "html": faults.html(),
}


@pytest.fixture
def azure(opened: Opening) -> LoopbackAzure:
    return opened(AppRequests=FRAME)


@pytest.mark.parametrize("name", TRANSIENT)
def test_what_passes_is_asked_again(azure: LoopbackAzure, name: str) -> None:
    # a page instead of the first answer of all is asked for twice only: see test_refusals
    azure.misbehave(TRANSIENT[name], of="data", times=1 if name == "html" else 2)
    azure.misbehave(TRANSIENT[name], of=("plan", "count"), times=2)
    store = et.Store()
    assert et.pull(source(azure), store, MORNING).is_complete
    assert spans(store) == wanted(FRAME)


@pytest.mark.parametrize("fault", [faults.timed_out(), faults.partial(0.0), faults.error_only()],
                         ids=lambda fault: fault.name)
def test_what_cannot_be_counted_whole_is_counted_by_halves(azure: LoopbackAzure, fault: Fault) -> None:
    azure.misbehave(fault, of=("plan", "count"), times=3)
    store = et.Store()
    assert et.pull(source(azure), store, MORNING).is_complete
    assert spans(store) == wanted(FRAME)


def test_what_is_never_counted_is_refused(azure: LoopbackAzure) -> None:
    azure.misbehave(faults.timed_out(), of="count")
    store = et.Store()
    with pytest.raises(et.PartialAnswer, match="not even its rows can be counted"):
        et.pull(source(azure), store, MORNING)
    assert spans(store) == [] and store.ledger().is_empty()
    assert len(azure.asked) < 40


@pytest.mark.parametrize("name", TRANSIENT)
def test_what_does_not_pass_is_said(azure: LoopbackAzure, name: str) -> None:
    store = et.Store()

    def fail(at: et.Progress) -> None:
        azure.misbehave(TRANSIENT[name], of="data")

    with pytest.raises(et.SourceError, match=r"\d times"):
        et.pull(source(azure, limits=limits(tries=2, concurrent=1)), store, MORNING, progress=fail)
    assert spans(store) == [] and store.ledger().is_empty()
    azure.behave()
    assert et.pull(source(azure), store, MORNING).is_complete
    assert spans(store) == wanted(FRAME)


@pytest.mark.parametrize("fault", [
    faults.row_cap(40), faults.row_cap(40, "error"), faults.row_cap(40, "nothing"), faults.byte_cap(9000),
    faults.byte_cap(9000, "error"), faults.byte_cap(9000, "nothing"), faults.timed_out(40)], ids=lambda one: one.name)
def test_what_is_too_much_is_asked_for_in_parts(azure: LoopbackAzure, fault: Fault) -> None:
    azure.misbehave(fault, of="data")
    store = et.Store()
    receipt = et.pull(source(azure), store, MORNING)
    assert receipt.is_complete and receipt.rows == {"requests": FRAME.height}
    assert spans(store) == wanted(FRAME)


def test_a_timed_out_query_is_not_asked_again_at_the_same_size(azure: LoopbackAzure) -> None:
    azure.misbehave(faults.timed_out(40), of="data")
    et.pull(source(azure), et.Store(), MORNING)
    texts = [one.query for one in azure.asked if one.status == 504]
    assert texts and len(texts) == len(set(texts))


@pytest.mark.parametrize("fault", [faults.partial(), faults.error_only(), faults.timed_out()], ids=lambda one: one.name)
def test_what_is_never_whole_is_refused(azure: LoopbackAzure, fault: Fault) -> None:
    store = et.Store()

    def fail(at: et.Progress) -> None:
        azure.misbehave(fault, of="data")

    with pytest.raises(et.SourceError, match="it cannot be asked for less: pull again, or with allow_partial=True"):
        et.pull(source(azure, limits=limits(concurrent=1)), store, MORNING, progress=fail)
    assert store.ledger().is_empty() and data_asked(azure) < 60, "down to a tick and its hash parts, on one side only"


def test_partial_then_strict(azure: LoopbackAzure) -> None:
    store = et.Store()

    def fail(at: et.Progress) -> None:
        azure.misbehave(faults.partial(0.5), of="data")

    lenient = source(azure, allow_partial=True, limits=limits(concurrent=1))
    receipt = et.pull(lenient, store, MORNING, progress=fail)
    got = len(spans(store))
    assert 0 < got < FRAME.height and not receipt.is_complete
    assert receipt.short == [f"{store.ledger()['slice'].item()}: {got} of {FRAME.height} rows"]
    assert store.ledger()["fingerprint"].to_list() == [f"partial:{got}/{FRAME.height}"]
    azure.behave()
    elsewhere = et.Window(DAY - HOUR, DAY)
    strict = et.pull(source(azure), store, elsewhere)
    assert strict.is_complete and strict.rows == {"requests": FRAME.height - got}
    assert spans(store) == wanted(FRAME), "what was missing comes whatever the window"
    assert store.ledger()["fingerprint"].to_list()[-1] == f"n={FRAME.height}"
    names = store.ledger()["slice"].to_list()
    assert names[0] in names[1:], "under the same name"


def test_partial_then_pruned_then_strict_is_named(azure: LoopbackAzure) -> None:
    store = et.Store()

    def fail(at: et.Progress) -> None:
        azure.misbehave(faults.partial(0.5), of="data")

    et.pull(source(azure, allow_partial=True, limits=limits(concurrent=1)), store, MORNING, progress=fail)
    azure.behave()
    store.prune(raw_days=0)
    counted = store.sql("select sum(raw_count) from request_minutes").item()
    receipt = et.pull(source(azure), store, MORNING)
    assert not receipt.is_complete and "rows of pruned minutes" in receipt.short[0]
    assert counted <= store.sql("select sum(raw_count) from request_minutes").item() <= FRAME.height


def test_a_hot_microsecond_is_split_by_hash(opened: Opening) -> None:
    frame = requests([DAY + HOUR] * 200)
    azure = opened(AppRequests=frame)
    azure.misbehave(faults.row_cap(60), of="data")
    store = et.Store()
    assert et.pull(source(azure, limits=limits(rows=100)), store, MORNING).is_complete
    assert spans(store) == wanted(frame)
    assert any("let parts = 4;" in one.query for one in azure.asked)


def test_a_busy_quarter_of_an_hour_is_planned_in_parts(opened: Opening) -> None:
    frame = requests(every(timedelta(seconds=1), DAY, DAY + 10 * MINUTE))
    azure = opened(AppRequests=frame)
    store = et.Store()
    receipt = et.pull(source(azure, limits=limits(rows=200)), store, MORNING)
    assert receipt.slices > 3 and max(store.ledger()["rows"]) <= 180
    assert spans(store) == wanted(frame)


@pytest.mark.parametrize("fault", [faults.row_cap(5), faults.row_cap(5, "nothing"), faults.partial(),
                                   faults.row_cap(5, "error")], ids=lambda one: one.name)
def test_a_plan_that_is_not_whole_is_none(azure: LoopbackAzure, fault: Fault) -> None:
    azure.misbehave(fault, of="plan")
    store = et.Store()
    try:
        et.pull(source(azure), store, MORNING)
    except et.SourceError:
        assert store.ledger().is_empty()
    else:
        assert spans(store) == wanted(FRAME)


def test_a_throttled_service_is_left_alone_by_all(azure: LoopbackAzure) -> None:
    azure.misbehave(faults.throttled(0.4), of="data", at=range(4, 100), times=1)
    store = et.Store()
    et.pull(source(azure, limits=limits(rows=40, longest_pause_seconds=5)), store, MORNING)
    numbers = [one.number for one in azure.asked if one.status == 429]
    assert len(numbers) == 1 and spans(store) == wanted(FRAME)


@pytest.mark.parametrize("fault", [faults.compressed(), faults.chunked()], ids=lambda one: one.name)
def test_right_answers_in_other_clothes_are_read(azure: LoopbackAzure, fault: Fault) -> None:
    azure.misbehave(fault)
    store = et.Store()
    assert et.pull(source(azure), store, MORNING).is_complete
    assert spans(store) == wanted(FRAME)


def test_no_more_questions_at_a_time_than_the_service_takes(azure: LoopbackAzure) -> None:
    azure.misbehave(faults.slow(0.05), of="data")
    et.pull(source(azure, limits=limits(rows=20, concurrent=2)), et.Store(), MORNING)
    assert azure.most_at_once == 2


def test_the_stores_ledger_tells_slices_that_tile_the_window(azure: LoopbackAzure) -> None:
    store = et.Store()
    et.pull(source(azure, limits=limits(rows=40)), store, MORNING)
    edges = [name.split("/")[2:4] for name in store.ledger()["slice"]]
    assert edges[0][0].startswith("2026-03-10T00:00") and edges[-1][1].startswith("2026-03-10T12:00")
    assert all(one[1] == other[0] for one, other in pairwise(edges))


@pytest.mark.parametrize("tells", ["nothing", "partial"])
def test_parts_go_on_being_split_while_that_brings_rows(opened: Opening, tells: faults.Tells) -> None:
    """A service that cuts each answer short is asked for less until all is there, also where parts are allowed."""
    frame = requests(every(3 * MINUTE))
    azure, store = opened(AppRequests=frame), et.Store()
    azure.misbehave(faults.row_cap(4, tells), of="data")
    receipt = et.pull(source(azure, allow_partial=True), store, MORNING)
    assert receipt.is_complete and spans(store) == wanted(frame)


def test_an_error_without_a_table_is_nothing_that_came(opened: Opening) -> None:
    frame = requests(every(MINUTE))
    azure, store = opened(AppRequests=frame), et.Store()
    azure.misbehave(faults.error_only(), of="data", at=range(2, 5000))
    receipt = et.pull(source(azure, allow_partial=True), store, MORNING)
    assert not receipt.is_complete and not receipt.rows and spans(store) == []
    assert store.shortfalls(MORNING)["rows"].sum() == frame.height
    assert "'tables'" not in str(receipt) and data_asked(azure) < 200
    azure.behave()
    assert et.pull(source(azure), store, MORNING).is_complete and spans(store) == wanted(frame)


def test_where_halves_cannot_be_counted_what_comes_of_the_whole_is_kept(azure: LoopbackAzure) -> None:
    store = et.Store()

    def fail(at: et.Progress) -> None:
        azure.misbehave(faults.partial(0.5), of="data")
        azure.misbehave(faults.error_only(), of="count")

    receipt = et.pull(source(azure, allow_partial=True, limits=limits(concurrent=1)), store, MORNING, progress=fail)
    assert len(spans(store)) == FRAME.height // 2 and not receipt.refused
    assert receipt.short == [f"{store.ledger()['slice'].item()}: {FRAME.height // 2} of {FRAME.height} rows"]


def test_advice_that_was_taken_is_not_given_again(azure: LoopbackAzure) -> None:
    azure.misbehave(faults.error_only(), of=("plan", "count"))
    receipt = et.pull(source(azure, allow_partial=True), et.Store(), MORNING)
    assert receipt.missing and "allow_partial" not in str(receipt)
    for line in receipt.missing:
        assert line.count("pull again") <= 1 and line.count("could not") + line.count("cannot be counted") <= 1


@pytest.mark.parametrize("of", ["probe", "clock"])
def test_small_questions_out_of_time_say_what_to_do(azure: LoopbackAzure, of: str) -> None:
    if of == "clock":
        azure.misbehave(faults.timed_out(), at=1)
    else:
        azure.misbehave(faults.timed_out(), of="probe")
    tables = ("AppRequests",) if of == "clock" else ("AppTraces",)
    with pytest.raises(et.SourceUnreachable, match=r"told \(the service gave up \(504 .*\): pull again later"):
        et.pull(source(azure, *tables), et.Store(), MORNING)
