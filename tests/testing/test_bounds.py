"""What would hang the loopback ends as it would end in Azure, and meanwhile others are answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from erp_telemetry.testing import LoopbackAzure, bounds
from tests.testing.support import post, requests


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackAzure]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with LoopbackAzure({"AppRequests": requests(90)}) as running:
        yield running


ENDLESS = "range x from 1 to 2000000000 step 1 | join kind=inner (range x from 1 to 2000000000 step 1) on x | count"


def test_a_query_ends_when_the_time_it_was_given_is_over(azure: LoopbackAzure) -> None:
    answer = post(azure, ENDLESS, {"Prefer": "wait=1"})
    assert answer.status_code == 504 and "E_QUERY_TIMEOUT" in answer.text()


def test_meanwhile_others_are_answered(azure: LoopbackAzure) -> None:
    slow: list[int] = []
    thread = threading.Thread(target=lambda: slow.append(post(azure, ENDLESS, {"Prefer": "wait=2"}).status_code))
    thread.start()
    assert post(azure, "AppRequests | count").json()["tables"][0]["rows"] == [[90]] and not slow
    thread.join()
    assert slow == [504]


def test_more_rows_than_the_service_gives_are_cut_and_said(azure: LoopbackAzure) -> None:
    answer = post(azure, "range x from 1 to 3000000000 step 1").json()
    assert len(answer["tables"][0]["rows"]) == bounds.MOST_ROWS
    assert f"the set limit of {bounds.MOST_ROWS} records" in str(answer["error"])


def test_an_answer_of_too_many_bytes_is_refused(azure: LoopbackAzure) -> None:
    answer = post(azure, "range x from 1 to 120000 step 1 | extend y = strrep('x', 1000)")
    assert answer.status_code == 413 and "104857600 bytes" in answer.text()


@pytest.mark.parametrize("query", ["print n = strlen(strrep('x', 1000000000))", "print n = strlen(strrep('x', 1024))"])
def test_a_text_is_repeated_no_more_often_than_by_the_service(azure: LoopbackAzure, query: str) -> None:
    assert post(azure, query).json()["tables"][0]["rows"] == [[1024]]


@pytest.mark.parametrize("depth", [100, 5000])
def test_a_query_nested_too_deeply_is_refused(azure: LoopbackAzure, depth: int) -> None:
    assert post(azure, f"print x = {'(' * depth}1{')' * depth}").status_code == 400
