"""Progress: what a pull tells while it goes on, and how it is shown."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

import erp_telemetry as et

from .conftest import Opening
from .support import MINUTE, MORNING, every, limits, requests, source


def at(**changed: Any) -> et.Progress:
    told: dict[str, Any] = {
        "source": "azure_logs", "name": "a/b", "slices": 12, "expected_slices": 40, "rows": 250_000,
        "expected_rows": 1_000_000, "bytes": 60_000_000, "expected_bytes": None, "share": 0.25, "seconds": 50.0}
    return et.Progress(**{**told, **changed})


def test_a_line_says_rows_bytes_slices_rate_and_time_left() -> None:
    assert str(at()) == ("azure_logs: 12 of 40 slices, 250,000 of 1,000,000 rows, 60 MB, 5,000 rows/s, 2 m 30 s left")
    files = at(source="table_files", expected_rows=None, expected_bytes=240_000_000)
    assert str(files) == "table_files: 12 of 40 slices, 250,000 rows, 60 MB of 240 MB, 5,000 rows/s, 2 m 30 s left"


@pytest.mark.parametrize("early", [at(share=0.0, rows=0, bytes=0, slices=0), at(seconds=0.2)])
def test_nothing_is_foretold_before_anything_tells(early: et.Progress) -> None:
    assert early.seconds_left is None and "left" not in str(early)
    assert at(share=1.0).seconds_left == 0 and "left" not in str(at(share=1.0))


def test_a_workspace_tells_rows_and_bytes_as_its_plan_counted_them(opened: Opening) -> None:
    frame = requests(every(MINUTE))
    azure = opened(AppRequests=frame)
    told: list[et.Progress] = []
    et.pull(source(azure, limits=limits(rows=200)), et.Store(), MORNING, progress=told.append)
    assert {one.expected_rows for one in told} == {720} and {one.expected_slices for one in told} == {told[-1].slices}
    assert [one.slices for one in told] == sorted(one.slices for one in told)
    assert [one.bytes for one in told] == sorted(one.bytes for one in told)
    last = told[-1]
    assert (last.rows, last.share, last.name) == (720, 1.0, "") and last.bytes > 100_000 and last.expected_bytes
    assert told[0].rows == 0 and all(one.share == one.rows / 720 for one in told)
    again: list[et.Progress] = []
    et.pull(source(azure, limits=limits(rows=200)), et.Store(), MORNING, progress=again.append)
    assert again[0].bytes < last.bytes, "bytes are of this pull"


def test_files_tell_bytes(tmp_path: Path) -> None:
    for number in range(3):
        pl.DataFrame({"time": ["2026-03-01T00:00:00Z"] * (number + 1), "service": "a", "duration_ms": 1.0,
                      "is_failed": False}).write_csv(tmp_path / f"requests-{number}.csv")
    told: list[et.Progress] = []
    et.pull(et.TableFiles(tmp_path), et.Store(), progress=told.append)
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert (told[-1].bytes, told[-1].expected_bytes, told[-1].rows, told[-1].expected_rows) == (size, size, 6, None)
    assert told[1].share == (tmp_path / "requests-0.csv").stat().st_size / size


def test_a_meter_writes_a_line_now_and_then() -> None:
    lines: list[str] = []
    meter = et.Meter(lines.append, every_seconds=10)
    for seconds in (0.0, 5.0, 10.0, 12.0, 19.0, 21.0, 0.1, 9.0, 10.5):
        meter(at(seconds=seconds))
    assert len(lines) == 3 and all("\r" not in line and line.startswith("azure_logs: 12 of 40") for line in lines)


def test_a_meter_writes_to_stderr_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    et.Meter(every_seconds=1)(at())
    assert sys.stderr.getvalue() == f"{at()}\n"  # type: ignore[attr-defined]


def test_a_notebook_gets_one_bar_that_renews_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    ipython = pytest.importorskip("IPython", reason="a notebook needs IPython")
    shown: list[tuple[str, Any]] = []

    class Handle:
        def update(self, progress: et.Progress) -> None:
            shown.append(("update", progress))

    def display(progress: et.Progress, display_id: bool) -> Handle:
        shown.append(("display", progress))
        return Handle()

    monkeypatch.setattr(ipython, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setattr("IPython.display.display", display)
    meter = et.Meter()
    for seconds in (0.0, 1.0, 2.0, 0.0):
        meter(at(seconds=seconds))
    assert [how for how, _ in shown] == ["display", "update", "update", "display"]
    assert at(source="<b>")._repr_html_() == (
        f'<progress value="0.2500" max="1"></progress> {str(at(source="x")).replace("x:", "&lt;b&gt;:", 1)}')
