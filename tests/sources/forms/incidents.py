"""Incidents line by line: PagerDuty as JSON lines, ServiceNow as CSV in the zone of whoever exported it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from erp_telemetry.sources.incident_files import IncidentFiles
from tests.sources.support import Form, each_line

START = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = ("id", "title", "severity", "status", "services", "impact_start", "is_start_estimated", "detected",
           "acknowledged", "resolved")


def stamp(at: int, minutes: int = 0) -> datetime:
    return START + timedelta(seconds=at, minutes=minutes)


def pagerduty(at: int) -> dict[str, Any]:
    return {
        "id": f"Q{at}", "incident_number": at, "title": f"orders {at}", "urgency": "high", "status": "resolved",
        "created_at": stamp(at).isoformat(), "service": {"id": "P1", "summary": "orders"},
        "resolved_at": stamp(at, 30).isoformat(),
        "log_entries": [{"type": "acknowledge_log_entry", "created_at": stamp(at, 5).isoformat()}],
    }


def servicenow(count: int) -> str:
    rows = [f'INC{at},"orders, {at}",2 - High,Resolved,orders,{stamp(at, 60):%Y-%m-%d %H:%M:%S},'
            f'{stamp(at, 90):%Y-%m-%d %H:%M:%S}' for at in range(count)]
    return "\n".join(["Number,Short description,Priority,State,Configuration item,Opened,Resolved", *rows, ""])


def expected(id: str, title: str, acknowledged: bool, at: int) -> dict[str, Any]:
    return {
        "id": id.format(at), "title": title.format(at), "severity": "high", "status": "resolved",
        "services": ["orders"], "impact_start": stamp(at), "is_start_estimated": True, "detected": stamp(at),
        "acknowledged": stamp(at, 5) if acknowledged else None, "resolved": stamp(at, 30),
    }


FORMS = (
    Form("pagerduty", IncidentFiles, "jsonl", each_line(pagerduty), COLUMNS, "incidents",
         lambda at: expected("pagerduty:Q{}", "orders {}", True, at), has_fast_path=False),
    Form("servicenow", lambda *paths: IncidentFiles(*paths, naive="Europe/Vienna"), "csv", servicenow, COLUMNS,
         "incidents", lambda at: expected("servicenow:INC{}", "orders, {}", False, at), first_line=2,
         has_fast_path=False),
)
