"""Statuspage: incidents with their updates; scheduled maintenance is a change, never an incident."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from erp_telemetry.schema import STATUS_PAGE
from erp_telemetry.sources.files import Json
from erp_telemetry.sources.incident_tools.entries import (
    Entry,
    Row,
    incident,
    items,
    line,
    mostly,
    row,
    wrapped,
)

NAME = "Statuspage incidents"

_STATUSES = {"investigating": "open", "identified": "open", "monitoring": "mitigated", "resolved": "resolved",
             "postmortem": "closed"}
_SEVERITIES = {"critical": "critical", "major": "high", "minor": "medium", "none": "low"}
_IMPACTS = {"critical": "outage", "major": "partial", "minor": "degraded", "none": "none"}
_MAINTENANCE = {"scheduled", "in_progress", "verifying", "completed"}
_KEYS = ("incidents", "scheduled_maintenances")


def records(document: Any) -> list[Any] | None:
    """Incidents and maintenances of a page's answer, or of the management API's list."""
    found = wrapped(document, *_KEYS)
    if not found and isinstance(document, dict) and "page" in document:
        return []
    return mostly(found, lambda record: {"incident_updates", "impact", "name", "status"} <= record.keys())


def rows(entry: Entry) -> Iterator[Row]:
    """An incident, or a change for each component under maintenance.

    The page says when the public was told: a start that is not a minute or more before that is estimated.
    """
    identity = entry.text("id")
    if identity is None:
        raise ValueError("no id: it could not be told from other incidents")
    page = entry.text("page_id")
    name = f"statuspage:{page}/{identity}" if page else f"statuspage:{identity}"
    if _is_maintenance(entry.told):
        yield from _maintenance(entry, name)
        return
    created, started = entry.moment("created_at"), entry.moment("started_at")
    is_told = created is not None and started is not None and created - started >= timedelta(minutes=1)
    status = entry.word("status", entry.told.get("status"), _STATUSES)
    is_over = status in ("resolved", "closed")
    yield incident(
        id=name, title=entry.text("name") or identity, status=status,
        severity=entry.word("severity", entry.told.get("impact"), _SEVERITIES),
        impact=_IMPACTS.get(str(entry.told.get("impact")).lower()), services=_services(entry.told),
        impact_start=started if is_told else created or started, is_start_estimated=not is_told,
        detected=created, declared=created, detected_by=STATUS_PAGE,
        mitigated=entry.moment("monitoring_at") or _update(entry, "monitoring"),
        resolved=entry.moment("resolved_at") or _update(entry, "resolved") if is_over else None,
        updated_at=entry.moment("updated_at"),
    )


def _is_maintenance(record: Json) -> bool:
    return (line(record.get("scheduled_for")) is not None or record.get("impact") == "maintenance"
            or record.get("status") in _MAINTENANCE)


def _maintenance(entry: Entry, name: str) -> Iterator[Row]:
    begins = entry.moment("scheduled_for", "started_at", "created_at")
    if begins is None:
        raise ValueError("a maintenance that does not say when it begins")
    services: list[str | None] = [*_services(entry.told)]
    for service in services or [None]:
        yield row("changes", id=name, time=begins, service=service, kind="configuration",
                     description=f"maintenance: {entry.text('name') or ''}".strip())


def _services(record: Json) -> list[str]:
    """Components of the record, and those its updates name."""
    found = [*items(record.get("components"))]
    for update in items(record.get("incident_updates")):
        found += items(update.get("affected_components"))
    return list(dict.fromkeys(name for one in found if (name := line(one.get("name")))))


def _update(entry: Entry, status: str) -> datetime | None:
    """When an update first gave the record this status."""
    updates = [one for one in items(entry.told.get("incident_updates")) if one.get("status") == status]
    found = [at for one in updates if (at := Entry(one, entry.terms).moment("display_at", "created_at")) is not None]
    return min(found, default=None)
