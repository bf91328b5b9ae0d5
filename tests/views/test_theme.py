"""Numbers read aloud."""

from __future__ import annotations

import math

import pytest

from erp_telemetry.views.theme import DASH, readable


@pytest.mark.parametrize(("value", "unit", "text"), [
    (None, "ratio", DASH), (math.nan, "ms", DASH), (0.0, "ratio", "0 %"), (1.0, "ratio", "100 %"),
    (1 / 1901, "ratio", "0.0526 %"), (0.9995, "ratio", "99.95 %"), (0.999995, "ratio", "99.9995 %"),
    (0.05, "ratio", "5 %"), (10.0, "ms", "10 ms"), (1500.0, "ms", "1.5 s"), (0.0, "s", "0 s"), (90.0, "s", "1 m 30 s"),
    (3599.9, "s", "1 h"), (86400.0, "s", "1 d"), (93600.0, "s", "1 d 2 h"), (1901.0, "", "1,901"),
    (2.5, "1/s", "2.5 a second"), (3.0, "1", "3"),
])
def test_a_value_is_readable(value: float | None, unit: str, text: str) -> None:
    assert readable(value, unit) == text
