"""Documentation that cannot lag: what is there is said, and what is said runs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from typer.main import get_command

import erp_telemetry as et
from erp_telemetry import errors
from erp_telemetry.cli import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]


def test_the_readme_opens_with_the_one_rule() -> None:
    assert README.splitlines()[2].startswith("> **One thing has state: the store.")


def test_the_script_of_the_readme_runs(samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (script,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in script.splitlines() if line.strip()]) <= 15
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "samples").symlink_to(samples)
    monkeypatch.chdir(tmp_path)
    exec(compile(script, "README.md", "exec"), {})
    assert "<svg" in (tmp_path / "review.html").read_text(encoding="utf-8")
    assert (tmp_path / "error_ratio.html").is_file()


def test_the_script_of_explain_runs(
    sample_store: et.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs" / "explain.md").read_text(encoding="utf-8")
    script, shown = re.findall(r"```(?:python)?\n(.*?)```", text, re.DOTALL)
    shutil.copy(sample_store.path, tmp_path / "erp.duckdb")
    monkeypatch.chdir(tmp_path)
    exec(compile(script, "explain.md", "exec"), {})
    said = capsys.readouterr().out
    assert "\nTrue\n" in said
    for line in shown.splitlines()[:-1]:
        assert line in said, "what the page shows is what comes out"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme_and_teaches_by_example(name: str) -> None:
    assert f"`erp-telemetry {name}" in README
    help_text = get_command(app).commands[name].help  # type: ignore[attr-defined]
    assert f"`erp-telemetry {name}" in help_text, "a help text ends with an example"


@pytest.mark.parametrize("name", et.catalog.names("measures"))
def test_every_measure_is_in_the_readme(name: str) -> None:
    query = et.catalog.query(f"measures/{name}")
    assert f"| `{name}` | {query.header['unit']} | {query.title} |" in README


def test_no_measure_is_in_the_readme_that_is_gone() -> None:
    table = README.split("## What it measures")[1].split("## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(et.catalog.names("measures"))


def test_every_error_hangs_in_the_tree_that_is_drawn() -> None:
    for name, thing in vars(errors).items():
        if isinstance(thing, type) and thing.__module__ == errors.__name__:
            assert issubclass(thing, (errors.TelemetryError, UserWarning))
            assert name in (errors.__doc__ or ""), f"{name} is not in the tree"


def test_every_source_is_in_the_readme() -> None:
    for file in (ROOT / "erp_telemetry" / "sources").glob("*_files.py"):
        assert f"`{''.join(part.title() for part in file.stem.split('_'))}`" in README


DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *(f"docs/{file.name}" for file in ROOT.glob("docs/*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_inside_the_repository_lead_somewhere(document: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / document).read_text(encoding="utf-8")):
        assert target.startswith("https://") or (ROOT / document).parent.joinpath(target).exists(), target
