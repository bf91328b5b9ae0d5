"""Tokens within a pull: asked for once, renewed where they end, refused with advice where that does not help."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import erp_telemetry as et

from .conftest import Opening
from .support import MINUTE, MORNING, closed_port, every, limits, refusal, requests, source, spans, wanted

pytest.importorskip("duckdb_kql", reason="the loopback needs the extra testing")

from erp_telemetry.testing import faults

if TYPE_CHECKING:
    from erp_telemetry.testing import LoopbackAzure

FRAME = requests(every(4 * MINUTE))
ENDED = faults.failing(401, "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than now")


class Counted:
    """Signs in to the loopback, slowly, and counts how often it was asked, and by how many threads at once."""

    def __init__(self, azure: LoopbackAzure, expires_in: float = 3600) -> None:
        self.azure, self.expires_in = azure, expires_in
        self.asked = self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    def get_token(self, *scopes: str, **options: Any) -> Any:
        with self.lock:
            self.asked, self.at_once = self.asked + 1, self.at_once + 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(0.02)
        with self.lock:
            self.at_once -= 1
        return self.azure.credential.get_token(*scopes)._replace(expires_on=int(time.time() + self.expires_in))


@pytest.fixture
def azure(opened: Opening) -> LoopbackAzure:
    return opened(AppRequests=FRAME)


@pytest.mark.parametrize("number", range(1, 6))
def test_a_token_that_ends_at_any_request_is_renewed(azure: LoopbackAzure, number: int) -> None:
    store, counted = et.Store(), Counted(azure)
    azure.misbehave(ENDED, at=number)
    assert et.pull(source(azure, credential=counted, limits=limits(rows=100, tries=1)), store, MORNING).is_complete
    assert spans(store) == wanted(FRAME)
    assert [one.number for one in azure.asked if one.status == 401] == [number] and counted.asked == 2


@pytest.mark.parametrize("number", range(1, 4))
def test_a_second_refusal_ends_the_pull(azure: LoopbackAzure, number: int) -> None:
    store, counted = et.Store(), Counted(azure)
    azure.misbehave(ENDED, at=range(number, 1000))
    line = refusal(source(azure, credential=counted, limits=limits(concurrent=1)))
    assert "the token is refused (401 ExpiredAuthenticationToken" in line and "sign in again (az login)" in line
    assert sum(one.status == 401 for one in azure.asked) == 2 and counted.asked == 2
    assert store.ledger().is_empty()


def test_tokens_that_end_while_many_ask_are_renewed_once(azure: LoopbackAzure) -> None:
    store, counted = et.Store(), Counted(azure)

    def expire(at: et.Progress) -> None:
        if at.slices in (1, 3):
            azure.expire_tokens()

    azure.misbehave(faults.slow(0.02), of="data")
    receipt = et.pull(source(azure, credential=counted, limits=limits(rows=20)), store, MORNING, progress=expire)
    assert receipt.is_complete and spans(store) == wanted(FRAME)
    assert counted.most_at_once == 1 and 2 <= counted.asked <= 4


def test_one_token_does_for_a_pull_and_a_short_one_for_one_request(azure: LoopbackAzure) -> None:
    counted = Counted(azure)
    et.pull(source(azure, credential=counted, limits=limits(rows=60)), et.Store(), MORNING)
    assert counted.asked == 1
    short = Counted(azure, expires_in=30)
    before = len(azure.asked)
    et.pull(source(azure, credential=short, limits=limits(rows=60)), et.Store(), MORNING)
    assert short.asked == len(azure.asked) - before


def test_what_is_no_token_is_said(azure: LoopbackAzure) -> None:
    class Odd:
        def get_token(self, *scopes: str, **options: Any) -> Any:
            return "eyJ0eXAi.secret.secret"

    line = refusal(source(azure, credential=Odd()), et.SourceError)
    assert line.startswith("credential gave no token") and "but str: check its get_token" in line and "eyJ" not in line


def test_a_sign_in_that_fails_as_the_network_does_is_not_laid_to_the_workspace(azure: LoopbackAzure) -> None:
    from azure.core.exceptions import ServiceRequestError

    port = closed_port()

    class Away:
        def get_token(self, *scopes: str, **options: Any) -> Any:
            raise ServiceRequestError(f"HTTPSConnection(host='login.example', port={port}): Failed to establish a new "
                                      "connection: [Errno 111] Connection refused")

    line = refusal(source(azure, credential=Away()))
    assert line.startswith(f"login.example:{port}: no way to the sign-in (Connection refused): check the network")
    assert azure.endpoint not in line and azure.asked == []


def test_a_sign_in_that_nobody_can_place_names_no_host(azure: LoopbackAzure) -> None:
    class Unplugged:
        def get_token(self, *scopes: str, **options: Any) -> Any:
            raise ConnectionError("the card reader is gone; see https://example.org/readers")

    line = refusal(source(azure, credential=Unplugged()))
    assert line.startswith("sign-in failed (the card reader is gone; see https://example.org/readers): sign in again")
    assert azure.asked == []
