"""One test per trap of Serilog's compact and plain JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

import erp_telemetry as et
from erp_telemetry.errors import SourceError
from erp_telemetry.sources.recognition import recognise
from erp_telemetry.sources.serilog_files import Events, SerilogFiles
from tests.sources.forms.serilog import completion, plain, span
from tests.sources.support import lines, only, read, run, write

TIME = "2026-01-01T00:00:00.1234567Z"
BOTH = pytest.mark.parametrize("careful", [False, True])


def _log(tmp_path: Path, careful: bool = False, text: str | None = None, **more: Any) -> dict[str, Any]:
    """The log row of one event, given as fields or as it is written."""
    path = write(tmp_path / "x.clef", (text or json.dumps({"@t": TIME, **more})) + "\n")
    return read(SerilogFiles(path), careful)["logs"].row(0, named=True)


def _call(tmp_path: Path, *events: dict[str, Any], **options: Any) -> dict[str, list[dict[str, Any]]]:
    frames = read(SerilogFiles(lines(tmp_path, *events), **options))
    return {table: frame.sort("time").to_dicts() for table, frame in frames.items()}


@pytest.mark.parametrize(("word", "level"), [
    (None, "information"), ("", "information"), ("Verbose", "verbose"), ("Trace", "verbose"), ("Debug", "debug"),
    ("INFO", "information"), ("Information", "information"), ("WARN", "warning"), ("Warning", "warning"),
    ("ERR", "error"), ("Error", "error"), ("Fatal", "critical"), ("Critical", "critical"), ("FTL", "critical"),
])
def test_levels(word: str | None, level: str, tmp_path: Path) -> None:
    row = _log(tmp_path, **{"@mt": "x", **({"@l": word} if word is not None else {})})
    assert (row["level"], row["attributes"]) == (level, "{}")


def test_an_unknown_level_is_kept_beside_information(tmp_path: Path) -> None:
    row = _log(tmp_path, **{"@mt": "x", "@l": "Audit"})
    assert (row["level"], row["attributes"]) == ("information", '{"@l":"Audit"}')
    found = _call(tmp_path, plain(Level="Audit"))["logs"][0]
    assert (found["level"], json.loads(found["attributes"])["Level"]) == ("information", "Audit")


@BOTH
def test_attributes_keep_their_own_digits(careful: bool, tmp_path: Path) -> None:
    kept = ('"Money":79228162514264337593.543950335,"Price":1.10,"Big":12345678901234567890123,"Small":1e-7,"Zero":0,'
            '"Minus":-0,"Text":"1.10, [2.00, ","Deep":{"a":[1.0,{"b":2.50}],"c":"say \\"1.0\\" twice"},"None":null,'
            '"Yes":true,"tenant.id":"t"')
    row = _log(tmp_path, careful, f'{{"@t":"{TIME}","@mt":"{{Money}} for {{Price}}",{kept}}}')
    assert row["attributes"] == f"{{{kept}}}"
    assert row["message"] == "79228162514264337593.543950335 for 1.10"
    assert row["tenant"] == "t"


def test_attributes_can_be_asked(tmp_path: Path) -> None:
    store = et.Store()
    path = lines(tmp_path, {"@t": TIME, "@mt": "x", "Order": {"Id": 7}, "@@name": "n", "@@@odd": 1, "@unknown": 2})
    et.pull(SerilogFiles(path), store)
    asked = ("select attributes ->> '$.Order.Id', attributes ->> '$.\"@name\"', attributes ->> '$.\"@@odd\"', "
             "attributes ->> '$.\"@unknown\"' from logs")
    assert store.sql(asked).rows() == [("7", "n", "1", "2")]


@BOTH
@pytest.mark.parametrize(("template", "message"), [
    ("plain", "plain"), ("Hello {Name}!", "Hello Ann!"), ("{@Order} {$Name}", '{"Id":7,"Lines":[1,2]} Ann'),
    ("{{Name}} is {Name}", "{Name} is Ann"), ("{Missing} {Name", "{Missing} {Name"), ("{Na me} {}", "{Na me} {}"),
    ("[{Count,5}] [{Count,-5}] [{Name,2}]", "[   42] [42   ] [Ann]"), ("{None} {Yes}", "null true"),
    ("{0} {http.route}", "first /x"), ("{Quote}", 'say "a\\b"\n'), ("{Name}}", "Ann}"), ("{Größe}", "3"),
    ("{Count:000} {Name} {Price,9:0.0}", "042 Ann   1.5"), ("{Name,9999}", "{Name,9999}"), ("a}b{", "a}b{"),
])
def test_templates_are_filled_in(careful: bool, template: str, message: str, tmp_path: Path) -> None:
    values = {"Name": "Ann", "Order": {"Id": 7, "Lines": [1, 2]}, "Count": 42, "None": None, "Yes": True, "0": "first",
              "http.route": "/x", "Quote": 'say "a\\b"\n', "Größe": 3, "Price": 1.5}
    renderings = {"@r": ["042", "  1.5"]} if ":" in template else {}
    row = _log(tmp_path, careful, **{"@mt": template, **renderings, **values})
    assert (row["message"], row["template"]) == (message, template)


def test_a_hole_with_a_format_but_no_rendering_shows_its_value(tmp_path: Path) -> None:
    assert _log(tmp_path, **{"@mt": "{Count:000}", "Count": 42})["message"] == "42"
    assert _log(tmp_path, **{"@mt": "{A:0} {B:0}", "@r": ["1"], "A": 1.2, "B": 2.4})["message"] == "1 2.4"
    assert _log(tmp_path, **{"@mt": "{A,5:#,9}", "A": 1.2})["message"] == "  1.2"
    assert _log(tmp_path, **{"@mt": "{A:#,9}", "A": 1.2, "@r": "odd"})["message"] == "1.2"


def test_the_rendered_message_wins_and_the_event_type_names_the_template(tmp_path: Path) -> None:
    row = _log(tmp_path, **{"@mt": "Hello {Name}", "@m": "Hello Ann", "Name": "Bob"})
    assert (row["message"], row["template"]) == ("Hello Ann", "Hello {Name}")
    row = _log(tmp_path, **{"@m": "Hello Ann", "@i": "a1b2c3d4"})
    assert (row["message"], row["template"]) == ("Hello Ann", "@i:a1b2c3d4")
    assert _log(tmp_path, **{"@m": "Hello"})["template"] is None


@pytest.mark.parametrize(("text", "kind"), [
    ("System.InvalidOperationException: Sequence: none\n   at A.B()", "System.InvalidOperationException"),
    ("System.Web.HttpException (0x80004005): no", "System.Web.HttpException"), ("System.Exception", "System.Exception"),
    ("Erp.Fault`1[[System.String]]: x", "Erp.Fault`1[[System.String]]"), ("it went wrong: badly", None),
    ("java.lang.Nested$Fault: x", "java.lang.Nested$Fault"),
])
def test_exceptions(text: str, kind: str | None, tmp_path: Path) -> None:
    row = _log(tmp_path, **{"@mt": "x", "@x": text})
    assert (row["exception"], row["exception_type"]) == (text, kind)


@pytest.mark.parametrize(("properties", "service", "instance"), [
    ({"Application": "a", "MachineName": "m"}, "a", "m"), ({"ApplicationName": "b", "HostName": "h"}, "b", "h"),
    ({"ServiceName": "c", "PodName": "p", "MachineName": "m"}, "c", "p"), ({"service.name": "d"}, "d", None),
    ({"@ra": {"service.name": "e", "service.instance.id": "i"}, "Application": "a"}, "e", "i"),
    ({"@ra": {"service": {"name": "f"}}}, "f", None), ({"k8s.pod.name": "k"}, "unknown_service", "k"),
    ({"Application": ""}, "unknown_service", None),
])
def test_who(properties: dict[str, Any], service: str, instance: str | None, tmp_path: Path) -> None:
    row = _log(tmp_path, **{"@mt": "x", **properties})
    assert (row["service"], row["instance"]) == (service, instance)


def test_the_service_of_the_caller_wins(tmp_path: Path) -> None:
    path = lines(tmp_path, {"@t": TIME, "Application": "a"})
    assert read(SerilogFiles(path, service="orders"))["logs"]["service"].to_list() == ["orders"]


@BOTH
def test_a_time_without_zone_is_refused_or_read_as_declared(careful: bool, tmp_path: Path) -> None:
    path = lines(tmp_path, {"@t": "2026-07-01T10:00:00.5", "@mt": "x"}, {"@t": "2026-07-01T10:00:00.5+0200"})
    if careful:
        batch = SerilogFiles(path).read(only(SerilogFiles(path)), careful)
        assert [(one.line, one.reason) for one in batch.rejects] == [(1, "time has no zone: 2026-07-01T10:00:00.5")]
        assert run(batch)["logs"].height == 1
    else:
        with pytest.raises(duckdb.Error, match="no zone"):
            read(SerilogFiles(path))
    declared = read(SerilogFiles(path, naive="Europe/Vienna"), careful)["logs"]
    assert declared["time"].to_list() == [datetime(2026, 7, 1, 8, 0, 0, 500_000, UTC)] * 2


def test_the_start_of_a_completed_request_is_rounded_once(tmp_path: Path) -> None:
    """``@t`` has seven digits: 0.1234567 s less 0.0004 ms is 0.1234563 s, not 0.1234560 less a microsecond."""
    row = _call(tmp_path, completion(**{"@t": TIME, "Elapsed": 0.0004}))["requests"][0]
    assert row["time"] == datetime(2026, 1, 1, 0, 0, 0, 123_456, UTC)
    row = _call(tmp_path, completion(**{"@t": TIME, "Elapsed": 0.0008}))["requests"][0]
    assert row["time"] == datetime(2026, 1, 1, 0, 0, 0, 123_455, UTC)


def test_a_completed_request_is_a_log_and_a_request(tmp_path: Path) -> None:
    found = _call(tmp_path, completion(UserAgent="kube-probe/1.29", TenantId="t1"))
    assert {table: len(rows) for table, rows in found.items()} == {"logs": 1, "requests": 1}
    request = found["requests"][0]
    assert [request[name] for name in ("url_path", "user_agent", "tenant")] == ["/orders/7", "kube-probe/1.29", "t1"]
    assert found["logs"][0]["message"] == "HTTP GET /orders/7 responded 200 in 12.3460 ms"
    assert set(_call(tmp_path, completion(), requests=False)) == {"logs"}


@pytest.mark.parametrize("lack", ["RequestMethod", "RequestPath", "StatusCode", "Elapsed"])
def test_an_event_that_lacks_a_mark_of_completion_is_a_log_only(lack: str, tmp_path: Path) -> None:
    assert set(_call(tmp_path, {key: value for key, value in completion().items() if key != lack})) == {"logs"}
    assert set(_call(tmp_path, completion(**{lack: None if lack != "Elapsed" else "00:00:01"}))) == {"logs"}


@pytest.mark.parametrize(("change", "is_failed"), [
    ({}, False), ({"StatusCode": 404, "@l": "Error"}, False), ({"StatusCode": 500}, True), ({"@x": "A: b"}, True),
])
def test_whether_a_completed_request_failed(change: dict[str, Any], is_failed: bool, tmp_path: Path) -> None:
    assert _call(tmp_path, completion(**change))["requests"][0]["is_failed"] is is_failed


@pytest.mark.parametrize(("kind", "table"), [
    ("Server", "requests"), ("SERVER", "requests"), ("consumer", "requests"), ("Client", "dependencies"),
    ("Producer", "dependencies"), ("Internal", "dependencies"), (None, "dependencies"),
])
def test_kinds_of_spans(kind: str | None, table: str, tmp_path: Path) -> None:
    assert set(_call(tmp_path, span(**{"@sk": kind}))) == {table}


@pytest.mark.parametrize(("change", "is_failed"), [
    ({}, False), ({"@l": "Warning"}, False), ({"@l": "Error"}, True), ({"@l": "Fatal"}, True),
    ({"StatusCode": 503}, True),
])
@pytest.mark.parametrize("kind", ["Server", "Client"])
def test_whether_a_span_failed(kind: str, change: dict[str, Any], is_failed: bool, tmp_path: Path) -> None:
    (rows,) = _call(tmp_path, span(**{"@sk": kind, **change})).values()
    assert rows[0]["is_failed"] is is_failed


def test_a_span_written_by_the_plain_formatter(tmp_path: Path) -> None:
    """Without a formatter that knows spans their fields are properties."""
    given = span()
    for short, long in (("@st", "SpanStartTimestamp"), ("@ps", "ParentSpanId"), ("@sk", "SpanKind")):
        given[long] = given.pop(short)
    assert _call(tmp_path, given) == _call(tmp_path, span())


@pytest.mark.parametrize(("properties", "kind", "resource", "operation"), [
    ({"@mt": "HTTP {RequestMethod} {RequestUri}", "RequestMethod": "GET", "RequestUri": "https://pay:81/v1/x?y=1"},
     "http", "pay", "GET /v1/x"),
    ({"@mt": "SQL {Operation}", "Operation": "EXEC", "Database": "erp"}, "sql", "erp", "SQL {Operation}"),
    ({"@mt": "GET", "db.system": "redis", "server.address": "cache"}, "redis", "cache", "GET"),
    ({"@mt": "send", "messaging.system": "servicebus", "messaging.destination.name": "orders"}, "queue", "orders",
     "send"),
    ({"@mt": "save", "rpc.service": "dapr.proto.runtime.v1.Dapr"}, "dapr", None, "save"),
    ({"@mt": "Price {Item}", "Item": 7}, None, None, "Price {Item}"),
])
def test_kinds_of_dependency(
    properties: dict[str, Any], kind: str | None, resource: str | None, operation: str, tmp_path: Path
) -> None:
    given = {"@t": TIME, "@st": TIME, "@sk": "Client", "@tr": "a" * 32, "@sp": "b" * 16, **properties}
    row = _call(tmp_path, given)["dependencies"][0]
    assert [row[name] for name in ("kind", "resource", "operation")] == [kind, resource, operation]


def test_a_span_with_an_exception_is_a_log_too(tmp_path: Path) -> None:
    found = _call(tmp_path, span(**{"@x": "A.B: c", "@l": "Error"}))
    assert set(found) == {"requests", "logs"}
    assert (found["logs"][0]["exception_type"], found["logs"][0]["level"]) == ("A.B", "error")


def test_a_span_wins_over_the_completed_request_of_its_file(tmp_path: Path) -> None:
    found = _call(tmp_path, completion(1, Elapsed=99.0), span(1), completion(2), completion(3, **{"@sp": None}))
    assert [row["duration_ms"] for row in found["requests"]] == [12.346] * 3
    assert [row["parent_id"] for row in found["requests"]] == ["00000000000000aa", None, None]
    assert len(found["logs"]) == 3
    assert found["requests"][2]["span_id"] is None


def test_a_weight_is_what_the_caller_says_it_is(tmp_path: Path) -> None:
    events = [completion(0, ItemCount=4), completion(1, ItemCount="2.5"), completion(2), completion(3, ItemCount=None)]
    assert {row["weight"] for rows in _call(tmp_path, *events).values() for row in rows} == {1.0}
    for rows in _call(tmp_path, *events, weight="ItemCount").values():
        assert [row["weight"] for row in rows] == [4.0, 2.5, 1.0, 1.0]


@pytest.mark.parametrize("bad", ["many", True, "nan", {"a": 1}])
def test_a_weight_that_is_no_number_is_set_aside(bad: Any, tmp_path: Path) -> None:
    store = et.Store()
    path = lines(tmp_path, completion(0, ItemCount=2), completion(1, ItemCount=bad))
    receipt = et.pull(SerilogFiles(path, weight="ItemCount"), store)
    assert (receipt.rows, [(one.line, one.reason.split(":")[0]) for one in receipt.rejects]) == (
        {"logs": 1, "requests": 1}, [(2, "the weight ItemCount is no number")])


@BOTH
def test_plain_json(careful: bool, tmp_path: Path) -> None:
    given = plain(3, Timestamp="2026-07-01T10:00:00.1234567+02:00", Exception="A.B: c", EventId=5)
    given["Properties"]["Level"] = "floor 3"
    row = read(SerilogFiles(lines(tmp_path, given)), careful)["logs"].row(0, named=True)
    assert row["time"] == datetime(2026, 7, 1, 8, 0, 0, 123_456, UTC)
    assert (row["level"], row["exception_type"], row["message"]) == ("warning", "A.B", "Order 3 waits 1.3 ms")
    assert json.loads(row["attributes"]) == {**given["Properties"], "EventId": 5}
    given["RenderedMessage"] = "as said"
    assert read(SerilogFiles(lines(tmp_path, given)), careful)["logs"]["message"].to_list() == ["as said"]


def test_lines_that_end_in_a_comma_and_lists(tmp_path: Path) -> None:
    rows = [json.dumps(plain(at)) for at in range(3)]
    commas = write(tmp_path / "a.json", "".join(row + ",\n" for row in rows))
    listed = write(tmp_path / "b.json", json.dumps([plain(at) for at in range(3)] + [1], indent=1))
    for path in (commas, listed):
        assert [one.format for one in recognise(path).taken] == ["Serilog JSON"]
    assert read(SerilogFiles(commas))["logs"]["line"].to_list() == [1, 2, 3]
    batch = SerilogFiles(listed).read(only(SerilogFiles(listed)))
    assert [one.reason for one in batch.rejects] == ["a JSON int where an event was expected"]
    assert run(batch)["logs"].height == 3


@pytest.mark.parametrize(("text", "reason"), [
    ('{"a":1}', "no event of Serilog"), ('{"Timestamp":"2026-01-01T00:00:00Z","a":1}', "no event of Serilog"),
    ("[1]", "not a JSON object"), ('{"@t":5}', "no event of Serilog"), ('{"@t":"soon","@mt":"x"}', "time has no zone"),
    ('{"@t":"2026-13-01T00:00:00Z","@mt":"x"}', "logs: time is missing"),
    ('{"@t":"0001-01-01T00:00:00Z","@mt":"x"}', "logs: time is missing"),
    ('{"@t":"9999-12-31T23:59:59.9999999Z","@mt":"x"}', "logs: time is more than a day ahead"),
])
def test_what_is_no_event_is_set_aside(text: str, reason: str, tmp_path: Path) -> None:
    good = json.dumps({"@t": TIME, "@mt": "x"})
    path = write(tmp_path / "x.clef", "\n".join([*[good] * 25, text, good]))
    receipt = et.pull(SerilogFiles(path), et.Store())
    assert receipt.rows == {"logs": 26}
    assert [(one.line, one.reason.startswith(reason)) for one in receipt.rejects] == [(26, True)]


def test_a_file_without_any_event_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.clef", '{"a":1}\n')
    with pytest.raises(SourceError, match=r"x.clef: not Serilog \(no event of Serilog"):
        read(SerilogFiles(path))


@pytest.mark.parametrize("elapsed", [-1, 1e300, 1e12])
def test_a_request_that_took_an_absurd_time_is_set_aside_and_its_log_kept(elapsed: float, tmp_path: Path) -> None:
    receipt = et.pull(SerilogFiles(lines(tmp_path, completion(0), completion(1, Elapsed=elapsed))), et.Store())
    assert receipt.rows == {"logs": 2, "requests": 1}
    assert [(one.line, one.reason.partition(":")[0]) for one in receipt.rejects] == [(2, "requests")]


@BOTH
@pytest.mark.parametrize("odd", [
    {"Properties": [1]}, {"Properties": "s"}, {"Renderings": 5}, {"Renderings": {"Elapsed": [5]}}, {"Level": {"a": 1}},
    {"MessageTemplate": ["x"]},
])
def test_odd_shapes_lose_nothing(odd: dict[str, Any], careful: bool, tmp_path: Path) -> None:
    row = read(SerilogFiles(lines(tmp_path, plain(7, **odd))), careful)["logs"].row(0, named=True)
    assert row["message"] is not None
    said = json.loads(row["attributes"])
    assert {**plain()["Properties"], "OrderId": 7, **said} == said if "Properties" not in odd else said == odd


@BOTH
def test_odd_but_valid_json(careful: bool, tmp_path: Path) -> None:
    text = f'{{"@t":"{TIME}","@mt":"{{A}} {{B}}","A":1,"A":2,"B":"\\u0041\\u00e9\\n","C\\"c":"\\u001e1.10","D":1.50}}'
    row = _log(tmp_path, careful, text)
    assert row["message"] == "1 Aé\n"
    assert json.loads(row["attributes"])['C"c'] in ("\x1e1.10", "1.10", 1.1)


def test_recognised_by_most_of_its_lines(tmp_path: Path) -> None:
    good, other = json.dumps({"@t": TIME}), json.dumps({"Type": "AppRequests", "note": "@t"})
    few = write(tmp_path / "few.json", "\n".join([good, other, other]))
    most = write(tmp_path / "most.log", "\n".join([good, "plain text", good]))
    assert [one.source for one in recognise(few).taken] != ["serilog_files"]
    assert [(one.source, one.format) for one in recognise(most).taken] == [("serilog_files", "Serilog CLEF")]
    nested = write(tmp_path / "nested.json", json.dumps({"log": good}))
    assert "serilog_files" not in [one.source for one in recognise(nested).taken]


def test_events_unwrapped_of_something_else(tmp_path: Path) -> None:
    """What another source writes to a spool: its line, service, instance and time stand in where the event is mute."""
    around = {"__line": 7, "__service": "pod", "__instance": "pod-1", "__time": "2026-01-01T00:00:09Z"}
    timeless = {"@mt": "no time", "Application": "own"}
    path = lines(tmp_path, *({**around, **event} for event in (completion(), timeless, plain())))
    rows, staging = Events().rows(path)
    frames = run(et.Batch(rows, staging))
    assert frames["logs"]["line"].to_list() == [7, 7, 7]
    assert sorted(frames["logs"]["service"]) == ["erp", "erp", "own"]
    assert frames["logs"].filter(frames["logs"]["message"] == "no time")["time"].to_list() == [
        datetime(2026, 1, 1, 0, 0, 9, tzinfo=UTC)]
    assert not any("__" in text for text in frames["logs"]["attributes"])
    mute = lines(tmp_path, {**around, "@t": TIME})
    row = run(et.Batch(*Events().rows(mute)))["logs"].row(0, named=True)
    assert (row["service"], row["instance"]) == ("pod", "pod-1")


def test_two_files_of_one_log_are_one(tmp_path: Path) -> None:
    store = et.Store()
    events = [{"@t": TIME, "@mt": "x", "N": at} for at in range(5)]
    et.pull(SerilogFiles(lines(tmp_path, *events, name="a.clef")), store)
    receipt = et.pull(SerilogFiles(lines(tmp_path, *events[:3], name="a_001.clef")), store)
    assert (sum(receipt.rows.values()), receipt.duplicates) == (0, 3)
