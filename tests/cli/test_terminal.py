"""The shell as a process: colours, pipes that close, encodings, Ctrl-C; nothing of it is a traceback."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

import erp_telemetry as et
from erp_telemetry.cli import screens
from tests.cli.support import MAIN, WINDOW, environment, process

posix = pytest.mark.skipif(os.name == "nt", reason="signals and pipes of POSIX")


def test_a_pipe_gets_no_escape_sequence(small_store: et.Store, tmp_path: Path) -> None:
    done = process("score", "--store", small_store.path, "--window", WINDOW, "--fail-on", "no_data", cwd=tmp_path)
    assert done.returncode == 2 and "\x1b" not in done.stdout + done.stderr


def test_colour_is_forced_and_refused_by_the_environment(small_store: et.Store, tmp_path: Path) -> None:
    asked = ("score", "--store", small_store.path, "--window", WINDOW)
    assert "\x1b[" in process(*asked, cwd=tmp_path, FORCE_COLOR="1").stdout
    plain = process(*asked, cwd=tmp_path, FORCE_COLOR="1", NO_COLOR="1").stdout
    assert "\x1b[3" not in plain and "\x1b[9" not in plain


def test_a_terminal_without_unicode_gets_ascii(small_store: et.Store, tmp_path: Path) -> None:
    done = process("score", "--store", small_store.path, "--window", WINDOW, cwd=tmp_path, PYTHONIOENCODING="ascii",
                   COLUMNS="200")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.isascii() and "___#" in done.stdout and " ... " in done.stdout


@posix
@pytest.mark.parametrize("asked", [
    ("measure", "error_ratio", "--every", "1m", "--last", "7d"),
    ("measure", "error_ratio", "--every", "1m", "--last", "7d", "--json"),
    ("verify",), ("score", "--window", WINDOW),
])
def test_a_reader_that_goes_away_is_no_failure(asked: tuple[str, ...], small_store: et.Store, tmp_path: Path) -> None:
    read, write = os.pipe()
    with subprocess.Popen([sys.executable, "-c", MAIN, *asked, "--store", small_store.path], stdout=write,
                          stderr=subprocess.PIPE, env=environment(), cwd=tmp_path, text=True) as running:
        os.close(write)
        os.close(read)
        _, said = running.communicate(timeout=60)
    assert (running.returncode, said) == (0, "")


@posix
def test_a_help_text_that_nobody_reads_to_its_end_is_no_error_in_words(tmp_path: Path) -> None:
    read, write = os.pipe()
    with subprocess.Popen([sys.executable, "-c", MAIN, "pull-azure", "--help"], stdout=write, stderr=subprocess.PIPE,
                          env=environment(), cwd=tmp_path, text=True) as running:
        os.close(write)
        os.close(read)
        assert running.communicate(timeout=60)[1] == ""


@posix
def test_a_gate_keeps_its_meaning_behind_head(small_store: et.Store, tmp_path: Path) -> None:
    read, write = os.pipe()
    with subprocess.Popen([sys.executable, "-c", MAIN, "score", "--window", WINDOW, "--fail-on", "no_data", "--store",
                           small_store.path], stdout=write, stderr=subprocess.PIPE, env=environment(), cwd=tmp_path,
                          text=True) as running:
        os.close(write)
        os.close(read)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 2 and said.startswith("gate missed") and said.count("\n") == 1


def interrupted(*arguments: str, cwd: Path, when: str) -> tuple[int, str]:
    """Exit code and stderr of a process that gets Ctrl-C a moment after a file came to be."""
    with subprocess.Popen([sys.executable, "-c", MAIN, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment(), cwd=cwd, text=True, start_new_session=True) as running:
        until = time.monotonic() + 60
        while not (cwd / when).exists() and running.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(1.0)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    return running.returncode, said


@posix
def test_ctrl_c_leaves_whole_files_and_the_same_pull_goes_on(tmp_path: Path) -> None:
    rows = "".join(f"2026-03-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z,s{part},1,false,1\n"
                   for second in range(0, 86400, 3) for part in range(2))
    (tmp_path / "exports").mkdir()
    for number in range(40):
        (tmp_path / "exports" / f"requests-{number:02}.csv").write_text(
            "time,service,duration_ms,is_failed,weight\n" + rows.replace("s0", f"a{number}"), encoding="utf-8")
    code, said = interrupted("pull", "exports", "--store", "erp.duckdb", cwd=tmp_path, when="erp.duckdb")
    store = et.Store(tmp_path / "erp.duckdb")
    held = store.verify()
    assert code == 130 and held < 40
    # a slice may be whole and not counted yet
    told = {f"stopped: {count} of 40 slices of table_files stand{'s' if count == 1 else ''}, {57600 * count:,} rows; "
            "the same pull goes on from there\n" for count in (held, held - 1)}
    assert said in {*told, "stopped before the first slice of table_files was whole; the same pull begins anew\n"}
    done = process("pull", "exports", "--store", "erp.duckdb", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{40 - held} slices read, {held} already held" in done.stdout


@posix
def test_ctrl_c_stops_a_question(small_store: et.Store, tmp_path: Path) -> None:
    (tmp_path / "long.sql").write_text(
        "select count(*) as n from range(1000000) as a, range(1000000) as b where a.range * b.range % 7 = 3",
        encoding="utf-8")
    assert interrupted("query", "long.sql", "--store", small_store.path, cwd=tmp_path, when="long.sql") == (
        130, "stopped\n")


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_bar_is_one_line_that_begins_with_the_time_that_is_left(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys.modules["erp_telemetry.cli.screens.progress"], "aside", Console(
        file=shown, force_terminal=True, width=columns, color_system=None))
    with screens.progress("kubernetes_files") as show:
        show(et.Progress("kubernetes_files", "x" * 300, 1234, 12345, 123_456_789, 1_234_567_890, 128_000_000, None, 0.3,
                         1000.0))
    drawn = re.split(r"[\r\n]", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue()))
    [line] = {one.rstrip() for one in drawn if "left" in one}
    assert len(line) <= columns and line.startswith("kubernetes_files ━") and " 38 m 53 s left, 1,234" in line
