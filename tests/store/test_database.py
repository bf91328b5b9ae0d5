"""Store: who may hold the file, what a kill leaves, pruning and sealed minutes, the ledger's chain."""

import gzip
import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

import erp_telemetry as et
from erp_telemetry.store import migrations

from ..events import START, incident, requests, weighted

HOUR = et.Window(START, START + timedelta(hours=1))
PULL = """
import sys
import erp_telemetry as et
print("ready", flush=True)
et.pull(et.TableFiles(sys.argv[2]), et.Store(sys.argv[1]))
"""


def content(path: Path) -> list[list[tuple[object, ...]]]:
    store = et.Store(path)
    return [store.sql(f"select * from {name} order by all").rows()
            for name in ("requests", "request_minutes", "latency_sketches", "operation_hours")]


def write_parts(folder: Path, parts: int, rows: int) -> None:
    folder.mkdir()
    for part in range(parts):
        frame = requests([{"id": f"{part}-{n}", "time": START + timedelta(seconds=part * 7 + n)} for n in range(rows)])
        frame.write_parquet(folder / f"requests-{part:02}.parquet")


def test_a_kill_leaves_whole_slices_and_the_same_pull_completes(tmp_path: Path) -> None:
    parts, rows = 8, 300
    write_parts(tmp_path / "in", parts, rows)
    et.pull(et.TableFiles(tmp_path / "in"), et.Store(tmp_path / "whole.duckdb"))
    expected = content(tmp_path / "whole.duckdb")
    seeded = random.Random(7)
    kills, target = 0, tmp_path / "killed.duckdb"
    attempts = int(os.environ.get("KILLS", "12"))
    for _ in range(attempts):
        process = subprocess.Popen([sys.executable, "-c", PULL, str(target), str(tmp_path / "in")],
                                   stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(seeded.uniform(0, 0.9))
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        store = et.Store(target)
        landed = store.sql("select id[1:1] as part, count(*) as n from requests group by all")
        assert set(landed["n"]) <= {rows}
        assert landed.height == store.ledger().height == store.verify()
        counted = store.sql("select coalesce(sum(raw_count), 0) as n from request_minutes").item()
        assert counted == landed.height * rows
        if landed.height == parts:
            target.unlink()
    assert kills > 0
    et.pull(et.TableFiles(tmp_path / "in"), et.Store(target))
    assert content(target) == expected


def test_a_second_process_reads_and_pulls_while_a_store_object_is_held(tmp_path: Path) -> None:
    path = tmp_path / "shared.duckdb"
    held = et.Store(path)
    et.pull(et.Frames(requests=weighted()), held)
    weighted().with_columns(pl.col("time") + timedelta(minutes=5)).write_parquet(tmp_path / "requests.parquet")
    code = PULL + "print(et.Store(sys.argv[1]).sql('select count(*) as n from requests').item())"
    done = subprocess.run([sys.executable, "-c", code, str(path), str(tmp_path / "requests.parquet")],
                          capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ready", "40"]
    assert held.sql("select count(*) as n from requests").item() == 40


def test_a_lock_is_waited_for_and_then_named(tmp_path: Path) -> None:
    path = tmp_path / "locked.duckdb"
    et.Store(path)
    code = f"import duckdb, time; c = duckdb.connect({str(path)!r}); print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(et.StoreError, match="held by another process"):
            et.Store(path, wait_seconds=0.3).ledger()
    finally:
        holder.kill()
        holder.wait()
        assert holder.stdout is not None
        holder.stdout.close()


def test_pruned_minutes_are_sealed_and_late_rows_merge() -> None:
    store = et.Store()
    old = requests([{"id": str(n)} for n in range(10)])
    new = requests([{"id": f"n{n}", "time": START + timedelta(days=10, seconds=n)} for n in range(5)])
    et.pull(et.Frames(requests=pl.concat([old, new])), store)
    assert store.prune(raw_days=2).rows["requests"] == 10
    assert store.sql("select count(*) as n from requests").item() == 5
    rate = et.measure(store, "request_rate", HOUR, every="1h")
    assert rate["count"].to_list() == [10]
    receipt = et.pull(et.Frames(requests=requests([{"id": "late"}])), store)
    assert (receipt.unprovable, receipt.late) == (1, 1)
    assert et.measure(store, "request_rate", HOUR, every="1h")["count"].to_list() == [11]
    assert store.sql("select count(*) as n from requests").item() == 5
    # the minute lost rows before the late one came: it has a count, and no percentile
    first = et.measure(store, "latency_p99", HOUR, every="1m").row(0, named=True)
    assert (first["value"], first["count"]) == (None, 11)
    with pytest.raises(et.QueryError, match="pruned: ask for 1m by service"):
        et.measure(store, "latency_p99", HOUR, every="2m")


def test_a_changed_ledger_is_found(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    store = et.Store(path)
    et.pull(et.Frames(requests=weighted()), store)
    et.pull(et.Frames(requests=weighted().with_columns(service=pl.lit("sales"))), store)
    assert store.verify() == 2
    with duckdb.connect(str(path)) as connection:
        connection.execute("update ledger set rows = 19 where entry = 1").fetchall()
    with pytest.raises(et.StoreError, match="entry 1"):
        store.verify()


def test_a_newer_store_and_a_foreign_file_are_refused(tmp_path: Path) -> None:
    newer = tmp_path / "newer.duckdb"
    et.Store(newer)
    with duckdb.connect(str(newer)) as connection:
        connection.execute("update store_version set version = $v", {"v": migrations.VERSION + 1}).fetchall()
    with pytest.raises(et.StoreError, match="newer"):
        et.Store(newer).ledger()
    foreign = tmp_path / "foreign.duckdb"
    with duckdb.connect(str(foreign)) as connection:
        connection.execute("create table mine (x int)").fetchall()
    with pytest.raises(et.StoreError, match="no store"):
        et.Store(foreign).ledger()
    (tmp_path / "text.duckdb").write_text("this is no database at all, just text" * 50)
    with pytest.raises(et.StoreError, match="cannot be opened"):
        et.Store(tmp_path / "text.duckdb").ledger()


def test_an_empty_store_has_no_last_moment() -> None:
    with pytest.raises(et.StoreError, match="is empty"):
        et.Store().last(days=1)


def test_last_reaches_to_the_stores_own_watermark() -> None:
    store = et.Store()
    et.pull(et.Frames(requests=weighted()), store)
    assert store.last(hours=1) == et.Window(START - timedelta(minutes=59), START + timedelta(minutes=1))


def test_a_window_then_a_prune_then_the_rest(tmp_path: Path) -> None:
    rows = [{"id": str(n), "time": START + timedelta(hours=n)} for n in range(48)]
    requests(rows).write_parquet(tmp_path / "requests.parquet")
    source, store = et.TableFiles(tmp_path / "requests.parquet"), et.Store()
    et.pull(source, store, et.Window(START + timedelta(days=1), START + timedelta(days=2)))
    store.prune(raw_days=0.5)
    receipt = et.pull(source, store)
    assert receipt.is_complete
    days = et.measure(store, "request_rate", et.Window(START, START + timedelta(days=2)), every="1d")
    assert days["count"].to_list() == [24, 24]


def test_a_scorecard_after_a_prune_has_its_latency() -> None:
    store = et.Store()
    et.pull(et.Frames(requests=requests([{"id": str(n), "time": START + timedelta(minutes=n)} for n in range(4323)])),
            store)
    store.prune(raw_days=1)
    window = store.last(days=2)
    assert window.stop.minute % 5
    card = et.score(store, window).filter(pl.col("kpi") == "latency_p99")
    assert card["value"].null_count() == 0


def test_the_same_file_under_another_name_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weighted().write_parquet(tmp_path / "requests.parquet")
    monkeypatch.chdir(tmp_path)
    store = et.Store()
    et.pull(et.TableFiles("requests.parquet"), store)
    assert et.pull(et.TableFiles(tmp_path / "requests.parquet"), store).slices == 0


def test_a_store_of_version_1_is_brought_up_to_date_and_answers_as_before(tmp_path: Path) -> None:
    """The fixture was written by 0.1.0: 19 requests of 10 ms that weigh 100, one failed of 1000 ms that weighs 1."""
    path = tmp_path / "old.duckdb"
    packed = Path(__file__).parent / "fixtures" / "version_1.duckdb.gz"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    store = et.Store(path)
    hour = et.Window(START, START + timedelta(hours=1))
    whole = et.measure(store, "latency_mean", hour, "1h")
    assert (whole["value"][0], whole["count"][0]) == (pytest.approx((1900 * 10 + 1000) / 1901), 1901.0)
    assert et.measure(store, "apdex", hour, "1h")["value"][0] == pytest.approx(1900 / 1901)
    assert et.measure(store, "error_ratio", hour, "1h", by=("service", "operation"))["count"].to_list() == [1901.0]
    assert store.verify() == 4
    assert sum(et.pull(et.Frames(requests=weighted()), store).rows.values()) == 0
    guessed = pl.DataFrame([incident(impact_start=0, detected=1, impact_end=2, is_start_estimated=True)])
    et.pull(et.Frames(incidents=guessed), store)
    assert [one.is_start_estimated for one in et.incidents(store, hour)] == [True]


@pytest.mark.parametrize("text", [
    "selec 1", "select nothing from requests", "drop table requests", "copy (select 1) to 'out.csv'",
    "select * from read_text('in.txt')", "attach 'other.duckdb' as other",
])
def test_a_question_in_sql_reads_the_store_and_touches_nothing_else(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.txt").write_text("mine", encoding="utf-8")
    store = et.Store("erp.duckdb")
    et.pull(et.Frames(requests=weighted()), store)
    held = store.sql("select count(*) as n from requests")
    with pytest.raises(et.QueryError, match="does not run"):
        store.sql(text)
    assert {file.name for file in tmp_path.iterdir()} <= {"in.txt", "erp.duckdb", "erp.duckdb.tmp"}
    assert store.sql("select count(*) as n from requests").equals(held)


def test_an_interval_has_no_place_in_a_frame() -> None:
    with pytest.raises(et.QueryError, match="epoch"):
        et.Store().sql("select interval 1 hour as span")


def test_a_store_says_whether_an_older_version_wrote_it(tmp_path: Path) -> None:
    store = et.Store(tmp_path / "erp.duckdb")
    assert not store.is_outdated
    with duckdb.connect(store.path) as connection:
        connection.execute("update store_version set version = 1")
    assert store.is_outdated


def test_writing_inside_reading_is_refused_in_words_and_reading_inside_reading_is_one(tmp_path: Path) -> None:
    store = et.Store(tmp_path / "s.duckdb")
    with store.reading() as outer:
        with store.reading() as inner:
            assert inner is outer
        with pytest.raises(et.StoreError, match="being read in this very block"):
            et.pull(et.Frames(requests=weighted()), store)
    assert et.pull(et.Frames(requests=weighted()), store).rows["requests"] == 20


def test_a_setting_in_a_statement_ends_with_it(tmp_path: Path) -> None:
    store = et.Store(tmp_path / "s.duckdb")
    et.pull(et.Frames(requests=weighted()), store)
    with store.reading():
        store.sql("set TimeZone = 'America/New_York'; select 1 as one")
        assert et.measure(store, "request_rate", HOUR, "1h")["time"].dtype == pl.Datetime("us", "UTC")


@pytest.mark.parametrize(("table", "stop"), [("metrics", 10), ("requests", 11)])
def test_the_last_window_ends_with_the_telemetry(table: str, stop: int) -> None:
    """A row at a whole minute begins it; a metric at a whole minute ends the one before."""
    moment = START + timedelta(minutes=10)
    rows = {"requests": requests([{"time": moment}]), "metrics": pl.DataFrame(
        {"time": [moment], "name": ["cpu_percent"], "kind": ["gauge"], "value": [1.0], "service": ["a"]})}
    store = et.Store()
    et.pull(et.Frames(**{table: rows[table]}), store)
    assert store.last(hours=1).stop == START + timedelta(minutes=stop)
