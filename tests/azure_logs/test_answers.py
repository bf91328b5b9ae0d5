"""Answers in files: what says that it is a part is found without reading its rows; full parses come one at a time."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from erp_telemetry.sources import azure_answers
from erp_telemetry.sources.azure_answers import Broken
from erp_telemetry.sources.azure_failures import TooMuch

ERROR = {"code": "PartialError", "message": "errors", "details": [{"code": "EngineError", "innererror": {
    "code": "-2133196797", "message": "exceeded the set limit of 64000000 bytes (E_QUERY_RESULT_SET_TOO_LARGE)"}}]}


def tables(rows: int, text: str = "x" * 60) -> list[dict[str, Any]]:
    return [{"name": "PrimaryResult", "columns": [{"name": "a", "type": "string"}, {"name": "b", "type": "long"}],
             "rows": [[f"{text}{number}", number] for number in range(rows)]}]


def written(folder: Path, body: dict[str, Any], name: str = "answer.json", **options: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps(body, **options), encoding="utf-8")
    return path


def peak_mb(call: Callable[[], object]) -> float:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def refuse(path: Path) -> None:
    with pytest.raises(TooMuch, match=r"in part .*-2133196797 exceeded the set limit"):
        azure_answers.check(path, ("a", "b"))


@pytest.mark.parametrize("options", [{}, {"separators": (",", ":")}, {"indent": 1}])
@pytest.mark.parametrize("body", [
    {"tables": tables(3), "error": ERROR}, {"error": ERROR, "tables": tables(3)},
    {"tables": tables(3), "error": ERROR, "statistics": {}}, {"tables": [], "error": ERROR}, {"error": ERROR}])
def test_an_error_is_found_wherever_it_stands(tmp_path: Path, body: dict[str, Any], options: dict[str, Any]) -> None:
    refuse(written(tmp_path, body, **options))


@pytest.mark.parametrize("body", [
    {"tables": tables(200_000), "error": ERROR}, {"error": ERROR, "tables": tables(200_000)}])
def test_an_answer_in_part_is_refused_without_reading_its_rows(tmp_path: Path, body: dict[str, Any]) -> None:
    path = written(tmp_path, body)
    assert path.stat().st_size > 10_000_000
    assert peak_mb(lambda: refuse(path)) < 2


@pytest.mark.parametrize("text", [']}],"error":{"code":"x"}}', '{"error":{"code":"x"}}', '"error"'])
def test_a_text_that_looks_like_an_error_is_none(tmp_path: Path, text: str) -> None:
    whole = written(tmp_path, {"tables": tables(3, text)})
    assert azure_answers.check(whole, ("a", "b")).types == ("string", "long")
    more = written(tmp_path, {"tables": tables(3, text), "statistics": {"query": {}}}, "more.json")
    assert len(azure_answers.check(more, ("a", "b")).rows()) == 3


@pytest.mark.parametrize("error", [None, {}])
def test_an_error_that_is_none(tmp_path: Path, error: dict[str, Any] | None) -> None:
    path = written(tmp_path, {"tables": tables(3), "error": error})
    assert len(azure_answers.check(path, ("a", "b")).rows()) == 3


def test_an_error_that_breaks_off_is_a_broken_answer(tmp_path: Path) -> None:
    path = written(tmp_path, {"tables": tables(3), "error": ERROR})
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(Broken, match="not whole"):
        azure_answers.check(path, ("a", "b"))


def test_answers_that_are_written_anew_are_parsed_one_at_a_time(tmp_path: Path) -> None:
    paths = [written(tmp_path, {"tables": tables(30_000)}, f"{number}.json") for number in range(5)]
    alone = peak_mb(lambda: azure_answers.spell_out(paths[0]))

    def together() -> None:
        with ThreadPoolExecutor(5) as pool:
            assert list(pool.map(azure_answers.spell_out, paths)) == [30_000] * 5

    assert peak_mb(together) < 1.5 * alone
