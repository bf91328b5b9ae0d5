"""The wire to a workspace: one client, few queries at a time, patience where it helps, answers spooled to disk.

The client is the SDK's own; it signs in, redirects and logs. Retries are ours: what the service cannot
finish at this size is not asked again at the same size.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from erp_telemetry.errors import SourceError
from erp_telemetry.sources import azure_answers, azure_failures, azure_sign_ins
from erp_telemetry.sources.azure_answers import Answer, Broken
from erp_telemetry.sources.azure_connections import Connections
from erp_telemetry.sources.azure_failures import Busy, NotUnderstood, TokenRefused
from erp_telemetry.sources.azure_limits import AzureLimits
from erp_telemetry.sources.azure_log_lines import unheard
from erp_telemetry.sources.azure_scopes import Scope

if TYPE_CHECKING:
    from azure.core.rest import HttpRequest
    from azure.monitor.query import LogsQueryClient

PUBLIC = "https://api.loganalytics.io"
_CHUNK = 1 << 20
_CONNECT_SECONDS = 20
_FIRST_TRIES = 2
_UP = timedelta(microseconds=999_999)
_END = datetime.max.replace(tzinfo=UTC) - _UP
# the client waits longer than the service works, or it would drop an answer that is on its way
_READ_MARGIN_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Question:
    """A query, the columns of its answer, and the table it reads, from when to when; none where it reads none.

    ``is_search`` asks the endpoint of the Basic and Auxiliary plans for a table that is not known to be on one.
    """

    text: str
    columns: tuple[str, ...]
    table: str = ""
    start: datetime | None = None
    stop: datetime | None = None
    is_search: bool = False

    def timespan(self) -> str:
        """From when to when in whole seconds around it: the query itself says it half open."""
        if self.start is None or self.stop is None:
            raise ValueError(f"a search of {self.table} needs its time range")
        start, stop = self.start.astimezone(UTC), min(self.stop.astimezone(UTC), _END) + _UP
        return "/".join(one.replace(tzinfo=None, microsecond=0).isoformat() + "Z" for one in (start, stop))


class GivenUp(SourceError):
    """The pull that wanted this answer has ended."""


@dataclass(slots=True)
class Wire:
    """Asks one scope; may be shared by threads. ``received`` are the bytes of all answers so far."""

    scope: Scope
    credential: Any
    endpoint: str
    connection_verify: bool | str
    limits: AzureLimits
    received: int = 0
    _client: LogsQueryClient | None = None
    _connections: Connections = field(default_factory=Connections)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seats: threading.BoundedSemaphore = field(init=False)
    _search_seats: threading.BoundedSemaphore = field(init=False)
    _searched: set[str] = field(default_factory=set)
    _not_before: float = 0.0
    _era: int = 0
    _begun: int = 0
    _has_answered: bool = False

    def __post_init__(self) -> None:
        self._connections.is_told_unverified = self.connection_verify is False
        self._seats = threading.BoundedSemaphore(self.limits.concurrent)
        self._search_seats = threading.BoundedSemaphore(self.limits.concurrent_searches)

    @property
    def era(self) -> int:
        """That of the pull that began last: what it asks once it is given up is not sent, however late it is asked."""
        return self._begun

    def begin(self) -> int:
        """Begin a pull; gives its era."""
        with self._lock:
            self._begun = self._era
            return self._begun

    def give_up(self) -> None:
        """Let every question under way end, also one whose answer has not begun."""
        with self._lock:
            self._era += 1
        self._connections.cut()

    def search(self, table: str) -> None:
        """From now on ask for a table at the endpoint of the Basic and Auxiliary plans, which bills what it scans.

        Raises ``SourceError`` where only a workspace has that endpoint.
        """
        if not self.scope.is_workspace:
            raise SourceError(f"{table} of {self.scope.title} is on the Basic or Auxiliary plan, for which only a "
                              f"workspace is asked: pull that, or leave it out by without={table!r}")
        self._searched.add(table)

    def is_searched(self, table: str) -> bool:
        """Whether a table is asked for there."""
        return table in self._searched

    def ask(self, question: Question, path: Path, era: int | None = None) -> Answer:
        """The answer to a question, spooled to a file and found to be one whole table of its columns.

        Raises:
            NeedsSearch: the table is on the Basic or Auxiliary plan, and was not asked for as such.
            TooMuch: the service could not answer whole, or not in time: ask for less.
            PartialAnswer: the answer came broken each time.
            SourceUnreachable: network, sign-in or throttling.
            SourceError: the query or the workspace is wrong.
        """
        begun = self._era if era is None else era
        pause = self.limits.pause_seconds
        for attempt in range(1, self.limits.tries + 1):
            self._wait(begun)
            try:
                self._spool_signed(question, path, begun)
                answer = azure_answers.check(path, question.columns)
                self._has_answered = True
                return answer
            except Busy as busy:
                self._check(begun)
                if self._is_last(attempt, busy.is_reached) or not busy.is_passing:
                    raise busy.reason(self.endpoint, attempt) from busy.__cause__
                told = busy.pause_seconds
            except Broken as broken:
                if self._is_last(attempt, broken.is_reached):
                    raise broken.reason(self.endpoint, attempt) from broken
                told = None
            self._postpone(pause * random.uniform(0.5, 1.0) if told is None else told, told is not None, begun)
            pause *= 2
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _is_last(self, attempt: int, is_reached: bool) -> bool:
        """Whether to give up; sooner where nobody has answered yet: what is set up wrong does not pass."""
        return attempt >= (self.limits.tries if is_reached or self._has_answered else
                           min(_FIRST_TRIES, self.limits.tries))

    def _spool_signed(self, question: Question, path: Path, era: int) -> None:
        """One request, once more where its token is refused: it may have ended while the pull goes on."""
        try:
            self._spool(question, path, era)
        except TokenRefused:
            self._check(era)
            self._spool(question, path, era)

    def _spool(self, question: Question, path: Path, era: int) -> None:
        """One request; the body goes to the file as it comes."""
        is_search = question.is_search or question.table in self._searched
        request = self._request(question, is_search)
        # a search waits for its own seat first: waiting, it takes none from the other queries
        with (self._search_seats if is_search else nullcontext(), self._seats, azure_failures.told(self.endpoint),
              unheard()):
            self._check(era)
            response = self._opened().send_request(
                request, stream=True, connection_timeout=_CONNECT_SECONDS,
                read_timeout=self.limits.wait_seconds + _READ_MARGIN_SECONDS)
            with response:
                if response.status_code != 200:
                    said = b"".join(response.iter_bytes()).decode("utf-8", "replace")
                    # a search that may be in vain ends no pull: some may not search, some clouds have none
                    if question.is_search and response.status_code in (400, 403, 404):
                        raise NotUnderstood(f"a search does not find {question.table}", names_table=True)
                    azure_failures.refuse(response.status_code, response.headers, said, self.scope)
                size = 0
                with path.open("wb") as out:
                    for chunk in response.iter_bytes():
                        self._check(era)
                        size += out.write(chunk)
                        with self._lock:
                            self.received += len(chunk)
                azure_answers.check_size(response.headers, size)

    def _request(self, question: Question, is_search: bool) -> HttpRequest:
        from azure.core.rest import HttpRequest

        return HttpRequest(
            "POST", f"{self.scope.path}/{'search' if is_search else 'query'}",
            params={"timespan": question.timespan()} if is_search else None, json={"query": question.text},
            # the service keeps answers for two minutes: a count of what has arrived must not come from there
            headers={"Prefer": f"wait={self.limits.wait_seconds}", "Cache-Control": "no-cache"})

    def _opened(self) -> LogsQueryClient:
        from azure.core.pipeline.transport import RequestsTransport
        from azure.monitor.query import LogsQueryClient

        with self._lock:
            if self._client is None:
                credential = self.credential if self.credential is not None else azure_sign_ins.default_credential()
                sign_in = azure_sign_ins.SignIn(credential)
                host = self.endpoint.removeprefix("https://")
                # a stand-in for the service is asked with tokens of the service
                audience = self.endpoint if host.startswith("api.loganalytics.") else PUBLIC
                transport = RequestsTransport(
                    session=self._connections.session(), connection_verify=self.connection_verify,
                    connection_data_block_size=_CHUNK)
                self._client = LogsQueryClient(
                    sign_in, endpoint=self.endpoint, authentication_policy=sign_in.policy(f"{audience}/.default"),
                    retry_total=0, transport=transport)
                self._client.__enter__()
            return self._client

    def _check(self, era: int) -> None:
        if era != self._era:
            raise GivenUp(f"{self.scope.title}: the pull has ended")

    def _wait(self, era: int) -> None:
        """Wait until anyone may ask."""
        while (left := self._not_before - time.monotonic()) > 0:
            self._check(era)
            time.sleep(min(left, 0.2))
        self._check(era)

    def _postpone(self, seconds: float, is_for_all: bool, era: int) -> None:
        """Ask later: nobody does where the service said so, else only who met the failure."""
        moment = time.monotonic() + min(seconds, self.limits.longest_pause_seconds)
        if is_for_all:
            with self._lock:
                self._not_before = max(self._not_before, moment)
            return
        while (left := moment - time.monotonic()) > 0:
            self._check(era)
            time.sleep(min(left, 0.2))
