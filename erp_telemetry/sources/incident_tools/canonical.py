"""Incidents in the words of ``schema.py``: a list, an object with ``incidents``, lines, CSV or TOML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from erp_telemetry.errors import nearest
from erp_telemetry.redactions import excerpt
from erp_telemetry.schema import TABLES, TIME
from erp_telemetry.sources.files import Json
from erp_telemetry.sources.incident_tools.entries import Entry, Row, mostly, row, wrapped

NAME = "canonical incidents"

REQUIRED = TABLES["incidents"].required
_COLUMNS = {column.name: column for column in TABLES["incidents"].columns if column.name not in ("source", "entry")}
_WRAPPERS = {"incidents", "incident"}
_WORDS = {
    "severity": ("critical", "high", "medium", "low"), "status": ("open", "mitigated", "resolved", "closed"),
    "impact": ("outage", "partial", "degraded", "none"),
}


def records(document: Any) -> list[Any] | None:
    """Incidents of a list, or of an object that holds ``incidents`` alone; ``[[incident]]`` alone in TOML."""
    if isinstance(document, dict) and _WRAPPERS & document.keys() and len(document) > 1:
        return None  # something larger that speaks of incidents too, such as a report
    found = wrapped(document, *_WRAPPERS)
    return [] if document == {"incidents": []} else mostly(found, _is_incident)


def _is_incident(record: Json) -> bool:
    """Whether most of its keys are columns; one that is misspelt is told when the record is read."""
    known = len(record.keys() & _COLUMNS.keys())
    return bool({"title", "impact_start"} & record.keys()) and known > 2 and 2 * known > len(record)


def rows(entry: Entry) -> Iterator[Row]:
    """One incident; a key or a word that is not of the schema is refused with the nearest."""
    for name in entry.told:
        if name not in _COLUMNS:
            raise ValueError(f"unknown key {excerpt(name, 40)!r}. {nearest(name, _COLUMNS)}")
    columns = {name: _read(entry, name) for name in _COLUMNS if name in entry.told}
    missing = [name for name in REQUIRED if columns.get(name) is None]
    if missing:
        raise ValueError(f"{', '.join(missing)} is missing")
    columns["impact"] = columns.get("impact") or entry.terms.impact
    # without updated_at the last record wins: who writes incidents by hand corrects them by hand
    yield row("incidents", **columns)


def _read(entry: Entry, name: str) -> Any:
    told, dtype = entry.told[name], _COLUMNS[name].dtype
    if dtype == TIME:
        return entry.moment(name)
    if dtype.endswith("[]"):
        return _listed(name, told)
    if dtype == "BOOLEAN":
        return _truth(name, told)
    text = entry.text(name)
    if text is None and told is not None and told != "":
        raise ValueError(f"{name} is not text")
    if text is not None and name in _WORDS and text not in _WORDS[name]:
        raise ValueError(f"unknown {name} {excerpt(text, 40)!r}. {nearest(text, _WORDS[name])}")
    return text


def _listed(name: str, told: Any) -> list[str]:
    """Names of a list, of a JSON list, or parted by semicolons, as CSV holds them."""
    if isinstance(told, str):
        try:
            told = json.loads(told) if told.lstrip().startswith("[") else told.split(";")
        except ValueError as error:
            raise ValueError(f"{name} is not a list: {excerpt(told, 40)}") from error
    if told is not None and not (isinstance(told, list) and all(isinstance(one, str) for one in told)):
        raise ValueError(f"{name} is not a list of names")
    return [one.strip() for one in told or () if one.strip()]


def _truth(name: str, told: Any) -> bool | None:
    if told is None or told == "":
        return None
    if isinstance(told, bool):
        return told
    if str(told).lower() not in ("true", "false"):
        raise ValueError(f"{name} is neither true nor false")
    return str(told).lower() == "true"
