"""prune: raw rows go when it is wanted, numbers stay."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import polars as pl

import erp_telemetry as et
from tests.cli.support import call
from tests.events import START, requests


def _store(path: Path) -> et.Store:
    store = et.Store(path)
    rows = [{"id": str(day), "time": START + timedelta(days=day)} for day in range(50)]
    et.pull(et.Frames(requests=requests(rows)), store)
    return store


def test_prune_says_what_it_dropped_and_keeps_the_numbers(tmp_path: Path) -> None:
    store = _store(tmp_path / "s.duckdb")
    window = et.Window(START, START + timedelta(days=50))
    before = et.measure(store, "request_rate", window, every="1d")
    (told,) = json.loads(call("prune", "--raw-days", "10", "--store", store.path, "--yes", "--json").stdout)
    assert (told["rows"]["requests"], told["sketch_rows"]) == (39, 14)
    assert store.sql("select count(*) as n from requests").item() == 11
    assert et.measure(store, "request_rate", window, every="1d").equals(before)
    assert "39 requests" not in call("prune", "--raw-days", "10", "--store", store.path, "--yes").stdout


def test_prune_asks_first_and_a_no_drops_nothing(tmp_path: Path) -> None:
    store = _store(tmp_path / "s.duckdb")
    done = call("prune", "--raw-days", "1", "--store", store.path)
    assert done.exit_code != 0
    assert store.sql("select count(*) as n from requests").item() == 50


def test_an_empty_store_has_nothing_to_prune(tmp_path: Path) -> None:
    et.Store(tmp_path / "empty.duckdb")
    done = call("prune", "--raw-days", "1", "--store", tmp_path / "empty.duckdb", "--yes")
    assert "nothing to prune" in done.stdout
    assert et.Store(tmp_path / "empty.duckdb").sql("select count(*) as n from sealed").equals(pl.DataFrame({"n": [0]}))
