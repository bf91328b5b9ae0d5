"""Load tests: one test per trap, and the KPIs of a run against an independent computation."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import erp_telemetry as et
from erp_telemetry.errors import SourceError
from tests.sources.forms.load_tests import (
    JTL_NAMES,
    K6_NAMES,
    LOCUST_NAMES,
    START,
    http_sample,
    jtl,
    jtl_csv,
    k6_csv,
    k6_point,
    locust,
)
from tests.sources.support import LEDGER, each_line, only, otlp, read, run, span, write

BOTH = pytest.mark.parametrize("careful", [False, True])
WINDOW = et.Window.parse("2026-01-01T00:00:00Z/2026-01-01T00:10:00Z")
TRANSACTION = jtl(0, "Checkout", "200", message='"Number of samples in transaction : 2, number of failing samples : 0"')


def _rows(path: Path, careful: bool = False, **options: Any) -> list[dict[str, Any]]:
    return read(et.LoadTestFiles(path, **options), careful)["requests"].sort("time", "id").to_dicts()


def _set_aside(path: Path) -> list[tuple[int | None, str]]:
    source = et.LoadTestFiles(path)
    batch = source.read(only(source), careful=True)
    batch.close()
    return [(one.line, one.reason) for one in batch.rejects]


@BOTH
@pytest.mark.parametrize(("tags", "expected"), [
    ({}, ("GET /orders", "erp", "200", False)),
    ({"status": "0", "expected_response": "false", "error_code": "1212"}, ("GET /orders", "erp", None, True)),
    ({"status": "404", "expected_response": "false"}, ("GET /orders", "erp", "404", True)),
    ({"status": "404", "expected_response": "true"}, ("GET /orders", "erp", "404", False)),
    ({"status": "503", "expected_response": None}, ("GET /orders", "erp", "503", True)),
    ({"name": "Order list"}, ("GET Order list", "erp", "200", False)),
    ({"name": "https://erp/orders/${}"}, ("GET /orders/${}", "erp", "200", False)),
    ({"name": "https://user:pw@ERP:8443", "url": None}, ("GET /", "erp", "200", False)),
    ({"name": "Order list", "url": None}, ("GET Order list", "unknown_service", "200", False)),
])
def test_k6_tags(tmp_path: Path, careful: bool, tags: dict[str, Any], expected: tuple[object, ...]) -> None:
    point = k6_point(0)
    point["data"]["tags"] = {key: value for key, value in (point["data"]["tags"] | tags).items() if value is not None}
    declared = {"type": "Metric", "metric": "http_req_duration", "data": {"type": "trend", "contains": "time"}}
    other = {"type": "Point", "metric": "http_reqs", "data": {**point["data"], "value": 1}}
    untagged = {"type": "Point", "metric": "vus", "data": {"time": point["data"]["time"], "value": 1, "tags": None}}
    path = write(tmp_path / "k6.gz", "".join(json.dumps(one) + "\n" for one in (declared, other, point, untagged)))
    (row,) = _rows(path, careful)
    assert (row["operation"], row["service"], row["status_code"], row["is_failed"]) == expected


@BOTH
@pytest.mark.parametrize("stamp", ["1767225601", "1767225601000", "1767225601000000", "1767225601000000000",
                                   "2026-01-01T01:00:01+01:00", "2026-01-01T00:00:01.000000000Z"])
def test_k6_csv_times(tmp_path: Path, careful: bool, stamp: str) -> None:
    path = write(tmp_path / "k6.csv", k6_csv(1).replace("1767225601", stamp))
    assert _rows(path, careful)[0]["time"] == datetime(2026, 1, 1, 0, 0, 0, 750_000, tzinfo=UTC)


@BOTH
def test_k6_csv_of_an_older_version_and_other_metrics(tmp_path: Path, careful: bool) -> None:
    old = ("metric_name,timestamp,metric_value,check,error,error_code,group,method,name,proto,status,url,extra_tags\n"
           'http_reqs,1767225601,1.000000,,,,,GET,http://erp/a,HTTP/1.1,200,"http://erp/a,b?x=1,2",\n'
           'http_req_duration,1767225601,250.000000,,,,,GET,http://erp/a,HTTP/1.1,200,"http://erp/a,b?x=1,2",\n'
           "vus,1767225601,5.000000,,,,,,,,,,\n")
    (row,) = _rows(write(tmp_path / "k6.csv", old), careful)
    assert (row["operation"], row["is_failed"], row["duration_ms"]) == ("GET /a", False, 250.0)


def test_a_k6_time_without_zone_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "k6.csv", k6_csv(2).replace("1767225602", "2026-01-01T00:00:02"))
    receipt = et.pull(et.LoadTestFiles(path), et.Store(tmp_path / "s.duckdb"))
    assert receipt.rows == {"requests": 1}
    assert [(one.line, one.reason) for one in receipt.rejects] == [(3, "requests: time is missing")]


@BOTH
@pytest.mark.parametrize(("sample", "expected"), [
    (jtl(0), ("GET /orders", "erp", "200", False)),
    (jtl(0, "/orders?key=1"), ("/orders", "erp", "200", False)),
    (jtl(0, "https://shop/a?b", url="null"), ("/a", "shop", "200", False)),
    (jtl(0, "Home Page", "500", "false"), ("Home Page", "erp", "500", True)),
    (jtl(0, "Home Page", "200", "false"), ("Home Page", "erp", "200", True)),
    (jtl(0, "Home", "Non HTTP response code: java.net.SocketTimeoutException", "false"), ("Home", "erp", None, True)),
    (jtl(0, '"Home, ""big"""', message='"two\nlines"'), ('Home, "big"', "erp", "200", False)),
])
def test_jmeter_samples(tmp_path: Path, careful: bool, sample: str, expected: tuple[object, ...]) -> None:
    (row,) = _rows(write(tmp_path / "results.jtl", JTL_NAMES + sample), careful)
    assert (row["operation"], row["service"], row["status_code"], row["is_failed"]) == expected
    assert row["time"] == datetime(2026, 1, 1, 0, 0, 0, 123_000, tzinfo=UTC)


def test_transaction_controllers_are_left_out_and_counted(tmp_path: Path) -> None:
    store = et.Store(tmp_path / "s.duckdb")
    path = write(tmp_path / "results.csv", (JTL_NAMES + jtl(0) + TRANSACTION + jtl(1) + TRANSACTION).replace(",", ";")
                 .replace("transaction : 2; ", "transaction : 2, "))
    receipt = et.pull(et.LoadTestFiles(path), store)
    assert receipt.rows == {"requests": 2}
    assert [(one.line, one.reason) for one in receipt.rejects] == [
        (None, "2 rows of transaction controllers left out: they sum up other samples")]
    path = write(tmp_path / "parents.csv", JTL_NAMES + TRANSACTION)
    with pytest.raises(SourceError, match="holds only the 1 rows of transaction controllers"):
        read(et.LoadTestFiles(path), careful=True)


def test_jmeter_rows_that_are_no_sample_are_named(tmp_path: Path) -> None:
    several = JTL_NAMES.replace("timeStamp", "SampleCount,timeStamp") + "1," + jtl(0) + "9," + jtl(1)
    assert _set_aside(write(tmp_path / "several.jtl", several)) == [
        (3, "stands for 9 samples; turn the statistical mode of JMeter off")]
    local = JTL_NAMES + jtl(0) + jtl(1).replace("1767225601123", "2026/01/01 00:00:01.123")
    ((line, reason),) = _set_aside(write(tmp_path / "local.jtl", local))
    assert (line, reason.split(";")[0]) == (3, "timeStamp is not in epoch milliseconds")


def test_leaf_samples_of_jmeter_xml(tmp_path: Path) -> None:
    inner = http_sample(1, label="one") + http_sample(2, "<assertionResult><name>x</name></assertionResult>", "two")
    controller = '<sample t="9" ts="1767225600000" s="true" lb="Sum" rm="Number of samples in transaction : 2, and"/>'
    old = '<sampleResult timeStamp="1767225609000" time="7" label="old" responseCode="302" success="true"/>'
    text = (f'<?xml version="1.0"?>\n<!-- kept -->\n<testResults version="1.2">\n{http_sample(0, inner, "all")}'
            f'<sample t="9" ts="1767225605000" s="true" lb="Login">{http_sample(5, label="three")}</sample>\n'
            f"{controller}\n{old}\n</testResults>\n")
    path = write(tmp_path / "results.jtl", text)
    assert [row["operation"] for row in _rows(path)] == ["one", "two", "three", "old"]
    assert _set_aside(path) == [(None, "1 rows of transaction controllers left out: they sum up other samples")]


def test_xml_that_breaks_off_keeps_what_came_before(tmp_path: Path) -> None:
    text = '<testResults version="1.2">\n' + "".join(http_sample(at) for at in range(3))
    path = write(tmp_path / "cut.jtl", text + '<httpSample t="2')
    assert len(_rows(path)) == 3
    ((line, reason),) = _set_aside(path)
    assert (line, reason.split(":")[0]) == (5, "the file breaks off")


def test_xml_with_a_document_type_is_refused(tmp_path: Path) -> None:
    bomb = ('<?xml version="1.0"?>\n<!DOCTYPE testResults [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>\n'
            '<testResults version="1.2"><httpSample t="1" ts="1767225600000" s="true" lb="&b;"/></testResults>')
    path = write(tmp_path / "bomb.jtl", bomb)
    assert et.recognise(path).taken == ()
    late = write(tmp_path / "late.jtl", '<testResults version="1.2">' + http_sample(0) + "<!DOCTYPE x><a>&b;</a>")
    with pytest.raises(SourceError, match="not a load-test result"):
        read(et.LoadTestFiles(path))
    assert len(_rows(late)) == 1
    deep = write(tmp_path / "deep.jtl", "<testResults>" + http_sample(0) + "<a>" * 200)
    with pytest.raises(SourceError, match="nested deeper than 100 elements"):
        read(et.LoadTestFiles(deep))


@BOTH
def test_locust_counts_by_difference(tmp_path: Path, careful: bool) -> None:
    rows = [locust(0, 0), locust(0, 0, kind="", name="Aggregated"),
            locust(1, 10, 1), locust(1, 4, 0, "POST", "https://erp/orders?x"), locust(1, 14, 1, "", "Aggregated"),
            locust(2, 10, 1), locust(2, 9, 5, "POST", "https://erp/orders?x"), locust(2, 19, 6, "", "Aggregated"),
            locust(3, 3, 2), locust(3, 9, 5, "POST", "https://erp/orders?x"), locust(3, 12, 7, "", "Aggregated")]
    path = write(tmp_path / "run_stats_history.csv", LOCUST_NAMES + "".join(rows))
    found = [(row["time"].second, row["operation"], row["service"], row["is_failed"], row["weight"])
             for row in _rows(path, careful)]
    assert sorted(found) == [
        (1, "GET /orders", "unknown_service", False, 9), (1, "GET /orders", "unknown_service", True, 1),
        (1, "POST /orders", "erp", False, 4),
        (2, "POST /orders", "erp", True, 5),
        # the count fell: it was reset, and what it holds was counted since
        (3, "GET /orders", "unknown_service", False, 1), (3, "GET /orders", "unknown_service", True, 2)]
    assert {row["duration_ms"] for row in _rows(path, careful)} == {None}


@BOTH
def test_locust_without_endpoints_counts_the_whole(tmp_path: Path, careful: bool) -> None:
    rows = [locust(at, 10 * at, 0, "", "Aggregated") for at in range(4)]
    path = write(tmp_path / "run_stats_history.csv", LOCUST_NAMES + "".join(rows))
    assert [(row["operation"], row["weight"]) for row in _rows(path, careful)] == [(None, 10)] * 3


@pytest.mark.parametrize(("name", "content", "reason"), [
    ("summary.json", json.dumps({"root_group": {}, "metrics": {"iterations": {"count": 1}}}), "k6 summary"),
    ("summary.json", json.dumps({"metrics": {"http_reqs": {"values": {}}}, "state": {}}, indent=1), "k6 summary"),
    ("x_stats.csv", "Type,Name,Request Count,Failure Count,Median Response Time\nGET,/,1,0,4\n", "Locust statistics"),
    ("x_failures.csv", "Method,Name,Error,Occurrences\nGET,/,oops,1\n", "Locust failures"),
    ("x_exceptions.csv", "Count,Message,Traceback,Nodes\n", "Locust exceptions"),
    ("locust.json", json.dumps([{"num_requests": 1, "num_failures": 0, "response_times": {}}]), "Locust statistics"),
    ("aggregate.csv", "Label,# Samples,Average,Median\nHome,1,2,3\n", "JMeter aggregate report"),
    ("statistics.json", json.dumps({"Total": {"transaction": "Total", "sampleCount": 1}}, indent=1), "JMeter statis"),
    ("results.jtl", jtl(0) + jtl(1), "JMeter samples, CSV without header: .*print_field_names=true"),
])
def test_what_tells_no_times_is_recognised_and_refused(tmp_path: Path, name: str, content: str, reason: str) -> None:
    path = write(tmp_path / name, content)
    (taken,) = et.recognise(path).taken
    assert taken.source == "load_test_files"
    assert "refused" in taken.format
    with pytest.raises(SourceError, match=f"{name}: {reason}"):
        et.pull(et.LoadTestFiles(path), et.Store(tmp_path / "s.duckdb"))


def test_recognition_says_that_a_load_test_is_no_user(tmp_path: Path) -> None:
    path = write(tmp_path / "results.jtl", jtl_csv(2))
    found = et.recognise(path, population="user", service="erp")
    assert found.taken[0].format == 'JMeter samples, CSV: a load test, synthetic unless population="user"'
    assert found.sources == (et.LoadTestFiles(path.as_posix(), population="user", service="erp"),)
    with pytest.raises(ValueError, match="population is 'robot'; it is one of synthetic, user"):
        et.LoadTestFiles(path, population="robot")
    with pytest.raises(SourceError, match="not a load-test result"):
        read(et.LoadTestFiles(write(tmp_path / "other.csv", "a,b\n1,2\n")))


def test_a_folder_is_searched_by_content(tmp_path: Path) -> None:
    write(tmp_path / "results", jtl_csv(2))
    write(tmp_path / "points.gz", each_line(k6_point)(2))
    write(tmp_path / "orders.csv", "id,amount\n1,2\n")
    (tmp_path / "plan.jmx").write_text('<?xml version="1.0"?>\n<jmeterTestPlan/>\n')
    names = [Path(one.name).name for one in et.LoadTestFiles(tmp_path).slices(None, None, LEDGER)]
    assert names == ["points.gz", "results"]


def _run(seed: int, count: int = 3_000) -> list[tuple[float, float, bool]]:
    """Start in ms after the beginning, duration in ms, whether it failed."""
    random_ = random.Random(seed)
    return [(random_.randrange(600_000), max(1, round(random_.lognormvariate(4, 1))), random_.random() < 0.07)
            for _ in range(count)]


def _as_k6(requests: list[tuple[float, float, bool]]) -> str:
    points = []
    for start, duration, failed in requests:
        point = k6_point(0, status="500" if failed else "200", expected_response="false" if failed else "true")
        end = datetime.fromtimestamp(START.timestamp() + (start + duration) / 1000, UTC)
        point["data"] |= {"time": end.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "value": duration}
        points.append(json.dumps(point) + "\n")
    return "".join(points)


def _as_jtl(requests: list[tuple[float, float, bool]]) -> str:
    begin = round(START.timestamp()) * 1000
    rows = (f"{begin + start},{duration},GET /orders,{500 if failed else 200},,T 1-1,text,{str(not failed).lower()},,"
            "1430,231,1,1,https://erp/orders,240,0,1\n" for start, duration, failed in requests)
    return JTL_NAMES + "".join(rows)


def _as_xml(requests: list[tuple[float, float, bool]]) -> str:
    begin = round(START.timestamp()) * 1000
    rows = (f'<httpSample t="{duration}" ts="{begin + start}" s="{str(not failed).lower()}" lb="GET /orders" '
            f'rc="{500 if failed else 200}"><java.net.URL>https://erp/orders</java.net.URL></httpSample>\n'
            for start, duration, failed in requests)
    return f'<testResults version="1.2">\n{"".join(rows)}</testResults>\n'


WRITERS = pytest.mark.parametrize("written", [_as_k6, _as_jtl, _as_xml])


def _measured(store: et.Store) -> dict[str, pl.DataFrame]:
    names = ("request_rate", "error_ratio", "latency_mean", "latency_p50", "latency_p95", "latency_p99", "apdex")
    return {name: et.measure(store, name, WINDOW, every="5m") for name in names}


@WRITERS
def test_counted_as_users_the_kpis_are_those_of_the_run(tmp_path: Path, written: Callable[[Any], str]) -> None:
    requests = _run(7)
    store = et.Store(tmp_path / "s.duckdb")
    source = et.LoadTestFiles(write(tmp_path / "run.out", written(requests)), population="user")
    assert et.pull(source, store).rows == {"requests": 3_000}
    assert et.pull(source, store).rows == {}
    found = _measured(store)
    assert found["request_rate"]["service"].to_list() == ["erp", "erp"]
    for step in range(2):
        part = [one for one in requests if 300_000 * step <= one[0] < 300_000 * (step + 1)]
        durations = sorted(duration for _, duration, _ in part)
        assert found["request_rate"]["value"][step] == pytest.approx(len(part) / 300)
        assert found["error_ratio"]["value"][step] == sum(failed for *_, failed in part) / len(part)
        assert found["latency_mean"]["value"][step] == pytest.approx(sum(durations) / len(durations))
        for share, name in ((0.5, "latency_p50"), (0.95, "latency_p95"), (0.99, "latency_p99")):
            exact = durations[math.ceil(share * len(durations)) - 1]
            assert found[name]["value"][step] == pytest.approx(exact, rel=0.011), name


@WRITERS
def test_by_default_no_kpi_of_users_moves(tmp_path: Path, written: Callable[[Any], str]) -> None:
    store = et.Store(tmp_path / "s.duckdb")
    users = [otlp(span(at * 2)) for at in range(240)]
    et.pull(et.OtlpFiles(write(tmp_path / "users.jsonl", "".join(json.dumps(one) + "\n" for one in users))), store)
    before, scored = _measured(store), et.score(store, WINDOW)
    receipt = et.pull(et.LoadTestFiles(write(tmp_path / "run.out", written(_run(8)))), store)
    assert receipt.rows == {"requests": 3_000}
    assert store.sql("select population, count(*) from requests group by all order by all").rows() == [
        ("synthetic", 3_000), ("user", 240)]
    after = _measured(store)
    # the watermark alone moves: steps that were provisional may be final
    for name, frame in before.items():
        assert after[name].drop("is_provisional").equals(frame.drop("is_provisional")), name
    assert et.score(store, WINDOW).equals(scored)
    assert scored["value"].null_count() < scored.height


def test_bad_rows_of_csv_do_not_hide_the_others(tmp_path: Path) -> None:
    text = JTL_NAMES + jtl(0) + jtl(1, '"Home') + jtl(2) + "short\n" + jtl(3)
    path = write(tmp_path / "results.jtl", text)
    source = et.LoadTestFiles(path)
    batch = source.read(only(source), careful=True)
    assert [one.line for one in batch.rejects] == [3, 5]
    assert run(batch)["requests"].sort("line")["line"].to_list() == [2, 4, 6]


def test_two_generators_that_wrote_the_same_rows_are_both_kept(tmp_path: Path) -> None:
    store = et.Store(tmp_path / "s.duckdb")
    for name in ("generator-1.csv", "generator-2.csv"):
        write(tmp_path / name, K6_NAMES + k6_csv(1).removeprefix(K6_NAMES) * 3)
    assert et.pull(et.LoadTestFiles(tmp_path), store).rows == {"requests": 6}
    write(tmp_path / "generator-1.csv.1", K6_NAMES + k6_csv(1).removeprefix(K6_NAMES) * 3)
    again = et.pull(et.LoadTestFiles(tmp_path), store)
    assert (again.rows, again.duplicates) == ({}, 3)
