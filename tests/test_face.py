"""The face: names sorted, complete, lazy."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import erp_telemetry as et
from erp_telemetry import errors

SOURCE = Path(et.__file__)


def test_exported_names_are_sorted_and_unique() -> None:
    assert et.__all__ == sorted(set(et.__all__))


def test_exported_names_are_those_mypy_sees() -> None:
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.asname or alias.name for node in guarded.body if isinstance(node, ast.ImportFrom)
            for alias in node.names}
    assert seen == set(et.__all__)


@pytest.mark.parametrize("name", et.__all__)
def test_each_name_resolves_and_is_said_by_dir(name: str) -> None:
    assert getattr(et, name) is not None
    assert name in dir(et)


def test_every_error_is_on_the_face() -> None:
    tree = {name for name, thing in vars(errors).items()
            if isinstance(thing, type) and thing.__module__ == errors.__name__}
    assert tree <= set(et.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = et.nonsense  # type: ignore[attr-defined]


def test_importing_a_module_does_not_hide_the_verb_of_the_same_name() -> None:
    module = importlib.import_module("erp_telemetry.incidents")
    assert et.incidents is module.incidents


def test_importing_the_library_loads_nothing_heavy() -> None:
    script = (
        "import sys, erp_telemetry as et\n"
        "et.Window, et.TelemetryError, et.catalog\n"
        "heavy = {'polars', 'duckdb', 'altair', 'sklearn', 'numpy', 'pyarrow', 'jinja2', 'azure'} & set(sys.modules)\n"
        "print(sorted(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, cwd=SOURCE.parent.parent, capture_output=True,
                          text=True)
    assert done.stdout.strip() == "[]"
