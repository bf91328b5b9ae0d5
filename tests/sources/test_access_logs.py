"""One test per trap of access logs."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import erp_telemetry as et
from erp_telemetry.errors import SourceError
from erp_telemetry.sources.rotations import stem
from tests.sources.forms.access_logs import combined, common, envoy, nginx_json, snapshot
from tests.sources.support import LEDGER, only, read, run, write

BOTH = pytest.mark.parametrize("careful", [False, True])


def _rows(path: Path, careful: bool = False, **options: Any) -> list[dict[str, Any]]:
    return read(et.AccessLogFiles(path, **options), careful)["requests"].sort("time").to_dicts()


def _text(tmp_path: Path, *lines: str) -> Path:
    return write(tmp_path / "access.log", "".join(lines))


def _line(request: str = "GET / HTTP/1.1", status: str = "200", agent: str = "Mozilla/5.0", tail: str = "") -> str:
    return (f'198.51.100.7 - - [01/Jan/2026:00:00:01 +0000] "{request}" {status} 12 "-" "{agent}"{tail}\n')


@BOTH
@pytest.mark.parametrize(("tail", "duration", "expected"), [
    (" 0.250", None, (250.0, False)),
    (' "-" 0.250', None, (250.0, False)),
    (" 0.250 0.240", None, (250.0, False)),
    (" 0.240 0.250", None, (250.0, False)),
    (" 0.250 -", None, (250.0, False)),
    (" 0.250 0.100, 0.140", None, (250.0, False)),
    (' rt=0.250 uct="0.001" uht="0.2" urt="0.240"', None, (250.0, False)),
    (" 250000", None, (None, True)),
    (' "10.0.0.1"', None, (None, True)),
    ("", None, (None, True)),
    (" 250000", "%D", (250.0, False)),
    (" 412 1290 250000", "%D", (250.0, False)),
    (" 0/250000", "%D", (250.0, False)),
    (" 2", "%T", (2000.0, False)),
    (" 0.25", "request_time", (250.0, False)),
    # said to be there and not there: a flaw that the door names, not a request without a duration
    ("", "%D", (None, False)),
    ("", "request_time", (None, False)),
])
def test_how_long_a_request_took(
    tmp_path: Path, careful: bool, tail: str, duration: str | None, expected: tuple[float | None, bool]
) -> None:
    (row,) = _rows(_text(tmp_path, _line(tail=tail)), careful, duration=duration)
    assert (row["duration_ms"], row["is_untimed"]) == expected
    # nginx stamps the end, Apache the start
    is_end = expected[0] is not None and duration not in ("%D", "%T")
    assert row["time"] == datetime(2026, 1, 1, 0, 0, 0 if is_end else 1, 750_000 if is_end else 0, tzinfo=UTC)


def test_a_duration_that_is_said_and_missing_is_set_aside(tmp_path: Path) -> None:
    store = et.Store(tmp_path / "s.duckdb")
    receipt = et.pull(et.AccessLogFiles(_text(tmp_path, _line(tail=" 900"), _line()), duration="%D"), store)
    assert receipt.rows == {"requests": 1}
    assert [(one.line, one.reason) for one in receipt.rejects] == [(2, "requests: duration_ms is missing")]
    with pytest.raises(ValueError, match="duration is 'seconds'; it is one of request_time, %D, %T"):
        et.AccessLogFiles(tmp_path, duration="seconds")


@BOTH
@pytest.mark.parametrize(("request_line", "operation"), [
    ("GET /a?token=1 HTTP/1.1", "GET /a"),
    ("GET /a;jsessionid=9F HTTP/1.1", "GET /a"),
    ("POST http://shop.example/a/b?x HTTP/1.1", "POST /a/b"),
    ("GET /with space HTTP/1.0", "GET /with space"),
    ("OPTIONS * HTTP/1.1", "OPTIONS *"),
    ("GET /old", "GET /old"),
    ("VERSION-CONTROL /a HTTP/1.1", "VERSION-CONTROL /a"),
    ("-", None),
    ("\\x16\\x03\\x01", None),
    ('GET /say\\"hi\\" HTTP/1.1', 'GET /say\\"hi\\"'),
])
def test_what_was_asked(tmp_path: Path, careful: bool, request_line: str, operation: str | None) -> None:
    (row,) = _rows(_text(tmp_path, _line(request_line)), careful)
    assert row["operation"] == operation


@BOTH
def test_statuses(tmp_path: Path, careful: bool) -> None:
    given = ("200", "404", "499", "503", "000", "-")
    found = {row["status_code"]: row["is_failed"] for status in given
             for row in _rows(_text(tmp_path, _line(status=status)), careful)}
    assert found == {"200": False, "404": False, "499": False, "503": True, "000": None, None: None}


@pytest.mark.parametrize(("agent", "population"), [
    ("Mozilla/5.0 (compatible; bingbot/2.0)", "synthetic"), ("curl-health/1.0", "synthetic"),
    ("kube-probe/1.30", "probe"), ("curl/8.5.0", "user"), ("Mozilla/5.0", "user"), ("-", "user"),
])
def test_programs_are_told_from_people(tmp_path: Path, agent: str, population: str) -> None:
    store = et.Store(tmp_path / "s.duckdb")
    et.pull(et.AccessLogFiles(_text(tmp_path, _line(agent=agent))), store)
    assert store.sql("select population, duration_ms from requests").rows() == [(population, None)]


@BOTH
def test_who_is_asked(tmp_path: Path, careful: bool) -> None:
    given = {
        combined(1): "erp", common(1): "unknown_service",
        combined(1, host="").replace("198.51.100.7", "2001:db8::7").replace(" ann ", " ann smith "): "unknown_service",
        "198.51.100.7 - [198.51.100.7] " + combined(1, host="").partition(" ")[2]: "unknown_service",
        combined(1, " 9 0.250 [shop-orders-80] [] 10.0.0.9:80 1 0.240 200 3f", ""): "shop-orders-80",
        envoy(1): "erp", json.dumps(nginx_json(1)) + "\n": "erp",
        json.dumps(nginx_json(1) | {"server_name": "_", "host": "shop.example:443"}) + "\n": "shop.example",
    }
    found = {line: [row["service"] for row in _rows(_text(tmp_path, line), careful)] for line in given}
    assert found == {line: [service] for line, service in given.items()}
    (row,) = _rows(_text(tmp_path, combined(1)), careful, service="shop")
    assert row["service"] == "shop"


@BOTH
def test_envoy_with_the_fields_of_istio_and_without_an_answer(tmp_path: Path, careful: bool) -> None:
    istio = ('[2026-01-01T00:00:01.123Z] "GET /a?b HTTP/1.1" 0 DC downstream_remote_disconnect - "-" 0 0 34 - "-" '
             '"Mozilla/5.0" "id" "erp:80" "10.0.0.9:80" outbound|80||erp.shop.svc 10.0.0.1:1 10.0.0.2:80 - -\n')
    (row,) = _rows(_text(tmp_path, istio), careful)
    assert (row["operation"], row["status_code"], row["is_failed"], row["duration_ms"]) == ("GET /a", None, None, 34.0)
    assert row["time"] == datetime(2026, 1, 1, 0, 0, 1, 123_000, tzinfo=UTC)


@BOTH
@pytest.mark.parametrize("changes", [
    {"msec": None, "time_iso8601": "2026-01-01T01:00:01+01:00"}, {"msec": 1767225601.0},
    {"msec": None, "@timestamp": "2026-01-01T00:00:01.000Z"}, {"msec": None, "timestamp": 1767225601000},
    {"msec": None, "time_local": "01/Jan/2026:00:00:01 +0000"},
    {"request_method": None, "request_uri": None, "request": "GET /orders?x HTTP/2.0"},
    {"request_uri": None, "uri": "/orders", "status": None, "response_code": 200, "request_time": 0.25},
])
def test_json_says_it_in_many_ways(tmp_path: Path, careful: bool, changes: dict[str, Any]) -> None:
    record = {key: value for key, value in (nginx_json(0) | changes).items() if value is not None}
    (row,) = _rows(_text(tmp_path, json.dumps(record) + "\n"), careful)
    assert (row["time"], row["duration_ms"]) == (datetime(2026, 1, 1, 0, 0, 0, 750_000, tzinfo=UTC), 250.0)
    assert (row["operation"], row["status_code"]) == ("GET /orders", "200")


@BOTH
def test_envoy_json_stamps_the_start_and_tells_milliseconds(tmp_path: Path, careful: bool) -> None:
    record = {"start_time": "2026-01-01T00:00:01.123Z", "method": "GET", "path": "/orders?x", "response_code": 200,
              "duration": 34, "authority": "erp:8080", "user_agent": "Mozilla/5.0"}
    (row,) = _rows(_text(tmp_path, json.dumps(record) + "\n"), careful)
    assert (row["time"], row["duration_ms"], row["service"]) == (
        datetime(2026, 1, 1, 0, 0, 1, 123_000, tzinfo=UTC), 34.0, "erp")


def test_a_json_line_without_zone_or_status_is_named(tmp_path: Path) -> None:
    good = nginx_json(0)
    naive = {key: value for key, value in good.items() if key != "msec"} | {"time": "2026-01-01 00:00:01"}
    stateless = {"msec": "1767225601.000", "request": "GET / HTTP/1.1"}
    lines: list[Any] = [good, good, good, naive, stateless, ["a list"], good]
    path = _text(tmp_path, *(json.dumps(one) + "\n" for one in lines))
    receipt = et.pull(et.AccessLogFiles(path), et.Store(tmp_path / "s.duckdb"))
    assert receipt.rows == {"requests": 4}
    assert [(one.line, one.reason) for one in receipt.rejects] == [
        (4, "time has no zone: 2026-01-01 00:00:01"),
        (5, "an access log line has status or response_code or status_code"),
        (6, "not a JSON object: a JSON list where an object was expected")]


@BOTH
def test_equal_lines_are_all_requests_and_the_name_tells_replicas_apart(tmp_path: Path, careful: bool) -> None:
    path = _text(tmp_path, common(1), common(1), common(2))
    ids = [row["id"] for row in _rows(path, careful)]
    assert len(set(ids)) == 3
    assert [one.split(":")[1:] for one in sorted(ids, key=lambda one: one.split(":")[1])][-1] == ["2", "access"]
    other = write(tmp_path / "web-2.log", common(1))
    assert _rows(other, careful)[0]["id"] not in ids
    assert _rows(write(tmp_path / "access.log.1.gz", common(1)), careful)[0]["id"] in ids


@pytest.mark.parametrize(("name", "expected"), [
    ("access.log", "access"), ("access.log.1", "access"), ("access.log.12.gz", "access"), ("web-1.log", "web-1"),
    ("access.log-20260701", "access"), ("access.log-20260701-1782864000.zst", "access"), ("access_log", "access_log"),
    ("access.2026-07-01", "access"), ("access.log.20260701", "access"), ("ssl_access_log-2026-07-01", "ssl_access_log"),
])
def test_a_rotated_file_keeps_its_name(name: str, expected: str) -> None:
    assert stem(Path("logs") / name) == expected


def test_a_folder_is_searched_by_content_not_by_suffix(tmp_path: Path) -> None:
    for name in ("access.log", "access.log.1", "access.log-20260701", "access_log", "other.txt", "old.log.2.gz"):
        write(tmp_path / name, combined(1))
    (tmp_path / "manual.pdf").write_bytes(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n")
    (tmp_path / "error.log").write_text("2026/01/01 00:00:01 [error] 7#7: *1 connect() failed\n")
    (tmp_path / "empty.log").touch()
    (tmp_path / "cut.gz").write_bytes(gzip.compress(combined(1).encode())[:-12])
    names = {Path(one.name).name for one in et.AccessLogFiles(tmp_path).slices(None, None, LEDGER)}
    # what cannot be unpacked cannot be judged: it is offered, so that the pull names it
    assert names == {"access.log", "access.log.1", "access.log-20260701", "access_log", "other.txt", "old.log.2.gz",
                     "cut.gz"}
    receipt = et.pull(et.AccessLogFiles(tmp_path), et.Store(tmp_path / "s.duckdb"))
    assert [reason.split(": ", 1)[1].split(" after")[0] for reason in receipt.refused] == ["cannot be unpacked"]
    with pytest.raises(SourceError, match=r"error.log: not an access log. Known are common, combined"):
        et.AccessLogFiles(tmp_path / "error.log").read(only(et.AccessLogFiles(tmp_path / "error.log")))


def test_control_characters_nul_and_endless_lines(tmp_path: Path) -> None:
    odd = _line(agent="Mozilla\x1f5.0")
    path = _text(tmp_path, _line(), odd, _line(agent="a\0b"), _line(agent="x" * 300_000))
    source = et.AccessLogFiles(path)
    batch = source.read(only(source), careful=True)
    assert [(one.line, one.reason) for one in batch.rejects] == [(4, "longer than 256 Ki characters")]
    agents = run(batch)["requests"].sort("line")["user_agent"].to_list()
    assert agents == ["Mozilla/5.0", "Mozilla\x1f5.0", "a\ufffdb"]


@BOTH
def test_a_snapshot_names_zones_peers_and_caches(tmp_path: Path, careful: bool) -> None:
    record = snapshot(0) | {
        "ssl": {"handshakes": 5}, "connections": {"accepted": 9, "active": 2},
        "server_zones": {"shop.example": {"processing": 1, "responses": {"2xx": 7}, "sent": 100}},
        "upstreams": {"back": {"peers": [{"id": 0, "server": "10.0.0.1:80", "backup": False, "requests": 3}]}},
        "caches": {"c": {"size": 10, "hit": {"bytes": 6}}}, "stream": {"server_zones": {"pg": {"connections": 4}}}}
    path = write(tmp_path / "status.json", json.dumps(record) + "\n")
    frame = read(et.AccessLogFiles(path), careful)["metrics"]
    found = {(row["name"], row["resource"], row["instance"]): (row["kind"], row["unit"], row["value"])
             for row in frame.to_dicts()}
    assert found == {
        ("nginx.requests.total", None, "pod-1"): ("cumulative", "1", 100),
        ("nginx.ssl.handshakes", None, "7"): ("cumulative", "1", 5),
        ("nginx.connections.accepted", None, "pod-1"): ("cumulative", "1", 9),
        ("nginx.connections.active", None, "pod-1"): ("gauge", "1", 2),
        ("nginx.zone.processing", "shop.example", "pod-1"): ("gauge", "1", 1),
        ("nginx.zone.responses.2xx", "shop.example", "pod-1"): ("cumulative", "1", 7),
        ("nginx.zone.sent", "shop.example", "pod-1"): ("cumulative", "By", 100),
        ("nginx.upstream.requests", "back/10.0.0.1:80", "pod-1"): ("cumulative", "1", 3),
        ("nginx.cache.size", "c", "pod-1"): ("gauge", "By", 10),
        ("nginx.cache.hit.bytes", "c", "pod-1"): ("cumulative", "By", 6),
        ("nginx.stream.zone.connections", "pg", "pod-1"): ("cumulative", "1", 4),
    }
