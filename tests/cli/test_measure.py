"""measure: one question over time."""

from __future__ import annotations

import json

import pytest

import erp_telemetry as et
from tests.cli.support import WINDOW, call


def test_measure_without_a_name_lists_all_with_unit_and_sentence() -> None:
    rows = json.loads(call("measure", "--json").stdout)
    assert [row["measure"] for row in rows] == list(et.catalog.names("measures"))
    assert all(row["unit"] and row["answers"].endswith(".") for row in rows)
    assert "error_ratio" in call("measure").stdout


def test_measure_as_json_has_iso_times(small_store: et.Store) -> None:
    done = call("measure", "request_rate", "--store", small_store.path, "--every", "5m", "--window", WINDOW, "--json")
    rows = json.loads(done.stdout)
    assert [row["time"] for row in rows][:2] == ["2026-03-01T00:00:00+00:00", "2026-03-01T00:05:00+00:00"]


@pytest.mark.parametrize("name", ["error_ratio", "latency_p99", "latency_mean"])
@pytest.mark.parametrize("last", ["1d", "90m", "15m"])
def test_by_operation_works_with_the_default_step(name: str, last: str, small_store: et.Store) -> None:
    done = call("measure", name, "--by", "operation", "--last", last, "--store", small_store.path, "--json")
    assert done.exit_code == 0, done.stderr
    rows = json.loads(done.stdout)
    assert rows[-1]["operation"] == "GET /" and rows[-1]["count"] == 1901
    assert rows[-1]["time"] == "2026-03-01T00:00:00+00:00"


def test_the_whole_system_is_asked_by_none(small_store: et.Store) -> None:
    rows = json.loads(call("measure", "request_rate", "--by", "none", "--last", "1h", "--store", small_store.path,
                           "--json").stdout)
    # the last hour before 00:20 lies in two whole hours; of the earlier one nothing is known
    assert [row["count"] for row in rows] == [None, 1901] and "service" not in rows[0]


def test_a_misspelt_service_is_answered_with_the_nearest(small_store: et.Store) -> None:
    done = call("measure", "error_ratio", "--where", "service=<b>ordres</b>", "--store", small_store.path)
    assert done.exit_code == 1 and "Did you mean: <b>orders</b>?" in done.stderr


def test_readings_are_a_table_and_holes_are_dashes(small_store: et.Store) -> None:
    shown = call("measure", "error_ratio", "--every", "10m", "--last", "40m", "--store", small_store.path).stdout
    rows = [line.split() for line in shown.splitlines() if line.startswith("2026-")]
    assert [row[3] for row in rows][:2] == ["–", "–"]  # noqa: RUF001
    assert "0.111" in shown and "provisional" in shown
