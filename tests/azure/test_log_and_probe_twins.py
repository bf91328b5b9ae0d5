"""Minutes of logs and probes that Log Analytics counts are those that the store counts of the same rows."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

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
HOURS = et.Window(DAY, DAY + timedelta(hours=2))
LOGS = """with cells as (select *, unnest(cast(cells as json[])) as cell from packed where kind = 'minutes')
select time + to_minutes(cast(cell->>0 as bigint)) as time, nullif(service, '') as service, level,
    cast(cell->>1 as double) + cast(cell->>2 as double) as count, cast(cell->>3 as double) + count as weight_squares,
    cast(cell->>1 as bigint) as raw_count, cast(cell->>4 as double) as bytes
from cells"""
PROBES = """with cells as (select *, unnest(cast(cells as json[])) as cell from packed where kind = 'minutes')
select time + to_minutes(cast(cell->>0 as bigint)) as time, service, probe as kind,
    cast(cell->>1 as double) + cast(cell->>2 as double) as count, cast(cell->>3 as double) + count as weight_squares,
    cast(cell->>4 as double) as failed
from cells"""


def records(count: int) -> dict[str, pl.DataFrame]:
    """Lines and probes of every kind: texts of more than one byte a letter, none at all, weights, null success."""
    rng = random.Random(3)
    shared = [{
        "TimeGenerated": DAY + timedelta(microseconds=rng.randrange(2 * 3600 * 10**6)),
        "AppRoleName": rng.choice(["orders", "billing", "Lager é"]), "ItemCount": rng.choice([1, 1, 5, None]),
        # as the service writes a dynamic value: without blanks
        "Properties": rng.choice([None, "{}", '{"a":"é","b":[1,2]}']), "_ResourceId": "/subscriptions/s/sites/Shop",
    } for _ in range(count)]
    said = {"TimeGenerated": pl.Datetime("us", "UTC"), "ItemCount": pl.Int32, "SeverityLevel": pl.Int32}
    texts = ["", "order 7 failed", "größer als 3 €", "x" * 300]
    return {
        "AppTraces": pl.DataFrame(
            [{**row, "Message": rng.choice(texts), "SeverityLevel": rng.choice([0, 1, 2, 3, 4, None])}
             for row in shared],
            schema_overrides=said),
        "AppExceptions": pl.DataFrame(
            [{**row, "ExceptionType": "System.Exception", "OuterMessage": rng.choice(texts),
              "Details": rng.choice(['[{"message": "m", "rawStack": "at A"}]', None]), "SeverityLevel": 3}
             for row in shared], schema_overrides=said),
        "ContainerAppSystemLogs": pl.DataFrame(
            [{"TimeGenerated": row["TimeGenerated"], "Log": "scaled", "ContainerAppName": "orders", "Type": "Normal"}
             for row in shared], schema_overrides=said),
        "AppAvailabilityResults": pl.DataFrame(
            [{**row, "Name": "home", "Success": rng.choice([True, False, None])} for row in shared],
            schema_overrides=said),
    }


STEMS = {"AppTraces": "app_traces", "AppExceptions": "app_exceptions",
         "AppAvailabilityResults": "app_availability_results", "ContainerAppSystemLogs": "container_app_system_logs"}


def packed_query(table: str) -> str:
    query = workspace_query(f"azure/{STEMS[table]}")
    text = (root() / "rollups" / f"{query.answers}.kql").read_text(encoding="utf-8")
    rows = query.text(HOURS.start, HOURS.stop, datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    return rows.removesuffix("answer\n") + text[text.index("let told = answer"):]


@pytest.mark.parametrize("table", STEMS)
def test_minutes_are_the_same(table: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    frame, store = records(1500)[table], et.Store()
    with pytest.MonkeyPatch.context() as patch, LoopbackAzure({table: frame}) as azure:
        patch.setenv("NO_PROXY", "127.0.0.1")
        azure.clock = HOURS.stop + timedelta(days=1)
        receipt = et.pull(et.AzureLogs(
            azure.workspace, azure.credential, tables=(table,), endpoint=azure.endpoint,
            connection_verify=azure.certificate), store, HOURS)
    workspace = Workspace("w", {table: frame}, DAY)
    found = workspace.ask(packed_query(table), HOURS.stop + timedelta(days=1))
    workspace.close()
    answer = pl.DataFrame(
        found.rows, schema=[name for name, _ in found.columns], orient="row", infer_schema_length=None).with_columns(
        pl.col("time", "reached").str.to_datetime(time_unit="us", time_zone="UTC"))
    told = dict(answer.group_by("kind").agg(pl.col("n").sum()).iter_rows())
    assert sum(told.values()) == 1500 and told.get("set aside", 0) == len(receipt.rejects)
    rollup = "probe_minutes" if table == "AppAvailabilityResults" else "log_minutes"
    wanted = store.sql(f"select * from {rollup}", is_redacted=False)
    if table == "ContainerAppSystemLogs":
        assert told == {"of the cluster": 1500} and wanted.is_empty()
        return
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("packed", answer)
        minutes = connection.sql(PROBES if rollup == "probe_minutes" else LOGS).pl()
    assert wanted.height > 100
    assert_frame_equal(minutes.select(wanted.columns), wanted, check_row_order=False, check_exact=True,
                       check_dtypes=False)


@pytest.mark.skipif(bool(language_service.missing()), reason=language_service.missing() or "nothing is missing")
def test_the_language_service_knows_every_name_of_them() -> None:
    texts = {name: (root() / "rollups" / f"{name}.kql").read_text(encoding="utf-8") for name in ("logs", "probes")}
    told = language_service.check(texts | {table: packed_query(table) for table in STEMS})
    assert set(told) == {*texts, *STEMS} and not any(one["errors"] for one in told.values())
