"""Explanations: how any row of readings or of a scorecard came about, so that anybody can run it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from erp_telemetry.explanations.account import Part, Wanted
from erp_telemetry.explanations.explanation import Explanation
from erp_telemetry.explanations.keys import named
from erp_telemetry.explanations.kpis import explain_kpi
from erp_telemetry.explanations.readings import explain_reading
from erp_telemetry.objectives import Objectives
from erp_telemetry.store import Store
from erp_telemetry.window import Window

__all__ = ["Explanation", "Part", "Wanted", "explain"]


def explain(
    store: Store, row: Mapping[str, Any] | pl.DataFrame, window: Window, every: str | None = None, *,
    where: Mapping[str, str] | None = None, zone: str = "UTC", exact: bool = False,
    objectives: Objectives | None = None,
) -> Explanation:
    """Say how one row of readings or of a scorecard came about.

    Args:
        row: a row by its columns, as ``frame.row(0, named=True)`` gives it, or a frame of one row. Columns that
            analyses added do no harm; ``value`` may be left out, and is held against the store where it is there.
        window: the window that was asked for; a row does not know it.
        every: of readings the width of a step that was asked for. It and the window decide what answers:
            a percentile in steps of 5 minutes comes from sketches, in odd ones from raw rows.
        where, zone, exact: of readings, as they were asked for.
        objectives: as they were given to ``measure`` or ``score``.

    Raises:
        ValueError: no row of readings or of a scorecard, more than one, or a reading without ``every``.
        QueryError: the store has no such row, or has another value there: it was asked otherwise, or something
            was pulled or pruned since; or what the row rests on was pruned.
    """
    if not isinstance(window, Window):
        raise TypeError(f"window is an et.Window, such as Window.parse('2026-06-22/2026-07-06'), not {window!r}")
    asked = named(row)
    wanted = Objectives.wanted(objectives)
    with store.reading() as connection:
        if "measure" in asked and "time" in asked:
            if every is None:
                raise ValueError("a reading does not say how wide its step is: give every=, such as every='5m', "
                                 "as it was asked of measure")
            return explain_reading(connection, asked, window, every, where, zone, exact, objectives)
        if "kpi" in asked and "service" in asked and "time" not in asked:
            if every is not None or where or exact:
                raise ValueError("a row of a scorecard has no step: every=, where= and exact= are of readings")
            return explain_kpi(store, connection, asked, window, wanted)
    raise ValueError("explain takes a row of measure (with measure and time) or of score (with kpi and service), not "
                     f"one of {', '.join(map(str, asked)) or 'nothing'}; of health explain the reading of its measure")
