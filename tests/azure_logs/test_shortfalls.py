"""Shortfalls: what a pull could not get stays known to the store, and to every answer over it, until it comes."""

from __future__ import annotations

import gzip
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

import erp_telemetry as et
from tests.cli.support import call

from .conftest import Opening
from .support import DAY, HOUR, MINUTE, MORNING, every, limits, requests, source, spans, wanted

pytest.importorskip("duckdb_kql", reason="the loopback needs the extra testing")

from erp_telemetry.testing import faults

from .test_words import FOUR, THREE, out_of_time

if TYPE_CHECKING:
    from erp_telemetry.testing import LoopbackAzure

FRAME = requests(every(MINUTE))
BEFORE = et.Window(DAY - 3 * HOUR, DAY)
FOURTH = Path(__file__).parents[1] / "store" / "fixtures" / "version_4.duckdb.gz"


def half(azure: LoopbackAzure, store: et.Store) -> et.Receipt:
    """A pull of which each answer brings one half, and which keeps it."""
    def fail(at: et.Progress) -> None:
        azure.misbehave(faults.partial(0.5), of="data")

    lenient = source(azure, allow_partial=True, limits=limits(concurrent=1))
    return et.pull(lenient, store, MORNING, progress=fail)


def test_a_slice_that_came_in_part_is_short_until_it_comes(opened: Opening) -> None:
    azure, store = opened(AppRequests=FRAME), et.Store()
    receipt = half(azure, store)
    got = len(spans(store))
    assert receipt.state == "partial" and receipt.lost == {"requests": FRAME.height - got}
    assert f"; lost: {FRAME.height - got} requests; 1 slice gave fewer rows than promised" in str(receipt)
    short = store.shortfalls(MORNING)
    assert short.select("table_name", "source", "kind", "start", "stop", "rows").rows() == [
        ("requests", "azure_logs", "short", MORNING.start, MORNING.stop, FRAME.height - got)]
    assert short["slice"].item() == store.ledger()["slice"].item() and short["told_at"].item() is not None
    assert et.quality(store, MORNING).shortfalls.equals(short)
    lost = f"{FRAME.height - got} requests of azure_logs between 2026-03-10 00:00"
    with pytest.warns(et.ShortfallWarning, match=lost):
        et.score(store, MORNING)
    azure.behave()
    repair = et.pull(source(azure), store, BEFORE)
    assert (repair.state, repair.late, repair.repaired) == ("complete", 0, repair.rows["requests"])
    assert f"{FRAME.height - got} that an earlier pull lacked" in str(repair) and repair.reopened
    assert store.shortfalls(MORNING).is_empty() and spans(store) == wanted(FRAME)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        et.score(store, MORNING)


def test_what_could_not_be_counted_is_known_of_its_hours_alone(opened: Opening) -> None:
    azure, store = opened(AppRequests=FRAME), et.Store()
    azure.misbehave(faults.Fault("a bad hour", limit=out_of_time), of="plan")
    et.pull(source(azure, allow_partial=True), store, MORNING)
    lost = store.shortfalls(MORNING)
    assert set(lost["kind"]) == {"uncounted"} and lost["rows"].null_count() == lost.height > 0
    assert THREE - 15 * MINUTE < lost["start"].min() <= THREE and FOUR <= lost["stop"].max() < FOUR + 15 * MINUTE
    assert all("504" in reason for reason in lost["reason"])
    assert store.shortfalls(et.Window(DAY, THREE - 15 * MINUTE)).is_empty() and store.shortfalls(BEFORE).is_empty()
    with pytest.warns(et.ShortfallWarning, match="uncounted requests of azure_logs between 2026-03-10 03:00"):
        et.measure(store, "error_ratio", et.Window(THREE, FOUR), "5m")
    again = et.pull(source(azure, allow_partial=True), store, MORNING)
    still = store.shortfalls(MORNING)
    assert again.missing and still["slice"].is_unique().all(), "told once"
    assert set(still["kind"]) == {"uncounted"} and lost["start"].min() <= still["start"].min() <= THREE
    azure.behave()
    et.pull(source(azure), store, BEFORE)
    assert not store.shortfalls(MORNING).is_empty(), "another window settles nothing of this one"
    assert et.pull(source(azure), store, MORNING).is_complete
    assert store.shortfalls(MORNING).is_empty() and spans(store) == wanted(FRAME)


def test_a_slice_that_could_not_be_read_is_known_with_its_rows(opened: Opening) -> None:
    azure, store = opened(AppRequests=FRAME), et.Store()
    azure.misbehave(faults.Fault("a bad hour", limit=out_of_time), of="data")
    receipt = et.pull(source(azure, limits=limits(rows=100)), store, MORNING)
    refused = store.shortfalls(MORNING)
    assert len(receipt.refused) == refused.height > 0 and set(refused["kind"]) == {"refused"}
    assert receipt.lost == {"requests": refused["rows"].sum()}
    assert refused["rows"].sum() == FRAME.height - len(spans(store))
    azure.behave()
    repair = et.pull(source(azure, limits=limits(rows=300)), store, MORNING)
    assert repair.is_complete and (repair.late, repair.repaired) == (0, receipt.lost["requests"])
    assert store.shortfalls(MORNING).is_empty() and spans(store) == wanted(FRAME)


def test_the_warning_points_at_the_line_that_asked(opened: Opening) -> None:
    azure, store = opened(AppRequests=FRAME), et.Store()
    half(azure, store)
    for ask in (lambda: et.score(store, MORNING), lambda: et.measure(store, "request_rate", MORNING, "1h"),
                lambda: et.health(store, MORNING), lambda: et.report(store, MORNING)):
        with pytest.warns(et.ShortfallWarning) as told:
            ask()
        assert {Path(one.filename).name for one in told} == {Path(__file__).name}


def test_a_report_says_it_first(opened: Opening, tmp_path: Path) -> None:
    azure, store = opened(AppRequests=FRAME), et.Store(tmp_path / "erp.duckdb")
    half(azure, store)
    lost = FRAME.height - len(spans(store))
    with pytest.warns(et.ShortfallWarning) as told:
        report = et.report(store, MORNING)
    assert len(told) == 1
    for suffix in ("html", "md"):
        text = report.save(tmp_path / f"report.{suffix}").read_text(encoding="utf-8")
        assert f"{lost} rows of this window are known to be missing" in text
        assert "the source has more rows than came" in text
    facts = json.loads(report.save(tmp_path / "report.json").read_text(encoding="utf-8"))
    assert facts["quality"]["lacked"] == {"spans": 1, "rows": lost, "uncounted": 0}


def test_the_shell_says_it_on_stderr_and_a_gate_can_fail_on_it(opened: Opening, tmp_path: Path) -> None:
    azure, path = opened(AppRequests=FRAME), tmp_path / "erp.duckdb"
    half(azure, et.Store(path))
    window = ("--window", "2026-03-10/2026-03-10T12:00Z")
    shown = call("score", "--store", path, *window, "--json")
    assert shown.exit_code == 0 and json.loads(shown.stdout)
    assert shown.stderr.count("known to be missing") == 1 and "erp-telemetry report lists them" in shown.stderr
    gate = call("score", "--store", path, *window, "--fail-on", "short")
    assert gate.exit_code == 2 and "gate missed: rows are missing" in gate.stderr
    azure.behave()
    et.pull(source(azure), et.Store(path), MORNING)
    whole = call("score", "--store", path, *window, "--fail-on", "short")
    assert whole.exit_code == 0 and "missing" not in whole.stderr


def test_a_store_of_version_4_knows_it_from_its_ledger(opened: Opening, tmp_path: Path) -> None:
    """Written by the last commit of version 4: 21 of the 72 rows of a morning came."""
    path = tmp_path / "fourth.duckdb"
    path.write_bytes(gzip.decompress(FOURTH.read_bytes()))
    with duckdb.connect(str(path), read_only=True) as file:
        assert file.execute("select max(version) from store_version").fetchall() == [(4,)]
    store, frame = et.Store(path), requests(every(10 * MINUTE))
    with pytest.warns(et.ShortfallWarning, match="51 rows of azure_logs between 2026-03-10 00:00 and 2026-03-10 12:00"):
        et.score(store, MORNING)
    azure = opened(AppRequests=frame)
    assert et.pull(source(azure), store, BEFORE).is_complete and spans(store) == wanted(frame)
    assert store.shortfalls(MORNING).is_empty() and store.verify() > 1
