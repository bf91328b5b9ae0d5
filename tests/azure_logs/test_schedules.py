"""Random schedules of faults: after a pull the store holds the truth, or the pull says what is missing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

import erp_telemetry as et

from .support import DAY, HOUR, MORNING, NOON, every, limits, requests, source, spans, wanted

pytest.importorskip("duckdb_kql", reason="the loopback needs the extra testing")

from erp_telemetry.testing import LoopbackAzure, faults
from erp_telemetry.testing.faults import Fault

MOMENTS = every(timedelta(minutes=6))
# some rows arrive hours late, some do not say when
ARRIVALS = [None if number % 11 == 0 else moment + timedelta(minutes=(number * 37) % 400)
            for number, moment in enumerate(MOMENTS)]
FRAME = requests(MOMENTS, ARRIVALS)
FAULTS = (
    faults.throttled(), faults.throttled(0.01), faults.failing(500), faults.failing(502), faults.failing(503),
    faults.failing(504), faults.row_cap(15), faults.row_cap(15, "error"), faults.row_cap(15, "nothing"),
    faults.byte_cap(4000), faults.byte_cap(4000, "nothing"), faults.timed_out(15), faults.partial(),
    faults.error_only(), faults.truncated(), faults.cut(), faults.dropped(), faults.dropped(0.7), faults.no_content(),
    faults.empty(), faults.html(), faults.compressed(), faults.chunked(), faults.slow(0.01),
)
# a few requests of a pull, or every other, or all
NUMBERS = st.one_of(st.sets(st.integers(1, 25), min_size=1, max_size=6), st.just(set(range(1, 90))),
                    st.just(set(range(1, 90, 2))))
SCHEDULES = st.lists(st.tuples(st.sampled_from(FAULTS), NUMBERS), min_size=1, max_size=5)
SILENT = [(faults.row_cap(15, "nothing"), {5, 6, 7})]
QUICK = settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck),
                 phases=(Phase.explicit, Phase.generate))


def missing_is_said(azure: LoopbackAzure, store: et.Store, asked: et.AzureLogs) -> bool:
    """Pull once; whether it raised or its receipt, and where rows were kept the ledger, say that rows are missing."""
    try:
        receipt = et.pull(asked, store, MORNING)
    except et.SourceError as error:
        assert str(error)
        return True
    partial = [mark for mark in latest(store).values() if mark.startswith("partial:")]
    assert bool(receipt.short) == bool(partial)
    assert store.shortfalls(MORNING).is_empty() == receipt.is_complete, "the store knows what the receipt says"
    return not receipt.is_complete


def latest(store: et.Store) -> dict[str, str]:
    """The last fingerprint of each slice."""
    return dict(store.ledger().select("slice", "fingerprint").iter_rows())


def check(azure: LoopbackAzure, store: et.Store, is_said: bool, before_minutes: int) -> None:
    held = spans(store)
    assert len(held) == len(set(held)), "no row twice"
    truth = wanted(FRAME, before=NOON + timedelta(minutes=before_minutes))
    assert set(held) <= set(truth), "nothing that had not arrived"
    assert is_said or held == truth, "never fewer rows without a word"


@pytest.mark.parametrize("allow_partial", [False, True])
@QUICK
@given(schedule=SCHEDULES, second=SCHEDULES)
@example(schedule=SILENT, second=[(faults.byte_cap(4000, "nothing"), set(range(1, 90)))])
def test_the_truth_or_a_word(
    allow_partial: bool, schedule: list[tuple[Fault, set[int]]], second: list[tuple[Fault, set[int]]]
) -> None:
    with pytest.MonkeyPatch.context() as patched, LoopbackAzure({"AppRequests": FRAME}) as azure:
        patched.setenv("NO_PROXY", "127.0.0.1")
        store = et.Store()
        asked = source(azure, limits=limits(rows=60, tries=3, concurrent=3), allow_partial=allow_partial)
        azure.clock = NOON + timedelta(minutes=30)
        for fault, numbers in schedule:
            azure.misbehave(fault, at=numbers)
        check(azure, store, missing_is_said(azure, store, asked), 20)
        azure.clock = NOON + 2 * HOUR
        azure.behave()
        for fault, numbers in second:
            azure.misbehave(fault, at={number + len(azure.asked) for number in numbers})
        check(azure, store, missing_is_said(azure, store, asked), 110)
        azure.clock = NOON + 9 * HOUR
        azure.behave()
        assert et.pull(asked, store, MORNING).is_complete
        assert spans(store) == wanted(FRAME), "once the service behaves, everything comes"
        assert not any(mark.startswith("partial:") for mark in latest(store).values())
        assert store.sql("select sum(count) from request_minutes").item() == FRAME["ItemCount"].sum()
        assert store.verify() == store.ledger().height and DAY < NOON
