"""Every recorded log file loads, or is refused with a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from erp_telemetry.errors import SourceError
from erp_telemetry.slices import Source
from erp_telemetry.sources.recognition import recognise
from erp_telemetry.sources.serilog_files import SerilogFiles
from tests.sources.support import read

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "logs"
UMBRACO = "clef/UmbracoTraceLog.UNITTEST.20181112.json"

LOADED: dict[str, tuple[Callable[[Path], Source], dict[str, int]]] = {
    UMBRACO: (SerilogFiles, {"logs": 2410}),
    "clef/another-nested-log-file.json": (SerilogFiles, {"logs": 1}),
    "clef/nesting-log-file.json": (SerilogFiles, {"logs": 1}),
    "clef/seqcli-events.clef": (SerilogFiles, {"logs": 15}),
}
"""File below the folder, the source that reads it, and how many rows of each table it holds."""

REFUSED: list[tuple[str, Callable[[Path], Source], str]] = [
    ("clef/LICENSE", SerilogFiles, "not Serilog .*not a JSON object"),
]
"""File, a source that refuses it, and the reason."""

FOLDERS = ("clef",)
"""Folders of which every file is named above."""


def _found(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"the recorded log {name} is not here")
    return path


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize("name", LOADED)
def test_loads(name: str, careful: bool) -> None:
    make, rows = LOADED[name]
    source = make(_found(name))
    frames = read(source, careful)
    assert {table: frame.height for table, frame in frames.items()} == rows
    assert all(frame["time"].null_count() == 0 for frame in frames.values() if "time" in frame.columns)
    assert [one.source for one in recognise(_found(name)).taken] == [source.name]


@pytest.mark.parametrize(("name", "make", "reason"), REFUSED)
def test_is_refused(name: str, make: Callable[[Path], Source], reason: str) -> None:
    path = _found(name)
    with pytest.raises(SourceError, match=f"{path.name}: .*{reason}"):
        read(make(path))


def test_no_recorded_log_is_forgotten() -> None:
    if not DATA.is_dir():
        pytest.skip("the recorded logs are not here")
    there = {path.relative_to(DATA).as_posix() for folder in FOLDERS for path in (DATA / folder).rglob("*")
             if path.is_file()}
    assert there == {name for name in (*LOADED, *(name for name, _, _ in REFUSED)) if name.split("/")[0] in FOLDERS}


def test_what_the_recorded_events_say() -> None:
    logs = read(SerilogFiles(_found(UMBRACO)))["logs"]
    assert dict(logs["level"].value_counts().iter_rows()) == {
        "debug": 1954, "verbose": 385, "information": 62, "warning": 7, "error": 2}
    assert logs["template"].n_unique() == 43
    assert sorted(logs["exception_type"].drop_nulls()) == [
        "System.AggregateException", "System.Web.Mvc.HttpAntiForgeryException"]
    assert logs["instance"].unique().to_list() == ["DELLBOOK"]
    message = "Booting Umbraco 8.0.0-alpha.52 on DELLBOOK. [Timing 9e76e5f]"
    assert logs.sort("time")["message"][0] == message
    assert logs.filter(logs["message"].str.contains(r"\{(Duration|RequestUrl|TimingId|TaskType)\}")).height == 0


def test_a_nested_event_keeps_what_it_says() -> None:
    logs = read(SerilogFiles(_found("clef/nesting-log-file.json")))["logs"]
    text = _found("clef/nesting-log-file.json").read_text(encoding="utf-8-sig")
    assert logs["attributes"][0] == '{"OuterLogClass"' + text.strip().partition('"OuterLogClass"')[2]


def test_levels_of_seqcli() -> None:
    logs = read(SerilogFiles(_found("clef/seqcli-events.clef")))["logs"].sort("line")
    assert [logs["level"][at] for at in (0, 4, 9, 12, 13, 14)] == [
        "information", "error", "warning", "verbose", "information", "debug"]
    assert logs["message"][9] == "Loop 9"
