"""Azure files: diagnostic-setting records and data-export blobs."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from simulator.files import Planted, TextFile
from simulator.logs import LEVELS, LogEvent
from simulator.plan import HOUR, MINUTE, SERVICES, iso
from simulator.spans import Span

SUBSCRIPTION = "00000000-0000-4000-8000-00000000e290"
_COMPONENT = (
    f"/SUBSCRIPTIONS/{SUBSCRIPTION.upper()}/RESOURCEGROUPS/RG-ERP/PROVIDERS/MICROSOFT.INSIGHTS/COMPONENTS/APPI-ERP"
)
_WORKSPACE = (
    f"WorkspaceResourceId=/subscriptions/{SUBSCRIPTION}/resourcegroups/rg-erp/providers"
    "/microsoft.operationalinsights/workspaces/log-erp"
)
_TEST = "Application Insights Availability Monitoring"
_SEVERITY = {level: number for number, level in enumerate(("verbose", "information", "warning", "error", "critical"))}
_SEVERITY["debug"] = 0
_EVERY = 997


def _milliseconds(micros: int) -> float | int:
    return micros // 1000 if micros % 1000 == 0 else micros / 1000


class AzureFiles:
    """Writes what api-gateway, auth and orders send to Application Insights."""

    def __init__(self, root: Path, end: int, planted: Planted) -> None:
        self._root, self._end, self._planted = root, end, planted
        folder = "azure/diagnostics/"
        self._files = {
            name: TextFile(root, f"{folder}{name}.jsonl.gz")
            for name in (
                "AppRequests",
                "AppDependencies",
                "AppTraces",
                "AppExceptions",
                "AppAvailabilityResults",
                "late",
            )
        }
        self._blobs: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self._requests = 0
        self.rows: Counter[str] = Counter()

    def _record(self, kind: str, at: int, service: str, instance: str, trace: str | None) -> dict[str, Any]:
        number = SERVICES.index(service)
        record = {
            "time": iso(at, 7),
            "resourceId": _COMPONENT,
            "ResourceGUID": f"{SUBSCRIPTION[:-1]}1",
            "Type": kind,
            "AppRoleName": service,
            "AppRoleInstance": instance,
            "ClientIP": "0.0.0.0",
            "ClientType": "PC",
            "IKey": f"{SUBSCRIPTION[:-1]}{number}",
            "SDKVersion": "dotnet8.0:otel1.12.0:dist1.4.0",
        }
        if trace:
            record["OperationId"] = trace
        return record

    def request(self, span: Span) -> None:
        """One server span as AppRequests."""
        record = self._record("AppRequests", span.start, span.service, span.instance, span.trace_id)
        if span.parent_id:
            record["ParentId"] = span.parent_id
        record |= {
            "OperationName": span.name,
            "Id": span.span_id,
            "Name": span.name,
            "Url": f"https://{span.service}.erp.example{span.path}",
            "Success": not span.is_failed,
            "ResultCode": span.status or "0",
            "DurationMs": _milliseconds(span.duration),
            "ItemCount": span.weight,
            "Properties": {"http.request.method": span.method},
        }
        if span.population == "synthetic":
            record["SyntheticSource"] = _TEST
        if span.population == "probe":
            record["Properties"]["user_agent.original"] = "kube-probe/1.31"
        self.rows["requests"] += 1
        if span.service == "auth" and span.start >= self._end - 2 * HOUR:
            self._blobs[span.start - span.start % (5 * MINUTE)].append(record)
        elif self._is_late(span):
            record["_TimeReceived"] = iso(span.start + 5 * HOUR, 7)
            self._files["late"].record(record)
            self._planted.late["azure/diagnostics/late.jsonl.gz"] = self._files["late"].lines
        else:
            self._write_request(record)

    def _is_late(self, span: Span) -> bool:
        hours = self._end - 59 * HOUR, self._end - 57 * HOUR
        return span.service == "api-gateway" and hours[0] <= span.start < hours[1] and span.trace % 8 == 0

    def _write_request(self, record: dict[str, Any]) -> None:
        file = self._files["AppRequests"]
        text = file.record(record)
        self._requests += 1
        if self._requests % _EVERY == 0:
            file.line(text)
            self._planted.duplicates[file.name] = self._planted.duplicates.get(file.name, 0) + 1
        if self._requests == 1500:
            file.line(text[: len(text) * 3 // 5])
            self._planted.malformed.append({"file": file.name, "line": file.lines, "what": "truncated JSON"})

    def dependency(self, span: Span) -> None:
        """One client span as AppDependencies."""
        record = self._record("AppDependencies", span.start, span.service, span.instance, span.trace_id)
        kind, target, data = {
            "sql": ("SQL", "tcp:erp-sql.example,1433 | erp-db", span.statement),
            "redis": ("redis", "erp-redis", span.statement),
            "dapr": ("HTTP", span.resource, f"http://localhost:3500/v1.0/invoke/{span.resource}/method{span.path}"),
        }[span.kind]
        code = span.status if span.kind == "dapr" else ("-2" if span.is_failed else "0")
        record |= {
            "ParentId": span.parent_id,
            "Id": span.span_id,
            "Name": span.name,
            "DependencyType": kind,
            "Target": target,
            "Data": data,
            "Success": not span.is_failed,
            "ResultCode": code or "0",
            "DurationMs": _milliseconds(span.duration),
            "ItemCount": span.weight,
        }
        self._files["AppDependencies"].record(record)
        self.rows["dependencies"] += 1

    def log(self, event: LogEvent) -> None:
        """One event as AppTraces, with an exception as AppExceptions."""
        kind = "AppExceptions" if event.exception else "AppTraces"
        record = self._record(
            kind, event.time, event.service, event.instance, event.span.trace_id if event.span else None
        )
        if event.span:
            record["ParentId"] = event.span.span_id
        record["Properties"] = {name: str(value) for name, value in event.properties.items()}
        record["Properties"]["{OriginalFormat}"] = event.template
        record |= {"SeverityLevel": _SEVERITY[event.level], "ItemCount": event.weight}
        if event.exception:
            name, text = event.exception
            record |= {
                "ExceptionType": name,
                "OuterType": name,
                "OuterMessage": text,
                "InnermostMessage": text,
                "ProblemId": f"{name} at Handle",
                "Properties": record["Properties"] | {"FormattedMessage": event.message},
                "Details": [
                    {
                        "severityLevel": LEVELS[4].title(),
                        "outerId": "0",
                        "message": text,
                        "type": name,
                        "id": "1",
                        "rawStack": event.stack,
                    }
                ],
            }
        else:
            record["Message"] = event.message
        self._files[kind].record(record)
        self.rows["logs"] += 1

    def availability(self, at: int, number: int, place: str, is_failed: bool, duration: int) -> None:
        """One availability test of the gateway."""
        record = self._record("AppAvailabilityResults", at, "api-gateway", "web-test", f"4e5350{number:026x}")
        record |= {
            "Id": f"b{number:015x}",
            "Name": "erp-portal",
            "Location": place,
            "Success": not is_failed,
            "DurationMs": _milliseconds(duration),
            "ItemCount": 1,
            "SyntheticSource": _TEST,
            "Message": "Failed: 503" if is_failed else "Passed",
        }
        self._files["AppAvailabilityResults"].record(record)
        self.rows["probes"] += 1

    def close(self) -> None:
        """Write the export blobs, three late rows at the end of one of them, and finish the files."""
        late = self._end - HOUR
        donor = self._blobs.get(late - 40 * MINUTE, [])
        if donor and late in self._blobs:
            moved = donor[-3:]
            del donor[-3:]
            self._blobs[late] += moved
            self._planted.late[_blob_name(late)] = len(moved)
        for at in sorted(self._blobs):
            file = TextFile(self._root, _blob_name(at))
            for record in self._blobs[at]:
                file.record(_exported(record))
            file.close()
        for file in self._files.values():
            file.close()


def _blob_name(at: int) -> str:
    stamp = iso(at, 0)
    folder = f"y={stamp[:4]}/m={stamp[5:7]}/d={stamp[8:10]}/h={stamp[11:13]}/m={stamp[14:16]}"
    return f"azure/export/am-AppRequests/{_WORKSPACE}/{folder}/PT05M.json"


def _exported(record: dict[str, Any]) -> dict[str, Any]:
    """The record as a data-export rule writes it."""
    renamed = {"TenantId": f"{SUBSCRIPTION[:-1]}9", "TimeGenerated": record["time"]}
    dropped = ("time", "resourceId", "ResourceGUID")
    kept = {name: value for name, value in record.items() if name not in dropped}
    tail = {
        "ResourceGUID": record["ResourceGUID"],
        "SourceSystem": "Azure",
        "_ResourceId": record["resourceId"].lower(),
    }
    return renamed | kept | tail
