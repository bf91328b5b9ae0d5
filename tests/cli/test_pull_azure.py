"""pull-azure: a workspace into the store from the shell, and word of what stood in the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.azure_logs.support import MINUTE, requests
from tests.cli.support import call

pytest.importorskip("duckdb_kql", reason="the loopback needs the extra testing")
pytest.importorskip("azure.identity", reason="azure-identity is not installed: it comes with the extra azure")

from erp_telemetry.testing import LoopbackAzure

NOW = datetime.now(UTC).replace(microsecond=0)
FRAME = requests([NOW - timedelta(hours=3) + MINUTE * number for number in range(120)])


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackAzure]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with LoopbackAzure({"AppRequests": FRAME}) as made:
        # what a machine is told of an application that may read; of the tenant adfs nothing is asked of Microsoft
        for name, value in (("AZURE_TENANT_ID", "adfs"), ("AZURE_CLIENT_ID", made.client_id),
                            ("AZURE_CLIENT_SECRET", made.client_secret), ("AZURE_AUTHORITY_HOST", made.endpoint),
                            ("REQUESTS_CA_BUNDLE", made.certificate)):
            monkeypatch.setenv(name, value)
        yield made


def asked(azure: LoopbackAzure, *more: object) -> list[object]:
    return ["pull-azure", azure.workspace, "--endpoint", azure.endpoint, "--authority", azure.certificate,
            "--table", "AppRequests", *more]


def test_a_workspace_is_pulled_and_nothing_twice(azure: LoopbackAzure, tmp_path: Path) -> None:
    store = tmp_path / "erp.duckdb"
    first = call(*asked(azure, "--last", "6h", "--store", store))
    assert first.exit_code == 0, first.stderr
    assert first.stdout.startswith("azure_logs: 120 requests; 1 slices read, 0 already held")
    again = call(*asked(azure, "--last", "6h", "--store", store, "--json"))
    (row,) = json.loads(again.stdout)
    assert row["is_complete"] and row["rows"] == {} and row["absent"] == []


def test_what_stands_in_the_way_is_one_line(azure: LoopbackAzure, tmp_path: Path) -> None:
    azure.is_permitted = False
    refused = call(*asked(azure, "--store", tmp_path / "erp.duckdb"))
    assert refused.exit_code == 1 and len(refused.stderr.strip().splitlines()) == 1
    assert "ask for the role Log Analytics Reader" in refused.stderr


def test_a_secret_that_expired_is_one_line(azure: LoopbackAzure, tmp_path: Path) -> None:
    azure.expire_secret()
    refused = call(*asked(azure, "--store", tmp_path / "erp.duckdb"))
    assert refused.exit_code == 1 and len(refused.stderr.strip().splitlines()) == 1
    assert "the client secret is too old: make a new one in the portal" in refused.stderr


@pytest.mark.parametrize(("arguments", "said"), [
    (["prod-logs"], "a GUID"), (["11111111-2222-4333-8444-555555555555", "--table", "AppRequest"], "Did you mean"),
    (["11111111-2222-4333-8444-555555555555", "--last", "7d", "--window", "2026-03-01/2026-03-02"], "not both"),
    (["11111111-2222-4333-8444-555555555555", "--settle", "-1"], "0 or more"),
])
def test_a_wrong_call_says_what_is_wrong(arguments: list[str], said: str, tmp_path: Path) -> None:
    refused = call("pull-azure", *arguments, "--store", tmp_path / "erp.duckdb")
    assert refused.exit_code == 2 and said in refused.stderr


def test_a_table_that_is_not_there_is_named(azure: LoopbackAzure, tmp_path: Path) -> None:
    refused = call(*asked(azure, "--table", "AppTraces", "--store", tmp_path / "erp.duckdb"))
    assert refused.exit_code == 1 and "has no table AppTraces" in refused.stderr
