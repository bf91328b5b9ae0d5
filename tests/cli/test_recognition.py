"""Which source reads a file, told by its content before its name."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from erp_telemetry.cli import recognition, screens
from erp_telemetry.schema import TABLES

CASES = {
    "a.jsonl": ('{"resourceSpans": []}', "otlp"),
    "requests.jsonl": ('{"resourceLogs": []}', "otlp"),
    "PT05M.json": ('{"time": "2026-01-01T00:00:00Z", "Type": "AppRequests"}', "azure"),
    "metrics-pt1m.json": ('{"count": 1, "metricName": "CpuPercentage", "resourceId": "/X"}', "azure"),
    "incidents.jsonl": ('{"id": "INC-1"}', "tables"),
    "requests-2026.csv": ("time,service", "tables"),
    "odd.json": ('{"hello": 1}', None),
    "notes.txt": ("hello", None),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("is_packed", [False, True])
def test_a_file_is_recognised(name: str, is_packed: bool, tmp_path: Path) -> None:
    text, source = CASES[name]
    file = tmp_path / (name + ".gz" if is_packed else name)
    file.write_bytes(gzip.compress(text.encode()) if is_packed else text.encode())
    groups, unknown = recognition.recognise([str(tmp_path)])
    assert groups == ({source: [file.as_posix()]} if source else {})
    assert unknown == ([] if source else [file.as_posix()])


def test_a_packed_file_that_breaks_off_is_recognised_by_how_it_begins(tmp_path: Path) -> None:
    whole = gzip.compress(b'{"resourceSpans": []}\n' + bytes(str(list(range(5000))), "ascii"))
    (tmp_path / "a.jsonl.gz").write_bytes(whole[:-200])
    (tmp_path / "b.jsonl.gz").write_bytes(b"not gzip")
    groups, unknown = recognition.recognise([str(tmp_path)])
    assert list(groups) == ["otlp"] and unknown == [(tmp_path / "b.jsonl.gz").as_posix()]


def test_globs_and_missing_paths(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"resourceSpans": []}', encoding="utf-8")
    groups, unknown = recognition.recognise([str(tmp_path / "*.jsonl"), str(tmp_path / "gone")])
    assert list(groups) == ["otlp"] and unknown == [(tmp_path / "gone").as_posix()]


def test_table_names_are_those_of_the_schema() -> None:
    assert set(recognition.TABLES) == set(TABLES)


@pytest.mark.parametrize(("text", "shown"), [
    ("[bold]x[/]", r"\[bold]x\[/]"), ("\x1b[31mred\x1b[0m", "red"), ("\x1b]8;;http://x\x07link", "link"),
    ("a\nb\tc", "a b c"), ("safe\u202egpj", "safe gpj"), ("\x9b31mx", " 31mx"),
])
def test_untrusted_text_cannot_act(text: str, shown: str) -> None:
    assert screens.safe(text) == shown
