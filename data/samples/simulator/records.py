"""Incidents, alerts, changes, recoveries and inventory: the small canonical tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulator.files import TextFile
from simulator.plan import DAY, HOUR, MINUTE, SECOND, SERVICES, START, iso, replicas, stamp
from simulator.tables import csv_line

STAMPS = (
    "impact_start",
    "detected",
    "declared",
    "acknowledged",
    "mitigated",
    "impact_end",
    "resolved",
    "closed",
    "restored",
    "last_recoverable",
)


def _incident(
    number: int,
    title: str,
    severity: str,
    kind: str | None,
    impact: str,
    services: str,
    cause: str,
    stamps: str,
    detected_by: str = "alert",
) -> dict[str, Any]:
    times = dict(zip(STAMPS, stamps.split(), strict=False))
    found: dict[str, Any] = {
        name: None if times.get(name, "-") == "-" else iso(stamp(times[name]), 0) for name in STAMPS
    }
    status = "closed" if found["closed"] else "open"
    last = max(value for value in found.values() if value)
    return {
        "id": f"INC-{number}",
        "title": title,
        "severity": severity,
        "status": status,
        "class": kind,
        "impact": impact,
        "services": services.split(),
        **found,
        "cause": cause,
        "detected_by": detected_by,
        "updated_at": last,
    }


INCIDENTS = (
    _incident(
        1,
        "Invoices slow at the end of the quarter",
        "high",
        "service_degradation",
        "degraded",
        "billing",
        "month-end run scans the invoice table; a third replica and an index helped",
        "2026-06-30T13:00 2026-06-30T13:03:30 2026-06-30T13:05 2026-06-30T13:08 2026-06-30T13:28 "
        "2026-06-30T13:40 2026-06-30T14:10 2026-07-01T09:00",
    ),
    _incident(
        2,
        "Orders answer 500 after release 2026.7.1",
        "high",
        "high_error_rate",
        "partial",
        "orders",
        "release 2026.7.1 reads a column that the migration had not created",
        "2026-07-02T09:05 2026-07-02T09:06:30 2026-07-02T09:08 2026-07-02T09:10 2026-07-02T09:24 "
        "2026-07-02T09:25 2026-07-02T09:50 2026-07-03T10:00",
    ),
    _incident(
        3,
        "Inventory out of memory",
        "critical",
        "out_of_memory",
        "outage",
        "inventory",
        "item cache without eviction leaks memory",
        "2026-06-25T11:32 2026-06-25T11:33 2026-06-25T11:34 2026-06-25T11:35 2026-06-25T11:38 "
        "2026-06-25T11:39 2026-06-25T15:10 2026-06-26T09:00 2026-06-25T11:39 2026-06-25T11:30",
    ),
    _incident(
        4,
        "Five services fail: erp-db has no sessions left",
        "critical",
        "service_cascade_failure",
        "outage",
        "billing inventory orders purchasing sales",
        "connection leak in the turnover report exhausts erp-db",
        "2026-07-01T14:10 2026-07-01T14:11:30 2026-07-01T14:12 2026-07-01T14:13 2026-07-01T14:18 "
        "2026-07-01T14:19 2026-07-01T15:30 2026-07-02T16:00 2026-07-01T14:21 2026-07-01T14:07",
    ),
    _incident(
        5,
        "Logins slow: cache emptied",
        "medium",
        None,
        "degraded",
        "auth",
        "erp-redis failed over and came back empty",
        "2026-06-27T08:00 2026-06-27T08:04 2026-06-27T08:06 2026-06-27T08:09 2026-06-27T08:20 "
        "2026-06-27T08:25 2026-06-27T08:40 2026-06-29T08:30",
        "person",
    ),
    _incident(
        6,
        "Purchasing slow",
        "medium",
        None,
        "degraded",
        "purchasing",
        "unknown so far",
        "2026-07-05T18:30 2026-07-05T18:33 2026-07-05T18:35 2026-07-05T18:40",
    ),
)
_FIRST_RECORD = (
    INCIDENTS[0]
    | {name: None for name in STAMPS[4:]}
    | {"status": "open", "cause": None, "title": "Invoices slow", "updated_at": "2026-06-30T13:08:00Z"}
)
RULES = {
    1: ("billing", "latency_above_500_ms", "high"),
    2: ("orders", "error_rate_above_1_percent", "high"),
    3: ("inventory", "memory_above_90_percent", "critical"),
    4: ("orders", "error_rate_above_1_percent", "critical"),
    6: ("purchasing", "latency_above_500_ms", "medium"),
}
_NOISE = (
    ("2026-06-23T02:14", "sales", "cpu_above_75_percent", "low"),
    ("2026-06-28T21:40", "inventory", "certificate_expires", "low"),
    ("2026-07-03T12:05", "api-gateway", "latency_above_500_ms", "medium"),
)
_CHANGES = (
    ("2026-06-24T17:00", "billing", "deployment", "2026.6.4", "quarter-end preparations"),
    ("2026-06-25T11:38", "inventory", "scaling", "", "memory limit 1 GiB to 2 GiB"),
    ("2026-06-25T15:00", "inventory", "deployment", "2026.6.5", "item cache evicts"),
    ("2026-06-27T07:59", "auth", "failover", "", "erp-redis failed over to its replica"),
    ("2026-06-29T16:30", "auth", "deployment", "2026.6.6", "new signing key"),
    ("2026-06-30T13:26", "billing", "scaling", "", "replicas 2 to 3"),
    ("2026-07-01T14:18", "sales", "configuration", "", "turnover report switched off"),
    ("2026-07-02T09:02", "orders", "deployment", "2026.7.1", "delivery dates per line"),
    ("2026-07-02T09:24", "orders", "deployment", "2026.6.3", "roll back of 2026.7.1"),
)
DRILL_START = stamp("2026-07-04T07:00")
DRILL_RESTORED = DRILL_START + 22 * MINUTE
DRILL_RECOVERABLE = DRILL_START - 4 * MINUTE
_FAILED_BACKUP = stamp("2026-06-29T01:00")


def incidents_within(end: int) -> list[dict[str, Any]]:
    """The newest record of every incident that begins in the span."""
    return [found for found in INCIDENTS if found["impact_start"] < iso(end, 0)]


def write(root: Path, end: int) -> dict[str, int]:
    """Write the five tables; answers rows per table."""
    return {
        "incidents": _incidents(root, end),
        "alerts": _alerts(root, end),
        "changes": _changes(root, end),
        "recoveries": _recoveries(root, end),
        "inventory": _inventory(root, end),
    }


def _incidents(root: Path, end: int) -> int:
    found = incidents_within(end)
    file = TextFile(root, "tables/incidents.jsonl")
    if INCIDENTS[0] in found:
        file.record(_FIRST_RECORD)
    for record in found:
        file.record(record)
    file.close()
    return len(found)


def _csv(root: Path, name: str, header: str, rows: list[list[Any]]) -> int:
    file = TextFile(root, f"tables/{name}.csv")
    file.line(header)
    for row in rows:
        file.line(csv_line(row))
    file.close()
    return len(rows)


def _alerts(root: Path, end: int) -> int:
    rows: list[list[Any]] = []
    for found in incidents_within(end):
        number = int(found["id"][4:])
        if number in RULES:
            service, rule, severity = RULES[number]
            state = "resolved" if found["impact_end"] else "acknowledged"
            rows.append(
                [
                    found["detected"],
                    service,
                    rule,
                    severity,
                    state,
                    found["acknowledged"],
                    found["impact_end"],
                    found["title"],
                    f"ALR-{number}",
                ]
            )
    for number, (time, service, rule, severity) in enumerate(_NOISE, 10):
        if stamp(time) < end:
            ended = iso(stamp(time) + 9 * MINUTE, 0)
            rows.append([iso(stamp(time), 0), service, rule, severity, "resolved", None, ended, None, f"ALR-{number}"])
    rows.sort()
    return _csv(root, "alerts", "time,service,rule,severity,state,acknowledged_at,resolved_at,message,id", rows)


def _changes(root: Path, end: int) -> int:
    rows = [
        [iso(stamp(time), 0), service, kind, version or None, text, "platform-team"]
        for time, service, kind, version, text in _CHANGES
        if stamp(time) < end
    ]
    return _csv(root, "changes", "time,service,kind,version,description,author", rows)


def _recoveries(root: Path, end: int) -> int:
    rows: list[list[Any]] = []
    for at in range(START + HOUR, end, DAY):
        failed = at == _FAILED_BACKUP
        done = None if failed else iso(at + 14 * MINUTE + at // DAY % 5 * 20 * SECOND, 0)
        rows.append([iso(at, 0), "erp-db", "erp-db", "backup", None, done, None, None, str(failed).lower()])
    if end > DRILL_START:
        rows.append(
            [
                iso(DRILL_START, 0),
                "erp-db",
                "erp-db",
                "drill",
                None,
                iso(DRILL_RESTORED + 8 * MINUTE, 0),
                iso(DRILL_RESTORED, 0),
                iso(DRILL_RECOVERABLE, 0),
                "false",
            ]
        )
    rows.sort(key=lambda row: str(row[0]))
    header = "time,service,resource,kind,class,completed_at,restored_at,last_recoverable_at,is_failed"
    return _csv(root, "recoveries", header, rows)


def _inventory(root: Path, end: int) -> int:
    rows: list[list[Any]] = []
    for at in range(START, end, DAY):
        for service in SERVICES:
            memory = 2 << 30 if service == "inventory" and at > stamp("2026-06-25T12:00") else 1 << 30
            for name, value in (
                ("replicas", replicas(service, at)),
                ("cpu_limit_cores", 0.5),
                ("memory_limit_bytes", memory),
            ):
                rows.append([iso(at, 0), service, None, name, float(value)])
        rows.append([iso(at, 0), None, "erp-db", "connection_limit", 600.0])
    return _csv(root, "inventory", "time,service,resource,name,value", rows)
