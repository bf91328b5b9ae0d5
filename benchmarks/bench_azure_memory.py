"""A workspace: how much memory a pull of AppRequests takes, whatever its window holds.

Each pull goes over TLS into a new store, with the limits of the service as they are by default, so that a slice is
what a pull makes of busy quarters of an hour: 60,000 rows, some 14 MB. Another process serves the bodies. In the
last case the service estimates too little and cuts every answer, so that each slice is asked for by its halves.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

from bench_azure_logs import ended, served_as, window_of
from timing import Bench, Case, Facts, Findings, Goal, Place, run

GROUP = "AppRequests into a store"
SLICE_ROWS = 60_000
SIZES = {"500,000": 500_000, "2,000,000": 2_000_000, "5,000,000": 5_000_000}
IN_PART = "1,000,000, each answer of 60 MB first in part"
NEEDS = ("cryptography", "azure.monitor.query")


def pulled(place: Place, rows: int, each: int = SLICE_ROWS, more: tuple[str, ...] = ()) -> Callable[[], Facts]:
    """One pull of so many rows, so many in each slice."""
    from workspace_server import WORKSPACE

    import erp_telemetry as et
    from erp_telemetry.testing.tokens import Credential, Tokens

    slices = -(-rows // each)
    told = served_as(place, place.rows(each) * slices, slices, *more)
    source = et.AzureLogs(WORKSPACE, Credential(Tokens()), tables=("AppRequests",),
                          endpoint=f"https://127.0.0.1:{told['port']}", connection_verify=told["certificate"],
                          limits=et.AzureLimits(bytes=place.rows(et.AzureLimits().bytes)))
    span = window_of(slices)

    def timed() -> Facts:
        receipt = et.pull(source, et.Store(place.scratch / "store.duckdb"), span)
        ended(told)
        if not receipt.is_complete or receipt.rejects or receipt.slices < min(slices, 2):
            raise SystemExit(f"made to be read whole, but: {receipt}")
        size = sum(file.stat().st_size for file in place.scratch.glob("store.duckdb*"))
        return {"rows": receipt.rows["requests"], "slices": receipt.slices, "store_mb": round(size / 1e6)}

    return timed


def cases(chosen: argparse.Namespace) -> list[Case]:
    """The same pull of three sizes, the largest once."""
    return [Case(GROUP, name, partial(pulled, rows=rows), NEEDS, 1 if rows > 1_000_000 else None)
            for name, rows in SIZES.items()] + [
        Case(GROUP, IN_PART, partial(pulled, rows=1_000_000, each=260_000, more=("in-part",)), NEEDS, 1)]


def goals(found: Findings, chosen: argparse.Namespace) -> list[Goal]:
    """What issue 5 asks: at most 1 GB whatever the window."""
    return [Goal(f"peak memory of a pull of requests: {name}", found.median(GROUP, name, "resident_mb"), "<=", 1000,
                 "MB") for name in (*SIZES, IN_PART)]


if __name__ == "__main__":
    run(Bench("azure_memory", __doc__ or "", cases, goals), __file__)
