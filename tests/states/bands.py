"""What the tests of states share: values beside a band, and a slow reading of the rule to hold the fast one against."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import strategies as st

from erp_telemetry.objectives import Band
from erp_telemetry.states.held import hold

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
Value = float | None
_COLUMNS = ("service", "kpi", "time", "stop", "value", "normal", "critical", "hysteresis", "for_seconds",
            "recover_seconds")


def beside(values: Sequence[Value], band: Band, service: str = "orders", width: timedelta = MINUTE) -> pl.DataFrame:
    """Values, one for each step from START, beside the numbers of their band."""
    count = len(values)
    times = [START + width * n for n in range(count)]
    return pl.DataFrame({
        "service": [service] * count, "kpi": [band.name] * count, "time": times,
        "stop": [time + width for time in times], "value": values, "normal": [band.normal] * count,
        "critical": [band.critical] * count, "hysteresis": [band.hysteresis] * count,
        "for_seconds": [band.for_seconds] * count, "recover_seconds": [band.recover_seconds] * count,
    }, schema={name: pl.String() if name in ("service", "kpi") else pl.Datetime("us", "UTC")
               if name in ("time", "stop") else pl.Float64() for name in _COLUMNS})


def held(values: Sequence[Value], band: Band) -> list[str]:
    return hold(beside(values, band))["held_state"].to_list()


def held_slowly(values: Sequence[Value], band: Band, width: timedelta = MINUTE) -> list[str]:
    """The rule of ``hold`` as a person would follow it: step by step, two switches, two clocks each."""
    step = width.total_seconds()
    switches: list[bool | None] = [None, None]
    worse_for, better_for = [0.0, 0.0], [0.0, 0.0]
    silent, word, said = 0.0, "unknown", []
    for value in values:
        if value is None or value != value:
            silent += step
            said.append(word if silent <= band.recover_seconds else "unknown")
            continue
        silent = 0.0
        for number, (is_worse, is_better) in enumerate(_sides(value, band)):
            worse_for[number] = worse_for[number] + step if is_worse else 0.0
            better_for[number] = better_for[number] + step if is_better else 0.0
            if is_worse and worse_for[number] >= band.for_seconds:
                switches[number] = True
            elif (is_better and better_for[number] >= band.recover_seconds) or (
                    not is_worse and switches[number] is None):
                switches[number] = False
        warning, critical = switches
        word = "critical" if critical else "warning" if warning else "unknown" if warning is None else "normal"
        said.append(word)
    return said


def _sides(value: float, band: Band) -> list[tuple[bool, bool]]:
    """For the bound of normal and that of critical: is the value on its worse side, is it better by the margin?"""
    margins = [band.hysteresis * abs(bound) for bound in (band.normal, band.critical)]
    if band.is_higher_worse:
        return [(value >= band.normal, value < band.normal - margins[0]),
                (value > band.critical, value <= band.critical - margins[1])]
    return [(value <= band.normal, value > band.normal + margins[0]),
            (value < band.critical, value >= band.critical + margins[1])]


# few enough that equality, holes and NaN come often
values = st.lists(st.one_of(
    st.sampled_from([0.0, 1.0, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, -1.0, -4.0, float("inf")]),
    st.none(), st.just(float("nan")), st.floats(-8, 8)), max_size=40)
bound = st.sampled_from([-4.0, -2.0, 1.0, 2.0, 3.0, 4.0, 5.0])
short = st.sampled_from([0.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0])
bands = st.builds(
    lambda bounds, hysteresis, wait, recover: Band("b", "m", *bounds, hysteresis=hysteresis, for_seconds=wait,
                                                   recover_seconds=recover),
    st.lists(bound, min_size=2, max_size=2, unique=True), st.sampled_from([0.0, 0.05, 0.25, 0.9]), short, short)
