"""Frames of users: what a table takes, and one clear line that names column and value for what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest

from erp_telemetry.testing import LoopbackAzure
from tests.testing.support import START, requests, table

NOON = pl.Series("TimeGenerated", [START], dtype=pl.Datetime("us", "UTC"))


def frame(**columns: Any) -> pl.DataFrame:
    """One row at noon, with other columns."""
    return pl.DataFrame({"TimeGenerated": NOON, **columns})


@pytest.fixture(scope="module")
def azure() -> Iterator[LoopbackAzure]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        with LoopbackAzure({"AppRequests": requests(3)}) as running:
            yield running


@pytest.mark.parametrize(("name", "rows", "said"), [
    ("AppRequests", frame(ItemCount=[2**40]), "AppRequests.ItemCount is int, .* and the frame has 1099511627776"),
    ("AppRequests", frame(ItemCount=[1.5]), "AppRequests.ItemCount is int, .* and the frame has 1.5"),
    ("AppRequests", frame(ItemCount=["many"]), "AppRequests.ItemCount is int and the frame has String, such as 'many'"),
    ("AppRequests", frame(DurationMs=["12"]), "AppRequests.DurationMs is real and the frame has String, such as '12'"),
    ("AppRequests", frame(Success=[2]), "AppRequests.Success is bool and the frame has Int64, such as 2"),
    ("AppRequests", frame(Name=[START]), "AppRequests.Name is string and the frame has Datetime"),
    ("AppRequests", frame(_TimeReceived=["now"]), "AppRequests._TimeReceived is datetime and the frame has String"),
    ("AppRequests", frame(_IngestionTime=[datetime(2026, 3, 1)]), "AppRequests._IngestionTime has no time zone"),
    ("T", pl.DataFrame({"TimeGenerated": [datetime(2026, 3, 1)]}), "T.TimeGenerated has no time zone: say which"),
    ("T", pl.DataFrame({"TimeGenerated": ["2026-03-01"]}), r"'2026-03-01': make it moments, as \.str\.to_datetim"),
    ("T", pl.DataFrame({"TimeGenerated": [date(2026, 3, 1)]}), "T.TimeGenerated is Date, which KQL has no type for"),
    ("T", pl.DataFrame({"x": [1]}), "T has rows without TimeGenerated"),
    ("T", pl.concat([frame(), pl.DataFrame({"TimeGenerated": NOON.clear(1)})]), "T.TimeGenerated is null in 1 rows"),
    ("T", frame(x=[b"x"]), "T.x is Binary, which KQL has no type for"),
    ("T", frame(x=pl.Series([2**63], dtype=pl.UInt64)), "T.x is long, .* and the frame has 9223372036854775808"),
    ("T", frame(x=pl.Series([2**100], dtype=pl.Int128)), f"T.x is long, .* and the frame has {2**100}"),
    ("T", frame(x=pl.Series(["1" * 30]).cast(pl.Decimal(38, 2))), "T does not take these rows: .* out of range"),
    ("T", frame(**{'a"; drop table T; --': [1]}), "is no name of a column: letters, digits and underscores"),
    ("T", frame(**{"": [1]}), "'' is no name of a column"),
    ("T", frame(a=[1], A=[2]), "the column A differs from a in case only"),
    ("AppRequests", frame(durationms=[1.0]), "the column durationms differs from DurationMs in case only"),
    ("T; drop", frame(), "'T; drop' is no name of a table"),
    ("", frame(), "'' is no name of a table"),
])
def test_a_frame_that_cannot_be_is_refused(name: str, rows: pl.DataFrame, said: str) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        LoopbackAzure({name: rows})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("tables", "said"), [
    ({"T": [{"TimeGenerated": START}]}, "T is a list, and a frame of Polars is wanted"),
    ({"T": frame().lazy()}, "T is a LazyFrame, and a frame"),
    (frame(), "tables are frames by the name of their table"),
])
def test_what_is_no_frame_is_refused(tables: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        LoopbackAzure(tables)


def test_tables_that_differ_in_case_only_are_refused() -> None:
    with pytest.raises(ValueError, match="the table My_cl differs from My_CL in case only"):
        LoopbackAzure({"My_CL": frame(), "My_cl": frame()})


@pytest.mark.parametrize(("name", "rows", "said"), [
    ("AppRequests", frame(ItemCount=[2**40]), "AppRequests.ItemCount is int, .* 1099511627776"),
    ("AppRequests", frame(Nowhere=[1]), "AppRequests has no column Nowhere"),
    ("AppTraces", frame(), "there is no table AppTraces; there are AppRequests"),
])
def test_rows_that_arrive_are_checked_when_they_are_announced(
    azure: LoopbackAzure, name: str, rows: pl.DataFrame, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        azure.arrive(name, rows)
    assert table(azure, "AppRequests | count")["rows"] == [[3]]


@pytest.mark.parametrize(("column", "kind", "value"), [
    (pl.Series("ItemCount", [3.0]), "int", 3), (pl.Series("ItemCount", [3], dtype=pl.UInt64), "int", 3),
    (pl.Series("ItemCount", [None], dtype=pl.String), "int", None), (pl.Series("DurationMs", [7]), "real", 7.0),
    (pl.Series("ResultCode", [404]), "string", "404"), (pl.Series("Properties", [{"a": 1}]), "dynamic", '{"a":1}'),
    (pl.Series("Success", [None]), "bool", None),
    (pl.Series("AppRoleName", ["x"], dtype=pl.Categorical), "string", "x"),
])
def test_a_value_of_another_type_that_says_the_same_is_taken(
    column: pl.Series, kind: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with LoopbackAzure({"AppRequests": pl.DataFrame([NOON, column])}) as azure:
        answer = table(azure, f"AppRequests | project {column.name}")
    assert [one["type"] for one in answer["columns"]] == [kind]
    assert answer["rows"] == [[value]]


def test_what_every_row_of_azure_has_is_made_where_it_is_null(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    rows = pl.concat([frame(_ItemId=["known"], _TimeReceived=[START]), pl.DataFrame({
        "TimeGenerated": NOON, "_ItemId": [""], "_TimeReceived": pl.Series([None], dtype=pl.Datetime("us", "UTC"))})])
    with LoopbackAzure({"AppTraces": rows}) as azure:
        found = table(azure, "AppTraces | project _ItemId, _TimeReceived")["rows"]
    assert {row[1] for row in found} == {"2026-03-01T00:00:00Z"}
    assert "known" in {row[0] for row in found} and all(row[0] for row in found)


def test_names_that_are_words_of_the_engine_are_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    rows = frame(incoming=[1], select=["x"], row_number_of_frame=[1])
    with LoopbackAzure({"incoming": rows, "held": rows}) as azure:
        assert table(azure, "incoming | project incoming, ['select']")["rows"] == [[1, "x"]]
        assert table(azure, "held | count")["rows"] == [[1]]
