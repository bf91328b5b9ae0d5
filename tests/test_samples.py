"""The committed samples are what the simulator writes, small, and independent of the package."""

from __future__ import annotations

import ast
import gzip
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "samples"
BY_HAND = {"README.md", "generate.py"}
MEGABYTE = 1_000_000


def _files(root: Path) -> dict[str, Path]:
    """Every generated file below ``root`` by its relative name."""
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return {
        name: path for name, path in sorted(found.items()) if name not in BY_HAND and not name.startswith("simulator/")
    }


def _is_same(one: Path, other: Path) -> bool:
    """Same bytes; another build of zlib or Polars may compress the same content otherwise."""
    if one.read_bytes() == other.read_bytes():
        return True
    if one.suffix == ".gz":
        return gzip.decompress(one.read_bytes()) == gzip.decompress(other.read_bytes())
    return one.suffix == ".parquet" and pl.read_parquet(one).equals(pl.read_parquet(other))


def _generate(out: Path, *more: str) -> dict[str, Path]:
    command = [sys.executable, "-B", str(SAMPLES / "generate.py"), "--out", str(out), *more]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    return _files(out)


def test_samples_are_what_the_simulator_writes(tmp_path: Path) -> None:
    committed, made = _files(SAMPLES), _generate(tmp_path)
    assert list(made) == list(committed)
    assert [name for name in made if not _is_same(made[name], committed[name])] == []


def test_same_seed_same_bytes_and_another_seed_other_bytes(tmp_path: Path) -> None:
    runs = [
        _generate(tmp_path / name, "--days", "2", "--traffic", "0.3", "--seed", seed)
        for name, seed in (("a", "1"), ("b", "1"), ("c", "2"))
    ]
    first, second, third = ({name: path.read_bytes() for name, path in run.items()} for run in runs)
    assert first == second
    assert first["otlp/traces.jsonl.gz"] != third["otlp/traces.jsonl.gz"]


def test_samples_are_small() -> None:
    assert sum(path.stat().st_size for path in _files(SAMPLES).values()) <= 10 * MEGABYTE
    assert (SAMPLES / "history" / "hourly.parquet").stat().st_size <= MEGABYTE


@pytest.mark.parametrize("path", sorted([*SAMPLES.rglob("*.py")]), ids=lambda path: path.name)
def test_simulator_does_not_use_the_package(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        assert not any(name.partition(".")[0] == "erp_telemetry" for name in names)
