"""Strips: health over time as one strip for each service: its worst band, step by step, in runs of the same state."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import polars as pl

from erp_telemetry import catalog
from erp_telemetry.objectives import Objectives
from erp_telemetry.states import WORST_FIRST

SHOWN_RUNS = 20


def strips(frame: pl.DataFrame, every: timedelta) -> list[dict[str, Any]]:
    """One entry for each service of a health frame, by name.

    Each holds ``service``, ``runs`` (``state, is_certain, start, stop, share`` of the whole strip) and
    ``shares`` of the time by state, worst first. A service is as well as the worst of its bands; a band
    that says nothing does not hide another that does.
    """
    rank = {state: number for number, state in enumerate(("critical", "warning", "normal", "unknown"))}
    ranked = frame.with_columns(
        (pl.col("state").replace_strict(rank, return_dtype=pl.Int32) * 2 + (~pl.col("is_certain")).cast(pl.Int32))
        .alias("rank"))
    worst = ranked.group_by("service", "time").agg(
        pl.col("state", "is_certain").sort_by("rank").first()).sort("service", "time")
    return [_strip(str(service[0]), part, every) for service, part in worst.group_by("service", maintain_order=True)]


def _strip(service: str, part: pl.DataFrame, every: timedelta) -> dict[str, Any]:
    steps = part.height
    rows = part.select("state", "is_certain", "time").iter_rows()
    runs = [_run(list(run), every, steps) for _, run in groupby(rows, key=lambda row: row[:2])]
    counted = dict(part.group_by("state").len().iter_rows())
    shares = {state: counted[state] / steps for state in WORST_FIRST if state in counted}
    return {"service": service, "runs": runs, "shares": shares}


def _run(rows: list[tuple[str, bool, datetime]], every: timedelta, steps: int) -> dict[str, Any]:
    return {"state": rows[0][0], "is_certain": rows[0][1], "start": rows[0][2], "stop": rows[-1][2] + every,
            "share": len(rows) / steps}


def departures(frame: pl.DataFrame, every: timedelta, objectives: Objectives) -> list[dict[str, Any]]:
    """Every run of steps in which a band was warning or critical: the certain, the critical, the longest first.

    A run is certain where one of its steps is. Each holds ``service, kpi, state, is_certain, start, stop``
    and ``peak``, the value farthest from normal, with its ``unit``.
    """
    bands = {band.name: band for band in objectives.bands}
    found = []
    for (service, kpi), part in frame.sort("time").group_by("service", "kpi", maintain_order=True):
        rows = part.select("state", "time", "value", "is_certain").iter_rows()
        for state, run in groupby(rows, key=lambda row: row[0]):
            if state in ("critical", "warning"):
                steps = list(run)
                values = [step[2] for step in steps]
                band = bands[str(kpi)]
                found.append({"service": service, "kpi": kpi, "state": state, "start": steps[0][1],
                              "stop": steps[-1][1] + every, "is_certain": any(step[3] for step in steps),
                              "peak": max(values) if band.critical > band.normal else min(values),
                              "unit": catalog.query(f"measures/{band.measure}").header["unit"]})
    return sorted(found, key=lambda one: (
        not one["is_certain"], one["state"] != "critical", one["start"] - one["stop"], one["start"], one["service"],
        one["kpi"]))
