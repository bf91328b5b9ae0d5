"""Incidents: something that went wrong: named moments, services touched, and how long each phase took."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from erp_telemetry import catalog
from erp_telemetry.redactions import redact
from erp_telemetry.store import Store, answers
from erp_telemetry.window import Window

_OVER = ("resolved", "closed")
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident; a moment that is not known is ``None``.

    ``is_start_estimated`` says that ``impact_start`` is when a tool was told, not when users began to
    suffer: what is measured from there is not known, and is ``None``.
    """

    id: str
    title: str
    severity: str | None
    status: str | None
    critical_issue: str | None
    impact: str | None
    services: tuple[str, ...]
    impact_start: datetime
    is_start_estimated: bool
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
    def ended(self) -> datetime | None:
        """When it was over: ``impact_end``, else ``resolved``, else ``closed``.

        ``None`` where it is open, and where it is over at a moment that nobody wrote down. What was
        resolved and opened again is open.
        """
        if self.impact_end is not None:
            return self.impact_end
        return (self.resolved or self.closed) if self.status is None or self.status in _OVER else None

    @property
    def is_open(self) -> bool:
        """Whether users still suffer, as far as the record says; what is resolved or closed is over."""
        return self.ended is None and self.status not in _OVER

    @property
    def is_end_unknown(self) -> bool:
        """Whether it is over at a moment that nobody wrote down."""
        return self.ended is None and not self.is_open

    def until(self, moment: datetime) -> datetime:
        """Where it ends as far as a moment knows; one over at an unknown moment ends where it began."""
        return self.ended or (max(moment, self.impact_start) if self.is_open else self.impact_start)

    def touches(self, service: str | None) -> bool:
        """Whether a service suffered; ``None`` asks for the whole system."""
        return service is None or service in self.services

    @property
    def time_to_detect(self) -> timedelta | None:
        """``impact_start`` to ``detected``; ``None`` where a moment is missing, estimated or out of order."""
        return self._from_start(self.detected)

    @property
    def time_to_repair(self) -> timedelta | None:
        """``detected`` to ``ended``; ``None`` where a moment is missing or out of order."""
        return _span(self.detected, self.ended)

    @property
    def time_to_restore(self) -> timedelta | None:
        """``impact_start`` to ``restored``: what an RTO is held against; ``None`` where the start is estimated."""
        return self._from_start(self.restored)

    @property
    def data_loss(self) -> timedelta | None:
        """``last_recoverable`` to ``impact_start``: what an RPO is held against; ``None`` as for the RTO."""
        return None if self.is_start_estimated else _span(self.last_recoverable, self.impact_start)

    def _from_start(self, moment: datetime | None) -> timedelta | None:
        return None if self.is_start_estimated else _span(self.impact_start, moment)


def incidents(store: Store, window: Window, *, is_redacted: bool = True) -> list[Incident]:
    """Incidents that touch a window, oldest first; an open one reaches to the end of time.

    One that is over at an unknown moment reaches to when its record was written. Secrets in titles and
    causes are replaced by marks unless ``is_redacted`` is false.
    """
    statement = catalog.query("incidents/touching").bind(start=window.start, stop=window.stop)
    with store.reading() as connection:
        found = answers.rows(connection, statement.sql, statement.parameters)
    return [Incident(**{**_shown(dict(zip(_NAMES, row, strict=True)), is_redacted), "services": tuple(row[_SERVICES])})
            for row in found]


def _shown(record: dict[str, Any], is_redacted: bool) -> dict[str, Any]:
    """The record, where asked without secrets in what people wrote."""
    if not is_redacted:
        return record
    return {**record, **redact({name: record[name] for name in ("title", "cause", "detected_by")}).value,
            **{name: redact(record[name]).value for name in ("id", "services")}}


def overlapping(found: Iterable[Incident]) -> list[tuple[Incident, Incident]]:
    """Pairs that may be one outage told by two tools: they share a service and overlap in time.

    Tools are told apart by what stands before the ``:`` of an id. Nothing is merged: both count. An
    incident whose end is unknown is held to be over at once.
    """
    pairs: list[tuple[Incident, Incident]] = []
    going: list[Incident] = []
    for late in sorted(found, key=lambda one: (one.impact_start, one.id)):
        going = [early for early in going if _reaches(early, late.impact_start)]
        pairs += [(early, late) for early in going
                  if _tool(early) != _tool(late) and set(early.services) & set(late.services)]
        going.append(late)
    return pairs


def _reaches(early: Incident, moment: datetime) -> bool:
    """Whether an incident goes on at a moment that is not before its own start."""
    end = _NEVER if early.is_open else early.ended or early.impact_start
    return end > moment or early.impact_start == moment


def _tool(found: Incident) -> str:
    tool, colon, _ = found.id.partition(":")
    return tool if colon else ""


def _span(first: datetime | None, last: datetime | None) -> timedelta | None:
    if first is None or last is None or last < first:
        return None
    return last - first


_NAMES = tuple(field.name for field in fields(Incident))
_SERVICES = _NAMES.index("services")
