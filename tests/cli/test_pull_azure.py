"""pull-azure: a workspace into the store from the shell, and word of what stood in the way."""

from __future__ import annotations

import ast
import functools
import json
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import erp_telemetry as et
from erp_telemetry.cli import screens
from tests.azure_logs.support import MINUTE, requests
from tests.cli.support import call

pytest.importorskip("duckdb_kql", reason="the loopback needs the extra testing")
pytest.importorskip("azure.identity", reason="azure-identity is not installed: it comes with the extra azure")

from erp_telemetry.testing import LoopbackAzure, faults

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
    assert first.stdout.startswith("azure_logs: 120 requests; 1 slice read, 0 already held")
    assert "\n  window 20" in first.stdout
    again = call(*asked(azure, "--last", "6h", "--store", store, "--json"))
    (row,) = json.loads(again.stdout)
    assert row["is_complete"] and row["rows"] == {} and row["absent"] == [] and row["state"] == "provisional"


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
    (["11111111-2222-4333-8444-555555555555", "--settle", "1e12"], "at most 7 days"),
    (["11111111-2222-4333-8444-555555555555", "--settle", "inf"], "at most 7 days"),
    (["11111111-2222-4333-8444-555555555555", "--settle", "nan"], "a number of minutes"),
    (["11111111-2222-4333-8444-555555555555", "--late", "soon"], "write a count and one of m, h, d, w"),
    (["11111111-2222-4333-8444-555555555555", "--search-reach", "9" * 400 + "d"], "--search-reach"),
    (["11111111-2222-4333-8444-555555555555", "--wait", "601"], "at most 600"),
    (["11111111-2222-4333-8444-555555555555", "--concurrent", "0"], "above 0"),
    (["11111111-2222-4333-8444-555555555555", "--last", "9" * 400 + "d"], "longer than any calendar"),
    (["11111111-2222-4333-8444-555555555555", "--window", "0001-01-01T00:00+14:00/2026-01-01"], "outside of the cal"),
])
def test_a_wrong_call_says_what_is_wrong(arguments: list[str], said: str, tmp_path: Path) -> None:
    refused = call("pull-azure", *arguments, "--store", tmp_path / "erp.duckdb")
    assert refused.exit_code == 2 and said in refused.stderr


def test_limits_of_the_shell_are_those_of_the_pull(azure: LoopbackAzure, tmp_path: Path) -> None:
    azure.misbehave(faults.slow(0.05), of="data")
    done = call(*asked(azure, "--last", "6h", "--store", tmp_path / "erp.duckdb", "--wait", "77", "--concurrent", "1",
                       "--late", "2h", "--search-reach", "90d"))
    assert done.exit_code == 0 and azure.most_at_once == 1
    assert {one.headers["prefer"] for one in azure.asked} == {"wait=77"}


def test_a_window_that_has_not_begun_fails(azure: LoopbackAzure, tmp_path: Path) -> None:
    ahead = f"{NOW + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}/{NOW + timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}"
    done = call(*asked(azure, "--window", ahead, "--store", tmp_path / "erp.duckdb"))
    assert done.exit_code == 1 and "the window has not begun" in done.stdout


def test_rows_that_are_all_set_aside_fail(azure: LoopbackAzure, tmp_path: Path) -> None:
    azure.arrive("AppRequests", FRAME.head(5).with_columns(
        TimeGenerated=pl.lit(NOW - timedelta(hours=30)), _IngestionTime=pl.lit(NOW - timedelta(hours=30)),
        DurationMs=pl.lit(-1.0)))
    window = f"{NOW - timedelta(hours=40):%Y-%m-%dT%H:%M:%SZ}/{NOW - timedelta(hours=20):%Y-%m-%dT%H:%M:%SZ}"
    done = call(*asked(azure, "--window", window, "--store", tmp_path / "erp.duckdb"))
    assert done.exit_code == 1 and "5 set aside" in done.stdout and "every row was set aside" in done.stdout


def test_a_refused_pull_leaves_no_store_behind(azure: LoopbackAzure, tmp_path: Path) -> None:
    azure.is_permitted = False
    call(*asked(azure, "--store", tmp_path / "erp.duckdb"))
    assert list(tmp_path.iterdir()) == []
    et.Store(tmp_path / "old.duckdb").ledger()
    call(*asked(azure, "--store", tmp_path / "old.duckdb"))
    assert (tmp_path / "old.duckdb").exists(), "a store that was there is not ours to remove"


def test_a_table_that_is_not_there_is_named(azure: LoopbackAzure, tmp_path: Path) -> None:
    refused = call(*asked(azure, "--table", "AppTraces", "--store", tmp_path / "erp.duckdb"))
    assert refused.exit_code == 1 and "has no table AppTraces" in refused.stderr


def test_a_table_is_left_out(azure: LoopbackAzure, tmp_path: Path) -> None:
    arguments = [part for part in asked(azure, "--last", "6h", "--store", tmp_path / "erp.duckdb", "--json")
                 if part not in ("--table", "AppRequests")]
    refused = call(*arguments, "--without", "AppRequests")
    assert refused.exit_code == 1 and "has none of the" in refused.stderr
    assert not any("AppRequests" in one.query for one in azure.asked)
    (row,) = json.loads(call(*arguments, "--without", "AppTraces").stdout)
    assert row["rows"] == {"requests": 120} and "AppTraces" not in row["absent"] and "AppEvents" in row["absent"]


@pytest.mark.parametrize(("held", "said"), [
    ("no PEM", "--authority is no PEM of authorities: "), (None, "--authority is no file: ")])
def test_an_authority_that_is_none_is_named(held: str | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    if held is not None:
        file.write_text(held, encoding="ascii")
    refused = call("pull-azure", "11111111-2222-4333-8444-555555555555", "--authority", file)
    assert refused.exit_code == 2 and said in refused.stderr and "authority.pem" in refused.stderr


def dead() -> str:
    """An endpoint where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"https://127.0.0.1:{probe.getsockname()[1]}"


BARRED = {
    "a wrong workspace": (lambda azure: ["--last", "6h"], "give the Workspace ID of its Overview page"),
    "an expired credential": (lambda azure: azure.expire_tokens() or [], "sign in again (az login); for another cloud "
                                                                         "give --endpoint, and sign in to it"),
    "no permission": (lambda azure: setattr(azure, "is_permitted", False) or [], "ask for the role"),
    "no network": (lambda azure: ["--endpoint", dead()], "no connection (Connection refused) (2 times): check the net"),
    "a page of a proxy": (lambda azure: azure.misbehave(faults.html()) or [], "a proxy or a sign-in page stands in"),
    "a proxy that opens TLS": (lambda azure: ["--authority", ""], "give its authority by --authority authority.pem"),
    "an answer that breaks off": (lambda azure: azure.misbehave(faults.truncated()) or [], "the connection broke ("),
    "a workspace without data": (lambda azure: azure.misbehave(faults.no_content()) or [], "that diagnostic settings"),
}


@pytest.mark.parametrize("name", BARRED)
def test_each_way_that_is_barred_is_one_line_with_what_to_do(
    name: str, azure: LoopbackAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(et, "AzureLimits", functools.partial(et.AzureLimits, tries=2, pause_seconds=0.01))
    prepare, said = BARRED[name]
    arguments = [*asked(azure, "--store", tmp_path / "erp.duckdb"), *prepare(azure)]
    if name == "a wrong workspace":
        arguments[1] = "00000000-0000-0000-0000-000000000000"
    if name == "a proxy that opens TLS":
        at = arguments.index("--authority")
        arguments = [*arguments[:at], *arguments[at + 2:-2]]
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda: azure.credential)
    if name == "an expired credential":
        # the loopback's own sign-in gives a new token at once: this one keeps the old
        monkeypatch.setattr("azure.identity.DefaultAzureCredential", Stale)
    refused = call(*arguments)
    assert refused.exit_code == 1 and refused.stdout == ""
    assert len(refused.stderr.strip().splitlines()) == 1 and said in refused.stderr, refused.stderr
    assert len(refused.stderr) < 420 and "Traceback" not in refused.stderr and "=" not in refused.stderr


class Stale:
    """Keeps giving a token that was issued before all of them expired."""

    def get_token(self, *scopes: str, **options: object) -> object:
        from erp_telemetry.testing.tokens import Tokens

        return Tokens().issue(scopes[0])


def test_a_proxy_that_wants_a_user_is_one_line(
    azure: LoopbackAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(et, "AzureLimits", functools.partial(et.AzureLimits, tries=2, pause_seconds=0.01))
    monkeypatch.setenv("HTTPS_PROXY", dead().replace("https:", "http:"))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    refused = call(*asked(azure, "--store", tmp_path / "erp.duckdb"))
    assert refused.exit_code == 1 and len(refused.stderr.strip().splitlines()) == 1
    assert "the proxy does not let the sign-in through (Connection refused)" in refused.stderr
    assert "check HTTPS_PROXY" in refused.stderr


def test_what_is_missing_is_told_and_fails(azure: LoopbackAzure, tmp_path: Path) -> None:
    azure.misbehave(faults.timed_out(), of=("plan", "count"))
    strict = call(*asked(azure, "--last", "6h", "--store", tmp_path / "erp.duckdb"))
    assert strict.exit_code == 1 and "or with --allow-partial keep the rest" in strict.stderr
    lenient = call(*asked(azure, "--last", "6h", "--store", tmp_path / "erp.duckdb", "--allow-partial"))
    assert lenient.exit_code == 1 and "  missing AppRequests 20" in lenient.stdout
    (row,) = json.loads(call(*asked(azure, "--last", "6h", "--store", tmp_path / "erp.duckdb", "--allow-partial",
                                    "--json")).stdout)
    assert not row["is_complete"] and row["missing"][0].startswith("AppRequests 20")
    assert row["outlook"].startswith("the window is not over")


def test_no_advice_names_an_argument_of_python() -> None:
    folder = Path(et.__file__).parent / "sources"
    arguments = re.compile(
        r"\b(allow_partial|connection_verify|credential|endpoint|tables|without|limits|concurrent|search_reach)=")
    found = [screens.typed(node.value) for file in sorted(folder.glob("azure_*.py"))
             for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
             if isinstance(node, ast.Constant) and isinstance(node.value, str) and arguments.search(node.value)]
    assert found and [text for text in found if arguments.search(text)] == []
