"""report: a window written down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import erp_telemetry as et
from tests.cli.conftest import EMAIL, PASSWORD
from tests.cli.support import WINDOW, call


@pytest.mark.parametrize("suffix", [".html", ".md", ".json"])
def test_the_suffix_says_how_it_is_written(suffix: str, telling_store: et.Store, tmp_path: Path) -> None:
    page = tmp_path / f"review{suffix}"
    done = call("report", "--store", telling_store.path, "--window", WINDOW, "--out", page)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith(f"wrote {page}: {WINDOW}, ") and "hidden" in done.stdout
    text = page.read_text(encoding="utf-8")
    assert "Disk full" in text and EMAIL not in text and PASSWORD not in text
    if suffix == ".json":
        assert json.loads(text)["window"]["start"] == "2026-03-01T00:00:00+00:00"


def test_own_objectives_are_those_of_the_page(telling_store: et.Store, tmp_path: Path) -> None:
    wanted = tmp_path / "own.toml"
    wanted.write_text('[targets]\nmttd = "17m"\n', encoding="utf-8")
    page = tmp_path / "review.json"
    call("report", "--store", telling_store.path, "--window", WINDOW, "--objectives", wanted, "--out", page)
    rows = json.loads(page.read_text(encoding="utf-8"))["scorecard"]
    assert {row["target"] for row in rows if row["kpi"] == "mttd"} == {1020.0}
