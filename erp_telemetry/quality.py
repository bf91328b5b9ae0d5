"""Quality: how far the telemetry of a window can be trusted: heard, late, doubled, set aside, clocks, weights."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from erp_telemetry import catalog
from erp_telemetry.redactions import redact_keys
from erp_telemetry.store import Store, answers
from erp_telemetry.window import Window


@dataclass(frozen=True, slots=True)
class Quality:
    """What is known of the telemetry itself.

    ``pulls``, ``rows`` and ``set_aside`` speak of all that the store ever took in, the others of the window.

    - ``coverage``: ``service, observed`` (minutes), ``coverage`` (0..1), ``longest_silence``
      (minutes), ``first_heard, last_heard``.
    - ``lateness``: ``table_name, rows, median_seconds, p99_seconds, longest_seconds``; empty where no
      export says when a row was received, or raw rows were pruned.
    - ``clock_skew``: ``caller, callee, calls, began_before`` (handled before they were made),
      ``ended_after`` (handled after they were answered; queues apart), ``offset_ms`` (of the callee's
      clock, by midpoints), ``earliest_ms``.
    - ``weights``: by ``table_name, service, source``: ``rows``, the ``weight`` they sum up to, ``weight_min``,
      ``weight_median, weight_max, effective_rows`` (even rows that would tell as much, by Kish),
      ``heaviest_share`` (of the weight, on the heaviest 1 % of rows), ``fractional`` (rows), ``traces`` and
      ``traces_apart`` (whose rows weigh differently), ``reference`` (what counted before sampling),
      ``reference_count`` and the ``reference_weight`` of the same hours, ``warning`` (null where all is
      plausible; its rules head ``queries/quality/weights.sql``); empty where raw rows were pruned.
    - ``population``: by ``table_name, service``: ``rows``, their ``count`` as weighed, of it ``user, probe,
      synthetic``; of users ``good, client_errors, failed, unknown``, and ``untimed`` (without a duration).
    - ``pulls``: by ``source``: ``slices, rows, duplicates, late, unprovable, rejected``.
    - ``shortfalls``: what sources are known to have and the store to lack, see ``Store.shortfalls``.
    - ``set_aside``: ``reason, lines``.
    """

    window: Window
    coverage: pl.DataFrame
    lateness: pl.DataFrame
    clock_skew: pl.DataFrame
    weights: pl.DataFrame
    population: pl.DataFrame
    pulls: pl.DataFrame
    rows: Mapping[str, int]
    shortfalls: pl.DataFrame
    set_aside: pl.DataFrame


def quality(store: Store, window: Window) -> Quality:
    """Say how complete, prompt and consistent the telemetry of a window is; see :class:`Quality`."""
    bounds = {"start": window.start, "stop": window.stop}
    with store.reading() as connection:
        coverage, lateness, skew, weights, population = (
            answers.frame(connection, catalog.query(f"quality/{name}").text, bounds)
            for name in ("coverage", "lateness", "clock_skew", "weights", "population"))
    minutes = window.duration.total_seconds() / 60
    ledger = store.ledger()
    kept: Counter[str] = Counter()
    for counts in ledger["row_counts"].to_list():
        kept.update(json.loads(counts))
    totals = [pl.col(name).sum() for name in ("rows", "duplicates", "late", "unprovable", "rejected")]
    return Quality(
        window=window,
        coverage=redact_keys(
            coverage.with_columns((pl.col("observed") / minutes).clip(0, 1).alias("coverage")), ("service",)),
        lateness=lateness,
        clock_skew=redact_keys(skew, ("caller", "callee")),
        weights=redact_keys(weights, ("service",)),
        population=redact_keys(population, ("service",)),
        pulls=ledger.group_by("source").agg(pl.len().alias("slices"), *totals).sort("source"),
        rows=dict(sorted(kept.items())),
        shortfalls=store.shortfalls(window),
        set_aside=store.rejects().group_by("reason").agg(pl.len().alias("lines")).sort(
            ["lines", "reason"], descending=[True, False]),
    )
