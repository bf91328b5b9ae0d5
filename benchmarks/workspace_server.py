"""A workspace that costs nothing to ask: bodies serialised beforehand, sent over TLS from a process of their own.

``python benchmarks/workspace_server.py ROWS SLICES FOLDER [in-part]`` prints port and certificate, then serves until
its standard input closes. The window is cut into so many quarters of an hour that each slice is one. One hour is
serialised row by row, other hours are the same bytes with another hour and other trace ids. ``in-part`` says of every
whole slice that it is a part, so that it has to be asked for by its halves.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from erp_telemetry.testing.answers import Reply, partial_error, too_large
from erp_telemetry.testing.certificates import make_certificate
from erp_telemetry.testing.servers import TlsServer
from erp_telemetry.workspace_queries import workspace_query

START = datetime(2026, 3, 10, tzinfo=UTC)
STEP = timedelta(minutes=15)
HALF = STEP / 2
WORKSPACE = "00000000-0000-0000-0000-00000000000b"
TYPES = {"time": "datetime", "received_at": "datetime", "weight": "real", "duration_ms": "real", "is_failed": "bool"}
COLUMNS = [{"name": name, "type": TYPES.get(name, "string")} for name in workspace_query("azure/app_requests").columns]
FEW = 8
"""Bodies that are kept ready; of more, each is put together when it is asked for."""
IN_PART = json.dumps(partial_error(too_large(64_000_000, "bytes"))).encode()
_HOUR, _SLICE = "@" * 13, "#" * 8
_BOUNDS = re.compile(r"let (?:start|stop) = datetime\(([^)]+)\);")


def body(rows: list[list[Any]], columns: list[dict[str, str]]) -> bytes:
    """An answer as the service writes it."""
    return json.dumps({"tables": [{"name": "PrimaryResult", "columns": columns, "rows": rows}]},
                      separators=(",", ":")).encode()


def row(number: int, moment: datetime) -> list[Any]:
    """One request, with marks for its hour and for its slice."""
    time = f"{_HOUR}:{moment:%M:%S.%f}7Z"
    told = {
        "time": time, "received_at": time,
        "service": f"service-{number % 7}", "operation": f"GET /orders/{number % 40}x",
        "instance": f"service-{number % 7}-6d4cf56db6-{number % 5}", "duration_ms": (number * 7919 % 100_003) / 97,
        "is_failed": number % 50 == 0, "status_code": "500" if number % 50 == 0 else "200", "weight": 1 + number % 3,
        "trace_id": f"{_SLICE}{(number + 1) * 0x9E3779B97F4A7C15 % 2**96:024x}", "span_id": f"{number + 1:016x}",
        "parent_id": f"{number * 31 % 2**64:016x}"}
    return [told.get(column["name"], "" if column["type"] == "string" else None) for column in COLUMNS]


@cache
def _half(which: int, rows: int) -> bytes:
    """The rows of half a quarter of any hour, as they stand between brackets."""
    made = [row(number, START + (which + number / rows) * HALF) for number in range(rows)]
    return json.dumps(made, separators=(",", ":")).encode()[1:-1]


def halves_body(first: int, last: int, rows: int) -> bytes:
    """The body of some halves of the window's slices, each of so many rows."""
    told = [_half(at % 8, rows).replace(_HOUR.encode(), f"{START + at * HALF:%Y-%m-%dT%H}".encode())
            .replace(_SLICE.encode(), b"%08x" % at) for at in range(first, last)]
    head, tail = body([], COLUMNS).split(b"[]")
    return head + b"[" + b",".join(told) + b"]" + tail


def main() -> None:
    """Serialise, then serve."""
    rows, slices, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    each, is_in_part = rows // slices // 2, sys.argv[4:] == ["in-part"]
    # a service that cuts its answers is one that estimated them too small
    size = len(halves_body(0, 2, each)) // (3 if is_in_part else 1)
    ready = {2 * at: halves_body(2 * at, 2 * at + 2, each) for at in range(slices if slices <= FEW else 0)}
    clock = f"{START + slices * STEP + timedelta(days=1):%Y-%m-%dT%H:%M:%S}Z"

    def answer(path: str, headers: Mapping[str, str], asked: bytes) -> Reply:
        query = json.loads(asked)["query"]
        if "print" in query:
            return Reply(200, body([[clock]], [_column("time", "datetime")]))
        start, stop = (datetime.fromisoformat(text) for text in _BOUNDS.findall(query)[:2])
        first, last = (start - START) // HALF, -((START - stop) // HALF)
        if query.rstrip().endswith("count"):
            return Reply(200, body([[each * (last - first)]], [_column("Count", "long")]))
        if "summarize" in query:
            bins = [[f"{START + at * HALF:%Y-%m-%dT%H:%M:%S}Z", 2 * each, size] for at in range(first, last, 2)]
            return Reply(200, body(bins, [_column("time", "datetime"), _column("n", "long"), _column("bytes", "long")]))
        if last > first + 2:
            return Reply(504)
        if last == first + 1:
            return Reply(200, halves_body(first, last, each))
        whole = ready.get(first) or halves_body(first, last, each)
        return Reply(200, whole[:-1] + b',"error":' + IN_PART + b"}" if is_in_part else whole)

    certificate, key = make_certificate(folder)
    server = TlsServer(certificate, key, answer)
    print(json.dumps({"port": server.server_address[1], "certificate": str(certificate)}), flush=True)
    sys.stdin.read()
    server.close()


def _column(name: str, kind: str) -> dict[str, str]:
    return {"name": name, "type": kind}


if __name__ == "__main__":
    main()
