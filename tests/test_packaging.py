"""What is shipped is found: from a wheel and from an editable install, outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = (
    "import erp_telemetry as et, pathlib; "
    "print(et.__file__); print(*et.catalog.names('measures')); print(et.Objectives.load().target('mttr'))"
)


def run(*command: str | Path, cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    return next(out.glob("*.whl"))


def fresh(folder: Path) -> Path:
    """A venv of its own that borrows the third parties of this one, but not its erp_telemetry."""
    run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    site = next((folder / "lib").glob("python*/site-packages"))
    borrowed = site / "borrowed"
    borrowed.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        is_ours = "erp_telemetry" in entry.name or entry.suffix == ".pth" or entry.name.startswith(("pip", "borrowed"))
        if not is_ours:
            (borrowed / entry.name).symlink_to(entry)
    (site / "borrowed.pth").write_text("borrowed\n", encoding="utf-8")
    return folder / "bin"


def install(bin_folder: Path, *what: str | Path, cwd: Path) -> None:
    run(bin_folder / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-index",
        "--no-build-isolation", *what, cwd=cwd)


def check_works(bin_folder: Path, cwd: Path) -> str:
    place, measures, target = run(bin_folder / "python", "-c", SCRIPT, cwd=cwd).splitlines()
    assert {"error_ratio", "latency_p99", "request_rate"} <= set(measures.split())
    assert float(target) == 900.0
    assert run(bin_folder / "erp-telemetry", "--version", cwd=cwd).startswith("erp-telemetry 0.")
    assert "error_ratio" in run(bin_folder / "erp-telemetry", "measure", "--json", cwd=cwd)
    return place


def test_the_wheel_holds_queries_samples_objectives_and_templates(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for folder in ("azure", "measures", "rollups", "files", "exact", "incidents", "logs", "quality", "scorecards",
                   "examples"):
        for file in (ROOT / "queries" / folder).glob("*.*"):
            assert f"erp_telemetry/queries/{folder}/{file.name}" in names
    assert {"erp_telemetry/objectives.toml", "erp_telemetry/py.typed", "erp_telemetry/views/templates/review.html",
            "erp_telemetry/views/templates/review.md", "erp_telemetry/views/templates/review/style.css"} <= names
    assert any(name.startswith("erp_telemetry/samples/otlp/") for name in names)
    assert not any("__pycache__" in name for name in names)


def test_a_wheel_install_finds_its_queries(wheel: Path, tmp_path: Path) -> None:
    bin_folder = fresh(tmp_path / "venv")
    install(bin_folder, wheel, cwd=tmp_path)
    assert str(tmp_path) in check_works(bin_folder, tmp_path)


def test_an_editable_install_finds_its_queries(tmp_path: Path) -> None:
    bin_folder = fresh(tmp_path / "venv")
    install(bin_folder, "-e", ROOT, cwd=tmp_path)
    assert check_works(bin_folder, tmp_path) == str(ROOT / "erp_telemetry" / "__init__.py")


def test_constraints_pin_everything_and_name_no_address() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    assert lines and all(line.count("==") == 1 and "/" not in line for line in lines)
