"""What docs/testing.md says is there, and its script runs."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from erp_telemetry.testing import faults, kql

pytest.importorskip("duckdb_kql", reason="the loopback needs the extra: pip install erp-telemetry[testing]")
PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")


def test_the_script_of_the_page_prints_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    _, script, shown = re.findall(r"```(?:python)?\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(script, "testing.md", "exec"), {})
    assert capsys.readouterr().out == shown


def test_every_fault_is_on_the_page() -> None:
    made = [name for name, thing in vars(faults).items()
            if inspect.isfunction(thing) and thing.__module__ == faults.__name__ and not name.startswith("_")]
    assert len(made) > 10
    for name in made:
        assert f"`{name}(" in PAGE, name


def test_every_function_that_is_added_is_on_the_page_and_in_the_module() -> None:
    for name in (*kql._FUNCTIONS, "column_ifexists"):
        assert f"`{name}(" in PAGE, name
        assert f"``{name}(" in (kql.__doc__ or ""), name
