"""The service behind the endpoint: who may ask what, the query, its answer."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from erp_telemetry.testing.answers import Reply, bad_query, refusal, table
from erp_telemetry.testing.kql import QueryRefused
from erp_telemetry.testing.tokens import Tokens
from erp_telemetry.testing.workspaces import Answer, Workspace

_PATH = re.compile(r"/v1/workspaces/([^/?]+)/query")
_DURATION = re.compile(r"P(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?")


@dataclass(slots=True)
class Asked:
    """One request, as it came: its number from 1, its query, and the status it was answered with.

    ``kind`` is what the query is for: ``plan`` (sizes by bin), ``count``, ``probe`` (``getschema``) or ``data``.
    ``status`` is ``None`` while there is no answer, and where the connection was dropped before one.
    ``headers`` are by lower-case name.
    """

    number: int
    path: str
    query: str
    kind: str
    headers: Mapping[str, str]
    timespan: str | None = None
    status: int | None = None


def kind_of(query: str) -> str:
    """What a query is for, told by its last statement."""
    last = re.sub(r"//[^\n]*", "", query).strip().rstrip(";").rpartition(";")[2]
    if re.search(r"\|\s*getschema\s*$", last):
        return "probe"
    if re.search(r"\|\s*count\s*$", last):
        return "count"
    return "plan" if re.search(r"\|\s*summarize\b.*\bestimate_data_size\b", last, re.DOTALL) else "data"


class Service:
    """Answers POSTs to ``/v1/workspaces/{id}/query``."""

    def __init__(self, workspace: Workspace, tokens: Tokens) -> None:
        self.asked: list[Asked] = []
        self.clock: datetime | None = None
        self.is_permitted = True
        self._workspace = workspace
        self._tokens = tokens
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The service's own time: the machine's, or the one that was set."""
        return self.clock or datetime.now(UTC)

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one POST."""
        told = _read(body)
        query = str(told.get("query") or "")
        with self._lock:
            asked = Asked(len(self.asked) + 1, path, query, kind_of(query), headers, told.get("timespan"))
            self.asked.append(asked)
        reply = self._refuse(asked, told) or self._run(asked)
        asked.status = None if reply.sent == -1 else reply.status
        return reply

    def _refuse(self, asked: Asked, told: Mapping[str, Any]) -> Reply | None:
        if no := self._tokens.refuse(asked.headers.get("authorization", "")):
            return no
        found = _PATH.fullmatch(asked.path.partition("?")[0])
        if found is None:
            return Reply(404, refusal("PathNotFoundError", "The requested path does not exist"))
        if found[1] != self._workspace.name:
            return Reply(404, refusal("WorkspaceNotFoundError", f"The workspace {found[1]} could not be found"))
        if not self.is_permitted:
            return Reply(403, refusal(
                "InsufficientAccessError",
                "The provided credentials have insufficient access to perform the requested operation"))
        if not asked.query:
            return Reply(400, refusal("BadArgumentError", "The request had some invalid properties", {
                "code": "QueryValidationError", "message": "The query is missing"}))
        if told.get("workspaces"):
            return Reply(400, refusal("BadArgumentError", "The loopback has one workspace only"))
        return None

    def _run(self, asked: Asked) -> Reply:
        try:
            found = self._ask(asked)
        except QueryRefused as refused:
            return Reply(400, bad_query(refused))
        return Reply(200, table(found))

    def _ask(self, asked: Asked) -> Answer:
        now = self.now()
        between = None if asked.timespan is None else time_range(asked.timespan, now)
        return self._workspace.ask(asked.query, now, between)


def _read(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body or b"{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def time_range(text: str, now: datetime) -> tuple[datetime, datetime]:
    """The range a request names beside its query: ``PT3600S``, ``start/end``, ``start/PT..S``.

    Raises:
        QueryRefused: it is none of these.
    """
    first, _, second = text.partition("/")
    try:
        if not second:
            return now - _duration(first), now
        start = datetime.fromisoformat(first)
        return start, start + _duration(second) if second.startswith("P") else datetime.fromisoformat(second)
    except ValueError as error:
        raise QueryRefused("BadTimespan", f"The timespan {text!r} could not be read: {error}") from error


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None or text in ("P", "PT"):
        raise ValueError(f"{text} is no duration of days, hours, minutes and seconds")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
