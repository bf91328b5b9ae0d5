"""incidents: what went wrong in a window."""

from __future__ import annotations

import json

import erp_telemetry as et
from tests.cli.conftest import EMAIL
from tests.cli.support import call


def test_incidents_are_listed_with_their_spans(telling_store: et.Store) -> None:
    done = call("incidents", "--store", telling_store.path)
    assert done.exit_code == 0
    full = next(line for line in done.stdout.splitlines() if line.startswith("Disk full"))
    assert "2 m" in full and "5 m" in full and "2026-03-01 00:07" in full
    assert "still open" in done.stdout


def test_open_leaves_out_what_is_over(telling_store: et.Store) -> None:
    rows = json.loads(call("incidents", "--open", "--store", telling_store.path, "--json").stdout)
    assert [(row["id"], row["is_open"], row["impact_end"]) for row in rows] == [("INC-1", True, None)]


def test_as_json_an_incident_has_moments_and_seconds(telling_store: et.Store) -> None:
    rows = json.loads(call("incidents", "--store", telling_store.path, "--json").stdout)
    full = next(row for row in rows if row["id"] == "INC-2")
    assert full["impact_start"] == "2026-03-01T00:00:00+00:00" and full["services"] == ["orders"]
    assert (full["time_to_detect_s"], full["time_to_repair_s"]) == (120.0, 300.0)


def test_secrets_in_titles_are_hidden_and_counted_unless_asked(telling_store: et.Store) -> None:
    for more in ((), ("--json",)):
        hidden = call("incidents", "--store", telling_store.path, *more)
        assert EMAIL not in hidden.output
        assert hidden.stderr == "1 secret hidden (1 email); --secrets shows them\n"
        shown = call("incidents", "--store", telling_store.path, "--secrets", *more)
        assert EMAIL in shown.stdout and shown.stderr == ""


def test_a_window_without_incidents_says_so(telling_store: et.Store) -> None:
    done = call("incidents", "--window", "2026-02-01/2026-02-02", "--store", telling_store.path)
    assert done.exit_code == 0
    assert done.stdout == "no incident on record in 2026-02-01T00:00:00Z/2026-02-02T00:00:00Z\n"


def test_the_samples_hold_six(sample_store: et.Store) -> None:
    asked = ("incidents", "--last", "30d", "--store", sample_store.path, "--json")
    assert len(json.loads(call(*asked).stdout)) == 6
