"""Refusals: whatever stands between a pull and its workspace is one line that says what to do."""

from __future__ import annotations

import socket
import sys
from dataclasses import replace
from typing import Any

import pytest

import erp_telemetry as et

from .conftest import Opening
from .support import (
    DAY,
    HOUR,
    MINUTE,
    MORNING,
    closed_port,
    every,
    limits,
    refusal,
    requests,
    source,
    spans,
    wanted,
)

pytest.importorskip("duckdb_kql", reason="the loopback needs the extra testing")

from erp_telemetry.testing import faults
from erp_telemetry.testing.answers import Reply
from erp_telemetry.testing.faults import Fault


class Stranger:
    """Signs in for another audience than it is asked to."""

    def __init__(self, credential: Any) -> None:
        self.credential = credential

    def get_token(self, *scopes: str, **options: Any) -> Any:
        return self.credential.get_token("https://management.azure.com/.default", **options)


class Stale:
    """Signs in once, and then has nothing but that token."""

    def __init__(self, credential: Any) -> None:
        self.token, self.asked = credential.get_token("https://api.loganalytics.io/.default"), 0

    def get_token(self, *scopes: str, **options: Any) -> Any:
        self.asked += 1
        return self.token


class SignedOut:
    """As a credential of the SDK that finds nobody signed in."""

    def get_token(self, *scopes: str, **options: Any) -> Any:
        from azure.core.exceptions import ClientAuthenticationError

        raise ClientAuthenticationError("Please run 'az login' to set up an account\nand so on")


def test_a_wrong_workspace(opened: Opening) -> None:
    azure = opened(AppRequests=requests([DAY]))
    line = refusal(replace(source(azure), workspace="00000000-0000-0000-0000-000000000000"), et.SourceError)
    assert "no workspace 00000000" in line and "give the Workspace ID of its Overview page" in line
    assert len(azure.asked) == 1


@pytest.mark.parametrize("name", ["prod-logs", "/subscriptions/1/resourceGroups/2", ""])
def test_a_workspace_that_is_no_guid(name: str) -> None:
    with pytest.raises(ValueError, match="workspace is the Workspace ID of its Overview page, a GUID"):
        et.AzureLogs(name)


def test_an_expired_credential_is_not_asked_a_thousand_times(opened: Opening) -> None:
    azure = opened(AppRequests=requests(every(MINUTE)))
    stale = Stale(azure.credential)
    store, small = et.Store(), source(azure, limits=limits(rows=60, concurrent=1), credential=stale)

    def expire(at: et.Progress) -> None:
        assert at.expected_slices > 10
        if at.slices == 2:
            azure.expire_tokens()

    with pytest.raises(et.SourceUnreachable, match=r"the token is refused \(401.*sign in again \(az login\)"):
        et.pull(small, store, MORNING, progress=expire)
    # two slices at most are under way, each asked for twice; a request that is cut off has no query
    assert sum(one.status == 401 and bool(one.query) for one in azure.asked) <= 4 and stale.asked <= 6
    assert 2 <= store.ledger().height <= 3, "what was read before stays"


def test_a_missing_permission(opened: Opening) -> None:
    azure = opened(AppRequests=requests([DAY]))
    azure.is_permitted = False
    assert "ask for the role Log Analytics Reader; a new role takes up to an hour" in refusal(source(azure))
    assert len(azure.asked) == 1


def test_tokens_of_another_audience(opened: Opening) -> None:
    azure = opened(AppRequests=requests([DAY]))
    line = refusal(replace(source(azure), credential=Stranger(azure.credential)))
    assert "the token is refused" in line and "whose tokens are for the Log Analytics API" in line


def test_nobody_signed_in(opened: Opening) -> None:
    line = refusal(replace(source(opened(AppRequests=requests([DAY]))), credential=SignedOut()))
    assert "sign-in failed (Please run 'az login' to set up an account)" in line and "sign in again" in line


def test_no_network(opened: Opening) -> None:
    away = replace(source(opened()), endpoint=f"https://127.0.0.1:{closed_port()}")
    assert "check the network and the endpoint" in refusal(away)


def test_a_proxy_that_does_not_answer(opened: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    azure = opened(AppRequests=requests([DAY]))
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert "a proxy stands in the way: check HTTPS_PROXY" in refusal(source(azure))


def test_a_proxy_that_opens_tls(opened: Opening) -> None:
    line = refusal(replace(source(opened(AppRequests=requests([DAY]))), connection_verify=True))
    assert "its certificate is not trusted" in line and "connection_verify='authority.pem'" in line


def test_a_name_that_nobody_knows_is_not_looked_up_for_minutes(
    opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def unknown(host: str, *more: Any, **options: Any) -> Any:
        asked.append(host)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    line = refusal(source(opened(), endpoint="https://api.loganalytics.example", limits=limits(tries=6)))
    assert "no connection (Name or service not known) (2 times): check the network and the endpoint" in line
    assert asked == ["api.loganalytics.example"] * 2


def test_a_page_is_asked_for_twice_until_the_service_has_answered(opened: Opening) -> None:
    frame = requests(every(HOUR))
    azure = opened(AppRequests=frame)
    azure.misbehave(faults.html())
    line = refusal(source(azure, limits=limits(tries=6)))
    assert "a web page where an answer was expected (2 times): a proxy or a sign-in page stands in" in line
    assert len(azure.asked) == 2
    azure.behave()
    azure.misbehave(faults.html(), of="plan", times=4)
    store = et.Store()
    et.pull(source(azure, limits=limits(tries=6)), store, MORNING)
    assert spans(store) == wanted(frame), "what answered once may answer again"


@pytest.mark.parametrize(("status", "body", "says"), [
    (404, b"", "nothing is there (404), which is not what the service says of a workspace: check the endpoint"),
    (404, b'{"message": "no route"}', 'nothing is there (404 {"message": "no route"})'),
    (404, b"<html>Not Found</html>", "a web page where an answer was expected (404): a proxy or a sign-in page"),
    (403, b"<!DOCTYPE html><p>Blocked", "a web page where an answer was expected (403)"),
    (401, b"<html>Sign in", "a web page where an answer was expected (401)"),
])
def test_what_the_service_never_says_is_not_laid_to_it(opened: Opening, status: int, body: bytes, says: str) -> None:
    azure = opened(AppRequests=requests([DAY]))
    azure.misbehave(Fault("another server", instead=Reply(status, body)))
    line = refusal(source(azure))
    assert line.startswith(azure.endpoint) and says in line and "workspace 1111" not in line
    assert len(azure.asked) == 1


def test_azure_identity_is_wanted_only_without_a_credential(
    opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    azure = opened(AppRequests=requests([DAY]))
    assert et.pull(source(azure), et.Store(), MORNING).is_complete
    line = refusal(replace(source(azure), credential=None), et.SourceError)
    assert "pip install 'erp-telemetry[azure]', or pass credential=" in line


def test_a_table_nobody_has_a_query_for() -> None:
    with pytest.raises(ValueError, match=r"no query in queries/azure reads 'AppRequest'. Did you mean: AppRequests"):
        et.AzureLogs("00000000-0000-0000-0000-000000000000", tables=("AppRequest",))


def test_a_credential_is_not_shown(opened: Opening) -> None:
    assert "redential" not in repr(source(opened()))


def test_a_source_is_asked_again_after_it_failed(opened: Opening) -> None:
    frame = requests(every(HOUR))
    azure = opened(AppRequests=frame)
    asked, store = source(azure), et.Store()
    azure.is_permitted = False
    refusal(asked)
    azure.is_permitted = True
    et.pull(asked, store, MORNING)
    assert spans(store) == wanted(frame)
