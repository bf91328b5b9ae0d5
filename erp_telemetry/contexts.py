"""Contexts: what an analysis needs to know besides readings: incidents, changes, objectives."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from erp_telemetry.incidents import Incident, incidents
from erp_telemetry.objectives import Objectives
from erp_telemetry.redactions import redact
from erp_telemetry.store import Store, answers
from erp_telemetry.window import Window


@dataclass(frozen=True, slots=True)
class Context:
    """What happened around some readings, taken from the store once.

    ``changes`` and ``recoveries`` (backups, drills, restores, failovers) have the columns of the
    canonical tables; changes of one service and kind that two sources tell within two minutes of each
    other stand there once, as the earlier told it.
    """

    window: Window
    incidents: tuple[Incident, ...]
    changes: pl.DataFrame
    recoveries: pl.DataFrame
    objectives: Objectives


def context(store: Store, window: Window, *, objectives: Objectives | None = None) -> Context:
    """Gather incidents that touch a window, changes and recoveries in it, and what is wanted."""
    bounds = {"start": window.start, "stop": window.stop}
    with store.reading() as connection:
        told, recovered = (
            answers.frame(
                connection,
                f"select * from {table} where time >= $start and time < $stop order by time, service, kind, id", bounds)
            for table in ("changes", "recoveries"))
    wanted = Objectives.wanted(objectives)
    return Context(window, tuple(incidents(store, window)), redact(_once(told)).value,
                   redact(recovered).value, wanted)


def _once(told: pl.DataFrame) -> pl.DataFrame:
    """Leave out what another source has told: the same service and kind, at most two minutes after."""
    by = ["service", "kind"]
    before = pl.col("time").shift(1).over(by)
    other = pl.col("source").ne_missing(pl.col("source").shift(1).over(by))
    is_again = other & ((pl.col("time") - before) <= pl.duration(minutes=2))
    return told.filter(~is_again.fill_null(False))
