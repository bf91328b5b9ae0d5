"""The recorded web server files: what an independent loop over their lines counts is what the store answers."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

import erp_telemetry as et
from tests.sources.support import only, read

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "logs" / "web"
WINDOW = et.Window.parse("2015-05-17/2015-05-21")
# words by which the programs of this file name themselves, of those in docs/web_and_load_tests.md
BOTS = ("bot", "crawl", "spider", "slurp", "feedburner", "feedfetcher", "archiver", "bingpreview",
        "facebookexternalhit")


def _found(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"the recorded file {name} is not here")
    return path


def _counted(path: Path) -> tuple[Counter[str], Counter[bool]]:
    """Statuses of what people asked, and how many lines are of programs: split at quotes, no expression of ours."""
    statuses: Counter[str] = Counter()
    programs: Counter[bool] = Counter()
    for line in path.read_text(encoding="utf-8").splitlines():
        _, _, after, _, _, agent, *_ = line.split('"')
        is_program = any(word in agent.lower() for word in BOTS)
        programs[is_program] += 1
        if not is_program:
            statuses[after.split()[0]] += 1
    return statuses, programs


@pytest.fixture
def log() -> Path:
    return _found("apache_logs")


@pytest.fixture
def store(tmp_path: Path) -> et.Store:
    return et.Store(tmp_path / "web.duckdb")


def _numbers(store: et.Store, sql: str) -> list[tuple[object, ...]]:
    return store.sql(sql).rows()


def test_every_line_of_the_apache_log_is_a_request(log: Path, store: et.Store) -> None:
    receipt = et.pull(et.AccessLogFiles(log), store)
    assert (receipt.rows, receipt.rejects, receipt.duplicates) == ({"requests": 10_000}, [], 0)
    assert dict(_numbers(store, "select status_code, count(*) from requests group by all")) == {
        "200": 9126, "304": 445, "404": 213, "301": 164, "206": 45, "500": 3, "403": 2, "416": 2}
    assert _numbers(store, "select count(*) from requests where operation is null or time is null") == [(0,)]


def test_people_and_programs_are_told_apart_as_an_independent_loop_does(log: Path, store: et.Store) -> None:
    et.pull(et.AccessLogFiles(log), store)
    statuses, programs = _counted(log)
    populations = dict(_numbers(store, "select population, count(*) from requests group by all"))
    assert populations == {"user": programs[False], "synthetic": programs[True]}
    assert (programs[True], statuses["500"]) == (1_638, 1)

    whole = et.measure(store, "error_ratio", WINDOW, every="4d")
    assert whole["count"].to_list() == [programs[False]]
    assert whole["value"].to_list() == [statuses["500"] / programs[False]]
    rate = et.measure(store, "request_rate", WINDOW, every="4d")
    # a rate is per observed second: minutes in which nothing at all was logged do not thin it
    assert rate["count"].to_list() == [programs[False]]


def test_a_log_without_durations_has_no_latency_at_all(log: Path, store: et.Store) -> None:
    et.pull(et.AccessLogFiles(log), store)
    for name in ("latency_mean", "latency_p50", "latency_p95", "latency_p99", "apdex"):
        readings = et.measure(store, name, WINDOW, every="1h")
        assert readings["value"].null_count() == readings.height, name
    assert et.measure(store, "latency_mean", WINDOW, every="1h").height == 96
    assert _numbers(store, "select count(*) from requests where duration_ms is not null") == [(0,)]


def test_the_user_agent_without_its_closing_quote_is_kept(log: Path, tmp_path: Path) -> None:
    (cut,) = [line for line in log.read_text(encoding="utf-8").splitlines() if not line.endswith('"')]
    (tmp_path / "cut").write_text(cut + "\n")
    row = read(et.AccessLogFiles(tmp_path / "cut"))["requests"].row(0, named=True)
    assert (row["operation"], row["synthetic"]) == ("GET /scripts/grok-py-test/configlib.py", "bot")


def test_pulling_again_copies_and_replicas(log: Path, store: et.Store, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    shutil.copy(log, folder / "web-1.log")
    source = et.AccessLogFiles(folder)
    assert et.pull(source, store).rows == {"requests": 10_000}
    assert et.pull(source, store).rows == {}
    # rotated by copy: its time of change is another, its lines are not
    shutil.copyfile(log, folder / "web-1.log.1")
    first = log.read_text(encoding="utf-8").splitlines()[0]
    (folder / "web-1.log").write_text(first.replace("10:05:03", "23:59:59") + "\n")
    again = et.pull(source, store)
    assert (again.rows, again.duplicates) == ({"requests": 1}, 10_000)
    # the other replica happened to log the very same lines: they are other requests
    shutil.copy(log, folder / "web-2.log")
    assert et.pull(source, store).rows == {"requests": 10_000}
    assert _numbers(store, "select instance, count(*) from requests group by all order by all") == [
        ("web-1", 10_001), ("web-2", 10_000)]


def test_no_client_address_is_in_the_store(log: Path, store: et.Store, tmp_path: Path) -> None:
    lines = log.read_text(encoding="utf-8").splitlines()[:50]
    addresses = {line.split()[0] for line in lines}
    path = tmp_path / "access.log"
    path.write_text("\n".join([*lines, lines[0][:60], '2001:db8::7 - - [oops] "GET / HTTP/1.1" 200 1']) + "\n")
    receipt = et.pull(et.AccessLogFiles(path), store)
    assert [(one.line, one.reason) for one in receipt.rejects] == [
        (51, "not a line of an access log"), (52, "not a line of an access log")]
    kept = json.dumps([*_numbers(store, "select * from requests"), *store.rejects().rows()], default=str)
    assert not [one for one in {*addresses, "2001:db8"} if one in kept]


@pytest.mark.parametrize("careful", [False, True])
def test_snapshots_of_nginx_plus_are_metric_points(careful: bool) -> None:
    source = et.AccessLogFiles(_found("nginxplus_json_logs.ndjson"), service="edge")
    points = read(source, careful)["metrics"]
    total = points.filter(pl.col("name") == "nginx.requests.total").sort("time")
    assert total.height == 500
    assert (total["value"][0], total["value"][-1]) == (18_853_899, 18_882_283)
    assert points["service"].unique().to_list() == ["edge"]
    assert set(points["kind"]) == {"cumulative", "gauge"}
    # a counter of the snapshot never falls, but those of TLS are each worker's own
    falls = points.filter(pl.col("kind") == "cumulative").sort("time").with_columns(
        step=pl.col("value").diff().over("name", "resource", "instance"))
    assert falls.filter(pl.col("step") < 0).height == 0
    assert set(points.filter(pl.col("name") == "nginx.ssl.handshakes")["instance"]) == {"64856", "64857"}


def test_differences_over_the_store_are_those_the_data_sheet_counts(store: et.Store) -> None:
    receipt = et.pull(et.AccessLogFiles(_found("nginxplus_json_logs.ndjson")), store)
    assert (receipt.rejects, receipt.duplicates) == ([], 0)
    grown = dict(((name, zone), growth) for name, zone, growth in _numbers(store, """
        with steps as (
            select name, resource, value - lag(value) over (partition by name, resource, instance order by time) as step
            from metrics where kind = 'cumulative' and (name = 'nginx.requests.total' or name like 'nginx.zone.%'))
        select name, resource, sum(case when step < 0 then null else step end) from steps group by all"""))
    assert grown["nginx.requests.total", None] == 18_882_283 - 18_853_899
    zones = sorted({zone for _, zone in grown if zone})
    classes = [(grown["nginx.zone.responses.2xx", zone], grown["nginx.zone.responses.5xx", zone]) for zone in zones]
    assert sorted(classes) == [(77, 0), (279, 3), (491, 0)]


def test_recognition_names_both(tmp_path: Path) -> None:
    found = et.recognise(_found("apache_logs"), _found("nginxplus_json_logs.ndjson"), service="web")
    assert [one.format for one in found.taken] == ["access log, Apache or nginx text", "nginx Plus status snapshots"]
    assert found.unknown == ()
    assert found.sources == (et.AccessLogFiles(*(one.path for one in found.taken), service="web"),)
    assert only(et.AccessLogFiles(_found("apache_logs"))).name.startswith("access_log_files:")
