"""LoopbackAzure: a Log Analytics workspace on 127.0.0.1 that runs the KQL it is sent."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from erp_telemetry.testing.answers import Reply
from erp_telemetry.testing.authorities import CLIENT, SECRET, TENANT, Authority
from erp_telemetry.testing.certificates import make_certificate
from erp_telemetry.testing.faults import Fault
from erp_telemetry.testing.plans import Plans
from erp_telemetry.testing.servers import TlsServer
from erp_telemetry.testing.services import COMPONENT, Asked, Late, Service
from erp_telemetry.testing.tokens import Credential, Tokens
from erp_telemetry.testing.workspaces import Workspace

WORKSPACE = "11111111-2222-4333-8444-555555555555"


class LoopbackAzure:
    """A Log Analytics workspace on 127.0.0.1, over TLS, that runs the KQL it is sent.

    ``tables`` are frames by the name of their Azure table, with Azure's columns; declared columns that a
    frame has not are null, or ``''`` where they are text. A table that is not given does not exist. A row's
    arrival, which ``ingestion_time()`` tells, is the column ``_IngestionTime``; without it a row arrived at
    its ``TimeGenerated``. ``_ItemId`` is made where it is not given. ``plans`` says of tables by name that they
    are on the plan ``Basic`` or ``Auxiliary``: such a table is refused by ``/query`` and answered by ``/search``.
    ``component`` is the resource id of an Application Insights resource that has all rows of the App* tables: asked
    in its scope, by ``query_resource``, they have their classic names. ``credential`` signs in at once; its endpoint
    is an authority too, where ``ClientSecretCredential(azure.tenant, azure.client_id, azure.client_secret,
    authority=azure.endpoint, …)`` of azure-identity signs in.

    Raises:
        ImportError: the extra ``testing`` is not installed.
        TypeError: a table is no frame of Polars.
        ValueError: a row without a moment or a moment without a time zone, a column KQL has no type for or of another
            type than Azure declares, a value that does not fit, or a plan that there is not.
    """

    def __init__(
        self, tables: Mapping[str, pl.DataFrame], *, plans: Mapping[str, str] | None = None, workspace: str = WORKSPACE
    ) -> None:
        missing = [name for name in ("cryptography", "duckdb_kql") if importlib.util.find_spec(name) is None]
        if missing:
            raise ImportError(f"{' and '.join(missing)} missing: install erp-telemetry[testing]")
        if not isinstance(tables, Mapping):
            raise TypeError(f"tables are frames by the name of their table, as {{'AppRequests': frame}}, not a "
                            f"{type(tables).__name__}")
        self.workspace = workspace
        self.component = COMPONENT
        self.tenant, self.client_id, self.client_secret = TENANT, CLIENT, SECRET
        self._tokens = Tokens()
        self._authority = Authority(self._tokens)
        self.credential = Credential(self._tokens)
        self._held = Workspace(workspace, tables, datetime.now(UTC))
        self._service = Service(self._held, self._tokens, Plans(plans or {}, frozenset(tables)))
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._server: TlsServer | None = None

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="loopback-azure-")
        certificate, key = make_certificate(Path(self._folder.name))
        self._server = TlsServer(certificate, key, self._answer, self._authority.tell)
        self._tokens.endpoint = self.endpoint
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is None or self._folder is None:
            return
        self._service.closing.set()
        self._server.close()
        self._folder.cleanup()
        self._held.close()
        if error is None and self._server.failures:
            raise RuntimeError("the loopback itself failed") from self._server.failures[0]

    @property
    def endpoint(self) -> str:
        """Where it listens: ``https://127.0.0.1:PORT``."""
        return f"https://127.0.0.1:{self._running().server_address[1]}"

    @property
    def certificate(self) -> str:
        """Path of the certificate (PEM) for ``connection_verify``."""
        self._running()
        return str(Path(self._folder.name if self._folder else "") / "certificate.pem")

    @property
    def asked(self) -> list[Asked]:
        """What was asked so far, in order of arrival."""
        return list(self._service.asked)

    @property
    def most_at_once(self) -> int:
        """The most requests that were without an answer at the same time so far."""
        return self._service.most_at_once

    @property
    def clock(self) -> datetime | None:
        """The service's own time, which ``now()`` in KQL tells; ``None`` for the machine's."""
        return self._service.clock

    @clock.setter
    def clock(self, moment: datetime | None) -> None:
        if moment is not None and moment.tzinfo is None:
            raise ValueError("a clock needs a time zone")
        self._service.clock = None if moment is None else moment.astimezone(UTC)

    @property
    def is_permitted(self) -> bool:
        """Whether the credential may read the workspace; where not, every query is answered with a 403."""
        return self._service.is_permitted

    @is_permitted.setter
    def is_permitted(self, value: bool) -> None:
        self._service.is_permitted = value

    def misbehave(
        self,
        fault: Fault,
        *,
        at: int | Collection[int] | None = None,
        of: str | Collection[str] | None = None,
        times: int | None = None,
    ) -> None:
        """Let a fault strike: every request, or those of these numbers and kinds, at most so many times.

        ``at`` counts all requests from 1, as ``asked`` does. ``of`` is ``plan``, ``count``, ``probe`` or
        ``data``, told by a query's last statement. Faults add up: a reply can be both capped and slow; of
        two that answer instead of the query, the one added first strikes.
        """
        self._service.schedule.add(fault, at, of, times)

    def behave(self) -> None:
        """Forget every fault."""
        self._service.schedule.clear()

    def arrive(self, table: str, rows: pl.DataFrame, at: int | datetime | None = None) -> None:
        """Let more rows arrive: at once, with the request of this number, or when the service's clock reads so.

        Without ``_IngestionTime`` they say they arrived at that moment (``at``, or the clock when they become
        visible); with it they say what it says, as the service's approximate ``ingestion_time()`` can. A moment
        that is past is due at once.

        Raises:
            ValueError: no such table or column, or a moment without a time zone.
        """
        if isinstance(at, datetime) and at.tzinfo is None:
            raise ValueError("the moment at which rows arrive needs a time zone")
        self._service.arrive(Late(table, rows, at.astimezone(UTC) if isinstance(at, datetime) else at))

    def expire_tokens(self) -> None:
        """Let every token that was issued so far be expired: the next request is answered with a 401."""
        self._tokens.expire()

    def expire_secret(self) -> None:
        """Let the client secret be expired: nobody signs in with it any more; tokens stay good."""
        self._authority.is_expired = True

    def _answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        return self._authority.sign_in(path, body) or self._service.answer(path, headers, body)

    def _running(self) -> TlsServer:
        if self._server is None:
            raise RuntimeError("the loopback is not running: use it in a with statement")
        return self._server
