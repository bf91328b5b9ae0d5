"""Container events: what an unwrapped event becomes, a log row, or an event of Serilog as it is."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from erp_telemetry.errors import SourceError
from erp_telemetry.sources import log_objects, log_texts
from erp_telemetry.sources.container_logs import Event, SetAside
from erp_telemetry.sources.files import Json
from erp_telemetry.sources.kubernetes_names import Place, place, service_of_pod
from erp_telemetry.sources.serilog_files import Events, is_event

NO_TIME = "no time: use kubectl logs --timestamps"
NO_ZONE = "time has no zone"
_TEMPLATED = ("@mt", "@m")


@dataclass(slots=True)
class Reading:
    """The reading of one file: what every row of it shares, and why events were set aside."""

    origin: Path
    service: str | None
    naive: str | None
    set_aside: SetAside
    place: Place = field(init=False)
    reasons: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.place = place(self.origin)

    def is_serilog(self, event: Event) -> bool:
        """Whether the event is one of Serilog, with its own time or that of what it was wrapped in."""
        record = event.record or {}
        return is_event(record) or (event.time is not None and any(name in record for name in _TEMPLATED))

    def serilog(self, event: Event) -> tuple[str, Json] | None:
        """The event as text and as object, with what its wrapping says; ``None`` where it is set aside."""
        around = {"__service": self._service(event, None), "__instance": self._instance(event), "__time": event.time}
        known = {name: value for name, value in around.items() if value is not None}
        record = known | (event.record or {})
        try:
            Events(self.service, self.naive).check(record)
        except ValueError as error:
            self._reject(event, str(error))
            return None
        rest = event.text.strip().removeprefix("{")
        return json.dumps(known, ensure_ascii=False)[:-1] + "," + rest, record

    def row(self, event: Event) -> Json | None:
        """The event as a log row; ``None`` where it is set aside."""
        said = _of_object(event.record) if event.record is not None else _of_text(event)
        try:
            time = self._time(said["time"], event.time)
        except ValueError as error:
            self._reject(event, str(error))
            return None
        about = {"container": event.container or self.place.container, "stream": event.stream}
        attributes = said["attributes"] | {name: value for name, value in about.items() if value}
        level = said["level"]
        if level is None:
            level, attributes["level_assumed"] = "information", True
        return said | {
            "table": "logs", "time": time, "level": level, "digest": event.digest,
            "service": self._service(event, said.get("service")), "instance": self._instance(event),
            "attributes": attributes or None}

    def refusal(self) -> SourceError:
        """Why nothing of the file was read, and what to do."""
        reason, _ = self.reasons.most_common(1)[0] if self.reasons else (NO_TIME, 0)
        if reason.startswith(NO_ZONE):
            return SourceError(
                f"{self.origin}: times without zone. Say which with KubernetesFiles(..., naive=\"UTC\"), at the shell "
                "--naive UTC, or save the log by kubectl logs --timestamps")
        if reason == NO_TIME:
            return SourceError(f"{self.origin}: no line tells a time: use kubectl logs --timestamps")
        return SourceError(f"{self.origin}: nothing of it can be read ({reason})")

    def _reject(self, event: Event, reason: str) -> None:
        self.reasons[reason.partition(":")[0] if reason.startswith(NO_ZONE) else reason] += 1
        self.set_aside(event.line, reason, event.raw)

    def _time(self, own: str | None, around: str | None) -> str:
        """The event's own time, else that of the wrapping; one without zone only where a zone is declared."""
        if own is not None and log_texts.has_zone(own):
            return own
        if around is not None:
            return around
        if own is None:
            raise ValueError(NO_TIME)
        if self.naive is None:
            raise ValueError(f"{NO_ZONE}: {own}")
        return own

    def _service(self, event: Event, own: str | None) -> str:
        by_name = service_of_pod(event.pod) if event.pod else self.place.service
        return self.service or own or by_name or "unknown_service"

    def _instance(self, event: Event) -> str:
        return event.pod or self.place.instance


def _of_object(record: Json) -> Json:
    said = log_objects.row(record)
    if said["exception"] is not None:
        said["exception_type"] = log_texts.exception_type(said["exception"])
    return said


def _of_text(event: Event) -> dict[str, Any]:
    said = log_texts.read(event.text, event.more)
    return {"time": said.time, "level": said.level, "message": said.message, "exception": said.exception,
            "exception_type": said.exception_type, "attributes": said.attributes}
