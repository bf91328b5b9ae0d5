"""Values as the wire has them: each KQL type, and what the SDK then makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from erp_telemetry.testing import LoopbackAzure
from tests.testing.support import ask, post, requests, table

NANOSECONDS = pl.Series("TimeGenerated", [1_772_323_200_123_456_700, 1_772_323_200_100_000_000, 1_772_323_200 * 10**9],
                        dtype=pl.Int64).cast(pl.Datetime("ns")).dt.replace_time_zone("UTC")
VALUES = pl.DataFrame({
    "TimeGenerated": NANOSECONDS,
    "Real": [float("nan"), float("inf"), float("-inf")],
    "Exact": [5e-324, 0.1, None],
    "Long": [2**63 - 1, -(2**63), None],
    "Int": pl.Series([2**31 - 1, -(2**31), None], dtype=pl.Int32),
    "Flag": [True, False, None],
    "Text": ["", None, 'Ü "quoted" \\ \n\u2028 \0 end'],
    "Span": pl.Series([timedelta(days=1, seconds=2, microseconds=3), -timedelta(seconds=1), None]),
    "Bag": [{"a": [1, 2]}, {"a": []}, None],
    "Price": pl.Series([Decimal("1.5"), Decimal("-2"), None], dtype=pl.Decimal(38, 2)),
})


@pytest.fixture(scope="module")
def azure() -> Iterator[LoopbackAzure]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        with LoopbackAzure({"Values_CL": VALUES, "AppRequests": requests(3)}) as running:
            yield running


def column(azure: LoopbackAzure, expression: str) -> tuple[str, list[Any]]:
    answer = table(azure, f"Values_CL | project TimeGenerated, x = {expression} | order by TimeGenerated asc")
    return answer["columns"][1]["type"], [row[1] for row in answer["rows"]]


@pytest.mark.parametrize(("expression", "kind", "values"), [
    ("TimeGenerated", "datetime", ["2026-03-01T00:00:00Z", "2026-03-01T00:00:00.1Z", "2026-03-01T00:00:00.1234567Z"]),
    ("Real", "real", ["-Infinity", "Infinity", "NaN"]),
    ("Exact", "real", [None, 0.1, 5e-324]),
    ("Long", "long", [None, -(2**63), 2**63 - 1]),
    ("Int", "int", [None, -(2**31), 2**31 - 1]),
    ("Flag", "bool", [None, False, True]),
    ("Text", "string", ['Ü "quoted" \\ \n\u2028 \0 end', "", ""]),
    ("Span", "timespan", [None, "-00:00:01", "1.00:00:02.0000030"]),
    ("Bag", "dynamic", [None, '{"a":[]}', '{"a":[1,2]}']),
    ("Price", "decimal", [None, "-2.000000000000000000", "1.500000000000000000"]),
    ("guid(null)", "guid", [None, None, None]),
    ("guid(74be27de-1e4e-49d9-b579-fe0b331d3642)", "guid", ["74be27de-1e4e-49d9-b579-fe0b331d3642"] * 3),
    ("time(-1.02:03:04)", "timespan", ["-1.02:03:04"] * 3),
])
def test_a_value_on_the_wire(azure: LoopbackAzure, expression: str, kind: str, values: list[Any]) -> None:
    assert column(azure, expression) == (kind, values)


def test_what_the_sdk_makes_of_it(azure: LoopbackAzure) -> None:
    """The corruption the library has to avoid is on the wire for it to avoid."""
    query = "Values_CL | order by TimeGenerated asc | project TimeGenerated, Real, Span, x = guid(null), Long"
    found = ask(azure, query)
    assert found[2][0].microsecond == 123456
    assert found[0][1] == "-Infinity"
    assert found[0][2] == found[0][3] == "None"
    assert found[2][4] == 2**63 - 1


def test_an_empty_answer_still_has_typed_columns(azure: LoopbackAzure) -> None:
    answer = table(azure, "AppRequests | where Name == 'nobody' | project TimeGenerated, DurationMs, ItemCount")
    assert answer["columns"] == [
        {"name": "TimeGenerated", "type": "datetime"}, {"name": "DurationMs", "type": "real"},
        {"name": "ItemCount", "type": "int"}]
    assert answer["rows"] == []


def test_columns_that_were_not_given_are_null_or_empty(azure: LoopbackAzure) -> None:
    answer = table(azure, "AppRequests | project ClientCity, Measurements, _BilledSize | take 1")
    assert answer["rows"] == [["", None, None]]


def test_a_body_is_json_in_one_piece(azure: LoopbackAzure) -> None:
    reply = post(azure, "Values_CL | project Real")
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert len(reply.content) == int(reply.headers["Content-Length"])

    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is no JSON")

    rows = json.loads(reply.content, parse_constant=refuse)["tables"][0]["rows"]
    assert {row[0] for row in rows} == {"NaN", "Infinity", "-Infinity"}


def test_other_zones_are_the_same_moments() -> None:
    berlin = pl.DataFrame({"TimeGenerated": [datetime(2026, 3, 1, 12, tzinfo=UTC)]}).with_columns(
        pl.col("TimeGenerated").dt.convert_time_zone("Europe/Berlin"))
    with LoopbackAzure({"AppTraces": berlin}) as azure:
        assert table(azure, "AppTraces | project TimeGenerated")["rows"] == [["2026-03-01T12:00:00Z"]]
