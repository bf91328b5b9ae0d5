"""Numbers read aloud."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_telemetry.quantities import DASH, readable
from erp_telemetry.views.theme import sparkline


@pytest.mark.parametrize(("value", "unit", "text"), [
    (None, "ratio", DASH), (math.nan, "ms", DASH), (0.0, "ratio", "0 %"), (1.0, "ratio", "100 %"),
    (1 / 1901, "ratio", "0.0526 %"), (0.9995, "ratio", "99.95 %"), (0.999995, "ratio", "99.9995 %"),
    (0.05, "ratio", "5 %"), (10.0, "ms", "10 ms"), (1500.0, "ms", "1.5 s"), (0.0, "s", "0 s"), (90.0, "s", "1 m 30 s"),
    (3599.9, "s", "1 h"), (86400.0, "s", "1 d"), (93600.0, "s", "1 d 2 h"), (1901.0, "", "1,901"),
    (2.5, "1/s", "2.5 a second"), (3.0, "1", "3"),
    (0.0, "By", "0 B"), (999.0, "By", "999 B"), (999_999.0, "By", "1 MB"), (1_500.0, "By", "1.5 kB"),
    (2e15, "By", "2,000 TB"),
])
def test_a_value_is_readable(value: float | None, unit: str, text: str) -> None:
    assert readable(value, unit) == text


@pytest.mark.parametrize(("values", "width", "drawn"), [
    ([], 8, ""), ([None, None], 8, "  "), ([0.0, 0.0], 8, "▁▁"), ([5.0, 5.0], 8, "██"), ([0.0, 1e-9, 1.0], 8, "▁▂█"),
    ([1.0, None, math.nan, 2.0], 8, "▅  █"), ([-1.0, 0.0, 1.0], 8, "▁▅█"), ([0, 0, 9, 0, None, None], 3, "▁█ "),
])
def test_a_sparkline_stands_on_zero_and_leaves_gaps(values: list[float | None], width: int, drawn: str) -> None:
    assert sparkline(values, width) == drawn


@given(st.lists(st.none() | st.floats(0, 1e12), max_size=100), st.integers(1, 40))
def test_a_sparkline_keeps_its_width_its_peak_and_its_holes(values: list[float | None], width: int) -> None:
    drawn = sparkline(values, width)
    assert len(drawn) == min(width, len(values))
    seen = [value for value in values if value is not None]
    assert ("█" in drawn) == any(value > 0 for value in seen) and (drawn.strip() == "") == (not seen)
    plain = sparkline(values, width, is_plain=True)
    assert plain.isascii() and [bar == " " for bar in plain] == [bar == " " for bar in drawn]


def test_a_sparkline_without_width_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        sparkline([1.0], 0)
