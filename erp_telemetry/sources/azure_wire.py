"""The wire to a workspace: one client, few queries at a time, patience where it helps, answers spooled to disk.

The client is the SDK's own; it signs in, redirects and logs. Retries are ours: what the service cannot
finish at this size is not asked again at the same size.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from erp_telemetry.errors import SourceError
from erp_telemetry.sources import azure_answers, azure_failures, azure_sign_ins
from erp_telemetry.sources.azure_answers import Answer, Broken
from erp_telemetry.sources.azure_failures import Busy
from erp_telemetry.sources.azure_limits import AzureLimits

if TYPE_CHECKING:

    from azure.monitor.query import LogsQueryClient

PUBLIC = "https://api.loganalytics.io"
_CHUNK = 1 << 20
_CONNECT_SECONDS = 20
# the client waits longer than the service works, or it would drop an answer that is on its way
_READ_MARGIN_SECONDS = 30


class GivenUp(SourceError):
    """The pull that wanted this answer has ended."""


@dataclass(slots=True)
class Wire:
    """Asks one workspace; may be shared by threads."""

    workspace: str
    credential: Any
    endpoint: str
    connection_verify: bool | str
    limits: AzureLimits
    _client: LogsQueryClient | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seats: threading.BoundedSemaphore = field(init=False)
    _not_before: float = 0.0
    _era: int = 0

    def __post_init__(self) -> None:
        self._seats = threading.BoundedSemaphore(self.limits.concurrent)

    @property
    def era(self) -> int:
        """Changes when what is under way is given up."""
        return self._era

    def give_up(self) -> None:
        """Let every question under way end as soon as it notices."""
        with self._lock:
            self._era += 1

    def ask(self, text: str, columns: tuple[str, ...], path: Path, era: int | None = None) -> Answer:
        """The answer to a query, spooled to a file and found to be one whole table of these columns.

        Raises:
            TooMuch: the service could not answer whole, or not in time: ask for less.
            PartialAnswer: the answer came broken each time.
            SourceUnreachable: network, sign-in or throttling.
            SourceError: the query or the workspace is wrong.
        """
        begun = self._era if era is None else era
        pause = self.limits.pause_seconds
        for attempt in range(1, self.limits.tries + 1):
            is_last = attempt == self.limits.tries
            self._wait(begun)
            try:
                self._spool(text, path, begun)
                return azure_answers.check(path, columns)
            except Busy as busy:
                if is_last or not busy.is_passing:
                    raise busy.reason(self.endpoint, attempt) from busy.__cause__
                told = busy.pause_seconds
            except Broken as broken:
                if is_last:
                    raise broken.reason(self.endpoint, attempt) from broken
                told = None
            self._postpone(pause * random.uniform(0.5, 1.0) if told is None else told, told is not None, begun)
            pause *= 2
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _spool(self, text: str, path: Path, era: int) -> None:
        """One request; the body goes to the file as it comes."""
        from azure.core.rest import HttpRequest

        request = HttpRequest(
            "POST", f"/workspaces/{self.workspace}/query", json={"query": text},
            # the service keeps answers for two minutes: a count of what has arrived must not come from there
            headers={"Prefer": f"wait={self.limits.wait_seconds}", "Cache-Control": "no-cache"})
        with self._seats, azure_failures.told(self.endpoint):
            self._check(era)
            response = self._opened().send_request(
                request, stream=True, connection_timeout=_CONNECT_SECONDS,
                read_timeout=self.limits.wait_seconds + _READ_MARGIN_SECONDS)
            with response:
                if response.status_code != 200:
                    said = b"".join(response.iter_bytes()).decode("utf-8", "replace")
                    azure_failures.refuse(response.status_code, response.headers, said, self.workspace)
                size = 0
                with path.open("wb") as out:
                    for chunk in response.iter_bytes():
                        self._check(era)
                        size += out.write(chunk)
                azure_answers.check_size(response.headers, size)

    def _opened(self) -> LogsQueryClient:
        from azure.monitor.query import LogsQueryClient

        with self._lock:
            if self._client is None:
                azure_sign_ins.hush()
                credential = self.credential if self.credential is not None else azure_sign_ins.default_credential()
                host = self.endpoint.removeprefix("https://")
                # a stand-in for the service is asked with tokens of the service
                audience = self.endpoint if host.startswith("api.loganalytics.") else PUBLIC
                self._client = LogsQueryClient(
                    credential, endpoint=self.endpoint, audience=audience, retry_total=0,
                    connection_verify=self.connection_verify, connection_data_block_size=_CHUNK)
                self._client.__enter__()
            return self._client

    def _check(self, era: int) -> None:
        if era != self._era:
            raise GivenUp(f"{self.workspace}: the pull has ended")

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
