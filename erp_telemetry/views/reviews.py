"""Reviews: what an operations review of a window says, as plain facts; the templates only lay them out."""

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import polars as pl

from erp_telemetry.contexts import Context, context
from erp_telemetry.errors import ShortfallWarning
from erp_telemetry.incidents import Incident, incidents, overlapping
from erp_telemetry.logs import logs
from erp_telemetry.measures import measure
from erp_telemetry.objectives import UNITS, Objectives
from erp_telemetry.quality import Quality, quality
from erp_telemetry.redactions import redact
from erp_telemetry.scorecards import score
from erp_telemetry.states import health
from erp_telemetry.store import Store, shortfalls
from erp_telemetry.views.log_sections import log_section
from erp_telemetry.views.openings import opening
from erp_telemetry.views.origins import origins
from erp_telemetry.views.panels import aligned, panels, step_for
from erp_telemetry.views.strips import SHOWN_RUNS, departures, strips
from erp_telemetry.window import Window

SHOWN_REJECTS = 50
_COUNTED_INCIDENTS = 40
_BEFORE = timedelta(hours=1)
_FOREVER = "9999-12-31T00:00:00Z"
_MINUTE = timedelta(minutes=1)
_URGENCY = {"critical": 0, "missed": 1, "warning": 2, "insufficient": 3, "unknown": 4, "no_data": 5}


def review(store: Store, window: Window, objectives: Objectives) -> tuple[dict[str, Any], dict[str, str]]:
    """The facts of a window, and the SVG of each chart by its key.

    Warns:
        ShortfallWarning: rows of the window are known to be missing; the facts say so too.
    """
    with store.reading() as connection:
        shortfalls.warn(connection, window)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ShortfallWarning)
            return _reviewed(store, window, objectives)


def _reviewed(store: Store, window: Window, objectives: Objectives) -> tuple[dict[str, Any], dict[str, str]]:
    around = context(store, window, objectives=objectives)
    card = score(store, window, objectives).to_dicts()
    every, width = step_for(window)
    states = health(store, aligned(window, width), every, objectives=objectives)
    apart = departures(states, objectives)
    sure = [run for run in apart if run["is_certain"]]
    services, drawings = panels(store, window, around, _by_urgency(card))
    facts: dict[str, Any] = {
        "window": {"start": window.start, "stop": window.stop}, "watermark": store.watermark, "every": every,
        "scorecard": card, "headline": [row for row in card if row["service"] is None and row["kpi"] in UNITS],
        "incidents": [_incident(store, one, around, counted=number < _COUNTED_INCIDENTS)
                      for number, one in enumerate(around.incidents)],
        "begun_since": [
            {"title": one.title, "impact_start": one.impact_start, "services": one.services}
            for one in incidents(store, Window(window.stop, _FOREVER))
            if one.is_open and one.impact_start >= window.stop],
        "overlapping": [(early.id, late.id) for early, late in overlapping(around.incidents)],
        "strips": strips(states), "departures": sure[:SHOWN_RUNS],
        "held_back": states.filter(pl.col("state") != pl.col("held_state")).height,
        "departures_left_out": max(0, len(sure) - SHOWN_RUNS), "departures_unsure": len(apart) - len(sure),
        "services": services, "services_left_out": _left_out(card, services),
        "changes": _changes(around), "recoveries": _recoveries(around), "logs": log_section(logs(store, window)),
        "quality": _quality(store, quality(store, window)),
    }
    shown = {**_redacted(facts), "origins": origins(card, objectives)}
    return {**shown, "opening": opening(shown), "redacted": _hidden(shown)}, drawings


def _redacted(fact: Any) -> Any:
    """Facts without secrets, each text by itself: what one calls a secret may be an honest word of another."""
    if isinstance(fact, Mapping):
        return {name: _redacted(value) for name, value in fact.items()}
    if isinstance(fact, list | tuple):
        return [_redacted(value) for value in fact]
    return redact(fact).value if isinstance(fact, str) else fact


def _hidden(shown: Mapping[str, Any]) -> dict[str, int]:
    """How many marks stand where secrets stood, by kind."""
    found = Counter(re.findall(r"\[redacted: ([a-z ]+?)(?: \d+)?\]", json.dumps(shown, default=str)))
    return dict(sorted(found.items()))


def _by_urgency(card: Sequence[Mapping[str, Any]]) -> list[str]:
    """Services, those with the worst and most bad states first."""
    bad: dict[str, Counter[int]] = {}
    for row in card:
        if row["service"] is not None:
            bad.setdefault(row["service"], Counter())[_URGENCY.get(row["state"], 9)] += 1
    return sorted(bad, key=lambda name: ([-bad[name][rank] for rank in range(3)], name))


def _left_out(card: Sequence[Mapping[str, Any]], drawn: Sequence[Mapping[str, Any]]) -> list[str]:
    shown = {entry["service"] for entry in drawn}
    return [name for name in _by_urgency(card) if name not in shown]


def _incident(store: Store, one: Incident, around: Context, *, counted: bool) -> dict[str, Any]:
    told = {name: getattr(one, name) for name in (
        "id", "title", "severity", "status", "critical_issue", "impact", "services", "impact_start", "detected",
        "is_start_estimated", "mitigated", "ended", "restored", "cause", "detected_by")}
    return {
        **told, "is_open": one.is_open, "is_end_unknown": one.is_end_unknown,
        "time_to_detect_s": _seconds(one.time_to_detect), "time_to_repair_s": _seconds(one.time_to_repair),
        "lasted_s": None if one.is_end_unknown else _seconds(one.until(around.window.stop) - one.impact_start),
        "changes": _changes_around(one, around),
        **(_suffered(store, one, around) if counted else {"requests": None, "failed": None, "worst": None}),
    }


def _suffered(store: Store, one: Incident, around: Context) -> dict[str, Any]:
    """User requests of the services touched while it lasted, how many failed, and the worst minute's ratio."""
    stop = min(one.until(around.window.stop), around.window.stop)
    start = max(one.impact_start, around.window.start).replace(second=0, microsecond=0)
    minutes = max(1, -((start - stop) // _MINUTE))
    if minutes > 20_160:
        return {"requests": None, "failed": None, "worst": None}
    span = Window(start, start + minutes * _MINUTE)
    seen = measure(store, "error_ratio", span, "1m", objectives=around.objectives, is_redacted=False).filter(
        pl.col("service").is_in(list(one.services)), pl.col("value").is_not_null())
    if seen.is_empty():
        return {"requests": None, "failed": None, "worst": None}
    worst = seen.sort("value", descending=True).row(0, named=True)
    return {"requests": seen["count"].sum(), "failed": (seen["count"] * seen["value"]).sum(),
            "worst": {"value": worst["value"], "service": worst["service"], "time": worst["time"]}}


def _changes_around(one: Incident, around: Context) -> list[dict[str, Any]]:
    """Changes made to the services touched, from an hour before until it was over."""
    stop = one.until(around.window.stop)
    made = around.changes.filter(
        pl.col("time").is_between(one.impact_start - _BEFORE, stop), pl.col("service").is_in(list(one.services)))
    return [{**row, "after_s": (row["time"] - one.impact_start).total_seconds()}
            for row in made.select("time", "service", "kind", "version", "description").to_dicts()]


def _changes(around: Context) -> list[dict[str, Any]]:
    return around.changes.select("time", "service", "kind", "version", "description", "author").to_dicts()


def _recoveries(around: Context) -> dict[str, Any]:
    """How many backups were made and which failed; every drill, restore and failover."""
    held = around.recoveries.select(
        "time", "service", "resource", "kind", "restored_at", "last_recoverable_at",
        pl.col("is_failed").fill_null(False))
    backups = held.filter(pl.col("kind") == "backup")
    return {"backups": backups.height, "failed": backups.filter(pl.col("is_failed")).to_dicts(),
            "last_backup": backups.filter(~pl.col("is_failed"))["time"].max(),
            "others": held.filter(pl.col("kind") != "backup").to_dicts()}


def _quality(store: Store, found: Quality) -> dict[str, Any]:
    # one answer may be streamed past its call; most of them are not
    skewed = found.clock_skew.filter((pl.col("began_before") > 0) | (pl.col("ended_after") * 2 > pl.col("calls")))
    weighed = found.weights.filter((pl.col("weight_min") != 1) | (pl.col("weight_max") != 1)
                                   | pl.col("warning").is_not_null())
    totals = {name: int(found.pulls[name].sum() or 0)
              for name in ("slices", "duplicates", "late", "unprovable", "rejected")}
    return {
        **totals, "rows": dict(found.rows), "coverage": found.coverage.to_dicts(),
        "lateness": found.lateness.to_dicts(), "pulls": found.pulls.to_dicts(),
        "calls_compared": int(found.clock_skew["calls"].sum() or 0), "clock_skew": skewed.to_dicts(),
        "weights": weighed.to_dicts(), "weighed_rows": int(found.weights["rows"].sum()),
        "single_rows": int(found.weights["rows"].sum()) - int(weighed["rows"].sum()),
        "implausible": int(found.weights["warning"].count()), "population": found.population.to_dicts(),
        "reasons": found.set_aside.to_dicts(), "shortfalls": found.shortfalls.head(SHOWN_REJECTS).to_dicts(),
        "lacked": {"spans": found.shortfalls.height, "rows": int(found.shortfalls["rows"].sum()),
                   "uncounted": found.shortfalls["rows"].null_count()},
        # how a line begins may be a secret: it stays in the store
        "set_aside": store.rejects().sort(pl.all()).head(SHOWN_REJECTS).select("file", "line", "reason").to_dicts(),
    }


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


