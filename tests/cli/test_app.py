"""The application: help, exit codes, one line for a refusal or a wrong call."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_command

import erp_telemetry as et
from erp_telemetry.cli import app
from tests.cli.support import call

COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]
ASKING = ("score", "status", "verify", "incidents", "logs", "report", "health")


def test_version() -> None:
    assert call("--version").stdout.strip() == f"erp-telemetry {et.__version__}"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_every_option_stands_in_a_group(command: str) -> None:
    done = call(command, "--help")
    assert done.exit_code == 0 and f"erp-telemetry {command}" in done.stdout
    # only --help is left to the group that Typer makes
    own = done.stdout.partition("Options")[2].partition("╰")[0]
    assert [line.split()[1] for line in own.splitlines() if "--" in line] == ["--help"]


def test_without_arguments_the_help_is_shown() -> None:
    done = call()
    assert done.exit_code == 2 and all(f" {command} " in done.output for command in COMMANDS)


@pytest.mark.parametrize("command", ASKING)
def test_a_missing_store_is_one_line_and_exit_1(command: str, tmp_path: Path) -> None:
    done = call(command, "--store", tmp_path / "none.duckdb")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and "does not exist" in done.stderr
    assert not (tmp_path / "none.duckdb").exists()


@pytest.mark.parametrize("command", [name for name in ASKING if name != "verify"])
def test_an_empty_store_is_refused(command: str, tmp_path: Path) -> None:
    et.Store(tmp_path / "empty.duckdb")
    done = call(command, "--store", tmp_path / "empty.duckdb")
    assert done.exit_code == 1 and "is empty" in done.stderr


def test_a_file_that_is_no_store_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    done = call("verify", "--store", tmp_path / "notes.txt")
    assert done.exit_code == 1 and done.stderr.count("\n") == 1 and "cannot be opened as a store" in done.stderr


@pytest.mark.parametrize(("asked", "said"), [
    (("measure", "error_ratio", "--every", "7q"), "7q"),
    (("measure", "error_ratio", "--every", "99999999h"), "longer than a century"),
    (("measure", "error_ratio", "--where", "orders"), "service=orders"),
    (("measure", "error_ratio", "--zone", "Nowhere"), "IANA"),
    (("score", "--last", "soon"), "such as 7d"),
    (("score", "--last", "0d"), "such as 7d"),
    (("score", "--last", "1mo"), "such as 30d"),
    (("score", "--last", "999999999d"), "before the calendar begins"),
    (("score", "--window", "yesterday"), "start/stop"),
    (("score", "--last", "1d", "--window", "2026-03-01/2026-03-02"), "not both"),
    (("score", "--fail-on", "sad"), "no_data"),
    (("report", "--out", "page.pdf"), ".html, .md, .json"),
    (("health", "--chart", "page.pdf"), ".html, .svg, .png, .json"),
    (("health", "--every", "5"), "such as 5m"),
    (("query", "x.sql", "--param", "limit"), "limit=20"),
])
def test_a_wrong_value_is_one_line_that_says_what_to_write(
    asked: tuple[str, ...], said: str, small_store: et.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.sql").write_text("select 1", encoding="utf-8")
    done = call(*asked, "--store", small_store.path)
    assert done.exit_code == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "Invalid value" in done.stderr and said in done.stderr
    assert f"erp-telemetry {asked[0]} --help" in done.stderr


@pytest.mark.parametrize(("asked", "said"), [
    (("scroe",), "Did you mean 'score'?"), (("score", "--lsat", "1d"), "--last"), (("--verson",), "--version"),
    (("pull",), "paths"), (("score", "more"), "more"),
])
def test_a_misspelt_command_or_option_is_answered_with_the_nearest(asked: tuple[str, ...], said: str) -> None:
    done = call(*asked)
    assert done.exit_code == 2 and done.stderr.count("\n") == 1 and said in done.stderr


@pytest.mark.parametrize(("asked", "said"), [
    (("measure", "latency_p98"), "latency_p99"), (("query", "nothing_such"), "no query"),
    (("measure", "error_ratio", "--by", "servce"), "it can by: service, operation"),
])
def test_a_misspelt_name_is_answered_with_the_nearest(
    asked: tuple[str, ...], said: str, small_store: et.Store
) -> None:
    done = call(*asked, "--store", small_store.path)
    assert done.exit_code == 1 and done.stderr.count("\n") == 1 and said in done.stderr


def test_what_the_system_refuses_is_one_line(small_store: et.Store, tmp_path: Path) -> None:
    done = call("report", "--store", small_store.path, "--out", tmp_path / "none" / "review.md")
    assert done.exit_code == 1 and done.stderr.count("\n") == 1
    assert "review.md: No such file or directory" in done.stderr
