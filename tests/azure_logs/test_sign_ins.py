"""Sign-ins by the credentials of azure-identity themselves, over TLS, against the authority of the loopback."""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import erp_telemetry as et

from .conftest import Opening
from .support import DAY, HOUR, MORNING, closed_port, every, refusal, requests, source, spans, wanted

pytest.importorskip("azure.identity", reason="azure-identity is not installed: it comes with the extra azure")

from azure.identity import AzureCliCredential, ClientSecretCredential, EnvironmentCredential

if TYPE_CHECKING:
    from erp_telemetry.testing import LoopbackAzure

OTHER = "99999999-4444-4555-8666-777777777777"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """No identity of the machine the tests run on, nor a tool that has one."""
    for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET", "AUTHORITY_HOST", "CLIENT_CERTIFICATE_PATH", "USERNAME",
                 "PASSWORD", "FEDERATED_TOKEN_FILE", "TOKEN_CREDENTIALS"):
        monkeypatch.delenv(f"AZURE_{name}", raising=False)
    for name in ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))


def secret(azure: LoopbackAzure, **changed: str) -> ClientSecretCredential:
    told = {"tenant_id": azure.tenant, "client_id": azure.client_id, "client_secret": azure.client_secret,
            "authority": azure.endpoint} | changed
    return ClientSecretCredential(
        **told, disable_instance_discovery=True, connection_verify=azure.certificate, retry_total=0)


def set_environment(azure: LoopbackAzure, patch: pytest.MonkeyPatch, **changed: str) -> None:
    """What a machine is told of an application; of the tenant ``adfs`` nothing is asked of Microsoft."""
    told = {"AZURE_TENANT_ID": "adfs", "AZURE_CLIENT_ID": azure.client_id, "AZURE_CLIENT_SECRET": azure.client_secret,
            "AZURE_AUTHORITY_HOST": azure.endpoint, "REQUESTS_CA_BUNDLE": azure.certificate} | changed
    for name, value in told.items():
        patch.setenv(name, value)


def test_a_client_secret_signs_in(opened: Opening) -> None:
    frame = requests(every(HOUR))
    azure = opened(AppRequests=frame)
    store = et.Store()
    et.pull(replace(source(azure), credential=secret(azure)), store, MORNING)
    assert spans(store) == wanted(frame)


def test_an_environment_signs_in(opened: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    azure = opened(AppRequests=requests([DAY]))
    set_environment(azure, monkeypatch)
    asked = replace(source(azure), credential=EnvironmentCredential())
    assert et.pull(asked, et.Store(), MORNING).rows == {"requests": 1}


def test_who_names_nobody_signs_in_as_the_machine_does(opened: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    azure = opened(AppRequests=requests([DAY]))
    set_environment(azure, monkeypatch)
    asked = replace(source(azure), credential=None)
    assert et.pull(asked, et.Store(), MORNING).rows == {"requests": 1}


def test_nobody_signed_in(opened: Opening, capfd: pytest.CaptureFixture[str]) -> None:
    line = refusal(replace(source(opened(AppRequests=requests([DAY]))), credential=None))
    assert "nobody is signed in on this machine: run az login, or set AZURE_TENANT_ID" in line
    assert capfd.readouterr() == ("", "")


def test_a_tool_that_is_not_there(opened: Opening) -> None:
    line = refusal(replace(source(opened(AppRequests=requests([DAY]))), credential=AzureCliCredential()))
    assert "nobody is signed in (Azure CLI not found on path): run az login" in line


@pytest.mark.parametrize(("changed", "said"), [
    ({"client_secret": "no"}, "(AADSTS7000215: Invalid client secret provided): AZURE_CLIENT_SECRET is the value of"),
    ({"client_id": OTHER}, "was not found in the directory 'Loopback'): the application is not in this tenant: check"),
    ({"tenant_id": OTHER}, f"/{OTHER}): there is no such tenant: check AZURE_TENANT_ID, and AZURE_AUTHORITY_HOST"),
])
def test_a_client_that_is_refused(opened: Opening, changed: dict[str, str], said: str) -> None:
    azure = opened(AppRequests=requests([DAY]))
    assert said in refusal(replace(source(azure), credential=secret(azure, **changed)))
    assert azure.asked == [], "who is not signed in asks nothing"


def test_a_secret_that_expired(opened: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    azure = opened(AppRequests=requests([DAY]))
    azure.expire_secret()
    told = f"keys for app '{azure.client_id}' are expired): the client secret is too old: make a new one in the portal"
    assert told in refusal(replace(source(azure), credential=secret(azure)))
    set_environment(azure, monkeypatch)
    assert told in refusal(replace(source(azure), credential=None))


def test_a_token_that_expired_while_the_secret_did(opened: Opening) -> None:
    azure = opened(AppRequests=requests(every(HOUR)))
    asked, store = replace(source(azure), credential=secret(azure)), et.Store()
    et.pull(asked, store, et.Window(DAY, DAY + 6 * HOUR))
    azure.expire_tokens()
    azure.expire_secret()
    assert "the token is refused (401" in refusal(asked)
    assert len(spans(store)) == 6, "what was read before stays"


def test_an_authority_nobody_reaches(opened: Opening) -> None:
    azure = opened(AppRequests=requests([DAY]))
    port = closed_port()
    away = secret(azure, authority=f"https://127.0.0.1:{port}")
    line = refusal(replace(source(azure), credential=away))
    assert line.startswith(f"127.0.0.1:{port}: no way to the sign-in (") and azure.endpoint not in line
    assert line.endswith("check the network, and HTTPS_PROXY where one is needed")


def test_an_authority_nobody_trusts(opened: Opening) -> None:
    azure = opened(AppRequests=requests([DAY]))
    distrustful = ClientSecretCredential(azure.tenant, azure.client_id, azure.client_secret, authority=azure.endpoint,
                                         disable_instance_discovery=True, retry_total=0)
    line = refusal(replace(source(azure), credential=distrustful))
    assert "the certificate of the sign-in is not trusted: " in line and "REQUESTS_CA_BUNDLE" in line


@pytest.mark.parametrize("changed", [{"AZURE_TENANT_ID": "a b"}, {"AZURE_AUTHORITY_HOST": "http://127.0.0.1"}])
def test_an_environment_that_cannot_be(
    opened: Opening, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]
) -> None:
    azure = opened(AppRequests=requests([DAY]))
    set_environment(azure, monkeypatch, **changed)
    line = refusal(replace(source(azure), credential=None), et.SourceError)
    assert "check AZURE_TENANT_ID and AZURE_AUTHORITY_HOST" in line


def test_a_log_that_is_set_up_is_told_all(opened: Opening, caplog: pytest.LogCaptureFixture) -> None:
    azure = opened(AppRequests=requests([DAY]))
    with caplog.at_level(logging.WARNING, "azure.identity"):
        refusal(replace(source(azure), credential=secret(azure, client_secret="no")))
    assert "AADSTS7000215" in caplog.text


def test_azure_identity_is_imported_only_where_nobody_is_named() -> None:
    script = """
import sys
import erp_telemetry as et
from erp_telemetry.sources.azure_wire import Wire
asked = et.AzureLogs("00000000-0000-0000-0000-000000000000", credential, endpoint="https://127.0.0.1:9",
                     limits=et.AzureLimits(tries=1))
print("azure.identity" in sys.modules)
try:
    et.pull(asked, et.Store(), et.Window.last(days=1))
except et.SourceUnreachable:
    print("azure.identity" in sys.modules)
"""
    named = "from erp_telemetry.testing.tokens import Credential, Tokens\ncredential = Credential(Tokens())"
    for begin, told in ((named, "False\nFalse\n"), ("credential = None", "False\nTrue\n")):
        ran = subprocess.run([sys.executable, "-c", begin + script], capture_output=True, text=True, timeout=60)
        assert ran.stdout == told, ran.stderr
