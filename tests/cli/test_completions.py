"""Completions: what a press of the tab key offers, and what it may not do."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import erp_telemetry as et
from erp_telemetry.cli import completions
from tests.cli.support import MAIN, environment, process

BASH = shutil.which("bash")


def tab(cwd: Path, *words: str) -> list[str]:
    """What is offered for the last word, as bash asks."""
    done = process(cwd=cwd, _ERP_TELEMETRY_COMPLETE="complete_bash", COMP_WORDS="\n".join(("erp-telemetry", *words)),
                   COMP_CWORD=str(len(words)))
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(("words", "offered"), [
    (("inc",), {"incidents"}),
    (("measure", "latency_p9"), {"latency_p95", "latency_p99"}),
    (("measure", "--by", "op"), {"operation"}),
    (("measure", "apdex", "--by", ""), {"service", "operation", "none"}),
    (("measure", "cpu_ratio", "--where", "i"), {"instance="}),
    (("query", "errors"), {"errors_of_a_service"}),
    (("pull", "--source", "s"), {"serilog"}),
    (("score", "--fail-on", "m"), {"missed"}),
    (("score", "--la"), {"--last"}),
    (("logs", "--service", ""), {"orders", "sales"}),
    (("health", "--service", "o"), {"orders"}),
    (("explain", "latency_p"), {"latency_p50", "latency_p95", "latency_p99"}),
    (("explain", "up"), {"uptime"}),
    (("logs", "--service", "", "--last"), set()),
    (("measure", "apdex", "--where", "service", "=", "o"), {"orders"}),
    (("measure", "apdex", "--where", "service", "="), {"orders", "sales"}),
    (("measure", "apdex", "--where", "operation", "=", "G"), set()),
])
def test_a_tab_offers(words: tuple[str, ...], offered: set[str], erp: Path) -> None:
    assert set(tab(erp, *words)) == offered


@pytest.fixture(scope="module")
def erp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the store that is asked by default."""
    folder = tmp_path_factory.mktemp("erp")
    (folder / "requests.csv").write_text(
        "time,service,duration_ms,is_failed,weight\n2026-03-01T00:00:00Z,orders,1,false,1\n"
        "2026-03-01T00:00:00Z,sales,1,false,1\n", encoding="utf-8")
    et.pull(et.TableFiles(folder / "requests.csv"), et.Store(folder / "erp.duckdb"))
    return folder


def test_services_are_those_of_the_store_on_the_line(erp: Path, tmp_path: Path) -> None:
    shutil.copy(erp / "erp.duckdb", tmp_path / "other.duckdb")
    assert tab(tmp_path, "logs", "--service", "") == []
    assert tab(tmp_path, "logs", "--store", "other.duckdb", "--service", "") == ["orders", "sales"]


def test_a_file_that_is_no_store_offers_nothing(tmp_path: Path) -> None:
    (tmp_path / "erp.duckdb").write_text("hello", encoding="utf-8")
    assert tab(tmp_path, "logs", "--service", "") == []


def test_a_tab_never_changes_a_store_of_an_older_version(erp: Path, tmp_path: Path) -> None:
    path = tmp_path / "erp.duckdb"
    shutil.copy(erp / "erp.duckdb", path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("update store_version set version = 1")
    before = path.read_bytes()
    assert tab(tmp_path, "logs", "--service", "") == []
    assert path.read_bytes() == before


def test_what_needs_no_store_loads_nothing_heavy(tmp_path: Path) -> None:
    script = MAIN.replace("main()", "\ntry:\n    main()\nfinally:\n    print({'polars', 'duckdb'} & set(sys.modules))")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True,
        env=environment(_ERP_TELEMETRY_COMPLETE="complete_bash", COMP_WORDS="erp-telemetry\nmeasure\nlatency",
                        COMP_CWORD="2"))
    assert done.stdout.split()[-1] == "set()" and "latency_p99" in done.stdout


@pytest.mark.parametrize(("words", "at", "joined", "place"), [
    ("e measure --where service = or", "5", "e measure --where or", "3"),
    ("e measure --where service =", "4", "e measure --where ", "3"),
    ("e measure --where serv", "3", "e measure --where serv", "3"),
    ("e score --last = 7d", "4", "e score --last = 7d", "4"),
])
def test_words_that_bash_cut_are_put_together(words: str, at: str, joined: str, place: str) -> None:
    asked = {"COMP_WORDS": words.replace(" ", "\n"), "COMP_CWORD": at}
    completions.rejoin(asked)
    assert (asked["COMP_WORDS"].replace("\n", " "), asked["COMP_CWORD"]) == (joined, place)


@pytest.mark.skipif(BASH is None, reason="bash is not there")
def test_the_installed_script_completes_in_bash(erp: Path, tmp_path: Path) -> None:
    home, bin_folder = tmp_path / "home", tmp_path / "bin"
    home.mkdir()
    bin_folder.mkdir()
    command = bin_folder / "erp-telemetry"
    command.write_text(f"#!{sys.executable}\n{MAIN}\n", encoding="utf-8")
    command.chmod(0o755)
    env = environment(HOME=str(home), SHELL=str(BASH), PATH=f"{bin_folder}:/usr/bin:/bin",
                      _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    installed = subprocess.run([str(command), "--install-completion", "bash"], env=env, cwd=erp, capture_output=True,
                               text=True)
    assert installed.returncode == 0, installed.stderr
    (script,) = [file for file in home.rglob("*.sh") if "COMP_WORDS" in file.read_text(encoding="utf-8")]
    typed = ("COMP_WORDS=(erp-telemetry measure error_ratio --where service = or); COMP_CWORD=6; "
             f"source {script}; _erp_telemetry_completion erp-telemetry; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    done = subprocess.run([str(BASH), "--norc", "-c", typed], env=env, cwd=erp, capture_output=True, text=True)
    assert done.stdout.split() == ["orders"], done.stderr
