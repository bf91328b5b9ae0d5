"""What the tests of the shell share: calls in this process, and calls as a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner, Result

from erp_telemetry.cli import app, screens

ROOT = Path(__file__).parents[2]
WINDOW = "2026-03-01T00:00:00Z/2026-03-01T00:20:00Z"
MAIN = "import sys; sys.argv[0] = 'erp-telemetry'; from erp_telemetry.cli import main; main()"


def call(*arguments: object, width: int = 200) -> Result:
    screens.screen.width = width
    return CliRunner().invoke(app, [str(part) for part in arguments])


def environment(**more: str) -> dict[str, str]:
    """This environment with our package, and without what a developer's terminal says of itself."""
    clean = {name: value for name, value in os.environ.items()
             if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM", "GITHUB_ACTIONS")}
    return {**clean, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **more}


def process(*arguments: object, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", MAIN, *(str(part) for part in arguments)], cwd=cwd,
                          env=environment(**more), capture_output=True, text=True, encoding="utf-8", timeout=120)
