"""The service behind the endpoint: who may ask what, the query, its answer."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import polars as pl

from erp_telemetry.testing import bounds
from erp_telemetry.testing.answers import Reply, bad_query, bounded, given_up, refusal
from erp_telemetry.testing.classics import classic_tables
from erp_telemetry.testing.faults import Fault
from erp_telemetry.testing.kql import QueryRefused, names_in
from erp_telemetry.testing.plans import Plans
from erp_telemetry.testing.schedules import Schedule
from erp_telemetry.testing.tokens import Tokens
from erp_telemetry.testing.workspaces import Answer, Workspace

REMEMBERED = timedelta(minutes=2)
"""So long the service answers a repeated query from memory, unless it is told ``Cache-Control: no-cache``."""
COMPONENT = ("/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/erp/providers/"
             "microsoft.insights/components/erp")
"""The Application Insights resource whose rows the App* tables hold: asked in its scope, by their classic names."""
_PATH = re.compile(r"/v1/workspaces/([^/?]+)/(query|search)")
_RESOURCE = re.compile(r"/v1(/subscriptions/[^?]+)/query")
_DURATION = re.compile(r"P(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?")


@dataclass(slots=True)
class Asked:
    """One request, as it came: its number from 1, its query, and the status it was answered with.

    ``kind`` is what the query is for: ``plan`` (sizes by bin), ``count``, ``probe`` (``getschema``) or ``data``.
    ``status`` is ``None`` while there is no answer, and where the connection was dropped before one.
    ``headers`` are by lower-case name. ``faults`` names what struck it.
    """

    number: int
    path: str
    query: str
    kind: str
    headers: Mapping[str, str]
    timespan: str | None = None
    status: int | None = None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Late:
    """Rows on their way into a table: due at once, from a request's number on, or from a moment on."""

    table: str
    rows: pl.DataFrame
    at: int | datetime | None

    def is_due(self, number: int, now: datetime) -> bool:
        """Whether the request of this number, at this moment, sees them."""
        if self.at is None:
            return True
        return number >= self.at if isinstance(self.at, int) else now >= self.at


def kind_of(query: str) -> str:
    """What a query is for, told by its last statement."""
    last = re.sub(r"//[^\n]*", "", query).strip().rstrip(";").rpartition(";")[2]
    if re.search(r"\|\s*getschema\s*$", last):
        return "probe"
    if re.search(r"\|\s*count\s*$", last):
        return "count"
    return "plan" if re.search(r"\|\s*summarize\b.*\bestimate_data_size\b", last, re.DOTALL) else "data"


class Service:
    """Answers POSTs to ``/v1/workspaces/{id}/query``, to ``…/search`` and to ``/v1{resource}/query``."""

    def __init__(self, workspace: Workspace, tokens: Tokens, plans: Plans) -> None:
        self.asked: list[Asked] = []
        self.clock: datetime | None = None
        self.is_permitted = True
        self.schedule = Schedule()
        self.closing = threading.Event()
        self.most_at_once = 0
        self._open = 0
        self._workspace = workspace
        self._tokens = tokens
        self._plans = plans
        self._late: list[Late] = []
        self._remembered: dict[tuple[str, str | None, bool], tuple[datetime, Answer]] = {}
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The service's own time: the machine's, or the one that was set."""
        return self.clock or datetime.now(UTC)

    def arrive(self, late: Late) -> None:
        """Let rows arrive when they are due."""
        self._workspace.check(late.table, late.rows)
        with self._lock:
            self._late.append(late)

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one POST."""
        told = _read(body)
        query = str(told.get("query") or "")
        with self._lock:
            asked = Asked(len(self.asked) + 1, path, query, kind_of(query), headers, _told_range(path, told))
            self.asked.append(asked)
            self._open += 1
            self.most_at_once = max(self.most_at_once, self._open)
        try:
            reply = self._refuse(asked, told) or self._run(asked)
            if reply.wait:
                # waited for here and not by the server, so that a request has no status before it is answered
                reply = replace(reply, wait=0.0, sent=-1 if self.closing.wait(reply.wait) else reply.sent)
            asked.status = None if reply.sent == -1 else reply.status
            return reply
        finally:
            with self._lock:
                self._open -= 1

    def _refuse(self, asked: Asked, told: Mapping[str, Any]) -> Reply | None:
        if no := self._tokens.refuse(asked.headers.get("authorization", "")):
            return no
        if no := self._misses(asked.path.partition("?")[0]):
            return no
        if not self.is_permitted:
            return Reply(403, refusal(
                "InsufficientAccessError",
                "The provided credentials have insufficient access to perform the requested operation"))
        if not asked.query:
            return Reply(400, refusal("BadArgumentError", "The request had some invalid properties", {
                "code": "QueryValidationError", "message": "The query is missing"}))
        if no := self._plans.refuse(_verb(asked.path), _by_new_names(asked), _range_in_path(asked.path)):
            return no
        if told.get("workspaces"):
            return Reply(400, refusal("BadArgumentError", "The loopback has one workspace only"))
        return None

    def _misses(self, path: str) -> Reply | None:
        """Why nothing is to be found at a path."""
        resource = _RESOURCE.fullmatch(path)
        if resource is not None:
            return None if resource[1].lower() == COMPONENT.lower() else Reply(404, refusal(
                "ResourceNotFoundError", f"The resource {resource[1]} was not found"))
        found = _PATH.fullmatch(path)
        if found is None:
            return Reply(404, refusal("PathNotFoundError", "The requested path does not exist"))
        if found[1] != self._workspace.name:
            return Reply(404, refusal("WorkspaceNotFoundError", f"The workspace {found[1]} could not be found"))
        return None

    def _run(self, asked: Asked) -> Reply:
        struck = self.schedule.strike(asked.number, asked.kind)
        asked.faults = tuple(fault.name for fault in struck)
        reply = next((fault.instead for fault in struck if fault.instead is not None), None)
        reply = reply or self._answer(asked, struck)
        for fault in struck:
            reply = fault.bend(reply) if fault.bend is not None else reply
        return reply

    def _answer(self, asked: Asked, struck: list[Fault]) -> Reply:
        try:
            found = self._ask(asked)
        except QueryRefused as refused:
            return Reply(400, bad_query(refused))
        except (bounds.OutOfTime, bounds.OutOfMemory) as error:
            return given_up(error)
        for fault in struck:
            if fault.limit is not None and (limited := fault.limit(found)) is not None:
                return limited
        return bounded(found)

    def _ask(self, asked: Asked) -> Answer:
        """Run the query, or remember what it answered less than two minutes ago."""
        now = self.now()
        views = classic_tables() if _is_resource(asked.path) else None
        key = (asked.query, asked.timespan, views is not None)
        with self._lock:
            self._land(asked.number, now)
            then, old = self._remembered.get(key, (now, None))
        is_fresh = timedelta() <= now - then < REMEMBERED
        if old is not None and is_fresh and "no-cache" not in asked.headers.get("cache-control", "").lower():
            return old
        between = None if asked.timespan is None else time_range(asked.timespan, now)
        if between is not None and (oldest := self._plans.reach(asked.query, now)) is not None:
            between = max(between[0], oldest), max(between[1], oldest)
        found = self._workspace.ask(asked.query, now, between, views, bounds.patience_seconds(asked.headers))
        with self._lock:
            self._remembered.pop(key, None)
            self._remembered[key] = (now, found)
            while len(self._remembered) > 64:
                self._remembered.pop(next(iter(self._remembered)))
        return found

    def _land(self, number: int, now: datetime) -> None:
        """Put in the late rows whose time has come."""
        due = [late for late in self._late if late.is_due(number, now)]
        self._late = [late for late in self._late if late not in due]
        for late in due:
            self._workspace.hold(late.table, late.rows, late.at if isinstance(late.at, datetime) else now)


def _is_resource(path: str) -> bool:
    return path.startswith("/v1/subscriptions/")


def _verb(path: str) -> str:
    return path.partition("?")[0].rpartition("/")[2]


def _by_new_names(asked: Asked) -> str:
    """The query, in the scope of a resource with the tables behind the classic ones named as well."""
    if not _is_resource(asked.path):
        return asked.query
    behind = {classic.of for name, classic in classic_tables().items() if name in names_in(asked.query)}
    return "; ".join((*sorted(behind), asked.query))


def _read(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body or b"{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _told_range(path: str, told: Mapping[str, Any]) -> str | None:
    """The time range beside a query: in the body, or in the address as a search has it."""
    in_body = told.get("timespan")
    return _range_in_path(path) if in_body is None else str(in_body)


def _range_in_path(path: str) -> str | None:
    return parse_qs(urlsplit(path).query).get("timespan", [None])[0]


def time_range(text: str, now: datetime) -> tuple[datetime, datetime]:
    """The range a request names beside its query: ``PT3600S``, ``start/end``, ``start/PT..S``.

    Raises:
        QueryRefused: it is none of these.
    """
    first, _, second = text.partition("/")
    try:
        if not second:
            return now - _duration(first), now
        start = _moment(first)
        return start, start + _duration(second) if second.startswith("P") else _moment(second)
    except (ValueError, OverflowError) as error:
        raise QueryRefused("BadTimespan", f"The timespan {text!r} could not be read: {error}") from error


def _moment(text: str) -> datetime:
    """A moment in UTC, which is also what one without a zone is in."""
    told = datetime.fromisoformat(text)
    return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None or text in ("P", "PT"):
        raise ValueError(f"{text} is no duration of days, hours, minutes and seconds")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
