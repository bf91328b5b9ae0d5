"""Scorecards: every KPI beside its objective, and the health of services on one screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import erp_telemetry as et
from erp_telemetry.cli.screens.tables import Column, print_table
from erp_telemetry.cli.screens.text import DASH, WHOLE, safe, screen, state, styled

Trends = Mapping[tuple[str, str | None], Sequence[float | None]]
"""Values over time by KPI and service."""
_WIDE = 100
_SCORECARD = (
    Column("KPI"), Column("service", folds=12), Column("state"), Column("value", is_right=True),
    Column("objective", is_right=True), Column("trend", goes=1), Column("95 % interval", is_right=True, goes=2),
    Column("n", is_right=True, goes=3), Column("coverage", is_right=True, goes=4),
)
_WORST = ("critical", "warning", "unknown", "normal")


def bars() -> int:
    """How many bars of a trend there is room for."""
    return 16 if screen.width >= _WIDE else 8


def print_scorecard(rows: Sequence[Mapping[str, Any]], title: str, trends: Trends) -> None:
    """Every KPI beside its objective, with how it went."""
    cells = [_scored(row, trends) for row in rows]
    breaks = [place for place in range(1, len(rows)) if rows[place]["kpi"] != rows[place - 1]["kpi"]]
    print_table(title, _SCORECARD, cells, breaks)


def print_health(rows: Sequence[Mapping[str, Any]], trends: Trends, trend: str) -> None:
    """One line for each health band, then one line for each service where a band holds for several."""
    bands = list(dict.fromkeys(row["kpi"] for row in rows))
    by_band = {band: [row for row in rows if row["kpi"] == band] for band in bands}
    columns = (Column("band"), Column("worst"), Column("value", is_right=True), Column(trend, goes=1),
               Column("not normal", folds=16))
    print_table("Health bands", columns, [_banded(band, by_band[band], trends) for band in bands])
    shared = [band for band in bands if sum(row["service"] is not None for row in by_band[band]) > 1]
    services = list(dict.fromkeys(row["service"] for band in shared for row in by_band[band] if row["service"]))
    cells = {(row["service"], row["kpi"]): row for row in rows}
    if services:
        matrix = (Column("service", folds=12), *(Column(_short(band), folds=8) for band in shared))
        print_table("By service", matrix, [
            [safe(service), *(_cell(cells.get((service, band))) for band in shared)] for service in services])


def _scored(row: Mapping[str, Any], trends: Trends) -> list[str]:
    unit = row["unit"]
    interval = DASH if row["low"] is None or row["high"] is None else (
        f"{et.readable(row['low'], unit)} … {et.readable(row['high'], unit)}")
    return [
        safe(row["kpi"]), safe(row["service"] or WHOLE), state(row["state"]), et.readable(row["value"], unit),
        et.readable(row["target"], unit), _drawn(trends.get((row["kpi"], row["service"]), ())), interval,
        et.readable(row["n"], ""), et.readable(row["coverage"], "ratio"),
    ]


def _banded(band: str, rows: Sequence[Mapping[str, Any]], trends: Trends) -> list[str]:
    # a band of one resource has no whole; then it speaks for itself
    first = next((row for row in rows if row["service"] is None), rows[0])
    worst = next((word for word in _WORST if any(row["state"] == word for row in rows)), "unknown")
    bad = [styled(row["state"], f"{safe(row['service'])} {et.readable(row['value'], row['unit'])}")
           for word in _WORST[:-1] for row in rows if row["state"] == word and row["service"] is not None]
    return [_short(band), state(worst), et.readable(first["value"], first["unit"]),
            _drawn(trends.get((band, first["service"]), ())), ", ".join(bad) or DASH]


def _cell(row: Mapping[str, Any] | None) -> str:
    return "" if row is None else f"{state(row['state'])} {et.readable(row['value'], row['unit'])}"


def _short(band: str) -> str:
    return safe(band.removesuffix("_band"))


def _drawn(values: Sequence[float | None]) -> str:
    return et.sparkline(values, bars(), is_plain=screen.options.ascii_only)
