"""Values: what the SDK's rows lose or turn into something else, and what the store has of the same bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import erp_telemetry as et

from .support import DAY, MORNING

pytest.importorskip("cryptography", reason="the loopback needs the extra testing")

if TYPE_CHECKING:
    from .canned import Canned

Serving = Callable[..., "Canned"]
REQUEST = {"time": "2026-03-10T01:00:00Z", "service": "orders", "duration_ms": 1.5, "weight": 1, "is_failed": False}
LOG = {"time": "2026-03-10T01:00:00Z", "service": "orders", "level": "error", "weight": 1, "message": "m", "id": "1"}
METRIC = {"time": "2026-03-10T01:00:00Z", "service": "orders", "name": "m", "kind": "gauge", "id": "1"}


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    from .canned import canned

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ExitStack() as held:
        yield lambda file, *rows: held.enter_context(canned(tmp_path, file, *rows))


def pulled(served: Canned, table: str, **changed: Any) -> tuple[et.Receipt, pl.DataFrame]:
    store = et.Store()
    receipt = et.pull(served.source(**changed), store, MORNING)
    return receipt, store.sql(f"select * from {table} order by time, id", is_redacted=False)


def test_a_null_is_null_and_not_the_word_none(served: Serving) -> None:
    azure = served("app_requests", REQUEST | {"trace_id": None, "span_id": "1", "id": "x"})
    azure.columns |= {"trace_id": "guid", "instance": "timespan"}
    azure.rows[0][list(azure.columns).index("instance")] = None
    assert [azure.sdk_rows()[0][name] for name in ("trace_id", "instance")] == ["None", "None"]
    _, found = pulled(azure, "requests")
    assert found.select("trace_id", "instance").row(0) == (None, None)


@pytest.mark.parametrize(("told", "value"), [("NaN", math.nan), ("Infinity", math.inf), ("-Infinity", -math.inf)])
def test_what_is_no_finite_number_is_a_number_here_and_a_text_there(served: Serving, told: str, value: float) -> None:
    azure = served("app_metrics", METRIC | {"sum": told}, METRIC | {"sum": 1.5, "id": "2"})
    assert [row["sum"] for row in azure.sdk_rows()] == [told, 1.5], "the SDK leaves a text among numbers"
    receipt, found = pulled(azure, "metrics")
    assert found["sum"].to_list() == [1.5] and found.schema["sum"] == pl.Float64
    assert [reject.reason for reject in receipt.rejects] == [
        "metrics: value, sum, min, max or count is not a number"], "set aside by name, and counted"
    assert receipt.is_complete
    assert math.isnan(value) or str(value)[-3:] == "inf"


def test_a_time_of_seven_digits_stays_in_its_slice(served: Serving) -> None:
    last = "2026-03-10T11:59:59.9999999Z"
    azure = served("app_requests", REQUEST | {"time": last})
    assert azure.sdk_rows()[0]["time"].microsecond == 999_999
    receipt, found = pulled(azure, "requests")
    assert found["time"].item() == MORNING.stop - timedelta(microseconds=1) and receipt.is_complete


def test_a_time_that_cannot_be_read_is_set_aside_and_counted(served: Serving) -> None:
    azure = served("app_requests", REQUEST, REQUEST | {"time": "yesterday", "operation": "GET /b"})
    assert azure.sdk_rows()[1]["time"] == "yesterday", "the SDK leaves the text among datetimes"
    receipt, found = pulled(azure, "requests")
    assert found.height == 1 and receipt.is_complete
    assert [reject.reason for reject in receipt.rejects] == [
        "requests: time is no TIMESTAMP WITH TIME ZONE"]
    assert "GET /b" in receipt.rejects[0].excerpt


def test_numbers_keep_every_bit(served: Serving) -> None:
    told = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, 123456789.12345679]
    azure = served("app_metrics", *(METRIC | {"sum": value, "id": str(at)} for at, value in enumerate(told)))
    _, found = pulled(azure, "metrics")
    assert found["sum"].to_list() == told == [row["sum"] for row in azure.sdk_rows()]


def test_whole_numbers_of_64_bits_inside_a_dynamic_value_stay_exact(served: Serving) -> None:
    shapes = ['{"n": 9223372036854775807}', {"n": -9223372036854775808}, "plain", "", None, [1, {"a": None}]]
    azure = served("app_traces", *(LOG | {"attributes": shape, "id": str(at)} for at, shape in enumerate(shapes)))
    assert [type(row["attributes"]) for row in azure.sdk_rows()] == [str, dict, str, str, type(None), list]
    _, found = pulled(azure, "logs")
    assert [None if text is None else text.replace(" ", "") for text in found["attributes"]] == [
        '{"n":9223372036854775807}', '{"n":-9223372036854775808}', '"plain"', None, None, '[1,{"a":null}]']


def test_an_empty_text_is_missing_but_an_empty_message_is_a_message(served: Serving) -> None:
    azure = served("app_traces", LOG | {"message": "", "operation": ""})
    _, found = pulled(azure, "logs")
    assert found.select("message", "operation").row(0) == ("", None)


def test_null_is_neither_true_nor_false(served: Serving) -> None:
    azure = served("app_requests", *(REQUEST | {"is_failed": told, "id": str(at)}
                                     for at, told in enumerate([True, False, None])))
    _, found = pulled(azure, "requests")
    assert found["is_failed"].to_list() == [True, False, None]


@pytest.mark.parametrize("text", ["zwölf 中文 🎉", 'a "quoted" \\ text', "tab\tand\nline", "nul\x00inside",
                                  "{'a': [1]}", "</script>", "]}]}", '"error": {"code": 1}', "�"])
def test_texts_come_as_they_are(served: Serving, text: str) -> None:
    azure = served("app_traces", LOG | {"message": text})
    receipt, found = pulled(azure, "logs")
    assert found["message"].item() == text == azure.sdk_rows()[0]["message"] and receipt.is_complete


def test_half_of_a_surrogate_pair_becomes_a_mark_and_loses_no_row(served: Serving) -> None:
    azure = served("app_traces", LOG | {"message": "cut \ud83c here"}, LOG | {"id": "2"})
    receipt, found = pulled(azure, "logs")
    assert found["message"].to_list() == ["cut ? here", "m"] and receipt.is_complete


def test_a_row_outside_of_its_slice_is_refused_and_nothing_of_it_kept(served: Serving) -> None:
    azure = served("app_requests", REQUEST, REQUEST | {"time": (DAY - timedelta(days=1)).isoformat(), "id": "2"})
    with pytest.raises(et.SourceError, match="lies outside of what was asked"):
        pulled(azure, "requests")


@pytest.mark.parametrize("shape", [
    lambda text: text.replace(b'"PrimaryResult"', b'"QueryStatus"'),
    lambda text: text.replace(b'"operation"', b'"Operation"'),
    lambda text: b'{"tables": []}',
    lambda text: b'{"tables": {}}',
    lambda text: b"[]",
    lambda text: b"null",
    lambda text: text[:-40],
    lambda text: text[:-2],
    lambda text: b"<!DOCTYPE html><html>sign in</html>",
    lambda text: text.replace(b'"rows"', b'"Rows"'),
    lambda text: text[:-1] + b', "error": {"code": "PartialError", "message": "some"}}',
    lambda text: b'{"error": {"code": "PartialError", "message": "some"}, ' + text[1:],
    lambda text: text[:-2] + b', {"name": "PrimaryResult", "columns": [], "rows": []}]}',
    lambda text: text.replace(b'"rows": [[', b'"rows": [[], ['),
    lambda text: text[:-4] + b"]}]}]}",
])
def test_what_is_not_one_whole_table_is_refused(served: Serving, shape: Callable[[bytes], bytes]) -> None:
    azure = served("app_requests", REQUEST, REQUEST | {"id": "2"})
    azure.change = shape
    store = et.Store()
    with pytest.raises(et.SourceError):
        et.pull(azure.source(), store, MORNING)
    assert store.sql("select count(*) from requests").item() == 0 and store.ledger().is_empty()


@pytest.mark.parametrize("shape", [
    lambda text: text + b"\n \n",
    lambda text: text[:-1] + b', "statistics": {"query": {}}}',
    lambda text: b'{"statistics": {}, "render": {}, ' + text[1:],
    lambda text: text[:-1] + b', "error": null}',
    lambda text: text[:-2] + b', {"name": "QueryStatus", "columns": [], "rows": [["x"]]}]}',
])
def test_what_is_whole_is_read_however_it_is_written(served: Serving, shape: Callable[[bytes], bytes]) -> None:
    azure = served("app_requests", REQUEST, REQUEST | {"id": "2"})
    azure.change = shape
    receipt, found = pulled(azure, "requests")
    assert receipt.is_complete and found.height == 2


def test_fewer_rows_than_were_counted_are_refused_or_named(served: Serving) -> None:
    azure = served("app_requests", *(REQUEST | {"id": str(at)} for at in range(5)))
    rows = azure.rows
    whole = azure.change
    azure.change = lambda text: whole(text).replace(text[text.rindex(b", [\"2026"):text.rindex(b"]}]}")], b"")
    with pytest.raises(et.SourceError, match=r"4 of 5 rows came without a word"):
        pulled(azure, "requests")
    store = et.Store()
    receipt = et.pull(azure.source(allow_partial=True), store, MORNING)
    # this workspace answers each half with the same four rows: the same row twice does not stand in for another
    assert not receipt.is_complete and receipt.rows == {"requests": 4} and receipt.short
    assert store.ledger()["fingerprint"].item().startswith("partial:")
    azure.change = whole
    strict = et.pull(azure.source(), store, MORNING)
    assert strict.is_complete and strict.rows == {"requests": 1} and len(rows) == 5
    assert store.ledger()["fingerprint"].to_list()[1] == "n=5"
    assert et.pull(azure.source(), store, MORNING).slices == 0
