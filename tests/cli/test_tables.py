"""Tables fit: columns fold, then go in their declared order, and are named; a pipe keeps all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import erp_telemetry as et
from erp_telemetry.cli import screens
from erp_telemetry.cli.screens.tables import Column
from tests.cli.support import call, process
from tests.events import requests

COMMANDS = (
    ("score", "--last", "14d"), ("status",), ("incidents", "--last", "14d"), ("logs", "--last", "7d"),
    ("health", "--last", "7d"), ("health", "--episodes", "--last", "1d"),
    ("measure", "error_ratio", "--last", "1d"), ("measure", "latency_p95", "--by", "operation", "--last", "2h"),
    ("query", "failing_operations", "--last", "14d"), ("measure",), ("query",),
)


def widest(text: str) -> int:
    return max(len(line.rstrip()) for line in text.splitlines())


@pytest.mark.parametrize("asked", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("width", [80, 200])
def test_no_table_is_wider_than_the_terminal(asked: tuple[str, ...], width: int, sample_store: et.Store) -> None:
    has_store = len(asked) > 1 or asked[0] == "status"
    done = call(*asked, *(("--store", sample_store.path) if has_store else ()), width=width)
    assert done.exit_code == 0, done.stderr
    tables = [line for line in done.stdout.splitlines() if "healthy?" not in line and "last telemetry" not in line]
    assert widest("\n".join(tables)) <= width


def test_a_narrow_scorecard_keeps_kpi_state_value_and_trend(sample_store: et.Store) -> None:
    narrow = call("score", "--store", sample_store.path, width=80).stdout.replace(" \n", " ")
    assert "no room here for 95 % interval, n, coverage: widen the terminal, or ask with --json" in narrow
    row = next(line for line in narrow.splitlines() if line.startswith("error_ratio") and "orders" in line)
    assert "%" in row and "█" in row
    assert "no room" not in call("score", "--store", sample_store.path, width=200).stdout


def test_a_long_name_of_a_service_folds_and_pushes_no_number_out(tmp_path: Path) -> None:
    name = "erp-manufacturing-execution-gateway-production-westeurope"
    store = et.Store(tmp_path / "erp.duckdb")
    et.pull(et.Frames(requests=requests([{"id": str(number), "service": name} for number in range(20)])), store)
    shown = call("score", "--store", store.path, "--last", "1h", width=80).stdout
    assert widest(shown) <= 80 and "objective  trend" in shown and "no data" in shown
    rows = [line[20:41].strip() for line in shown[shown.index("\nerror_ratio"):].splitlines()[2:5]]
    assert "".join(rows) == name, shown
    assert widest(call("status", "--store", store.path, width=80).stdout.split("Health bands")[1]) <= 80


def test_columns_fold_before_one_goes_and_the_highest_goes_first(capsys: pytest.CaptureFixture[str]) -> None:
    columns = (Column("name"), Column("text", folds=10), Column("less", goes=1), Column("least", goes=2))
    rows = [["a" * 8, "word " * 6, "b" * 8, "c" * 8]]
    screens.screen.width = 40
    screens.print_table("Folded", columns, rows)
    folded = capsys.readouterr().out
    assert "cccccccc" in folded and "no room" not in folded and folded.count("word") == 6
    screens.screen.width = 35
    screens.print_table("Gone", columns, rows)
    gone = capsys.readouterr().out
    assert "bbbbbbbb" in gone and "cccccccc" not in gone and "no room here for least" in gone


def test_wide_letters_and_markup_are_measured_as_they_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    screens.screen.width = 24
    screens.print_table("", (Column("a"), Column("b", goes=1)), [["[bold red]在庫在庫[/]", "x" * 14]])
    shown = capsys.readouterr().out
    assert "在庫在庫" in shown and "x" * 14 in shown
    screens.screen.width = 23
    screens.print_table("", (Column("a"), Column("b", goes=1)), [["[bold red]在庫在庫[/]", "x" * 14]])
    assert "no room" in capsys.readouterr().out


def test_an_empty_table_still_has_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    screens.screen.width = 80
    screens.print_answer([], ["one", "two"], "None")
    assert "one" in (shown := capsys.readouterr().out) and "0 rows" in shown


def test_a_process_asks_its_columns_and_a_pipe_keeps_all(telling_store: et.Store, tmp_path: Path) -> None:
    (tmp_path / "wide.sql").write_text(
        f"select {', '.join(f'repeat({json.dumps(chr(97 + n))[1:-1]!r}, 40) as c{n}' for n in range(6))}",
        encoding="utf-8")
    asked = ("query", "wide.sql", "--store", telling_store.path)
    assert widest(process(*asked, cwd=tmp_path, COLUMNS="80").stdout) <= 80
    piped = process(*asked, cwd=tmp_path).stdout
    assert "no room" not in piped and all(letter * 40 in piped for letter in "abcdef")
