"""Parts: rollups of parts, in any cut and order, are the rollups of the whole, of every table to the row."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import erp_telemetry as et
from erp_telemetry.store.rollups import ROLLUPS

from ..events import START
from .test_ways import RAW, content, frame_of, rollups

# whole microseconds and eighths add up exactly in any order
_US = st.integers(0, 3_000_000).map(lambda us: us / 1000)
_AT = st.integers(0, 7_500_000).map(lambda ms: START + timedelta(milliseconds=ms))
_WHO = {"service": st.sampled_from(["billing", "orders"])}
_CALL = {**_WHO, "time": _AT, "duration_ms": _US, "weight": st.sampled_from([1.0, 2.0, 0.5]),
         "operation": st.sampled_from(["GET /a/1", "GET /healthz", "POST"]),
         "is_failed": st.sampled_from([True, False, None]),
         "status_code": st.sampled_from(["200", "404", "500", "OK", None]), "resource": st.sampled_from(["db", None]),
         "population": st.sampled_from(["user", "probe", "synthetic", None])}
_ROWS = {
    "requests": _CALL, "dependencies": _CALL,
    "logs": {**_WHO, "time": _AT, "level": st.sampled_from(["error", "information"]),
             "message": st.text("añ", max_size=4), "weight": st.sampled_from([1.0, 4.0])},
    "metrics": {**_WHO, "time": _AT, "name": st.sampled_from(["cpu_ratio", "restarts"]),
                "instance": st.sampled_from("ab"), "kind": st.sampled_from(["gauge", "cumulative", "delta"]),
                "value": st.integers(0, 80).map(lambda n: n / 8)},
    "probes": {**_WHO, "time": _AT, "kind": st.sampled_from(["readiness", "liveness"]), "is_failed": st.booleans(),
               "weight": st.sampled_from([1.0, 3.0])},
}


@pytest.mark.parametrize("table", RAW)
@settings(max_examples=4, deadline=None, derandomize=True)
@given(data=st.data())
def test_parts_of_any_cut_and_order_make_what_the_whole_makes(table: str, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.fixed_dictionaries(_ROWS[table]), min_size=1, max_size=40))
    frame = frame_of(rows)
    cuts = sorted(data.draw(st.lists(st.integers(0, frame.height), max_size=3)))
    shuffled = frame[data.draw(st.permutations(range(frame.height)))]
    whole, parts = et.Store(), et.Store()
    et.pull(et.Frames(**{table: frame}), whole)
    for low, high in zip([0, *cuts], [*cuts, frame.height], strict=True):
        if low < high:
            et.pull(et.Frames(**{table: shuffled[low:high]}), parts)
    assert content(parts) == content(whole)
    own = [rollup.name for rollup in ROLLUPS.values() if rollup.table == table]
    assert all(rollups(whole)[name] for name in own if "sketch" not in name)
