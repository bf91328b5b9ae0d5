"""Strips: health over time as one strip for each service: its worst band, step by step, in runs of the same state."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import Any

import polars as pl

from erp_telemetry import catalog
from erp_telemetry.objectives import Objectives
from erp_telemetry.states import WORST_FIRST
from erp_telemetry.states.episodes import episodes

SHOWN_RUNS = 20


def strips(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """One entry for each service of a health frame, by name.

    Each holds ``service``, ``runs`` (``state, is_certain, start, stop, share`` of the whole strip) and
    ``shares`` of the time by state, worst first. States are those held. A service is as well as the
    worst of its bands; a band that says nothing does not hide another that does.
    """
    rank = {state: number for number, state in enumerate(("critical", "warning", "normal", "unknown"))}
    ranked = frame.with_columns(
        (pl.col("held_state").replace_strict(rank, return_dtype=pl.Int32) * 2 + (~pl.col("is_certain")).cast(pl.Int32))
        .alias("rank"))
    worst = ranked.group_by("service", "time", "stop").agg(
        pl.col("held_state", "is_certain").sort_by("rank").first()).sort("service", "time")
    return [_strip(str(service[0]), part) for service, part in worst.group_by("service", maintain_order=True)]


def _strip(service: str, part: pl.DataFrame) -> dict[str, Any]:
    steps = part.height
    rows = part.select("held_state", "is_certain", "time", "stop").iter_rows()
    runs = [_run(list(run), steps) for _, run in groupby(rows, key=lambda row: row[:2])]
    counted = dict(part.group_by("held_state").len().iter_rows())
    shares = {state: counted[state] / steps for state in WORST_FIRST if state in counted}
    return {"service": service, "runs": runs, "shares": shares}


def _run(rows: list[tuple[str, bool, datetime, datetime]], steps: int) -> dict[str, Any]:
    return {"state": rows[0][0], "is_certain": rows[0][1], "start": rows[0][2], "stop": rows[-1][3],
            "share": len(rows) / steps}


def departures(frame: pl.DataFrame, objectives: Objectives) -> list[dict[str, Any]]:
    """Every episode of a health frame in warning or critical: the certain, the critical, the longest first.

    Each holds ``service, kpi, state, is_certain, start, stop`` and ``peak``, the value farthest from
    normal, with its ``unit``.
    """
    units = {band.name: catalog.query(f"measures/{band.measure}").header["unit"] for band in objectives.bands}
    found = episodes(frame, objectives=objectives).filter(pl.col("state").is_in(["critical", "warning"])).select(
        "service", "kpi", "state", "start", "stop", "is_certain", "peak").to_dicts()
    return sorted(({**one, "unit": units[one["kpi"]]} for one in found), key=lambda one: (
        not one["is_certain"], one["state"] != "critical", one["start"] - one["stop"], one["start"], one["service"],
        one["kpi"]))
