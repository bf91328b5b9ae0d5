"""Held: the state a band is held in, which a flapping value does not leave and a short one does not enter."""

from __future__ import annotations

import polars as pl

STATES = pl.Series(("normal", "warning", "critical", "unknown"))
_UNKNOWN = 3
_ON, _OFF, _NOT_YET = 1, 0, -1
_KEY = ("service", "kpi")


def hold(frame: pl.DataFrame) -> pl.DataFrame:
    """Add ``held_state`` and ``since`` (start of the step in which it began) to values beside their bands.

    Each bound is a switch of its own, and the state is the worst that is on. A switch goes on once
    values on the worse side of its bound lasted ``for_seconds``, and off once values better than the
    bound by the share ``hysteresis`` of it lasted ``recover_seconds``; in between it stays as it is.
    Before it ever went on, any value on the better side says off; before either, nothing is known.

    Durations are of seen steps: one in which nothing was seen neither raises nor clears. It shows what
    was held until ``recover_seconds`` have passed since the last that was seen, then *unknown*; the
    switches stay as they were. Nothing that comes later changes an earlier row.

    Sources: Schmitt, "A thermionic trigger" (1938), for the two bounds of a switch; ``for`` and
    ``keep_firing_for`` of Prometheus' alerting rules for the durations.

    Args:
        frame: sorted by ``service, kpi, time``; ``stop`` (end of the step), ``value``, and of the band
            ``normal, critical, hysteresis, for_seconds, recover_seconds``.
    """
    is_new = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in _KEY)
    keyed = frame.with_row_index("row").with_columns(is_new.cum_sum().alias("key"))
    seen = _switched(keyed.filter(pl.col("value").is_not_nan()))
    is_fresh = pl.col("stop") - pl.col("seen_until") <= _span("recover_seconds")
    level = pl.when((pl.col("seen_key") == pl.col("key")) & is_fresh).then(pl.col("level")).otherwise(_UNKNOWN)
    held = keyed.join_asof(
        seen.select("row", "level", pl.col("key").alias("seen_key"), pl.col("stop").alias("seen_until")), on="row",
    ).with_columns(level.alias("level"))
    is_start = (pl.col("key") != pl.col("key").shift(1)) | (pl.col("level") != pl.col("level").shift(1))
    return frame.with_columns(held.select(
        STATES.gather(held["level"]).alias("held_state"),
        pl.when(is_start.fill_null(True)).then(pl.col("time")).forward_fill().alias("since"),
    ))


def _switched(seen: pl.DataFrame) -> pl.DataFrame:
    """Add ``level``, an index of STATES, to steps that all hold a value."""
    sign = pl.when(pl.col("critical") > pl.col("normal")).then(1.0).otherwise(-1.0)
    value = sign * pl.col("value")
    normal, critical = (sign * pl.col(name) for name in ("normal", "critical"))
    regained, eased = (bound - pl.col("hysteresis") * bound.abs() for bound in (normal, critical))
    # a bound itself is warning: not yet normal, not yet critical; and so it is where the margin ends
    sides = seen.select(
        "key", "row", (pl.col("stop") - pl.col("time")).alias("width"), _span("for_seconds").alias("for"),
        _span("recover_seconds").alias("recover"),
        (value >= normal).alias("warning_worse"), (value < regained).alias("warning_better"),
        (value > critical).alias("critical_worse"), (value <= eased).alias("critical_better"),
    ).with_columns(pl.col("width").cum_sum().alias("spent"), _is_first().alias("is_first"))
    # worse than the outer bound is worse than the inner one too: critical is never on alone
    switches = pl.DataFrame([_switch(sides, name) for name in ("warning", "critical")])
    level = (pl.when(pl.col("critical") == _ON).then(2).when(pl.col("warning") == _ON).then(1)
             .when(pl.col("warning") == _OFF).then(0).otherwise(_UNKNOWN))
    return seen.with_columns(switches.select(level.cast(pl.UInt32).alias("level")))


def _switch(sides: pl.DataFrame, name: str) -> pl.Series:
    """Whether the switch of one bound is on, off or not yet either, step by step."""
    worse, better = pl.col(f"{name}_worse"), pl.col(f"{name}_better")
    turns = sides.select(
        "is_first", worse, (worse & (_lasted(worse) >= pl.col("for"))).alias("on"),
        (better & (_lasted(better) >= pl.col("recover"))).alias("off"),
    )
    # how many times it went on within the key
    times = pl.col("on").cum_sum() - pl.when("is_first").then(pl.col("on").cum_sum() - pl.col("on")).forward_fill()
    off = pl.col("off") | (~worse & (times == 0))
    return turns.select(
        pl.when("on").then(_ON).when(off).then(_OFF).when("is_first").then(_NOT_YET).forward_fill().alias(name),
    ).to_series()


def _lasted(side: pl.Expr) -> pl.Expr:
    """How long values have been on one side without a break, to the end of each step."""
    is_turn = pl.col("is_first") | (side != side.shift(1))
    return pl.col("spent") - pl.when(is_turn).then(pl.col("spent") - pl.col("width")).forward_fill()


def _is_first() -> pl.Expr:
    return (pl.col("key") != pl.col("key").shift(1)).fill_null(True)


def _span(name: str) -> pl.Expr:
    """Seconds as a duration, of whole microseconds, which add up exactly."""
    return (pl.col(name) * 1e6).round().cast(pl.Int64).cast(pl.Duration("us"))
