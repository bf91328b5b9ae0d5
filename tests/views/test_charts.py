"""Charts: one layer for each column that is there; holes stay open."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

import erp_telemetry as et


def readings(*values: float | None, **more: list[Any]) -> pl.DataFrame:
    times = pl.datetime_range(
        pl.datetime(2026, 3, 1), pl.datetime(2026, 3, 1, len(values) - 1), "1h", time_zone="UTC", eager=True)
    return pl.DataFrame({"measure": ["error_ratio"] * len(values), "service": ["orders"] * len(values), "time": times,
                         "value": list(values), **more}, schema_overrides={"value": pl.Float64})


def spec(frame: pl.DataFrame) -> dict[str, Any]:
    drawn: dict[str, Any] = json.loads(et.chart(frame).to_json())
    return drawn


def rows(drawn: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = next(iter(drawn["datasets"].values())) if "datasets" in drawn else (
        drawn.get("data") or drawn["layer"][0]["data"])["values"]
    return found


def test_readings_become_a_line_with_the_unit_in_its_title() -> None:
    drawn = spec(readings(0.01, 0.02))
    (line,) = drawn["layer"]
    assert line["encoding"]["y"]["title"] == "error_ratio, %"
    assert [row["settled"] for row in rows(drawn)] == [1.0, 2.0]


def test_holes_are_rows_without_a_value_and_a_lonely_value_gets_a_point() -> None:
    drawn = spec(readings(None, 0.02, None, 0.01, 0.01))
    assert [row["settled"] for row in rows(drawn)][:3] == [None, 2.0, None]
    assert [layer["mark"]["type"] for layer in drawn["layer"]] == ["line", "point"]
    assert drawn["layer"][0]["mark"]["invalid"] == "break-paths-show-domains"


def test_an_interval_is_a_band_and_the_provisional_part_is_dashed() -> None:
    drawn = spec(readings(0.01, 0.02, 0.03, value_low=[0.0, 0.01, 0.02], value_high=[0.02, 0.03, 0.04],
                          is_provisional=[False, False, True]))
    assert [layer["mark"]["type"] for layer in drawn["layer"]] == ["area", "line", "line"]
    assert drawn["layer"][2]["mark"]["strokeDash"]
    assert [row["settled"] for row in rows(drawn)] == [1.0, 2.0, None]
    assert [row["provisional"] for row in rows(drawn)] == [None, 2.0, 3.0]


def test_chart_does_not_change_its_frame() -> None:
    frame = readings(0.01, None, 0.03)
    before = frame.clone()
    et.chart(frame)
    assert frame.equals(before)


def test_a_scorecard_is_a_matrix_of_states(small_store: et.Store) -> None:
    card = et.score(small_store, small_store.last(hours=1))
    drawn = spec(card)
    assert [layer["mark"]["type"] for layer in drawn["layer"]] == ["rect", "text"]
    assert len(rows(drawn)) == card.height


def test_readings_of_a_store_can_be_drawn_even_without_rows(small_store: et.Store) -> None:
    frame = et.measure(small_store, "latency_p99", small_store.last(hours=1), every="5m")
    assert spec(frame)["layer"]
    assert spec(frame.clear())["layer"]


def test_another_frame_is_refused_by_name() -> None:
    with pytest.raises(et.FrameError, match="found columns a"):
        et.chart(pl.DataFrame({"a": [1]}))
