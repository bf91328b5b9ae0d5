"""Opsgenie: incidents of its API; its alerts go to the table of alerts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from erp_telemetry.sources.files import Json
from erp_telemetry.sources.incident_tools.entries import (
    SEVERITIES,
    Entry,
    Row,
    incident,
    line,
    mostly,
    named,
    row,
    wrapped,
)

NAME = "Opsgenie incidents or alerts"

_STATUSES = {"open": "open", "resolved": "resolved", "closed": "closed"}


def records(document: Any) -> list[Any] | None:
    """Incidents or alerts of a list or single answer."""
    return mostly(wrapped(document, "data"), lambda record: {"tinyId", "message", "createdAt"} <= record.keys())


def rows(entry: Entry) -> Iterator[Row]:
    """An incident or an alert; alerts have an alias and count how often they occurred."""
    identity, created = entry.text("id"), entry.moment("createdAt")
    if identity is None:
        raise ValueError("no id: it could not be told from others")
    if {"alias", "lastOccurredAt", "acknowledged"} & entry.told.keys():
        yield _alert(entry, f"opsgenie:{identity}", created)
        return
    began = entry.moment("impactStartDate")
    # where nobody said when the impact began, the tool fills in when the incident was made
    is_told = began is not None and began != created
    yield incident(
        id=f"opsgenie:{identity}", title=entry.text("message") or identity,
        severity=entry.word("severity", entry.told.get("priority"), SEVERITIES),
        status=entry.word("status", entry.told.get("status"), _STATUSES), impact=entry.terms.impact,
        services=_services(entry.told), impact_start=began if is_told else created, is_start_estimated=not is_told,
        detected=created, declared=created, impact_end=entry.moment("impactEndDate"),
        resolved=entry.moment("resolvedAt"), closed=entry.moment("closedAt"), updated_at=entry.moment("updatedAt"),
    )


def _services(record: Json) -> list[str]:
    listed = record.get("impactedServices")
    found = [named(one, "name", "id") for one in listed] if isinstance(listed, list) else []
    return list(dict.fromkeys(name for name in found if name)) or [
        name for name in (line(record.get("serviceId")),) if name]


def _alert(entry: Entry, name: str, created: datetime | None) -> Row:
    if created is None:
        raise ValueError("an alert that does not say when it fired")
    report, details = entry.told.get("report"), entry.told.get("details")
    severity = entry.word("severity", entry.told.get("priority"), SEVERITIES)
    is_closed = entry.text("status") == "closed"
    state = "closed" if is_closed else "acknowledged" if entry.told.get("acknowledged") is True else "new"
    return row(
        "alerts", id=name, time=created, rule=entry.text("message"), severity=severity, state=state,
        service=named(details, "service", "service.name") if isinstance(details, dict) else None,
        acknowledged_at=_after(created, report, "ackTime"),
        resolved_at=_after(created, report, "closeTime") if is_closed else None,
        message=entry.text("description"),
    )


def _after(created: datetime, report: Any, name: str) -> datetime | None:
    """A moment that the report gives in milliseconds after the alert was made."""
    spent = report.get(name) if isinstance(report, dict) else None
    is_number = isinstance(spent, int | float) and not isinstance(spent, bool) and 0 <= spent < 1e14
    return created + timedelta(milliseconds=spent) if is_number and spent is not None else None
