"""explain: what it returns, run again, gives the number of the row; else it says why it does not."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import erp_telemetry as et
from erp_telemetry.objectives import UNITS
from erp_telemetry.scorecards import union_seconds
from tests.hostile import SCRIPT, hostile

FORTNIGHT = et.Window.parse("2026-06-22/2026-07-06")
DAY = et.Window.parse("2026-07-01/2026-07-02")
HOUR = et.Window("2026-07-01T14:00:00Z", "2026-07-01T15:00:00Z")
MEASURES = et.catalog.names("measures")
BY = [(name, by) for name in MEASURES for by in ((), *((one,) for one in et.catalog.query(f"measures/{name}").by))]
START = datetime(2026, 3, 1, tzinfo=UTC)
SMALL = et.Window(START, START + timedelta(minutes=20))


def telling(readings: pl.DataFrame) -> list[dict[str, Any]]:
    """A handful of rows: the least, the most, of the most observations, observed and empty, a hole."""
    valued = readings.filter(pl.col("value").is_not_null())
    picked = [valued.sort("value").head(1), valued.sort("value").tail(1), valued.sort("count").tail(1),
              readings.filter((pl.col("coverage") > 0) & (pl.col("count") == 0)).head(1),
              readings.filter(pl.col("value").is_null()).tail(1)]
    return pl.concat(picked).unique(maintain_order=True).to_dicts()


def check(store: et.Store, made: et.Explanation, row: dict[str, Any]) -> None:
    """Rerun and the pasted SQL both give the value of the row."""
    same = pytest.approx(row["value"], rel=1e-12, abs=0) if row["value"] is not None else None
    assert made.value == same
    assert made.rerun(store) == same
    assert (made.low, made.high) == (row.get("value_low", row.get("low")), row.get("value_high", row.get("high")))
    for statement in made.inputs.values():
        store.sql(statement.sql, **statement.parameters)
    if made.wanted is None or "erp_telemetry.scorecards" not in "".join(made.then):
        pasted = store.sql(made.sql, **made.parameters)
        assert pasted.height <= 1, "one row for one step and key"
        value = pasted["value"][0] if pasted.height else None
        assert value == same or (value is None and made.value == 0.0 and "is the value 0" in made.then[0])


def checked(
    store: et.Store, rows: list[dict[str, Any]], window: et.Window, every: str | None = None
) -> list[tuple[et.Explanation, dict[str, Any]]]:
    """Each row explained and checked, the file opened once."""
    with store.reading():
        found = [(et.explain(store, row, window, every), row) for row in rows]
        for made, row in found:
            check(store, made, row)
    return found


@pytest.mark.parametrize(("name", "by"), BY, ids=["-".join((name, *by)) for name, by in BY])
def test_a_reading_run_again_gives_the_same_value(sample_store: et.Store, name: str, by: tuple[str, ...]) -> None:
    readings = et.measure(sample_store, name, DAY, "1h", by)
    rows = telling(readings)
    assert rows
    for made, row in checked(sample_store, rows, DAY, "1h"):
        assert made.key == {key: row[key] for key in by}
        assert made.window == et.Window(row["time"], row["time"] + timedelta(hours=1))
        assert (made.n, made.effective_n) == (row["count"], row["effective_count"])
        assert (made.coverage, made.is_provisional) == (row["coverage"], row["is_provisional"])
        assert made.is_supported == row["is_supported"]
        assert ("too few for this value" in str(made)) == (row["is_supported"] is False)
        definition = et.catalog.query(made.definition["file"].removeprefix("queries/").removesuffix(".sql")).text
        assert made.hashes["definition"] == hashlib.sha256(definition.encode()).hexdigest()


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_has_values_that_were_explained(sample_store: et.Store, name: str) -> None:
    """That the test above is not of holes alone."""
    assert et.measure(sample_store, name, DAY, "1h", ())["value"].drop_nulls().len() > 0


@pytest.mark.parametrize(("every", "exact", "file"), [
    ("1m", False, "exact/minute_percentiles"), ("5m", False, "measures/latency_p95"), ("5m", True, "exact/latency"),
    ("7m", False, "exact/latency")])
def test_what_answered_in_the_window_answers_again(
    sample_store: et.Store, every: str, exact: bool, file: str
) -> None:
    for row in telling(et.measure(sample_store, "latency_p95", HOUR, every, exact=exact)):
        made = et.explain(sample_store, row, HOUR, every, exact=exact)
        assert made.definition["file"] == f"queries/{file}.sql"
        check(sample_store, made, row)


def test_a_step_of_the_calendar_is_explained_in_its_zone(sample_store: et.Store) -> None:
    rows = telling(et.measure(sample_store, "request_rate", FORTNIGHT, "1d", ("service",), zone="Asia/Kolkata"))
    for row in rows:
        made = et.explain(sample_store, row, FORTNIGHT, "1d", zone="Asia/Kolkata")
        check(sample_store, made, row)
    with pytest.raises(et.QueryError, match="give window, every and zone as they were asked"):
        et.explain(sample_store, {**rows[0], "time": rows[0]["time"] + timedelta(hours=1)}, FORTNIGHT, "1d")


@pytest.fixture(scope="module")
def card(sample_store: et.Store) -> list[dict[str, Any]]:
    return et.score(sample_store, FORTNIGHT).to_dicts()


@pytest.mark.parametrize("kpi", [*UNITS, *(band.name for band in et.Objectives.load().bands)])
def test_every_row_of_a_scorecard_run_again_gives_the_same_value(
    sample_store: et.Store, card: list[dict[str, Any]], kpi: str
) -> None:
    rows = [row for row in card if row["kpi"] == kpi]
    assert rows
    for made, row in checked(sample_store, rows, FORTNIGHT):
        assert made.wanted is not None
        assert (made.wanted.target, made.wanted.state, made.wanted.rule) == (row["target"], row["state"], row["rule"])
        assert (made.n, made.unit, made.coverage) == (row["n"], row["unit"], row["coverage"])


def test_what_uptime_counts_adds_up_to_it(sample_store: et.Store, card: list[dict[str, Any]]) -> None:
    down = 0
    for row in (one for one in card if one["kpi"] == "uptime" and one["value"] is not None):
        made = et.explain(sample_store, row, FORTNIGHT)
        spans = [(part.start, part.stop) for part in made.counted if part.stop is not None]
        assert 1 - union_seconds(spans, FORTNIGHT) / FORTNIGHT.duration.total_seconds() == row["value"]
        down += len(spans)
    assert down > 0


@pytest.mark.parametrize("kpi", ["mttr", "mttd", "rto", "rpo"])
def test_what_a_time_to_counts_gives_it(sample_store: et.Store, card: list[dict[str, Any]], kpi: str) -> None:
    for row in (one for one in card if one["kpi"] == kpi):
        made = et.explain(sample_store, row, FORTNIGHT)
        seconds = [part.seconds for part in made.counted if part.seconds is not None]
        assert len(made.counted) == len(seconds) == row["n"]
        for part in made.counted:
            assert part.stop is not None and (part.stop - part.start).total_seconds() == part.seconds
        if seconds:
            assert row["value"] == (sum(seconds) / len(seconds) if kpi in ("mttr", "mttd") else row["value"])
            assert row["value"] in seconds or kpi in ("mttr", "mttd")


def test_what_is_left_out_is_counted_by_reason(tmp_path: Path) -> None:
    requests = pl.DataFrame({
        "time": [START + timedelta(seconds=at) for at in range(10)], "service": ["orders"] * 10,
        "duration_ms": [10.0] * 10, "status_code": ["200"] * 5 + ["404", "500", None, "200", "200"],
        "is_failed": [False] * 5 + [True, True, None, False, False],
        "population": ["probe", "synthetic"] + ["user"] * 8, "weight": [5.0, 7.0] + [2.0] * 8,
    })
    store = et.Store(tmp_path / "left.duckdb")
    et.pull(et.Frames(requests=requests), store)
    mine = tmp_path / "mine.toml"
    mine.write_text("[policy]\nclient_errors = 'excluded'\n", encoding="utf-8")
    strict = et.Objectives.load(mine)
    window = et.Window(START, START + timedelta(minutes=5))

    def explained(name: str, exact: bool = False) -> et.Explanation:
        row = et.measure(store, name, window, "5m", exact=exact, objectives=strict).row(0, named=True)
        return et.explain(store, row, window, "5m", exact=exact, objectives=strict)

    ratio = explained("error_ratio")
    assert ratio.excluded == {"client error": 2.0, "probe": 5.0, "synthetic": 7.0, "unknown outcome": 2.0}
    assert (ratio.value, ratio.n, ratio.rows) == (2 / 12, 12.0, 6)
    assert explained("request_rate").excluded == {"probe": 5.0, "synthetic": 7.0}
    assert explained("apdex").excluded == ratio.excluded
    for exact in (False, True):
        latency = explained("latency_p99", exact)
        assert latency.excluded == {"probe": 5.0, "synthetic": 7.0} and latency.n == 16.0
    # what is counted and what is left out is everything that came in
    for name in ("error_ratio", "request_rate", "apdex", "latency_p99", "latency_mean"):
        made = explained(name)
        assert (made.n or 0) + sum(made.excluded.values()) == requests["weight"].sum(), name
    assert "2 client error, 5 probe, 7 synthetic, 2 unknown outcome" in str(ratio)


def test_what_nobody_timed_is_left_out_of_latencies(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("".join(f'10.0.0.1 - - [01/Mar/2026:00:00:0{at} +0000] "GET /a HTTP/1.1" 200 12\n'
                           for at in range(3)), encoding="utf-8")
    store = et.Store(tmp_path / "web.duckdb")
    et.pull(et.AccessLogFiles(log, service="web"), store)
    for name, excluded in (("latency_mean", {"untimed": 3.0}), ("latency_p95", {"untimed": 3.0}),
                           ("apdex", {"untimed": 3.0}), ("request_rate", {})):
        for exact in (False, True):
            row = et.measure(store, name, SMALL, "20m", exact=exact).row(0, named=True)
            made = et.explain(store, row, SMALL, "20m", exact=exact)
            check(store, made, row)
            assert made.excluded == excluded
            assert made.value == (3 / 1200 if name == "request_rate" else None)


def test_the_entries_that_brought_the_rows_are_named_and_their_last_hash(small_store: et.Store) -> None:
    more = pl.DataFrame({"time": [START + timedelta(minutes=3)], "service": ["<b>orders</b>"], "duration_ms": [5.0],
                         "is_failed": [False], "status_code": ["200"], "weight": [1.0]})
    et.pull(et.Frames(requests=more), small_store)
    ledger = small_store.ledger()
    assert ledger.height >= 2
    readings = et.measure(small_store, "request_rate", SMALL, "1m")
    third, fourth = (et.explain(small_store, readings.row(at, named=True), SMALL, "1m") for at in (2, 3))
    own = ledger.filter(pl.col("row_counts").str.contains("requests"))
    assert third.entries == (own["entry"][0],) and third.hashes["input"] == own["hash"][0]
    assert fourth.entries == tuple(own["entry"]) and fourth.hashes["input"] == own["hash"][-1]
    assert (third.late, fourth.late) == (0, 1) and "1 row of theirs came late" in str(fourth)
    assert fourth.hashes["ledger"] == ledger["hash"][-1]
    assert len({made.hashes["answer"] for made in (third, fourth)}) == 2


def test_after_a_further_pull_it_refuses_and_says_what_changed(small_store: et.Store) -> None:
    row = et.measure(small_store, "error_ratio", SMALL, "20m").row(0, named=True)
    made = et.explain(small_store, row, SMALL, "20m")
    scored = et.score(small_store, SMALL).row(0, named=True)
    kpi = et.explain(small_store, scored, SMALL)
    before = small_store.ledger().height
    more = pl.DataFrame({"time": [START], "service": ["<b>orders</b>"], "duration_ms": [5.0], "is_failed": [True],
                         "status_code": ["500"], "weight": [50.0]})
    et.pull(et.Frames(requests=more), small_store)
    for old in (made, kpi):
        with pytest.raises(et.StoreError, match=f"ends with entry {before + 1} .*explain it anew"):
            old.rerun(small_store)
    with pytest.raises(et.QueryError, match="ask for the row again"):
        et.explain(small_store, row, SMALL, "20m")
    again = et.measure(small_store, "error_ratio", SMALL, "20m").row(0, named=True)
    assert et.explain(small_store, again, SMALL, "20m").rerun(small_store) == again["value"] == 51 / 1951


def test_after_a_prune_it_refuses_and_a_new_one_names_what_was_dropped(small_store: et.Store) -> None:
    early = et.Window(START, START + timedelta(hours=1))
    later = pl.DataFrame({"time": [START + timedelta(days=3)], "service": ["<b>orders</b>"], "duration_ms": [5.0],
                          "is_failed": [False], "status_code": ["200"], "weight": [1.0]})
    et.pull(et.Frames(requests=later), small_store)
    row = et.measure(small_store, "latency_p99", early, "1h").row(0, named=True)
    made = et.explain(small_store, row, early, "1h")
    small_store.prune(raw_days=1)
    with pytest.raises(et.StoreError, match="requests were pruned"):
        made.rerun(small_store)
    anew = et.explain(small_store, row, early, "1h")
    check(small_store, anew, row)
    assert list(anew.dropped) == ["requests"] and "rows of requests before 2026-03-03" in str(anew)
    # rows are gone, their entry is found by its time
    assert anew.entries == made.entries and anew.hashes["input"] == made.hashes["input"]
    with pytest.raises(et.QueryError, match="needs raw rows"):
        et.explain(small_store, row, early, "1h", exact=True)


def test_rows_changed_behind_the_ledger_are_noticed(small_store: et.Store) -> None:
    row = et.measure(small_store, "error_ratio", SMALL, "20m").row(0, named=True)
    made = et.explain(small_store, row, SMALL, "20m")
    with duckdb.connect(small_store.path) as connection:
        connection.execute("update request_minutes set count = count * 2 where status_class = '5xx'")
    with pytest.raises(et.StoreError, match="rows were changed by hand"):
        made.rerun(small_store)


def test_a_row_that_was_asked_otherwise_is_refused(sample_store: et.Store, card: list[dict[str, Any]]) -> None:
    readings = et.measure(sample_store, "latency_p95", HOUR, "5m", exact=True)
    row = readings.filter(pl.col("service") == "orders").sort("count").row(-1, named=True)
    with pytest.raises(et.QueryError, match="where the store gives"):
        et.explain(sample_store, row, HOUR, "5m")
    kpi = next(row for row in card if row["kpi"] == "error_ratio" and row["service"] == "orders")
    with pytest.raises(et.QueryError, match="where the store gives"):
        et.explain(sample_store, kpi, DAY)
    with pytest.raises(et.QueryError, match=r"is met where the store and these objectives give|is missed where"):
        et.explain(sample_store, {**kpi, "state": "met" if kpi["state"] != "met" else "missed"}, FORTNIGHT)


def test_what_is_missing_is_named(sample_store: et.Store, card: list[dict[str, Any]]) -> None:
    readings = et.measure(sample_store, "error_ratio", DAY, "1h")
    row = readings.row(0, named=True)
    with pytest.raises(ValueError, match="give every="):
        et.explain(sample_store, row, DAY)
    with pytest.raises(ValueError, match="one row, not a frame of"):
        et.explain(sample_store, readings, DAY, "1h")
    with pytest.raises(ValueError, match="has no step"):
        et.explain(sample_store, card[0], FORTNIGHT, "1h")
    with pytest.raises(ValueError, match="explain the reading of its measure"):
        et.explain(sample_store, et.health(sample_store, DAY).head(1), DAY)
    with pytest.raises(ValueError, match="of nothing"):
        et.explain(sample_store, {}, DAY)
    with pytest.raises(TypeError, match="window is an"):
        et.explain(sample_store, row, "2026-07-01/2026-07-02", "1h")  # type: ignore[arg-type]
    with pytest.raises(et.QueryError, match="no series of service 'nobody'"):
        et.explain(sample_store, {**row, "service": "nobody"}, DAY, "1h")
    for kpi in ("uptime", "cpu_band"):
        with pytest.raises(et.QueryError, match="no series of service 'nobody'"):
            et.explain(sample_store, {"kpi": kpi, "service": "nobody"}, FORTNIGHT)
    with pytest.raises(et.QueryError, match=r"no KPI 'uptimes'.*uptime"):
        et.explain(sample_store, {"kpi": "uptimes", "service": None}, FORTNIGHT)
    with pytest.raises(et.QueryError, match="no step of 1h"):
        et.explain(sample_store, {**row, "time": row["time"] + timedelta(minutes=1)}, DAY, "1h")


def test_a_frame_of_one_row_and_a_bare_key_will_do(sample_store: et.Store) -> None:
    readings = et.measure(sample_store, "error_ratio", DAY, "1h").filter(pl.col("value").is_not_null())
    one = et.explain(sample_store, readings.head(1), DAY, "1h")
    bare = et.explain(sample_store, readings.select("measure", "service", "time").row(0, named=True), DAY, "1h")
    assert one == bare and one.value == readings["value"][0]


MAILS = ("a.doe@example.com", "b.doe@example.com", "orders")


@pytest.fixture
def secretive(tmp_path: Path) -> et.Store:
    """Services that are called by an address, each with its own share of failures."""
    rows = [(service, START + timedelta(minutes=minute), minute < 4 * place + 1)
            for place, service in enumerate(MAILS) for minute in range(20)]
    requests = pl.DataFrame(rows, schema=["service", "time", "is_failed"], orient="row").with_columns(
        pl.lit(10.0).alias("duration_ms"), pl.lit(1.0).alias("weight"))
    store = et.Store(tmp_path / "secretive.duckdb")
    et.pull(et.Frames(requests=requests), store)
    return store


def test_keys_are_found_by_their_marks_and_shown_as_such(secretive: et.Store) -> None:
    readings = et.measure(secretive, "error_ratio", SMALL, "20m")
    assert readings["service"].n_unique() == 3 and not set(MAILS[:2]) & set(readings["service"])
    kpis = et.score(secretive, SMALL).filter(pl.col("kpi").is_in(["uptime", "error_ratio", "latency_band"]))
    rows = [*readings.iter_rows(named=True), *kpis.iter_rows(named=True)]
    assert len(rows) == 15
    for row in rows:
        made = et.explain(secretive, row, SMALL, "20m" if "measure" in row else None)
        check(secretive, made, row)
        shown = "".join((str(made), repr(made), made._repr_html_(), json.dumps(made.to_dict(), default=str)))
        assert "example.com" not in shown
        if row.get("service") not in (None, "orders"):
            assert "[redacted: email" in str(made)


def test_keys_as_they_are_kept_are_found_too(secretive: et.Store) -> None:
    readings = et.measure(secretive, "error_ratio", SMALL, "20m", is_redacted=False)
    for row in readings.iter_rows(named=True):
        check(secretive, et.explain(secretive, row, SMALL, "20m"), row)


def test_a_mark_that_stands_for_two_is_refused(secretive: et.Store) -> None:
    row = {"measure": "error_ratio", "service": "[redacted: email]", "time": START}
    with pytest.raises(et.QueryError, match="2 series look like"):
        et.explain(secretive, row, SMALL, "20m")
    # with where= there is but one such key in the frame, and its mark needs no number
    alone = et.measure(secretive, "error_ratio", SMALL, "20m", where={"service": MAILS[1]}).row(0, named=True)
    assert alone["service"] == "[redacted: email]"
    check(secretive, et.explain(secretive, alone, SMALL, "20m", where={"service": MAILS[1]}), alone)


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    store = et.Store(tmp_path / "hostile.duckdb")
    et.pull(et.Frames(**hostile(START)), store)
    window = et.Window(START, START + timedelta(minutes=5))
    rows = et.score(store, window).to_dicts()
    for name in MEASURES:
        rows += et.measure(store, name, window, "5m").to_dicts()[:2]
    assert sum(row["value"] is not None for row in rows) > 20
    scored, read = ([row for row in rows if ("measure" in row) == is_read] for is_read in (False, True))
    for made, _ in (*checked(store, scored[::4], window), *checked(store, read, window, "5m")):
        assert SCRIPT not in made._repr_html_() and "<img" not in made._repr_html_()
        assert "\u202e" not in str(made) and "\x1b" not in str(made)


def test_it_prints_in_two_dozen_lines_with_the_sql_below(sample_store: et.Store, card: list[dict[str, Any]]) -> None:
    for row in (one for one in card if one["service"] in (None, "orders")):
        said = str(et.explain(sample_store, row, FORTNIGHT)).split("\n\n")
        assert len(said[0].splitlines()) <= 30
        assert all(".sql, where " in part for part in said[1:]) and len(said) > 1
    row = next(row for row in card if row["kpi"] == "error_ratio" and row["service"] == "orders")
    made = et.explain(sample_store, row, FORTNIGHT)
    lines = str(made).splitlines()
    assert lines[0] == "error_ratio of orders, 2026-06-22 00:00 to 2026-07-06 00:00 UTC"
    assert lines[2].split()[:2] == ["value", et.readable(row["value"], "ratio").split()[0]]
    assert f"({row['value']!r})" in lines[2] and "Wilson 95 %" in lines[2]
    assert "the handbook: " in lines[3] and repr(made) == f"<Explanation of {lines[0]}>"


def test_the_origin_of_an_objective_is_said(sample_store: et.Store, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text("[targets]\nmttd = '5m'\n[services.orders]\nerror_ratio = 0.5\n"
                    "[services.orders.bands.latency_band]\nnormal = 200\n", encoding="utf-8")
    wanted = et.Objectives.load(mine)
    origins = {}
    for row in et.score(sample_store, FORTNIGHT, wanted).to_dicts():
        if row["service"] not in (None, "orders", "auth") or row["kpi"] not in (
                "error_ratio", "latency_band", "mttd", "uptime"):
            continue
        made = et.explain(sample_store, row, FORTNIGHT, objectives=wanted)
        assert made.wanted is not None and made.wanted.target == row["target"]
        origins[row["kpi"], row["service"]] = made.wanted.origin
    assert origins["mttd", None] == "your objectives"
    for own in (("error_ratio", "orders"), ("latency_band", "orders")):
        assert origins[own] == "[services.orders] of your objectives"
    for general in (("error_ratio", None), ("latency_band", "auth"), ("uptime", "orders")):
        assert origins[general] == "the handbook"


def test_a_window_that_sketches_answer_in_part_is_explained(sample_store: et.Store) -> None:
    odd = et.Window("2026-06-25T11:03:00Z", "2026-06-27T09:18:00Z")
    rows = [row for row in et.score(sample_store, odd).to_dicts() if row["kpi"] in ("latency_p99", "latency_band")]
    assert any(row["value"] is not None for row in rows)
    for made, _ in checked(sample_store, rows, odd):
        assert made.window == et.Window("2026-06-25T11:05:00Z", "2026-06-27T09:15:00Z")
