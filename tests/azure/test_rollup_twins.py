"""Rollups that Log Analytics computes are those that the store makes of the same rows, cell by cell."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import erp_telemetry as et
from erp_telemetry.catalog import root
from erp_telemetry.workspace_queries import workspace_query

pytest.importorskip("duckdb_kql", reason="the loopback needs the extra testing")

from erp_telemetry.testing import LoopbackAzure
from erp_telemetry.testing.workspaces import Workspace
from tests.azure import language_service

DAY = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = et.Window(DAY, DAY + timedelta(hours=3))
THRESHOLDS = 'let thresholds = datatable(key: string, apdex_ms: real, slo_ms: real)["", 500.0, 1000.0];'
OBJECTIVES = """
[services.orders]
apdex_ms = 300
slo_ms = 700
"""
CELLS = ("raw_count", "more", "squares", "untimed", "duration_us", "duration_min_ms", "duration_max_ms", "slow_apdex",
         "slow_4_apdex", "slow_slo")
# what is the same as beside it is told as 0
UNPACKED = """with cells as (
    select *, unnest(cast(cells as json[])) as cell from packed where kind = $kind)
select
    time + to_minutes(cast(cell->>0 as bigint) * $width) as time, nullif(service, '') as service,
    nullif(operation, '') as operation, nullif(resource, '') as resource, population,
    nullif(status_class, '') as status_class, is_failed, apdex_ms, slo_ms,
    cast(cell->>1 as double) + cast(cell->>2 as double) as count, cast(cell->>1 as bigint) as raw_count,
    cast(cell->>3 as double) + count as weight_squares, count - cast(cell->>4 as double) as timed,
    cast(cell->>5 as double) as duration_us, cast(cell->>6 as double) as duration_min_ms,
    cast(cell->>7 as double) as duration_max_ms, timed - cast(cell->>8 as double) as within_apdex,
    timed - cast(cell->>9 as double) as within_4_apdex, timed - cast(cell->>10 as double) as within_slo
from cells"""
SKETCHED = """with cells as (
    select *, unnest(cast(cells as json[])) as cell from packed where kind = 'sketches')
select time, nullif(service, '') as service, nullif(resource, '') as resource, population,
    cast(cell->>0 as integer) as bucket, cast(cell->>1 as double) as count,
    cast(cell->>2 as double) + count as weight_squares
from cells"""


def calls(count: int, seed: int) -> pl.DataFrame:
    """Calls of every kind: null success, synthetic and probing traffic, weights, bucket edges, ids in their names."""
    rng = random.Random(seed)
    paths = ["GET /orders/123", "POST /x/0123456789abcdef0123?x=1", "GET /healthz", "",
             "GET /a/6f9619ff-8b86-d011-b42d-00c04fc964ff/b", "GET /v2/things"]
    rows: list[dict[str, Any]] = [{
        "TimeGenerated": DAY + timedelta(microseconds=rng.randrange(3 * 3600 * 10**6)),
        "AppRoleName": rng.choice(["orders", "billing", "Lager é", ""]), "OperationName": rng.choice(paths),
        "Name": rng.choice(["GET /n/7", "n"]), "Success": rng.choice([True, False, None]),
        "ResultCode": rng.choice(["200", "404", "500", "", "OK", "2000"]),
        "DurationMs": rng.choice([0.0, 1.0, 2.0 ** (rng.randint(-64, 400) / 32), rng.lognormvariate(4, 1), 300.0, 500.0,
                                  700.0, 1000.0, 1200.0, 2000.0]),
        "ItemCount": rng.choice([1, 1, 4, None, 7]), "OperationId": f"{number + 1:032x}" if rng.random() < 0.95 else "",
        "Id": f"{number + 1:016x}", "SyntheticSource": rng.choice(["", "", "", "bot"]),
        "Url": rng.choice(["https://x/healthz/ready?x", "https://x/orders", "/livez", ""]),
        "Target": rng.choice(["db", ""]), "DependencyType": "SQL",
        "Data": rng.choice(["https://payments/health/live?x", "select 1 as live"]),
        "Properties": rng.choice(["{}", '{"user_agent.original": "kube-probe/1.2"}']),
        "_ResourceId": "/subscriptions/s/sites/Shop",
    } for number in range(count)]
    frame = pl.DataFrame(rows, schema_overrides={"TimeGenerated": pl.Datetime("us", "UTC"), "ItemCount": pl.Int32})
    wrong = frame.head(7).with_columns(DurationMs=pl.lit(-1.0), Id=pl.lit("ff") + pl.col("Id").str.slice(2))
    # what a client sent again says the same
    traced = frame.filter(pl.col("OperationId") != "").head(40)
    return pl.concat([frame, wrong, traced])


TABLES = {"AppRequests": ("requests", "request_minutes", "latency_sketches"),
          "AppDependencies": ("dependencies", "dependency_minutes", "dependency_sketches")}


def packed_query(table: str) -> str:
    """The question for rollups in place of rows; orders has thresholds of its own."""
    stem = {"AppRequests": "app_requests", "AppDependencies": "app_dependencies"}[table]
    text = (root() / "rollups" / "calls.kql").read_text(encoding="utf-8")
    ending = text[text.index("// latency that satisfies"):]
    assert ending.count(THRESHOLDS) == 1
    general = [et.Objectives.wanted(None).threshold(name, None) for name in ("apdex_ms", "slo_ms")]
    own = f'"{hashlib.sha256(b"orders").hexdigest()}", 300.0, 700.0'
    rows = workspace_query(f"azure/{stem}").text(
        HOURS.start, HOURS.stop, datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    asked = THRESHOLDS.replace("500.0, 1000.0]", f"{general[0]!r}, {general[1]!r}, {own}]")
    return rows.removesuffix("answer\n") + ending.replace(THRESHOLDS, asked)


@pytest.fixture(scope="module", params=TABLES)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[
        tuple[str, et.Store, pl.DataFrame]]:
    """A table, a store that pulled its rows, and the same as the workspace's rollups."""
    table, frame = request.param, calls(4000, seed=6)
    frame = frame.drop("Target", "DependencyType", "Data") if table == "AppRequests" else frame.drop("Url")
    folder = tmp_path_factory.mktemp("twins")
    (folder / "objectives.toml").write_text(OBJECTIVES, encoding="utf-8")
    objectives = et.Objectives.load(folder / "objectives.toml")
    store = et.Store(folder / "erp.duckdb")
    with pytest.MonkeyPatch.context() as patch, LoopbackAzure({table: frame}) as azure:
        patch.setenv("NO_PROXY", "127.0.0.1")
        azure.clock = HOURS.stop + timedelta(days=1)
        receipt = et.pull(et.AzureLogs(
            azure.workspace, azure.credential, tables=(table,), endpoint=azure.endpoint,
            connection_verify=azure.certificate), store, HOURS, objectives=objectives)
    assert len(receipt.rejects) == 7 and receipt.duplicates == 40
    workspace = Workspace("w", {table: frame}, DAY)
    found = workspace.ask(packed_query(table), HOURS.stop + timedelta(days=1))
    workspace.close()
    names = [name for name, _ in found.columns]
    answer = pl.DataFrame(found.rows, schema=names, orient="row", infer_schema_length=None)
    yield table, store, answer.with_columns(
        pl.col("time", "reached").str.to_datetime(time_unit="us", time_zone="UTC"))


def unpacked(packed: pl.DataFrame, sql: str, **bound: Any) -> pl.DataFrame:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("packed", packed)
        return connection.sql(sql, params=bound or None).pl()


def same(found: pl.DataFrame, store: et.Store, rollup: str) -> None:
    wanted = store.sql(f"select * from {rollup}", is_redacted=False)
    columns = wanted.columns
    assert found.height == wanted.height > 100
    assert_frame_equal(found.select(columns), wanted, check_row_order=False, check_exact=True, check_dtypes=False)


def test_counters_by_the_minute(both: tuple[str, et.Store, pl.DataFrame]) -> None:
    table, store, packed = both
    same(unpacked(packed, UNPACKED, kind="minutes", width=1), store, TABLES[table][1])


def test_counters_of_operations_by_the_hour(both: tuple[str, et.Store, pl.DataFrame]) -> None:
    table, store, packed = both
    found = unpacked(packed, UNPACKED, kind="operations", width=60)
    if table == "AppRequests":
        same(found, store, "operation_hours")
    assert found["raw_count"].sum() == 4000


def test_sketches_by_five_minutes(both: tuple[str, et.Store, pl.DataFrame]) -> None:
    table, store, packed = both
    same(unpacked(packed, SKETCHED), store, TABLES[table][2])


def test_every_row_is_accounted_for(both: tuple[str, et.Store, pl.DataFrame]) -> None:
    _, store, packed = both
    told = dict(packed.group_by("kind").agg(pl.col("n").sum()).iter_rows())
    assert told == {"minutes": 4000, "operations": 4000, "sketches": 4000, "set aside": 7, "sent again": 40}
    [why] = packed.filter(pl.col("kind") == "set aside")["service"]
    assert [why] == [reason.partition(": ")[2] for reason in store.rejects()["reason"].unique()]
    newest = dict(store.sql(
        "select service, max(time) from watermarks group by service", is_redacted=False).iter_rows())
    minutes = packed.filter(pl.col("kind") == "minutes")
    assert dict(minutes.group_by("service").agg(pl.col("reached").max()).iter_rows()) == newest


@pytest.mark.skipif(bool(language_service.missing()), reason=language_service.missing() or "nothing is missing")
def test_the_language_service_knows_every_name_of_it() -> None:
    text = (root() / "rollups" / "calls.kql").read_text(encoding="utf-8")
    told = language_service.check({"sample": text, **{table: packed_query(table) for table in TABLES},
                                   "misspelt": text.replace("weight * weight", "weights * weight")})
    assert all(told[name]["errors"] == [] for name in ("sample", *TABLES)), told["sample"]["errors"]
    assert told["misspelt"]["errors"]
    assert [(one["name"], one["type"]) for one in told["AppRequests"]["columns"]] == [
        ("kind", "string"), ("time", "datetime"),
        *((name, "string") for name in ("service", "operation", "resource", "population", "status_class")),
        ("is_failed", "bool"), ("apdex_ms", "real"), ("slo_ms", "real"), ("n", "long"), ("reached", "datetime"),
        ("cells", "dynamic")]
