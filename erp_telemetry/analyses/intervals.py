"""Intervals: how sure a proportion, a mean or a median is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

Z = 1.959963984540054
"""97.5 % point of the standard normal distribution."""

# two-sided 95 % points of Student's t by degrees of freedom (NIST/SEMATECH e-Handbook, table 1.3.6.7.2)
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
      2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042)


def wilson(ratio: pl.Expr, n: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Lower and upper end of Wilson's 95 % interval of a proportion; null where ``ratio`` is.

    ``n`` is the number of independent observations; for weighted ones Kish's ``(sum w)^2 / sum w^2``.
    Source: Wilson (1927), as in Brown, Cai and DasGupta (2001).

    >>> frame = pl.DataFrame({"p": [99 / 100], "n": [100.0]})
    >>> low, high = wilson(pl.col("p"), pl.col("n"))
    >>> frame.select(low.round(4), high.alias("high").round(4)).row(0)
    (0.9455, 0.9982)
    """
    scale = 1 + Z**2 / n
    centre = (ratio + Z**2 / (2 * n)) / scale
    spread = Z / scale * (ratio * (1 - ratio) / n + Z**2 / (4 * n**2)).sqrt()
    # at the ends the bound is the end itself; the formula misses it by rounding
    low = pl.when(ratio <= 0).then(0.0).otherwise((centre - spread).clip(0, 1))
    high = pl.when(ratio >= 1).then(1.0).otherwise((centre + spread).clip(0, 1))
    known = ratio.is_not_null()
    return pl.when(known).then(low), pl.when(known).then(high)


def mean_of_skewed(values: Sequence[float]) -> tuple[float | None, float | None]:
    """95 % interval of the mean of right-skewed positive values, such as times to repair.

    Cox's method with Student's t: ``exp(m + s^2/2 +- t sqrt(s^2/n + s^4/(2(n-1))))`` over the logs
    (Olsson 2005, J. Stat. Education 13(1)). A plain bootstrap of such a mean covers 72 % at n = 10.
    None, None where there are fewer than 3 values or a value is not above 0.
    """
    n = len(values)
    if n < 3 or min(values) <= 0:
        return None, None
    logs = [math.log(value) for value in values]
    centre = sum(logs) / n
    variance = sum((log - centre) ** 2 for log in logs) / (n - 1)
    middle = centre + variance / 2
    spread = (_T[n - 2] if n - 2 < len(_T) else Z) * math.sqrt(variance / n + variance**2 / (2 * (n - 1)))
    return math.exp(middle - spread), math.exp(middle + spread)


def rate_ratio(
    count: pl.Expr, exposure: pl.Expr, weight_squares: pl.Expr, count_before: pl.Expr, exposure_before: pl.Expr,
    weight_squares_before: pl.Expr,
) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Ratio of two rates of events, with its 95 % interval; null ratio where nothing was counted before.

    Log-normal, ``exp(log r +- z sqrt(1/n + 1/n0))`` with half an event added to each count so that zero has an
    interval too (Greenland and Robins 1985; Rothman, Modern Epidemiology, chapter 14); n of weighted events
    after Kish. Events are taken as independent; what comes in bursts is less sure than this says.

    >>> frame = pl.DataFrame({"a": [200.0], "b": [100.0], "one": [1.0]})
    >>> made = rate_ratio(*(pl.col(name) for name in ("a", "one", "a", "b", "one", "b")))
    >>> frame.select(part.round(2).alias(str(n)) for n, part in enumerate(made)).row(0)
    (2.0, 1.57, 2.54)
    """
    def effective(sum_of: pl.Expr, squares: pl.Expr) -> pl.Expr:
        return pl.when(squares > 0).then(sum_of**2 / squares).otherwise(0.0) + 0.5

    def weight(sum_of: pl.Expr, squares: pl.Expr) -> pl.Expr:
        return pl.when(sum_of > 0).then(squares / sum_of)

    n, n_before = effective(count, weight_squares), effective(count_before, weight_squares_before)
    own, other = weight(count, weight_squares), weight(count_before, weight_squares_before)
    middle = (n * pl.coalesce(own, other, 1.0) / exposure) / (n_before * pl.coalesce(other, own, 1.0) / exposure_before)
    spread = (Z * (1 / n + 1 / n_before).sqrt()).exp()
    known = (exposure > 0) & (exposure_before > 0)
    ratio = pl.when(known & (count_before > 0)).then((count / exposure) / (count_before / exposure_before))
    return ratio, pl.when(known).then(middle / spread), pl.when(known).then(middle * spread)
