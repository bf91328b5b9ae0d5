"""Google Cloud: the incidents of its status page, and of pages that write as it does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from erp_telemetry.schema import STATUS_PAGE
from erp_telemetry.sources.incident_tools.entries import (
    SEVERITIES,
    Entry,
    Row,
    incident,
    items,
    line,
    mostly,
    wrapped,
)

NAME = "Google Cloud incidents"

_IMPACTS = {"serviceoutage": "outage", "servicedisruption": "partial", "serviceinformation": "none"}


def records(document: Any) -> list[Any] | None:
    """Incidents of ``incidents.json``."""
    wanted = {"begin", "created", "external_desc"}
    return mostly(wrapped(document, "incidents"), lambda record: wanted <= record.keys())


def rows(entry: Entry) -> Iterator[Row]:
    """One incident: its page says when it began and ended, and was written later than it was noticed."""
    identity = entry.text("id", "number")
    if identity is None:
        raise ValueError("no id: it could not be told from other incidents")
    created, ended = entry.moment("created"), entry.moment("end")
    products = [name for one in items(entry.told.get("affected_products")) if (name := line(one.get("title")))]
    service = entry.text("service_name")
    yield incident(
        id=f"google_cloud:{identity}", title=entry.text("external_desc") or identity,
        severity=entry.word("severity", entry.told.get("severity"), SEVERITIES),
        status="open" if ended is None else "resolved",
        impact=entry.word("status_impact", entry.told.get("status_impact"), _IMPACTS),
        services=list(dict.fromkeys(products)) or ([service] if service else []),
        impact_start=entry.moment("begin"), is_start_estimated=False, detected=created, declared=created,
        detected_by=STATUS_PAGE, impact_end=ended, updated_at=entry.moment("modified"),
    )
