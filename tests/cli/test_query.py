"""query: SQL, read-only, with its secrets hidden."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import erp_telemetry as et
from tests.cli.conftest import EMAIL, PASSWORD
from tests.cli.support import call


def file(folder: Path, text: str) -> Path:
    path = folder / "own.sql"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_name_every_example_is_listed_with_its_sentence() -> None:
    rows = json.loads(call("query", "--json").stdout)
    assert [row["query"] for row in rows] == list(et.catalog.names("examples"))
    assert all(row["answers"].endswith(".") for row in rows)
    assert {row["query"]: row["needs"] for row in rows}["errors_of_a_service"] == "service"
    assert "errors_of_a_service" in call("query").stdout


@pytest.mark.parametrize("name", et.catalog.names("examples"))
def test_every_example_runs_on_the_samples(name: str, sample_store: et.Store) -> None:
    given = {"service": "orders", "incident": "INC-1", "trace_id": "x", "property": "SourceContext"}
    needed = et.catalog.query(f"examples/{name}").parameters - {"start", "stop"}
    params = [part for known in sorted(needed) for part in ("--param", f"{known}={given[known]}")]
    done = call("query", name, "--store", sample_store.path, *params)
    assert done.exit_code == 0, done.stderr
    assert "rows" in done.stdout or "1 row" in done.stdout


def test_a_file_is_asked_with_its_window_and_values(small_store: et.Store, tmp_path: Path) -> None:
    own = file(tmp_path, "select service, count(*) as n, $label as label, $least as least from requests "
                         "where time >= $start and time < $stop and duration_ms >= $least group by all")
    done = call("query", own, "--store", small_store.path, "--last", "10m", "--param", "label=a=b",
                "--param", "least=10", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == [{"service": "<b>orders</b>", "n": 10, "label": "a=b", "least": 10}]


@pytest.mark.parametrize(("text", "params", "said"), [
    ("select $who", [], "needs --param who=…"), ("select 1", ["--param", "who=me"], "has no $who; it has none"),
    ("select $who", ["--param", "whom=me"], "it has $who"), ("select 1", ["--last", "1d"], "reads no $start"),
])
def test_parameters_are_exactly_those_it_names(
    text: str, params: list[str], said: str, small_store: et.Store, tmp_path: Path
) -> None:
    done = call("query", file(tmp_path, text), "--store", small_store.path, *params)
    assert done.exit_code == 2 and done.stderr.count("\n") == 1 and said in done.stderr


@pytest.mark.parametrize("text", [
    "selec 1", "delete from requests", "create table mine as select 1", "copy (select 1) to 'out.csv'",
    "select * from read_text('own.sql')", "attach 'other.duckdb' as other",
])
def test_what_is_wrong_or_would_write_is_refused(
    text: str, small_store: et.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file(tmp_path, text)
    before = sorted(tmp_path.iterdir())
    done = call("query", "own.sql", "--store", small_store.path)
    assert done.exit_code == 1 and done.stderr.startswith("erp-telemetry: the query does not run")
    assert done.stderr.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
    assert small_store.sql("select count(*) as n from requests")["n"][0] == 20


def test_a_file_that_asks_nothing_answers_nothing(small_store: et.Store, tmp_path: Path) -> None:
    done = call("query", file(tmp_path, "-- later\n"), "--store", small_store.path, "--json")
    assert (done.exit_code, done.stdout) == (0, "[]\n")


def test_a_file_that_is_not_there_or_not_text_is_one_line(small_store: et.Store, tmp_path: Path) -> None:
    (tmp_path / "bad.sql").write_bytes(b"select '\xff'")
    for name, said in (("none.sql", "No such file"), ("bad.sql", "not UTF-8")):
        done = call("query", tmp_path / name, "--store", small_store.path)
        assert done.exit_code == 1 and done.stderr.count("\n") == 1 and said in done.stderr


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_secrets_are_hidden_and_counted_unless_asked(
    more: tuple[str, ...], telling_store: et.Store, tmp_path: Path
) -> None:
    asked = ("query", file(tmp_path, "select message from logs where level = 'error' order by time"), "--store",
             telling_store.path, *more)
    hidden = call(*asked)
    assert EMAIL not in hidden.output and PASSWORD not in hidden.output
    assert hidden.stderr == "2 secrets hidden (1 connection string, 1 email); --secrets shows them\n"
    shown = call(*asked, "--secrets")
    assert EMAIL in shown.stdout and PASSWORD in shown.stdout and shown.stderr == ""


def test_cells_of_every_type_are_shown_and_are_json(small_store: et.Store, tmp_path: Path) -> None:
    own = file(tmp_path, "select null as nothing, true as yes, 'nan'::double as nan, 1.5::decimal(4, 1) as money, "
                         "[1, 2] as list, {'a': 'b'} as struct, timestamptz '2026-03-01 00:00:00+00' as moment, "
                         "date '2026-03-01' as day, 'a'::blob as bytes, "
                         "12345678 as many, e'\\x1b[31m[red]x' as text")
    row = json.loads(call("query", own, "--store", small_store.path, "--json").stdout)[0]
    assert row | {"money": 0, "bytes": 0} == {
        "nothing": None, "yes": True, "nan": None, "money": 0, "list": [1, 2], "struct": {"a": "b"},
        "moment": "2026-03-01T00:00:00+00:00", "day": "2026-03-01", "bytes": 0, "many": 12345678,
        "text": "\x1b[31m[red]x"}
    shown = call("query", own, "--store", small_store.path, width=400).stdout
    assert "12,345,678" in shown and "moment, UTC" in shown and "[red]x" in shown and "\x1b" not in shown


def test_an_interval_is_refused_with_what_to_write(small_store: et.Store, tmp_path: Path) -> None:
    done = call("query", file(tmp_path, "select max(time) - min(time) as span from requests"), "--store",
                small_store.path)
    assert done.exit_code == 1 and done.stderr.count("\n") == 1 and "epoch(" in done.stderr


def test_long_text_is_cut_where_it_can_be_seen(small_store: et.Store, tmp_path: Path) -> None:
    own = file(tmp_path, "select repeat('x', 1000) as text")
    assert f"{'x' * 300}…" in call("query", own, "--store", small_store.path, width=400).stdout
    assert "x" * 1000 in call("query", own, "--store", small_store.path, "--json").stdout
