"""Trends: how each KPI of a scorecard that has a measure went over its window."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import erp_telemetry as et

if TYPE_CHECKING:
    from erp_telemetry import Objectives, Store, Window

_GRAIN = timedelta(minutes=5)
_OWN = ("error_ratio", "latency_p99")


def trends(
    store: Store, window: Window, objectives: Objectives | None, services: Sequence[str | None], bars: int
) -> Mapping[tuple[str, str | None], list[float | None]]:
    """Values by KPI and service in at most ``bars`` steps; whole 5 minutes, which every percentile is kept by."""
    wanted = objectives if objectives is not None else et.Objectives.load()
    by_kpi = {(kpi, service): kpi for kpi in _OWN for service in services}
    by_kpi |= {(band.name, service): band.measure for service in services for band in wanted.bands_of(service)}
    span, every = stepped(window, bars)
    series = {name: _series(store, name, span, every, wanted) for name in sorted(set(by_kpi.values()))}
    return {(kpi, service): series[name][service]
            for (kpi, service), name in by_kpi.items() if service in series[name]}


def stepped(window: Window, bars: int) -> tuple[Window, str]:
    """A window widened to whole 5 minutes, and the step that cuts it into at most ``bars``."""
    midnight = window.start.replace(hour=0, minute=0, second=0, microsecond=0)
    start = window.start - (window.start - midnight) % _GRAIN
    stop = window.stop + (start - window.stop) % _GRAIN
    steps = math.ceil((stop - start) / _GRAIN / bars)
    return et.Window(start, stop), f"{steps * 5}m"


def _series(
    store: Store, name: str, span: Window, every: str, objectives: Objectives
) -> dict[str | None, list[float | None]]:
    whole = et.measure(store, name, span, every, (), objectives=objectives)
    series: dict[str | None, list[float | None]] = {None: whole["value"].to_list()}
    for row in et.measure(store, name, span, every, ("service",), objectives=objectives).iter_rows(named=True):
        if row["service"] is not None:
            series.setdefault(row["service"], []).append(row["value"])
    return series
