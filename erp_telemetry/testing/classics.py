"""Classic names: the tables of Application Insights under the names they had before workspaces, as views."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from erp_telemetry.testing.workspaces import View, declared_tables

_SUCCESS = "case when {0} then 'True' when not {0} then 'False' else '' end"


@cache
def classic_tables() -> Mapping[str, View]:
    """The classic tables by name."""
    text = (files("erp_telemetry.testing") / "azure_classic.json").read_text(encoding="utf-8")
    return {name: _classic(**told) for name, told in json.loads(text)["tables"].items()}


def _classic(of: str, item: str, columns: Mapping[str, str]) -> View:
    types = {**declared_tables()[of], "_ItemId": "string"}
    kinds = {name: "string" if name == "success" else types[column] for name, column in columns.items()}
    values = {name: f'"{column}"' for name, column in columns.items()}
    if "success" in values:
        # a text by its classic name
        values["success"] = _SUCCESS.format(values["success"])
    if of == "AppMetrics":
        kinds["value"], values["value"] = "real", '"Sum" / nullif("ItemCount", 0)'
    return View(of, kinds | {"itemType": "string"}, values | {"itemType": f"'{item}'"})
