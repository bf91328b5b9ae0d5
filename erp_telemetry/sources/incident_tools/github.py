"""GitHub issues that carry the label of incidents: the REST API's list, or ``gh issue list --json``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from erp_telemetry.sources.files import Json
from erp_telemetry.sources.incident_tools.entries import SEVERITIES, Entry, Row, incident, mostly, named, wrapped

NAME = "GitHub issues"

_RANKS = ("critical", "high", "medium", "low")
_IMPACTS = {word: word for word in ("outage", "partial", "degraded", "none")}
_SAYS = re.compile(r"(?P<what>severity|sev|priority|prio|impact|service|svc)\s*[:/=]\s*(?P<word>.+)", re.IGNORECASE)
_PLACE = re.compile(r"https?://[^/]+/(?:repos/)?(?P<repository>[^/]+/[^/]+)(?:/|$)")
_SET_ASIDE = {"notplanned": "closed as not planned", "duplicate": "closed as a duplicate"}


def records(document: Any) -> list[Any] | None:
    """Issues of a list, a search or a single answer."""
    return mostly(wrapped(document, "items", "issues"), _is_issue)


def _is_issue(record: Json) -> bool:
    keys = record.keys()
    return ({"number", "title"} <= keys and bool({"created_at", "createdAt"} & keys)
            and bool({"labels", "html_url", "url", "state"} & keys))


def rows(entry: Entry) -> Iterator[Row]:
    """One incident: it began no later than the issue was written, so its start is estimated."""
    place = f"{_repository(entry)}#{entry.text('number')}"
    labels = _labels(entry)
    if "pull_request" in entry.told or "/pull/" in (entry.text("html_url", "url") or ""):
        raise ValueError(f"{place} is a pull request")
    if entry.terms.label.lower() not in {name.lower() for name in labels}:
        raise ValueError(f"{place} has no label {entry.terms.label!r}")
    reason = re.sub(r"[\s_]", "", entry.text("state_reason", "stateReason") or "").lower()
    if reason in _SET_ASIDE:
        raise ValueError(f"{place} was {_SET_ASIDE[reason]}")
    created = entry.moment("created_at", "createdAt")
    closed = entry.moment("closed_at", "closedAt")
    said = [(found["what"].lower(), found["word"].strip())
            for name in labels if (found := _SAYS.fullmatch(name.strip()))]
    impact = next((entry.word("impact", word, _IMPACTS) for what, word in said if what == "impact"), entry.terms.impact)
    yield incident(
        id=f"github:{place}", title=entry.text("title") or place, severity=_severity(entry, labels, said),
        status=entry.word("state", entry.told.get("state"), {"open": "open", "closed": "closed"}), impact=impact,
        services=list(dict.fromkeys(word for what, word in said if what in ("service", "svc"))),
        impact_start=created, is_start_estimated=True, detected=created, declared=created, closed=closed,
        updated_at=entry.moment("updated_at", "updatedAt"),
    )


def _repository(entry: Entry) -> str:
    for name in ("html_url", "repository_url", "url"):
        found = _PLACE.match(entry.text(name) or "")
        if found:
            return found["repository"]
    raise ValueError(f"issue {entry.text('number')} does not say which repository it is of: export its url too")


def _labels(entry: Entry) -> list[str]:
    told = entry.told.get("labels")
    if not isinstance(told, list):
        raise ValueError(f"issue {entry.text('number')} comes without labels: export its labels too")
    return [name for one in told if (name := named(one, "name"))]


def _severity(entry: Entry, labels: list[str], said: list[tuple[str, str]]) -> str | None:
    """The worst of what its labels say: ``sev1``, ``P2``, ``critical``, ``severity:high``."""
    spoken = [(what, word) for what, word in said if what in ("severity", "sev", "priority", "prio")]
    found = {entry.word(what, f"sev{word}" if word.isdigit() else word, SEVERITIES) for what, word in spoken}
    found |= {SEVERITIES.get(re.sub(r"[\s_-]+", "", name).lower()) for name in labels}
    return next((rank for rank in _RANKS if rank in found), None)
