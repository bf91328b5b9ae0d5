"""Arguments of AzureLogs and AzureLimits: what cannot be is refused at once, in words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import erp_telemetry as et

NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(("wrong", "says"), [
    ({"rows": 0}, "rows of AzureLimits is above 0 and at most 10,000,000, not 0"),
    ({"rows": 10**5000}, "not a number of more than 18 digits"),
    ({"wait_seconds": 601}, "wait_seconds of AzureLimits is above 0 and at most 600, not 601"),
    ({"tries": -1}, "tries of AzureLimits is above 0"), ({"concurrent": 10**9}, "at most 100, not 1,000,000,000"),
    ({"pause_seconds": NAN}, "0 or more and at most 3,600.0, not nan"), ({"pause_seconds": INFINITE}, "not inf"),
    ({"longest_pause_seconds": -0.1}, "not -0.1"), ({"search_reach": timedelta()}, "above 0 and at most 36,500 days"),
    ({"settle": -timedelta(minutes=1)}, "0 or more and at most 7 days, not -0:01:00"),
    ({"late": timedelta.max}, "at most 36,500 days, not 999999999 days"),
])
def test_limits_out_of_bounds(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        et.AzureLimits(**wrong)


@pytest.mark.parametrize(("wrong", "says"), [
    ({"rows": True}, "rows of AzureLimits is a whole number, not bool"), ({"bytes": 1e6}, "a whole number, not float"),
    ({"tries": "6"}, "a whole number, not str"), ({"pause_seconds": False}, "a number, not bool"),
    ({"settle": 600}, r"a timedelta, such as timedelta\(days=1\), not int"), ({"late": None}, "not NoneType"),
])
def test_limits_of_another_type(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(TypeError, match=says):
        et.AzureLimits(**wrong)


def test_limits_at_their_bounds() -> None:
    assert et.AzureLimits(wait_seconds=600, settle=timedelta(), pause_seconds=0, search_reach=timedelta(days=36_500))
