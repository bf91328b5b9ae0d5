"""Arguments of AzureLogs and AzureLimits: what cannot be is refused at once, in words."""

from __future__ import annotations

import shutil
import subprocess
import uuid
import warnings
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import erp_telemetry as et
from erp_telemetry.testing.tokens import Credential, Tokens

from .conftest import Opening
from .support import DAY, HOUR, MORNING, every, refusal, requests, source, spans, wanted

WORKSPACE = "00000000-0000-0000-0000-000000000000"
SECRET = "Kq8~aVerySecretClientSecretOfNobody0123456"
NAN, INFINITE = float("nan"), float("inf")


class Awaited:
    """As the credentials of azure.identity.aio."""

    async def get_token(self, *scopes: str, **options: Any) -> Any:
        raise AssertionError("never awaited")


@pytest.mark.parametrize(("wrong", "says"), [
    ({"workspace": None}, "workspace is text, the GUID of its Overview page, not NoneType"),
    ({"workspace": uuid.UUID(WORKSPACE)}, "not UUID"),
    ({"credential": SECRET}, r"an object with get_token, such as DefaultAzureCredential\(\), not str$"),
    ({"credential": Credential}, "not the class Credential itself"),
    ({"credential": Awaited()}, r"is awaited \(Awaited\): give the one of azure.identity"),
    ({"tables": 5}, r"tables are names of Azure tables, such as tables=\('AppRequests',\), not int"),
    ({"tables": b"AppRequests"}, "not bytes"), ({"tables": ("AppRequests", 5)}, "not tuple"),
    ({"without": None}, "without are names of Azure tables"), ({"limits": 5}, r"limits are AzureLimits\(…\), not int"),
    ({"limits": et.AzureLimits}, "not the class AzureLimits itself"), ({"allow_partial": "no"}, "not str"),
    ({"allow_partial": 1}, "allow_partial is True or False, not int"), ({"endpoint": None}, "endpoint is text"),
    ({"connection_verify": None}, "connection_verify is True, False, or the path"), ({"connection_verify": 1}, "int"),
])
def test_arguments_of_another_type(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(TypeError, match=says) as caught:
        et.AzureLogs(**{"workspace": WORKSPACE} | wrong)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(("wrong", "says"), [
    ({"workspace": f"{WORKSPACE}\n"}, "workspace is the Workspace ID"),
    ({"tables": ()}, "tables is empty"), ({"tables": iter(())}, "tables is empty"),
    ({"tables": "AppRequest"}, r"no query in queries/azure reads 'AppRequest'. Did you mean: AppRequests"),
    ({"without": "AppRequest"}, "reads 'AppRequest'. Did you mean: AppRequests"),
    ({"tables": "AppRequests", "without": "AppRequests"}, "without leaves no table to pull"),
    ({"endpoint": "http://127.0.0.1"}, "a token is sent over https only, not to 'http://127.0.0.1'"),
    ({"endpoint": "api.loganalytics.us"}, "over https only"), ({"endpoint": "https://"}, "an address with a host"),
    ({"endpoint": "https://jo:pass@127.0.0.1"}, "without a user"), ({"endpoint": "https://[::1"}, "an address"),
    ({"endpoint": "https://127.0.0.1?a=b"}, "without a query"), ({"endpoint": "https://a:b"}, "an address"),
    ({"endpoint": "https://a b"}, "an address with a host"), ({"connection_verify": ""}, "is no file"),
    ({"connection_verify": "/no/such.pem"}, r"is no file: /no/such.pem"),
])
def test_arguments_that_cannot_be(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        et.AzureLogs(**{"workspace": WORKSPACE} | wrong)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize("held", [b"", b"not a certificate", b"\x30\x82\x01\x0a\x00\xff",
                                  b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_file_that_is_no_pem_is_named_before_anything_is_asked(held: bytes, tmp_path: Path) -> None:
    bad = tmp_path / "authority.pem"
    bad.write_bytes(held)
    with pytest.raises(ValueError, match=r"connection_verify is no PEM of authorities: .*authority\.pem \("):
        et.AzureLogs(WORKSPACE, connection_verify=bad)


def test_a_folder_with_one_bad_certificate_is_refused_by_the_name_of_that(opened: Opening, tmp_path: Path) -> None:
    azure = opened()
    shutil.copy(azure.certificate, tmp_path / "good.pem")
    with pytest.raises(ValueError, match=r"a folder in which no authority would be found: .*; run openssl rehash"):
        et.AzureLogs(WORKSPACE, connection_verify=tmp_path)
    (tmp_path / "bad.crt").write_text("-----BEGIN CERTIFICATE-----\n", encoding="ascii")
    with pytest.raises(ValueError, match=r"is no PEM of authorities: .*bad\.crt"):
        et.AzureLogs(WORKSPACE, connection_verify=str(tmp_path))


def test_authorities_of_a_folder_are_trusted(opened: Opening, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not there to name the files of a folder")
    azure = opened(AppRequests=requests([DAY]))
    shutil.copy(azure.certificate, tmp_path / "good.pem")
    subprocess.run(["openssl", "rehash", str(tmp_path)], check=True, timeout=30)
    assert et.pull(source(azure, connection_verify=tmp_path), et.Store(), MORNING).rows == {"requests": 1}


def test_who_trusts_anyone_is_warned_once_and_not_of_each_request(opened: Opening) -> None:
    azure = opened(AppRequests=requests(every(HOUR)))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        asked = source(azure, connection_verify=False)
        assert et.pull(asked, et.Store(), MORNING).rows == {"requests": 12}
    assert [one.category for one in told] == [UserWarning]
    assert "whoever stands between reads the token" in str(told[0].message)
    assert told[0].filename.endswith("support.py"), "at the line that made the source"


def test_tables_are_named_in_any_way_that_lists_them() -> None:
    for told in ("AppTraces", ["AppTraces"], {"AppTraces"}, iter(["AppTraces", "AppTraces"])):
        assert et.AzureLogs(WORKSPACE, tables=told).tables == ("AppTraces",)  # type: ignore[arg-type]


def test_a_table_that_is_left_out_is_not_asked_for(opened: Opening) -> None:
    frame = requests(every(HOUR))
    azure = opened(AppRequests=frame, AppDependencies=frame.rename({"Name": "Target"}))
    store, all_but = et.Store(), replace(source(azure), tables=None, without=("AppDependencies",))
    receipt = et.pull(all_but, store, MORNING)
    assert receipt.rows == {"requests": 12} and spans(store) == wanted(frame)
    assert not any("AppDependencies" in one.query for one in azure.asked)
    assert "AppDependencies" not in receipt.absent, "nobody looked whether it is there"


def test_a_table_that_is_named_and_left_out_need_not_be_there(opened: Opening) -> None:
    azure = opened(AppRequests=requests([DAY]))
    assert et.pull(source(azure, "AppRequests", "AppTraces", without="AppTraces"), et.Store(), MORNING).is_complete
    assert "has no table AppTraces" in refusal(source(azure, "AppRequests", "AppTraces"), et.SourceError)


@pytest.mark.parametrize(("wrong", "says"), [
    ({"rows": 0}, "rows of AzureLimits is above 0 and at most 10,000,000, not 0"),
    ({"rows": 10**5000}, "not a number of more than 18 digits"),
    ({"wait_seconds": 601}, "wait_seconds of AzureLimits is above 0 and at most 600, not 601"),
    ({"tries": -1}, "tries of AzureLimits is above 0"), ({"concurrent": 10**9}, "at most 100, not 1,000,000,000"),
    ({"pause_seconds": NAN}, "0 or more and at most 3,600.0, not nan"), ({"pause_seconds": INFINITE}, "not inf"),
    ({"longest_pause_seconds": -0.1}, "not -0.1"), ({"search_reach": timedelta()}, "above 0 and at most 36,500 days"),
    ({"settle": -timedelta(minutes=1)}, "0 or more and at most 7 days, not -0:01:00"),
    ({"late": timedelta.max}, "at most 36,500 days, not 999999999 days"),
])
def test_limits_out_of_bounds(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        et.AzureLimits(**wrong)


@pytest.mark.parametrize(("wrong", "says"), [
    ({"rows": True}, "rows of AzureLimits is a whole number, not bool"), ({"bytes": 1e6}, "a whole number, not float"),
    ({"tries": "6"}, "a whole number, not str"), ({"pause_seconds": False}, "a number, not bool"),
    ({"settle": 600}, r"a timedelta, such as timedelta\(days=1\), not int"), ({"late": None}, "not NoneType"),
])
def test_limits_of_another_type(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(TypeError, match=says):
        et.AzureLimits(**wrong)


def test_limits_at_their_bounds() -> None:
    assert et.AzureLimits(wait_seconds=600, settle=timedelta(), pause_seconds=0, search_reach=timedelta(days=36_500))


def test_a_credential_of_any_kind_that_gives_tokens_will_do() -> None:
    assert et.AzureLogs(WORKSPACE, Credential(Tokens())).allow_partial is False
