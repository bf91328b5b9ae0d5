"""Condensing: rollups merged once over a whole window, before many measures are asked of it.

Rollups merge exactly, so what is merged to one step answers as the whole does. For as long as the
block lasts, temporary tables of the rollups' own names stand before those of the store, so that the
same measure files are asked. In them the whole system stands as one more service, ``WHOLE``, so that
one statement answers for both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from erp_telemetry import catalog
from erp_telemetry.measures.grids import Sight
from erp_telemetry.measures.questions import WHOLE, Question, tiers
from erp_telemetry.store import answers
from erp_telemetry.window import Window

_TABLES = {"request_cells": "condensed_requests", "latency_sketch_hours": "condensed_hours",
           "latency_sketches": "condensed_ends", "metric_cells": "condensed_metrics"}

# from which table each is known to hold anything
_TOLD_BY = {"request_cells": "requests", "latency_sketch_hours": "requests", "latency_sketches": "requests",
          "metric_cells": "metrics"}


@contextmanager
def condensed(sight: Sight, window: Window, merged: Window) -> Iterator[None]:
    """Answer for one step alone: counters of ``window``, sketches of ``merged``, the part they are kept for."""
    connection, made = sight.connection, []
    try:
        for name, query in _TABLES.items():
            span = merged if "sketch" in name else window
            bounds = {**tiers((span.start, span.stop)), "whole": WHOLE}
            if name == "request_cells" and not sight.are_hours_fewer:
                bounds |= {"hours_start": span.stop, "hours_stop": span.stop}
            is_whole = (bounds["hours_start"], bounds["hours_stop"]) == (span.start, span.stop)
            if sight.told(_TOLD_BY[name]) is None or (name == "latency_sketches" and is_whole):
                continue  # there is nothing to merge
            asked = catalog.query(f"scorecards/{query}").bind(start=span.start, stop=span.stop, **bounds)
            made.append(name)
            answers.create(connection, name, asked.sql, asked.parameters)
        yield
    finally:
        for name in made:
            answers.rows(connection, f"drop table if exists temp.{name}")


def is_condensed(asked: Question) -> bool:
    """Whether what answers a question stands condensed: raw rows and exact percentiles of minutes do not."""
    return any(name in _TABLES for name in asked.query.header["reads"].split())
