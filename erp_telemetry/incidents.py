"""Incidents: something that went wrong: named moments, services touched, and how long each phase took."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from erp_telemetry.store import Store, answers
from erp_telemetry.window import Window


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident; a moment that is not known is ``None``, an open incident has no ``impact_end``."""

    id: str
    title: str
    severity: str | None
    status: str | None
    critical_issue: str | None
    impact: str | None
    services: tuple[str, ...]
    impact_start: datetime
    detected: datetime | None
    declared: datetime | None
    acknowledged: datetime | None
    mitigated: datetime | None
    impact_end: datetime | None
    resolved: datetime | None
    closed: datetime | None
    restored: datetime | None
    last_recoverable: datetime | None
    cause: str | None
    detected_by: str | None

    @property
    def is_open(self) -> bool:
        """Whether users still suffer, as far as the record says."""
        return self.impact_end is None

    def touches(self, service: str | None) -> bool:
        """Whether a service suffered; ``None`` asks for the whole system."""
        return service is None or service in self.services

    @property
    def time_to_detect(self) -> timedelta | None:
        """``impact_start`` to ``detected``; ``None`` where a moment is missing or out of order."""
        return _span(self.impact_start, self.detected)

    @property
    def time_to_repair(self) -> timedelta | None:
        """``detected`` to ``impact_end``; ``None`` where a moment is missing or out of order."""
        return _span(self.detected, self.impact_end)

    @property
    def time_to_restore(self) -> timedelta | None:
        """``impact_start`` to ``restored``: what an RTO is held against."""
        return _span(self.impact_start, self.restored)

    @property
    def data_loss(self) -> timedelta | None:
        """``last_recoverable`` to ``impact_start``: what an RPO is held against."""
        return _span(self.last_recoverable, self.impact_start)


def incidents(store: Store, window: Window) -> list[Incident]:
    """Incidents whose impact touches a window, oldest first; an open one reaches to the end of time."""
    columns = ", ".join('"class"' if name == "critical_issue" else name for name in _NAMES)
    with store.reading() as connection:
        found = answers.rows(
            connection,
            f"""select {columns} from incidents
            where impact_start < $stop and coalesce(impact_end, 'infinity'::timestamptz) > $start
            order by impact_start, id""",
            {"start": window.start, "stop": window.stop},
        )
    return [Incident(**{**dict(zip(_NAMES, row, strict=True)), "services": tuple(row[_SERVICES] or ())})
            for row in found]


def _span(first: datetime | None, last: datetime | None) -> timedelta | None:
    if first is None or last is None or last < first:
        return None
    return last - first


_NAMES = tuple(field.name for field in fields(Incident))
_SERVICES = _NAMES.index("services")
