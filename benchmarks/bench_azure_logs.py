"""A workspace: 500,000 AppRequests by equal slices, ours against the SDK's query_workspace and Polars.

Bodies are serialised beforehand and served over TLS by another process, so that what is timed is the client. Ours is
timed twice: into a store with rollups, percentiles and ledger, and, as far as the SDK goes, into Polars frames.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from timing import Bench, Case, Facts, Findings, Goal, Place, run

GROUP = "500,000 AppRequests in 5 slices"
STORE, FRAMES, SDK = "ours, into a store", "ours, into Polars", "query_workspace, into Polars"
ROWS, SLICES = 500_000, 5
NEEDS = ("cryptography", "azure.monitor.query")


def served(place: Place) -> dict[str, Any]:
    """The server of this benchmark's bodies."""
    return served_as(place, place.rows(ROWS), SLICES)


def served_as(place: Place, rows: int, slices: int, *more: str) -> dict[str, Any]:
    """Start a server of so many rows; it ends with this process, whose end closes its standard input."""
    os.environ["NO_PROXY"] = "127.0.0.1"
    script = Path(__file__).with_name("workspace_server.py")
    server = subprocess.Popen(
        [sys.executable, str(script), str(rows), str(slices), str(place.scratch), *more],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    told: dict[str, Any] = json.loads(server.stdout.readline())
    return {**told, "server": server}


def ended(told: dict[str, Any]) -> None:
    """Let the server go, and wait until it has."""
    told["server"].communicate("")


def cpu() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def source(place: Place, told: dict[str, Any]) -> Any:
    """The library's source, whose slices are the server's bodies."""
    import azure.monitor.query  # noqa: F401  (loaded by now, as it is for the SDK)
    from workspace_server import WORKSPACE

    import erp_telemetry as et
    from erp_telemetry.testing.tokens import Credential, Tokens

    return et.AzureLogs(
        WORKSPACE, Credential(Tokens()), tables=("AppRequests",), endpoint=f"https://127.0.0.1:{told['port']}",
        connection_verify=told["certificate"], limits=et.AzureLimits(rows=place.rows(ROWS) // SLICES * 10 // 9 + 1))


def window() -> Any:
    """The span of all bodies."""
    return window_of(SLICES)


def window_of(slices: int) -> Any:
    """The span of so many bodies."""
    from workspace_server import START, STEP

    import erp_telemetry as et

    return et.Window(START, START + slices * STEP)


def into_store(place: Place) -> Callable[[], Facts]:
    """The whole pull, until the file is closed."""
    import erp_telemetry as et

    told = served(place)
    asked, span, pull, store = source(place, told), window(), et.pull, et.Store

    def timed() -> Facts:
        before = cpu()
        receipt = pull(asked, store(place.scratch / "store.duckdb"), span)
        used = cpu() - before
        ended(told)
        if not receipt.is_complete or receipt.rejects or receipt.slices != SLICES:
            raise SystemExit(f"made to be read whole, but: {receipt}")
        return {"same": receipt.rows["requests"], "cpu_s": round(used, 2)}

    return timed


def into_frames(place: Place) -> Callable[[], Facts]:
    """Planned, counted and downloaded as in a pull, then typed frames instead of a store."""
    import duckdb
    import polars as pl

    told = served(place)
    asked, span = source(place, told), window()

    def timed() -> Facts:
        before = cpu()
        frames = []
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            for part in asked.slices(None, span, pl.DataFrame()):
                batch = asked.read(part)
                found = connection.sql(batch.staging.sql, params=dict(batch.staging.parameters)).pl()
                batch.close()
                if found.height != batch.expected_count:
                    raise SystemExit(f"{found.height} of {batch.expected_count} rows")
                frames.append(found)
        rows = pl.concat(frames).height
        used = cpu() - before
        ended(told)
        return {"same": rows, "cpu_s": round(used, 2)}

    return timed


def by_sdk(place: Place) -> Callable[[], Facts]:
    """Slice by slice with the SDK's own call, its rows into frames."""
    import polars as pl
    from azure.monitor.query import LogsQueryClient
    from workspace_server import START, STEP, WORKSPACE

    from erp_telemetry.testing.tokens import Credential, Tokens
    from erp_telemetry.workspace_queries import workspace_query

    told = served(place)
    query = workspace_query("azure/app_requests")
    client = LogsQueryClient(Credential(Tokens()), endpoint=f"https://127.0.0.1:{told['port']}",
                             audience="https://api.loganalytics.io", connection_verify=told["certificate"])

    def timed() -> Facts:
        before = cpu()
        frames = []
        for at in range(SLICES):
            start = START + at * STEP
            text = query.text(start, start + STEP, START, START + 100 * STEP)
            found = client.query_workspace(WORKSPACE, text, timespan=None)
            table = found.tables[0]
            frames.append(pl.DataFrame([list(row) for row in table.rows], schema=table.columns, orient="row"))
        rows = pl.concat(frames).height
        used = cpu() - before
        ended(told)
        return {"same": rows, "cpu_s": round(used, 2)}

    return timed


def cases(chosen: argparse.Namespace) -> list[Case]:
    """The three ways."""
    return [Case(GROUP, STORE, into_store, NEEDS), Case(GROUP, FRAMES, into_frames, NEEDS),
            Case(GROUP, SDK, by_sdk, NEEDS)]


def goals(found: Findings, chosen: argparse.Namespace) -> list[Goal]:
    """What issue 5 asks: the SDK takes at least eight times as long, and memory stays below 1 GB."""
    def times(name: str) -> float | None:
        theirs, ours = found.median(GROUP, SDK, "cpu_s"), found.median(GROUP, name, "cpu_s")
        return theirs / ours if theirs and ours else None

    return [
        Goal("wall: the SDK into Polars against ours into Polars", found.ratio(GROUP, SDK, FRAMES), ">=", 8),
        Goal("CPU: the SDK into Polars against ours into Polars", times(FRAMES), ">=", 8),
        Goal("wall: the SDK into Polars against ours into a store", found.ratio(GROUP, SDK, STORE), ">=", 8),
        Goal("CPU: the SDK into Polars against ours into a store", times(STORE), ">=", 8),
        Goal("peak memory of a pull into a store", found.median(GROUP, STORE, "resident_mb"), "<=", 1000, "MB"),
    ]


if __name__ == "__main__":
    run(Bench("azure_logs", __doc__ or "", cases, goals), __file__)
