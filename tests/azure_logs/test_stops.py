"""Stops: Ctrl-C ends every wait at once, leaves no file and no thread, and the same pull asks for the rest only."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
import pytest

import erp_telemetry as et
from tests.cli.support import environment

from .conftest import Opening
from .support import DAY, MINUTE, MORNING, NOON, every, limits, requests, source, spans, wanted

pytest.importorskip("duckdb_kql", reason="the loopback needs the extra testing")

from erp_telemetry.sources import azure_folders
from erp_telemetry.testing import LoopbackAzure, faults

posix = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
FRAME = requests(every(MINUTE))
# the shell on a small service: slices of 60 rows, and a sign-in that the loopback accepts
MAIN = """
import functools, sys, types
import erp_telemetry as et
from erp_telemetry.testing.tokens import Credential, Tokens
et.AzureLimits = functools.partial(et.AzureLimits, rows=80, pause_seconds=0.01)
sys.modules["azure.identity"] = types.ModuleType("azure.identity")
sys.modules["azure.identity"].DefaultAzureCredential = lambda: Credential(Tokens())
sys.argv[0] = "erp-telemetry"
from erp_telemetry.cli import main
main()
"""


@contextmanager
def shell(azure: LoopbackAzure, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """``erp-telemetry pull-azure`` as a process, its temporary files in a folder of their own."""
    (folder / "spool").mkdir(exist_ok=True)
    running = subprocess.Popen(
        [sys.executable, "-c", MAIN, "pull-azure", azure.workspace, "--endpoint", azure.endpoint, "--authority",
         azure.certificate, "--table", "AppRequests", "--window", str(MORNING), "--store", str(folder / "erp.duckdb")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=folder,
        env=environment(NO_PROXY="127.0.0.1", TMPDIR=str(folder / "spool")))
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def wait_until(is_so: Callable[[], bool], running: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert running.poll() is None and time.monotonic() < until, running.communicate()
        time.sleep(0.02)


def interrupted(running: subprocess.Popen[str]) -> tuple[float, int, str]:
    """Seconds until a process ended that got Ctrl-C, its exit code, and what it said on stderr."""
    begun = time.monotonic()
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    return time.monotonic() - begun, running.returncode, said


@posix
def test_ctrl_c_ends_at_once_and_the_same_command_asks_for_the_rest(opened: Opening, tmp_path: Path) -> None:
    azure = opened(AppRequests=FRAME)
    # clock, plan and count, then five slices that come and none after them
    azure.misbehave(faults.slow(120), of="data", at=range(9, 1000))
    with shell(azure, tmp_path) as running:
        wait_until(lambda: len(azure.asked) >= 13, running)
        time.sleep(1.5)
        seconds, code, said = interrupted(running)
    held = et.Store(tmp_path / "erp.duckdb").ledger()
    assert (code, held.height) == (130, 5) and seconds < 3
    assert said == (f"stopped: 5 of 12 slices of azure_logs stand, {sum(held['rows'])} rows; the same pull goes on "
                    "from there\n")
    assert list((tmp_path / "spool").iterdir()) == []
    azure.behave()
    asked = len(azure.asked)
    with shell(azure, tmp_path) as running:
        said, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (0, "") and "7 slices read, 5 already held" in said
    reached = f"{DAY + MINUTE * sum(held['rows']):%Y-%m-%dT%H:%M}"
    starts = [one.query.split("let start = datetime(")[1][:16] for one in azure.asked[asked:]
              if one.kind == "data" and "let start" in one.query]
    assert len(starts) == 7 and min(starts) == reached
    assert spans(et.Store(tmp_path / "erp.duckdb")) == wanted(FRAME)


@posix
def test_ctrl_c_while_the_service_counts_ends_at_once(opened: Opening, tmp_path: Path) -> None:
    azure = opened(AppRequests=FRAME)
    azure.misbehave(faults.slow(120), of=("plan", "count"))
    with shell(azure, tmp_path) as running:
        wait_until(lambda: any(one.kind == "plan" for one in azure.asked), running)
        time.sleep(0.3)
        seconds, code, said = interrupted(running)
    assert code == 130 and seconds < 3
    assert said == "stopped before the first slice of azure_logs was whole; the same pull begins anew\n"
    assert list((tmp_path / "spool").iterdir()) == []


@posix
def test_ctrl_c_within_a_search_ends_at_once_and_scans_again_only_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a table on the Basic plan two slices are searched at a time; what stands is not billed again."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with LoopbackAzure({"AppRequests": FRAME}, plans={"AppRequests": "Basic"}) as azure:
        azure.clock = NOON + 30 * MINUTE
        azure.misbehave(faults.slow(120), of="data", at=range(8, 1000))
        with shell(azure, tmp_path) as running:
            wait_until(lambda: sum(one.kind == "data" and "/search?" in one.path for one in azure.asked) >= 6, running)
            time.sleep(1.0)
            seconds, code, said = interrupted(running)
        held = et.Store(tmp_path / "erp.duckdb").ledger()
        assert code == 130 and 0 < held.height < 12 and seconds < 3
        # a slice may be whole and not counted yet
        assert said.startswith(tuple(f"stopped: {count} of 12 slices of azure_logs stand"
                                     for count in (held.height, held.height - 1)))
        assert list((tmp_path / "spool").iterdir()) == []
        azure.behave()
        asked = len(azure.asked)
        with shell(azure, tmp_path) as running:
            said, errors = running.communicate(timeout=60)
        assert (running.returncode, errors) == (0, "") and f"{held.height} already held" in said
        again = [one for one in azure.asked[asked:] if one.kind == "data" and "/search?" in one.path]
        assert len(again) == 12 - held.height
    assert spans(et.Store(tmp_path / "erp.duckdb")) == wanted(FRAME)


@posix
def test_a_killed_pull_goes_on_and_what_it_left_is_removed(opened: Opening, tmp_path: Path) -> None:
    azure = opened(AppRequests=FRAME)
    azure.misbehave(faults.slow(120), of="data", at=range(9, 1000))
    path = tmp_path / "erp.duckdb"
    with shell(azure, tmp_path) as running:
        wait_until(lambda: len(azure.asked) >= 13, running)
        time.sleep(1.5)
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=60)
    left = list((tmp_path / "spool").iterdir())
    held = et.Store(path).ledger()
    assert left and held.height == 5 and et.Store(path).verify() == 5
    kept = sum(held["rows"])
    assert spans(et.Store(path)) == wanted(FRAME, et.Window(DAY, DAY + MINUTE * kept)), "whole slices only"
    for one in left:
        os.utime(one, (time.time() - 120,) * 2)
    azure.behave()
    with shell(azure, tmp_path) as running:
        said, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (0, "") and "7 slices read, 5 already held" in said
    assert list((tmp_path / "spool").iterdir()) == [] and spans(et.Store(path)) == wanted(FRAME)


def test_folders_in_use_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mine, own = azure_folders.folder(), tmp_path / "erp_telemetry_other"
    own.mkdir()
    (tmp_path / "erp_telemetry_azure_unlocked").mkdir()
    (tmp_path / "erp_telemetry_azure_new").mkdir()
    for one in (mine.path, own, tmp_path / "erp_telemetry_azure_unlocked"):
        os.utime(one, (time.time() - 120,) * 2)
    azure_folders.sweep()
    assert {one.name for one in tmp_path.iterdir()} == {mine.path.name, own.name, "erp_telemetry_azure_new"}
    mine.close()
    assert not mine.path.exists()


def test_two_pulls_into_one_store_at_once_are_one_after_the_other_or_refused(opened: Opening, tmp_path: Path) -> None:
    azure = opened(AppRequests=FRAME)
    azure.misbehave(faults.slow(0.05), of="data")
    with shell(azure, tmp_path) as one, shell(azure, tmp_path) as other:
        ends = [(running.communicate(timeout=120), running.returncode) for running in (one, other)]
    for (_, errors), code in ends:
        assert code == 0 or (code == 1 and "another process" in errors), errors
    assert any(code == 0 for _, code in ends)
    store = et.Store(tmp_path / "erp.duckdb")
    assert spans(store) == wanted(FRAME) and store.verify() >= 12


def test_one_source_may_pull_into_two_stores_at_once(opened: Opening) -> None:
    azure = opened(AppRequests=FRAME)
    asked, stores = source(azure, limits=limits(rows=80)), [et.Store(), et.Store()]
    threads = [threading.Thread(target=et.pull, args=(asked, store, MORNING)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [spans(store) for store in stores] == [wanted(FRAME)] * 2


def test_a_pull_that_ends_leaves_no_thread_that_waits(
    opened: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure = opened(AppRequests=FRAME)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    azure.misbehave(faults.slow(120), of="data", at=range(9, 1000))
    asked, store = source(azure, limits=limits(rows=80)), et.Store()

    def stop(at: et.Progress) -> None:
        if at.slices == 5 and at.seconds > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        et.pull(asked, store, MORNING, progress=stop)
    assert stopped.value.__notes__ == ["stopped: 5 of 12 slices of azure_logs stand, 300 rows; the same pull goes on "
                                       "from there"]
    begun = time.monotonic()
    for thread in threading.enumerate():
        if thread.name.startswith("erp_telemetry"):
            thread.join(5)
    assert time.monotonic() - begun < 1 and list(tmp_path.iterdir()) == [] and store.ledger().height == 5
    azure.behave()
    assert et.pull(asked, store, MORNING).slices == 7, "the same source asks again"
    assert spans(store) == wanted(FRAME)


@posix
def test_ctrl_c_within_a_statement_of_the_engine_is_an_interrupt_like_any_other() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def count_long(at: et.Progress) -> None:
        # the engine looks for Ctrl-C by itself, and says so as a RuntimeError
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        duckdb.execute("select count(*) from range(8000000000) as a where a.range % 7 = 3").fetchall()

    frame = pl.DataFrame({"time": every(MINUTE)[:5], "service": "a", "duration_ms": 1.0, "is_failed": False, "id": "x"})
    try:
        with pytest.raises(KeyboardInterrupt) as stopped:
            et.pull(et.Frames(requests=frame), et.Store(), progress=count_long)
    finally:
        signal.signal(signal.SIGINT, before)
    assert stopped.value.__notes__ == ["stopped before the first slice of frames was whole; the same pull begins anew"]


def test_a_connection_that_does_not_shake_hands_is_let_go(opened: Opening) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        asked = replace(source(opened()), endpoint=f"https://127.0.0.1:{silent.getsockname()[1]}")
        found: list[BaseException] = []

        def pull() -> None:
            try:
                et.pull(asked, et.Store(), MORNING)
            except et.SourceError as error:
                found.append(error)

        thread = threading.Thread(target=pull)
        thread.start()
        time.sleep(0.5)
        begun = time.monotonic()
        asked.give_up()
        thread.join(10)
        assert not thread.is_alive() and time.monotonic() - begun < 2
    assert "the pull has ended" in str(found[0])
