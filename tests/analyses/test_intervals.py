"""Intervals: the worked numbers of Wilson, and Cox's method on known logs."""

import math

import polars as pl
import pytest

from erp_telemetry.analyses.intervals import mean_of_skewed, wilson


@pytest.mark.parametrize(("good", "n", "low", "high"), [
    (199_900, 200_000, 0.999392, 0.999589), (1_999, 2_000, 0.997173, 0.999912), (99, 100, 0.9455, 0.9982),
    (100, 100, 0.9630, 1.0),
])
def test_wilson_worked_numbers(good: int, n: int, low: float, high: float) -> None:
    frame = pl.DataFrame({"p": [good / n], "n": [float(n)]})
    found = frame.select(*(end.alias(name) for end, name in
                           zip(wilson(pl.col("p"), pl.col("n")), ("low", "high"), strict=True))).row(0)
    assert found == pytest.approx((low, high), abs=5e-5 if n == 100 else 5e-7)


def test_no_data_has_no_interval() -> None:
    frame = pl.DataFrame({"p": [None], "n": [None]}, schema={"p": pl.Float64, "n": pl.Float64})
    low, high = wilson(pl.col("p"), pl.col("n"))
    assert frame.select(low.alias("low"), high.alias("high")).row(0) == (None, None)


def test_mean_of_skewed_holds_the_lognormal_mean() -> None:
    values = [math.exp(log) for log in (1.0, 2.0, 3.0, 4.0, 5.0)]
    low, high = mean_of_skewed(values)
    assert low is not None
    assert high is not None
    # m = 3, s2 = 2.5, n = 5, t = 2.776: 4.25 +- 2.776 * sqrt(0.5 + 0.78125)
    assert math.log(low) == pytest.approx(4.25 - 2.776 * math.sqrt(1.28125))
    assert math.log(high) == pytest.approx(4.25 + 2.776 * math.sqrt(1.28125))


@pytest.mark.parametrize("values", [[], [60.0], [60.0, 90.0], [0.0, 1.0, 2.0]])
def test_too_few_have_no_interval(values: list[float]) -> None:
    assert mean_of_skewed(values) == (None, None)
