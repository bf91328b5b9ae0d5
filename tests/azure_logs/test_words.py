"""Words: a receipt says what is missing, set aside or still to come, and no data never reads as all is well."""

from __future__ import annotations

import html
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

import erp_telemetry as et
from tests.cli.support import ROOT

from .conftest import Opening
from .support import DAY, HOUR, MINUTE, MORNING, NOON, every, limits, requests, source, spans, wanted

pytest.importorskip("duckdb_kql", reason="the loopback needs the extra testing")

from erp_telemetry.testing import faults
from erp_telemetry.testing.answers import Reply, refusal
from erp_telemetry.testing.faults import Fault
from erp_telemetry.testing.workspaces import Answer

FRAME = requests(every(MINUTE))
THREE, FOUR = DAY + 3 * HOUR, DAY + 4 * HOUR


def out_of_time(answer: Answer) -> Reply | None:
    """What counts any of the hour from three to four o'clock is out of time."""
    hits = any(THREE <= datetime.fromisoformat(str(row[0])) < FOUR for row in answer.rows)
    return Reply(504, refusal("GatewayTimeout", "The query did not finish in time")) if hits else None


def test_what_cannot_be_counted_is_named_and_the_rest_pulled(opened: Opening) -> None:
    azure = opened(AppRequests=FRAME)
    azure.misbehave(Fault("a bad hour", limit=out_of_time), of="plan")
    with pytest.raises(et.PartialAnswer, match=r"counted.*or with allow_partial=True keep the rest"):
        et.pull(source(azure), et.Store(), MORNING)
    store = et.Store()
    receipt = et.pull(source(azure, allow_partial=True), store, MORNING)
    assert not receipt.is_complete and not receipt.refused and receipt.missing
    lost = [et.Window(*line.split(": ")[0].removeprefix("AppRequests ").split(" to ")) for line in receipt.missing]
    assert all("nothing of it was pulled: the service gave up (504" in line for line in receipt.missing)
    assert all(span.start < FOUR and span.stop > THREE for span in lost)
    kept = FRAME.filter(~pl.any_horizontal(
        pl.col("TimeGenerated").is_between(span.start, span.stop, closed="left") for span in lost))
    assert spans(store) == wanted(kept) and 600 < kept.height < 660
    assert "missing: AppRequests 2026-03-10T0" in str(receipt)
    azure.behave()
    assert et.pull(source(azure), store, MORNING).is_complete and spans(store) == wanted(FRAME)


def test_where_nothing_can_be_counted_all_of_it_is_missing_by_name(opened: Opening) -> None:
    azure = opened(AppRequests=FRAME)
    azure.misbehave(faults.timed_out(), of=("plan", "count"))
    store = et.Store()
    receipt = et.pull(source(azure, allow_partial=True), store, MORNING)
    assert not receipt.is_complete and receipt.slices == 0 and spans(store) == []
    lost = [et.Window(*line.split(": ")[0].removeprefix("AppRequests ").split(" to ")) for line in receipt.missing]
    assert (min(span.start for span in lost), max(span.stop for span in lost)) == (MORNING.start, MORNING.stop)
    assert len(lost) == 1, "neighbours that lack for the same reason are one"
    assert len(azure.asked) < 100


@pytest.mark.parametrize(("window", "said"), [
    (et.Window(DAY, NOON), ""),
    (et.Window(DAY, NOON + HOUR), "the window is not over: what arrives after 2026-03-10 12:20 UTC comes with later"),
    (et.Window(NOON + 9 * HOUR, NOON + 10 * HOUR), "the window has not begun: nothing after 2026-03-10 12:20 UTC can"),
])
def test_a_window_that_is_not_over_says_so(opened: Opening, window: et.Window, said: str) -> None:
    receipt = et.pull(source(opened(AppRequests=FRAME)), et.Store(), window)
    assert receipt.outlook.startswith(said) and bool(receipt.outlook) == bool(said)
    assert receipt.outlook in str(receipt) and receipt.until == NOON + 20 * MINUTE
    assert receipt.state == {"": "complete", "the window is not": "provisional", "the window has not": "not_begun"}[
        said[:17 if "is not" in said else 18]]


def test_a_window_without_a_row_says_so(opened: Opening) -> None:
    azure = opened(AppRequests=FRAME)
    receipt = et.pull(source(azure), et.Store(), et.Window(DAY - HOUR, DAY))
    assert str(receipt).startswith("azure_logs: not one row of the window is there; 1 slice read")


@pytest.mark.parametrize(("fault", "said"), [
    (faults.no_content(), r"answered nothing \(204\) \(4 times\): either nothing was ever sent to it, or it is "
                          "not the one that is meant: give the Workspace ID"),
    (faults.empty(), r"an empty answer \(4 times\): this is not the same as no rows"),
])
def test_an_empty_workspace_is_not_all_is_well(opened: Opening, fault: Fault, said: str) -> None:
    azure = opened(AppRequests=FRAME)
    azure.misbehave(fault)
    with pytest.raises(et.SourceError, match=said):
        et.pull(source(azure), et.Store(), MORNING)


def test_a_workspace_without_any_table_says_so(opened: Opening) -> None:
    azure = opened(Unknown=FRAME)
    everything = et.AzureLogs(azure.workspace, azure.credential, endpoint=azure.endpoint, limits=limits(),
                              connection_verify=azure.certificate)
    with pytest.raises(et.SourceError, match=r"has none of the \d+ tables .* do diagnostic settings send to it"):
        et.pull(everything, et.Store(), MORNING)


def test_an_earlier_window_that_nobody_had_asked_for_is_not_late(opened: Opening) -> None:
    azure, store = opened(AppRequests=FRAME), et.Store()
    et.pull(source(azure), store, et.Window(NOON - HOUR, NOON))
    azure.arrive("AppRequests", requests([NOON - 20 * MINUTE], [NOON + 25 * MINUTE], first=9000))
    azure.clock = NOON + HOUR
    receipt = et.pull(source(azure), store, MORNING)
    assert (receipt.rows, receipt.late) == ({"requests": 661}, 1)
    assert [(one.minutes, one.requests_after - one.requests_before) for one in receipt.reopened] == [(1, 1.0)]
    assert store.ledger()["late"].to_list() == [0, 0, 1]


def test_a_window_of_which_every_row_was_set_aside_says_so_each_time(opened: Opening) -> None:
    azure, store = opened(AppRequests=FRAME.with_columns(DurationMs=pl.lit(-1.0))), et.Store()
    first, again = et.pull(source(azure), store, MORNING), et.pull(source(azure), store, MORNING)
    assert (first.state, again.state, again.slices, again.held_rejects) == ("rejected", "rejected", 0, 720)
    azure.arrive("AppRequests", requests([DAY], [NOON + 25 * MINUTE], first=9000))
    azure.clock = NOON + HOUR
    assert et.pull(source(azure), store, MORNING).state == et.pull(source(azure), store, MORNING).state == "complete"


def test_a_file_of_rows_outside_of_the_window_is_not_rejected_for_one_bad_line(tmp_path: Path) -> None:
    rows = ["2026-03-01T00:00:00Z,a,1,false,1"] * 2 + ["2026-03-01T00:00:00Z,a,-1,false,1"]
    (tmp_path / "requests.csv").write_text("\n".join(["time,service,duration_ms,is_failed,weight", *rows]),
                                           encoding="utf-8")
    files, store = et.TableFiles(tmp_path), et.Store()
    receipt = et.pull(files, store, MORNING)
    assert (receipt.state, receipt.outside) == ("complete", 2) and "; 2 outside of the window; 1 set" in str(receipt)
    assert et.pull(files, store, MORNING).state == "complete"
    (tmp_path / "requests.csv").write_text("\n".join(["time,service,duration_ms,is_failed,weight", rows[-1]]),
                                           encoding="utf-8")
    fresh = et.Store()
    assert et.pull(files, fresh).state == et.pull(files, fresh).state == "rejected"


def test_reasons_are_grouped_and_counted() -> None:
    bad = [et.Reject("a.csv", number, "requests: no time", "x") for number in range(5)]
    receipt = et.Receipt("table_files", rejects=[et.Reject("a.csv", 9, "requests: no service", "x"), *bad])
    assert receipt.reasons == {"requests: no time": 5, "requests: no service": 1}
    assert "6 set aside: requests: no time (5), requests: no service (1)" in str(receipt)


def test_hostile_text_of_a_workspace_steers_no_terminal(opened: Opening) -> None:
    hostile = "ord<b>\x1b]0;t\x07\u202e[red]"
    late = requests(every(HOUR), [NOON + HOUR] * 12, first=5000).with_columns(AppRoleName=pl.lit(hostile))
    azure = opened(AppRequests=FRAME.with_columns(AppRoleName=pl.lit(hostile)))
    store = et.Store()
    et.pull(source(azure), store, MORNING)
    azure.arrive("AppRequests", late)
    azure.clock = NOON + 2 * HOUR
    receipt = et.pull(source(azure), store, MORNING)
    assert receipt.reopened and "ord<b>" in str(receipt)
    for text in (str(receipt), str(receipt.reopened[0])):
        assert not set(text) & {"\x1b", "\x07", "\u202e"}
    azure.misbehave(faults.failing(400, "BadArgumentError", f"{hostile}\nPassword=Summer26!x; and so on"))
    with pytest.raises(et.SourceError) as caught:
        et.pull(source(azure), et.Store(), MORNING)
    line = str(caught.value)
    assert not set(line) & {"\x1b", "\x07", "\u202e", "\n"} and "Summer26" not in line and "ord<b>" in line


SCRIPT = """
import logging, sys
import erp_telemetry as et
from erp_telemetry.testing import LoopbackAzure, faults
from tests.azure_logs.support import DAY, HOUR, MINUTE, MORNING, NOON, every, limits, requests, source
if "configured" in sys.argv:
    logging.basicConfig(level=logging.WARNING)
with LoopbackAzure({"AppRequests": requests(every(HOUR))}) as azure:
    azure.clock = NOON + 30 * MINUTE
    azure.misbehave(faults.truncated(), times=3)
    print(et.pull(source(azure), et.Store(), MORNING).is_complete)
logging.getLogger("azure.core").warning("a line of somebody else's")
"""


@pytest.mark.parametrize("more", [[], ["configured"]])
def test_lines_of_the_client_do_not_reach_a_terminal_nobody_meant_them_for(more: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, *more], capture_output=True, text=True, cwd=ROOT, timeout=120,
                          env={"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1", "PATH": ""})
    assert done.stdout.strip() == "True", done.stderr
    assert "a line of somebody else's" in done.stderr
    assert ("Incomplete download" in done.stderr) == bool(more), "who sets up logging gets every line"


def test_no_table_at_all_is_refused(opened: Opening) -> None:
    azure = opened(AppRequests=FRAME)
    with pytest.raises(ValueError, match="tables is empty"):
        et.AzureLogs(azure.workspace, azure.credential, tables=())


def test_long_lists_are_told_by_their_first_and_their_number(opened: Opening) -> None:
    azure = opened(AppRequests=FRAME)
    pulled = et.AzureLogs(azure.workspace, azure.credential, limits=limits(), endpoint=azure.endpoint,
                          connection_verify=azure.certificate)
    receipt = et.pull(pulled, et.Store(), MORNING)
    assert len(receipt.absent) > 10
    assert receipt._repr_html_() == f"<p>{html.escape(str(receipt))}</p>"
    more = f"{', '.join(receipt.absent[:3])}, and {len(receipt.absent) - 3} more"
    assert f"; {len(receipt.absent)} tables not there: {more}" in str(receipt)
