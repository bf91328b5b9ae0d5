"""A workspace with canned answers: the bytes of a body as they are, for what no engine would write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from azure.monitor.query import LogsQueryClient

import erp_telemetry as et
from erp_telemetry.testing.answers import Reply
from erp_telemetry.testing.certificates import make_certificate
from erp_telemetry.testing.servers import TlsServer
from erp_telemetry.testing.services import kind_of
from erp_telemetry.testing.tokens import Credential, Tokens
from erp_telemetry.workspace_queries import workspace_query

from .support import DAY, NOON, limits

WORKSPACE = "00000000-0000-0000-0000-00000000000a"
TYPES = {"time": "datetime", "received_at": "datetime", "weight": "real", "duration_ms": "real", "is_failed": "bool",
         "attributes": "dynamic"}


def body(rows: list[list[Any]], columns: Mapping[str, str]) -> bytes:
    """A whole answer."""
    listed = [{"name": name, "type": kind} for name, kind in columns.items()]
    return json.dumps({"tables": [{"name": "PrimaryResult", "columns": listed, "rows": rows}]}).encode()


class Canned:
    """One file's rows, given by column; what is left out of a row is ``''`` or null."""

    def __init__(self, file: str, rows: list[dict[str, Any]]) -> None:
        self.query = workspace_query(f"azure/{file}")
        self.columns = {name: TYPES.get(name, "string") for name in self.query.columns}
        self.rows = [[row.get(name, "" if kind == "string" else None) for name, kind in self.columns.items()]
                     for row in rows]
        self.change: Callable[[bytes], bytes] = lambda whole: whole
        self.endpoint = self.certificate = ""
        self.credential = Credential(Tokens())
        self.asked: list[str] = []

    def answer(self, path: str, headers: Mapping[str, str], asked: bytes) -> Reply:
        """What the service says to a question, told apart by its last statement."""
        query = json.loads(asked)["query"]
        self.asked.append(query)
        moment = NOON.isoformat().replace("+00:00", "Z")
        if "print" in query:
            return Reply(200, body([[moment]], {"time": "datetime"}))
        match kind_of(query):
            case "plan":
                start = DAY.isoformat().replace("+00:00", "Z")
                return Reply(200, body([[start, len(self.rows), 1000]],
                                       {"time": "datetime", "n": "long", "bytes": "long"}))
            case "count":
                return Reply(200, body([[len(self.rows)]], {"Count": "long"}))
        return Reply(200, self.change(body(self.rows, self.columns)))

    def source(self, **changed: Any) -> et.AzureLogs:
        """Asks this workspace for the file's table."""
        return et.AzureLogs(WORKSPACE, self.credential, tables=(self.query.reads,), endpoint=self.endpoint,
                            connection_verify=self.certificate, **{"limits": limits(), **changed})

    def sdk_rows(self) -> list[dict[str, Any]]:
        """What the SDK's own query_workspace makes of the same answer."""
        with LogsQueryClient(self.credential, endpoint=self.endpoint, audience="https://api.loganalytics.io",
                             connection_verify=self.certificate) as client:
            found: Any = client.query_workspace(WORKSPACE, "answer", timespan=None)
            return [dict(zip(self.columns, row, strict=True)) for row in found.tables[0].rows]


@contextmanager
def canned(folder: Path, file: str, *rows: dict[str, Any]) -> Iterator[Canned]:
    """Serve rows of one file over TLS."""
    made = Canned(file, list(rows))
    certificate, key = make_certificate(folder)
    server = TlsServer(certificate, key, made.answer)
    try:
        made.endpoint, made.certificate = f"https://127.0.0.1:{server.server_address[1]}", str(certificate)
        yield made
    finally:
        server.close()
