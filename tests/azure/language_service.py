"""The Kusto language service, asked through Node; both are tools of the tests only."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from erp_telemetry.testing.classics import classic_tables
from erp_telemetry.testing.workspaces import declared_tables

HERE = Path(__file__).parent
HIDDEN = {"_ItemId": "string", "_TimeReceived": "datetime"}
TABLES: Mapping[str, Mapping[str, str]] = {
    name: {**columns, **HIDDEN} for name, columns in declared_tables().items()}
"""The columns of each table that may be asked for, with those that come only by name."""
CLASSIC: Mapping[str, Mapping[str, str]] = {name: dict(view.columns) for name, view in classic_tables().items()}


@functools.cache
def missing() -> str:
    """What is missing for it, in words; empty where nothing is."""
    if shutil.which("node") is None:
        return "no Node: install nodejs and npm, then run npm install --no-package-lock --prefix tests/azure"
    if not (HERE / "node_modules/@kusto/language-service-next/package.json").is_file():
        return "no Kusto language service: run npm install --no-package-lock --prefix tests/azure"
    return ""


def check(queries: Mapping[str, str]) -> dict[str, Any]:
    """For each query its errors and the columns it gives."""
    node = shutil.which("node")
    assert node is not None
    asked = json.dumps({"tables": {**TABLES, **CLASSIC}, "queries": queries})
    ran = subprocess.run([node, HERE / "check_queries.js"], input=asked, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    answered: dict[str, Any] = json.loads(ran.stdout)
    return answered
