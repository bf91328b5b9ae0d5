"""ServiceNow: answers of the Table API, as values or as pairs with display values, and CSV exports of a list.

Values of times are UTC without saying so. Display values, which CSV exports hold, are in the zone of
whoever exported: their times are read by ``naive`` or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from erp_telemetry.sources.files import Json
from erp_telemetry.sources.incident_tools.entries import Entry, Row, incident, line, mostly, wrapped

NAME = "ServiceNow incidents"

_LABELS = {
    "opened": "opened_at", "created": "sys_created_on", "updated": "sys_updated_on", "resolved": "resolved_at",
    "closed": "closed_at", "configuration_item": "cmdb_ci", "service": "business_service",
    "resolution_code": "close_code", "channel": "contact_type", "incident_state": "state",
}
_STATUSES = {
    **dict.fromkeys(("1", "2", "3", "4", "5", "new", "active", "inprogress", "onhold", "awaitingproblem",
                     "awaitinguserinfo", "awaitingevidence"), "open"),
    **dict.fromkeys(("6", "resolved"), "resolved"), **dict.fromkeys(("7", "closed"), "closed"),
}
_CANCELLED = {"8", "canceled", "cancelled"}
_PRIORITIES = {
    **dict.fromkeys(("1", "critical"), "critical"), **dict.fromkeys(("2", "high"), "high"),
    **dict.fromkeys(("3", "moderate", "medium"), "medium"), **dict.fromkeys(("4", "low", "5", "planning"), "low"),
}
_CHANNELS = {"event": "alert", "alert": "alert", "monitoring": "alert", "phone": "person", "email": "person",
             "self-service": "person", "walk-in": "person", "chat": "person"}
_CHOICES = ("state", "priority", "impact", "urgency", "severity")
_TIMES = ("opened_at", "sys_created_on", "sys_updated_on", "resolved_at", "closed_at")


def records(document: Any) -> list[Any] | None:
    """Incidents of an answer, or rows of a CSV export."""
    return mostly(wrapped(document, "result", "records"), _is_incident)


def _is_incident(record: Json) -> bool:
    keys = {_LABELS.get(name, name) for name in record}
    return {"number", "short_description"} <= keys and bool({"state", *_TIMES} & keys)


def rows(entry: Entry) -> Iterator[Row]:
    """One incident: it was opened when somebody reported it, so its start is estimated."""
    is_display = _is_display(entry.told)
    told = {_LABELS.get(name, name): value for name, value in entry.told.items()}
    plain = replace(entry, told={name: _value(name, value) for name, value in told.items()})
    number = plain.text("number")
    if number is None:
        raise ValueError("no number: it could not be told from other incidents")
    state, code = _choice(plain, "state"), (plain.text("close_code") or "").lower()
    if state in _CANCELLED:
        raise ValueError(f"{number} was cancelled")
    if "duplicate" in code:
        raise ValueError(f"{number} was closed as a duplicate")
    opened, created, updated, resolved, closed = (
        _moment(plain, name, told.get(name), is_display) for name in _TIMES)
    yield incident(
        id=f"servicenow:{number}", title=plain.text("short_description") or number,
        severity=entry.word("priority", _choice(plain, "priority"), _PRIORITIES),
        status=entry.word("state", state, _STATUSES), impact=entry.terms.impact, services=_services(told),
        impact_start=opened or created, is_start_estimated=True, detected=opened or created,
        declared=created or opened, resolved=resolved, closed=closed, cause=plain.text("cause"),
        detected_by=_CHANNELS.get((plain.text("contact_type") or "").lower()), updated_at=updated,
    )


def _is_display(record: Json) -> bool:
    """Whether the record holds display values: labels for names, or words where values are numbers."""
    labels = _LABELS.keys() - {"incident_state"}
    words = [line(record.get(name)) for name in (*_CHOICES, "incident_state")]
    return bool(labels & record.keys()) or any(word is not None and not word.isdigit() for word in words)


def _value(name: str, told: Any) -> Any:
    """The value of a field that may come as a pair; of names the one to show."""
    if not isinstance(told, dict):
        return told
    return told.get("value") if name in (*_TIMES, *_CHOICES) else told.get("display_value", told.get("value"))


def _choice(entry: Entry, name: str) -> str | None:
    """The number of a choice, or its word without the number before it: ``1 - Critical``."""
    text = entry.text(name)
    return re.sub(r"^\d+\s*-\s*", "", text).lower() if text else None


def _moment(entry: Entry, name: str, told: Any, is_display: bool) -> datetime | None:
    if isinstance(told, dict):
        # of a pair the value is UTC whatever the display says
        return replace(entry, terms=replace(entry.terms, naive="UTC")).moment(name)
    return entry.moment(name, naive=None if is_display else "UTC")


def _services(told: Json) -> list[str]:
    """Service and configuration item by name, else by the key the answer holds."""
    found = []
    for name in ("business_service", "cmdb_ci"):
        value = told.get(name)
        pair = value if isinstance(value, dict) else {"value": value}
        found.append(line(pair.get("display_value")) or line(pair.get("value")))
    return list(dict.fromkeys(name for name in found if name))
