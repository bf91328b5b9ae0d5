"""Timelines: health as strips; what is drawn is what is held, and no bad step is too narrow to be seen."""

from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl
import pytest

import erp_telemetry as et
from erp_telemetry.contexts import Context
from erp_telemetry.objectives import Band, Objectives
from erp_telemetry.views.theme import STATE_COLOURS
from tests.states.bands import MINUTE, START, Value
from tests.states.test_episodes import CPU, health_of

HANDBOOK = Objectives.load()


def spec(frame: pl.DataFrame, context: Context | None = None) -> dict[str, Any]:
    return et.chart(frame, context=context).to_dict()


def runs(drawn: dict[str, Any]) -> list[dict[str, Any]]:
    (rows,) = drawn["datasets"].values()
    return list(rows)


def flapping(count: int) -> list[Value]:
    return [0.95, 0.85] * (count // 2)


def test_a_run_of_one_state_is_one_mark_with_its_values_and_since() -> None:
    frame = health_of([0.1, 0.95, 0.97, 0.1], CPU)
    assert [(row["state"], row["since"], row["values"]) for row in runs(spec(frame))] == [
        ("normal", "2026-03-01 00:00 UTC", "10 %"), ("critical", "2026-03-01 00:01 UTC", "95 % to 97 %"),
        ("normal", "2026-03-01 00:03 UTC", "10 %")]
    (late,) = runs(spec(frame.slice(2, 1)))
    assert (late["from"], late["until"]) == ("2026-03-01T00:02:00Z", "2026-03-01T00:03:00Z")
    assert late["since"] == "2026-03-01 00:01 UTC"


def test_the_held_state_is_drawn_where_there_is_one() -> None:
    band = dataclasses.replace(CPU, hysteresis=0.1)
    assert [row["state"] for row in runs(spec(health_of(flapping(10), band)))] == ["critical"]
    bare = health_of(flapping(10), band).select("service", "kpi", "time", "state")
    assert [row["state"] for row in runs(spec(bare))] == ["critical", "warning"] * 5
    assert runs(spec(bare))[-1]["until"] == "2026-03-01T00:10:00Z"


def test_one_strip_for_each_service_and_band_in_the_colours_of_the_states() -> None:
    other = health_of([0.1], CPU).with_columns(pl.lit("<auth>").alias("service"))
    drawn = spec(pl.concat([health_of([0.95, None, 0.5], CPU), other]))
    assert {row["strip"] for row in runs(drawn)} == {"orders · CPU", "＜auth> · CPU"}  # noqa: RUF001
    assert len(drawn["layer"]) == 4
    thickness = [layer["mark"]["height"]["band"] for layer in drawn["layer"]]
    colour = drawn["layer"][0]["encoding"]["color"]["scale"]
    assert thickness == sorted(thickness) and colour["domain"] == ["unknown", "normal", "warning", "critical"]
    assert colour["range"] == [STATE_COLOURS[state] for state in colour["domain"]]


def test_what_may_still_change_is_pale() -> None:
    frame = health_of([0.95, 0.95], CPU).with_columns(pl.Series("is_provisional", [False, True]))
    assert [row["opacity"] for row in runs(spec(frame))] == [1.0, 0.45]


@pytest.mark.parametrize("at", [0, 1, 5_000, 43_199])
def test_one_bad_minute_of_a_month_is_a_pixel_wide(at: int) -> None:
    frame = health_of([0.95 if minute == at else 0.1 for minute in range(43_200)], CPU)
    found = runs(spec(frame))
    (bad,) = [row for row in found if row["state"] == "critical"]
    assert len(found) <= 3 and bad["since"] == f"{START + at * MINUTE:%Y-%m-%d %H:%M} UTC"
    assert bad["values"] == "10 % to 95 %"
    begun, ended = (pl.Series([bad[name]]).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC")[0]
                    for name in ("from", "until"))
    assert begun <= START + at * MINUTE < ended
    assert 66 * MINUTE <= ended - begun <= 69 * MINUTE


def test_a_month_of_flapping_minutes_stays_small() -> None:
    assert len(runs(spec(health_of([0.95] + [0.1] * 199 + flapping(43_000), CPU)))) <= 640


def test_the_unit_of_a_band_of_your_own_comes_from_the_context() -> None:
    own = Band("slow_band", "latency_p99", 100.0, 1000.0)
    frame = health_of([250.0], own)
    empty = pl.DataFrame()
    around = Context(et.Window(START, START + MINUTE), (), empty, empty, dataclasses.replace(HANDBOOK, bands=(own,)))
    assert runs(spec(frame))[0]["values"] == "250"
    assert runs(spec(frame, around))[0]["values"] == "250 ms"


def test_no_health_is_drawn_as_nothing() -> None:
    assert len(spec(health_of([], CPU))["layer"]) == 1
    assert len(spec(health_of([0.1, 0.95], CPU))["layer"]) == 2
