"""PagerDuty: answers of the REST API, with log entries where the export has them, and the incidents report as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from erp_telemetry.redactions import excerpt
from erp_telemetry.sources.files import Json
from erp_telemetry.sources.incident_tools.entries import (
    SEVERITIES,
    Entry,
    Row,
    incident,
    items,
    mostly,
    named,
    wrapped,
)

NAME = "PagerDuty incidents"

_STATUSES = {"triggered": "open", "acknowledged": "open", "resolved": "resolved"}


def records(document: Any) -> list[Any] | None:
    """Incidents of a list or single answer; log entries that lie beside them are put to their incident."""
    found = wrapped(document, "incidents", "incident")
    if not found and isinstance(document, dict) and {"incidents", "limit", "more"} <= document.keys():
        return []
    is_wrapped = isinstance(document, dict) and bool({"incidents", "incident"} & document.keys())
    beside = items(document.get("log_entries")) if is_wrapped else []
    if beside:
        found = [_with_log(one, beside, is_only=len(found) == 1) for one in found]
    return mostly(found, _is_incident)


def _is_incident(record: Json) -> bool:
    keys = record.keys()
    if "created_on" in keys:
        return {"id", "service_name"} <= keys and bool({"incident_number", "resolved_on"} & keys)
    return {"created_at", "urgency"} <= keys and bool({"incident_number", "incident_key", "escalation_policy"} & keys)


def _with_log(record: Any, log: list[Json], is_only: bool) -> Any:
    if not isinstance(record, dict) or "log_entries" in record:
        return record
    own = [one for one in log if named(one.get("incident"), "id") == record.get("id")
           or (is_only and one.get("incident") is None)]
    return {**record, "log_entries": own}


def rows(entry: Entry) -> Iterator[Row]:
    """One incident: it began no later than when PagerDuty was told, so its start is estimated."""
    identity = entry.text("id")
    if identity is None:
        raise ValueError("no id: it could not be told from other incidents")
    reason = entry.told.get("resolve_reason")
    if isinstance(reason, dict) and reason.get("type") == "merge_resolve_reason":
        raise ValueError(f"{identity} was merged into {named(reason.get('incident'), 'id') or 'another incident'}")
    created = entry.moment("created_at", "created_on")
    status = entry.word("status", entry.text("status") or _status_of_csv(entry), _STATUSES)
    priority = entry.told.get("priority")
    severity = named(priority, "summary", "name") or entry.text("priority_name", "urgency")
    yield incident(
        id=f"pagerduty:{identity}", title=entry.text("title", "summary", "description") or identity,
        severity=entry.word("severity", severity, SEVERITIES), status=status, impact=entry.terms.impact,
        services=_services(entry), impact_start=created, is_start_estimated=True,
        detected=_logged(entry, "trigger_log_entry", min) or created, declared=created,
        acknowledged=_acknowledged(entry, created),
        resolved=_resolved(entry) if status == "resolved" else None,
        updated_at=entry.moment("updated_at", "last_status_change_at"),
    )


def _status_of_csv(entry: Entry) -> str | None:
    """The report has no status of its own: an incident with a time of resolution is resolved."""
    if "resolved_on" not in entry.told and "resolved_at" not in entry.told:
        return None
    return "resolved" if entry.text("resolved_on", "resolved_at") else "triggered"


def _services(entry: Entry) -> list[str]:
    found = [named(entry.told.get("service"), "summary", "name", "id") or entry.text("service_name")]
    found += [named(one, "summary", "name", "id") for one in items(entry.told.get("impacted_services"))]
    return list(dict.fromkeys(name for name in found if name))


def _logged(entry: Entry, kind: str, which: Any) -> datetime | None:
    """The first or last log entry of a kind."""
    kinds = (kind, f"{kind}_reference")
    log = [one for one in items(entry.told.get("log_entries")) if one.get("type") in kinds]
    found = [at for one in log if (at := Entry(one, entry.terms).moment("created_at")) is not None]
    return which(found) if found else None


def _acknowledged(entry: Entry, created: datetime | None) -> datetime | None:
    logged = _logged(entry, "acknowledge_log_entry", min)
    now = [at for one in items(entry.told.get("acknowledgements"))
           if (at := Entry(one, entry.terms).moment("at")) is not None]
    seconds = entry.text("seconds_to_first_ack")
    if logged or now or seconds is None or created is None:
        return logged or min(now, default=None)
    try:
        return created + timedelta(seconds=float(seconds))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"seconds_to_first_ack: not a number of seconds: {excerpt(seconds, 40)}") from error


def _resolved(entry: Entry) -> datetime | None:
    """When it was resolved; the status of a resolved incident last changed when it became so."""
    return (entry.moment("resolved_at", "resolved_on") or _logged(entry, "resolve_log_entry", max)
            or entry.moment("last_status_change_at"))
