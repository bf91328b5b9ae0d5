"""logs: what services wrote."""

from __future__ import annotations

import json

import erp_telemetry as et
from tests.cli.conftest import EMAIL, PASSWORD
from tests.cli.support import call


def test_as_json_it_is_the_four_tables_of_the_analysis(telling_store: et.Store) -> None:
    tables = json.loads(call("logs", "--store", telling_store.path, "--json").stdout)
    assert list(tables) == ["volume", "drift", "templates", "retention"]
    assert {row["level"]: row["count"] for row in tables["volume"]} == {"error": 2, "information": 8}
    assert tables["templates"][0]["template"] == "Order created"


def test_the_screen_says_volume_templates_and_what_keeping_less_would_save(telling_store: et.Store) -> None:
    done = call("logs", "--store", telling_store.path)
    assert done.exit_code == 0
    words = [line.split() for line in done.stdout.splitlines()]
    assert ["orders", "information", "8"] in [line[:3] for line in words]
    assert "(the log brings no template)" in done.stdout and "80 %" in done.stdout
    assert "no raw row is older than 7 days" in done.stdout


def test_messages_of_the_samples_come_without_their_secrets(telling_store: et.Store) -> None:
    hidden = call("logs", "--store", telling_store.path, "--json")
    assert EMAIL not in hidden.stdout and PASSWORD not in hidden.stdout
    assert "hidden (1 connection string, 1 email); --secrets shows them" in hidden.stderr
    shown = call("logs", "--store", telling_store.path, "--json", "--secrets")
    assert EMAIL in shown.stdout and PASSWORD in shown.stdout and shown.stderr == ""


def test_a_misspelt_service_is_answered_with_the_nearest(telling_store: et.Store) -> None:
    done = call("logs", "--service", "ordres", "--store", telling_store.path)
    assert done.exit_code == 1 and "Did you mean: orders?" in done.stderr


def test_one_service_of_the_samples(sample_store: et.Store) -> None:
    done = call("logs", "--service", "sales", "--last", "14d", "--store", sample_store.path)
    assert done.exit_code == 0, done.stderr
    assert "sales" in done.stdout and "orders" not in done.stdout
    assert "drift by service and level" in done.stdout and "Top templates" in done.stdout


def test_a_window_without_logs_says_so(telling_store: et.Store) -> None:
    done = call("logs", "--window", "2026-02-01/2026-02-02", "--store", telling_store.path)
    assert done.exit_code == 0 and "no log event in" in done.stdout
