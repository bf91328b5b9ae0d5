"""OTLP JSON lines: spans and logs of billing, inventory and purchasing."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from simulator.files import Planted, TextFile
from simulator.logs import LogEvent
from simulator.plan import HOUR, MINUTE
from simulator.spans import Span

_STATE = {2: "ot=th:8", 4: "ot=th:c"}
_NUMBERS = {"verbose": 1, "debug": 5, "information": 9, "warning": 13, "error": 17, "critical": 21}
_TEXTS = {
    "verbose": "Trace",
    "debug": "Debug",
    "information": "Information",
    "warning": "Warning",
    "error": "Error",
    "critical": "Critical",
}


def attribute(key: str, value: Any, *, as_number: bool = False) -> dict[str, Any]:
    """One key with its AnyValue; integers are strings unless ``as_number``."""
    if isinstance(value, bool):
        return {"key": key, "value": {"boolValue": value}}
    if isinstance(value, int):
        return {"key": key, "value": {"intValue": value if as_number else str(value)}}
    if isinstance(value, float):
        return {"key": key, "value": {"doubleValue": value}}
    return {"key": key, "value": {"stringValue": value}}


def resource(service: str, instance: str) -> dict[str, Any]:
    """Resource attributes; inventory names its pod instead of an instance id."""
    name = "k8s.pod.name" if service == "inventory" else "service.instance.id"
    return {
        "attributes": [
            attribute("service.name", service),
            attribute("service.namespace", "erp"),
            attribute(name, instance),
        ]
    }


class OtlpFiles:
    """Writes spans in batches per instance and half hour, logs per instance and hour."""

    def __init__(self, root: Path, planted: Planted) -> None:
        self._planted = planted
        self._traces = TextFile(root, "otlp/traces.jsonl.gz")
        self._logs = TextFile(root, "otlp/logs.jsonl.gz")
        self._batches = 0
        self.rows: Counter[str] = Counter()

    def spans(self, spans: list[Span]) -> None:
        """Write one day of spans."""
        batches: dict[tuple[int, str, str], list[Span]] = defaultdict(list)
        for span in spans:
            batches[span.start // (30 * MINUTE), span.service, span.instance].append(span)
        for (_, service, instance), batch in sorted(batches.items(), key=lambda item: item[0]):
            self._batches += 1
            written = [_span(span, self._batches) for span in batch]
            scope = {"scope": {"name": "Microsoft.AspNetCore", "version": "8.0.0"}, "spans": written}
            text = self._traces.record(
                {"resourceSpans": [{"resource": resource(service, instance), "scopeSpans": [scope]}]}
            )
            self._plant(text, len(batch))
        self.rows["requests"] += sum(span.is_server for span in spans)
        self.rows["dependencies"] += sum(not span.is_server for span in spans)

    def _plant(self, text: str, spans: int) -> None:
        if self._batches == 400:
            self._traces.line(text)
            self._planted.duplicates[self._traces.name] = spans
        if self._batches == 700:
            self._traces.line("-- collector restarted, buffer dropped --")
            self._planted.malformed.append({"file": self._traces.name, "line": self._traces.lines, "what": "not JSON"})

    def logs(self, events: list[LogEvent]) -> None:
        """Write one day of log events."""
        batches: dict[tuple[int, str, str], list[LogEvent]] = defaultdict(list)
        for event in events:
            batches[event.time // HOUR, event.service, event.instance].append(event)
        for (_, service, instance), batch in sorted(batches.items(), key=lambda item: item[0]):
            scope = {"scope": {"name": f"Erp.{service.title()}"}, "logRecords": [_log(event) for event in batch]}
            self._logs.record({"resourceLogs": [{"resource": resource(service, instance), "scopeLogs": [scope]}]})
        self.rows["logs"] += len(events)

    def close(self) -> None:
        """Finish the files."""
        self._traces.close()
        self._logs.close()


def _span(span: Span, batch: int) -> dict[str, Any]:
    as_number, as_enum = batch % 4 == 0, batch % 5 == 0
    start, end = span.start * 1000, span.end * 1000
    kind = 2 if span.is_server else 3
    value: dict[str, Any] = {"traceId": span.trace_id, "spanId": span.span_id}
    if span.weight in _STATE:
        value["traceState"] = _STATE[span.weight]
    if span.parent_id:
        value["parentSpanId"] = span.parent_id
    value |= {
        "name": span.template if span.kind in ("sql", "redis") or span.number % 3 == 0 else span.name,
        "kind": {2: "SPAN_KIND_SERVER", 3: "SPAN_KIND_CLIENT"}[kind] if as_enum else kind,
        "startTimeUnixNano": start if as_number else str(start),
        "endTimeUnixNano": end if as_number else str(end),
        "attributes": _attributes(span, as_number),
    }
    value["status"] = {"code": 2} if span.is_failed and (not span.is_server or span.counts_failed) else {}
    return value


def _attributes(span: Span, as_number: bool) -> list[dict[str, Any]]:
    if span.kind in ("sql", "redis"):
        system = "microsoft.sql_server" if span.kind == "sql" else "redis"
        found = [attribute("db.system.name", system), attribute("server.address", span.resource)]
        if span.kind == "sql":
            found += [attribute("db.namespace", span.resource), attribute("db.query.text", span.statement)]
        return found
    found = [attribute("http.request.method", span.method)]
    if span.is_server:
        if span.number % 3 == 0:
            found.append(attribute("http.route", span.template.partition(" ")[2]))
        found.append(attribute("url.path", span.path))
    else:
        found += [
            attribute("server.address", span.resource),
            attribute("rpc.system", "dapr"),
            attribute("url.full", f"http://{span.resource}{span.path}"),
        ]
    if span.status:
        found.append(attribute("http.response.status_code", int(span.status), as_number=as_number))
    if span.population == "synthetic":
        found.append(attribute("user_agent.synthetic.type", "test"))
    if span.population == "probe":
        found.append(attribute("user_agent.original", "kube-probe/1.31"))
    return found


def _log(event: LogEvent) -> dict[str, Any]:
    found = [attribute("{OriginalFormat}", event.template)]
    found += [attribute(name, value) for name, value in event.properties.items()]
    if event.exception:
        found += [
            attribute("exception.type", event.exception[0]),
            attribute("exception.message", event.exception[1]),
            attribute("exception.stacktrace", event.stack),
        ]
    value: dict[str, Any] = {
        "timeUnixNano": str(event.time * 1000),
        "observedTimeUnixNano": str(event.time * 1000 + 7000),
        "severityNumber": _NUMBERS[event.level],
        "severityText": _TEXTS[event.level],
        "body": {"stringValue": event.message},
        "attributes": found,
    }
    if event.span:
        value |= {"traceId": event.span.trace_id, "spanId": event.span.span_id}
    return value
