"""explain at the shell: a row of the scorecard, one step of a measure, the SQL alone, and clear refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import erp_telemetry as et
from tests.cli.support import WINDOW, call

SERVICE = "<b>orders</b>"


def test_a_row_of_the_scorecard_is_explained(small_store: et.Store) -> None:
    done = call("explain", "error_ratio", "--service", SERVICE, "--window", WINDOW, "--store", small_store.path)
    assert done.exit_code == 0, done.stderr
    row = next(row for row in et.score(small_store, et.Window.parse(WINDOW)).to_dicts()
               if (row["kpi"], row["service"]) == ("error_ratio", SERVICE))
    assert done.stdout.splitlines() == str(et.explain(small_store, row, et.Window.parse(WINDOW))).splitlines()
    assert "1,901 weighted observations, 19.02 effective, 20 rows" in done.stdout
    assert f"({row['value']!r})" in done.stdout


def test_without_a_service_it_is_the_whole_system(small_store: et.Store) -> None:
    shown = call("explain", "mttd", "--last", "20m", "--store", small_store.path).stdout
    assert shown.startswith("mttd of the whole system, 2026-03-01 00:00 to 00:20 UTC")
    # markup and escape sequences of a title are shown as text
    assert "INC-1" in shown and "<script>" in shown and "\x1b" not in shown and "[red]" in shown


def test_one_step_of_a_measure_as_json_runs_again(small_store: et.Store) -> None:
    done = call("explain", "request_rate", "--service", SERVICE, "--at", "2026-03-01T00:07:30Z", "--every", "5m",
                "--store", small_store.path, "--json")
    (made,) = json.loads(done.stdout)
    assert made["window"] == {"start": "2026-03-01T00:05:00+00:00", "stop": "2026-03-01T00:10:00+00:00"}
    assert made["value"] == 500 / 300 and made["n"] == 500 and made["wanted"] is None
    (asked,) = made["inputs"]
    assert asked["sql"] == _explained(small_store, "request_rate", "2026-03-01T00:05:00Z/2026-03-01T00:10:00Z").sql
    assert asked["parameters"]["own_service"] == SERVICE
    assert set(made["hashes"]) == {"definition", "input", "ledger", "answer"}


def _explained(store: et.Store, name: str, span: str) -> et.Explanation:
    window = et.Window.parse(span)
    return et.explain(store, et.measure(store, name, window, "5m").head(1), window, "5m")


def test_the_sql_alone_runs_where_it_is_pasted(small_store: et.Store, tmp_path: Path) -> None:
    done = call("explain", "error_ratio", "--service", SERVICE, "--at", "2026-03-01T00:00Z", "--every", "5m",
                "--store", small_store.path, "--sql")
    made = _explained(small_store, "error_ratio", "2026-03-01T00:00:00Z/2026-03-01T00:05:00Z")
    assert done.stdout.strip() == made.sql
    assert small_store.sql(done.stdout, **made.parameters)["value"][0] == made.value == 0.0


@pytest.mark.parametrize(("every", "zone", "start", "stop"), [
    ("1h", "UTC", "2026-03-01T00:00:00+00:00", "2026-03-01T01:00:00+00:00"),
    ("1d", "Asia/Kolkata", "2026-02-28T18:30:00+00:00", "2026-03-01T18:30:00+00:00"),
    ("1mo", "Europe/Amsterdam", "2026-02-28T23:00:00+00:00", "2026-03-31T22:00:00+00:00"),
])
def test_a_step_begins_where_the_clock_or_the_calendar_says(
    every: str, zone: str, start: str, stop: str, small_store: et.Store
) -> None:
    done = call("explain", "error_ratio", "--at", "2026-03-01T00:05Z", "--every", every, "--zone", zone,
                "--store", small_store.path, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)[0]["window"] == {"start": start, "stop": stop}


def test_a_percentile_can_be_exact_and_by_operation(small_store: et.Store) -> None:
    asked = ("explain", "latency_p99", "--where", "operation=GET /", "--at", "2026-03-01T00:05Z", "--every", "1h",
             "--store", small_store.path)
    (made,) = json.loads(call(*asked, "--json").stdout)
    assert made["definition"]["file"] == "queries/exact/latency.sql" and made["value"] == 10.0
    assert made["key"] == {"operation": "GET /"}
    (whole,) = json.loads(call("explain", "latency_p99", "--exact", "--at", "2026-03-01T00:05Z", "--every", "1h",
                               "--store", small_store.path, "--json").stdout)
    assert (whole["value"], whole["key"]) == (10.0, {})


@pytest.mark.parametrize(("arguments", "code", "said"), [
    (("uptimes",), 1, "'uptimes' is no KPI. KPIs: uptime"),
    (("apdex",), 1, "give --at and --every"),
    (("uptime", "--service", "nobody"), 1, "no uptime of nobody; there is one of: whole system, <b>orders</b>"),
    (("apdex", "--at", "2026-03-01T00:05Z"), 2, "go together"),
    (("apdex", "--every", "5m"), 2, "go together"),
    (("apdex", "--at", "2026-03-01T00:05", "--every", "5m"), 2, "has no time zone"),
    (("apdex", "--at", "2026-03-01T00:05Z", "--every", "2w"), 2, "give --window too"),
    (("apdex", "--at", "2026-03-01T09:05Z", "--every", "5m", "--window", WINDOW), 2, "is not in"),
    (("error_ratio", "--exact"), 2, "a row of the scorecard has a service and no more"),
    (("cpu_ratio", "--at", "2026-03-01T00:05Z", "--every", "5m", "--service", "x"), 1, "was ever pulled"),
    (("apdex", "--at", "2026-03-01T00:05Z", "--every", "nonsense"), 2, "steps of nonsense"),
])
def test_what_cannot_be_explained_is_refused_in_one_line(
    arguments: tuple[str, ...], code: int, said: str, small_store: et.Store
) -> None:
    done = call("explain", *arguments, "--store", small_store.path)
    assert done.exit_code == code and said in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1 and done.stdout == ""
