"""Ingest: files into a store with its rollups, against engines that only read them.

Bare DuckDB reads the same fields with typed columns into a DuckDB file: no check, no duplicate is looked for, nothing
is rolled up, no secret is looked at, nothing is remembered of what was read. Of NDJSON there are two such peers: one
whose table has the columns of ours, and one with no more than the ten this file fills.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from generator import write_form
from timing import Bench, Case, Facts, Findings, Goal, Place, run

AZURE = "AppRequests NDJSON, 5 M rows"
SAMPLE = "AppRequests NDJSON, 500 k rows"
OTLP = "OTLP JSON, 1 M spans"
CLEF = "Serilog CLEF, 1 M events"
PARQUET = "canonical Parquet, 5 M rows"
OURS, BARE = "erp_telemetry, into a store", "bare DuckDB, into a file"
SAME = "bare DuckDB, the same columns"
PANDAS, POLARS, LOOP = "pandas, into memory", "Polars, into Parquet", "orjson loop, into the same store"

READ_AZURE = """
    select TimeGenerated as time, AppRoleName as service, OperationName as operation, AppRoleInstance as instance,
        DurationMs as duration_ms, not Success as is_failed, ResultCode as status_code, ItemCount as weight,
        OperationId as trace_id, Id as span_id
    from read_json($file, format = 'newline_delimited', columns = {
        TimeGenerated: 'TIMESTAMPTZ', AppRoleName: 'VARCHAR', AppRoleInstance: 'VARCHAR', OperationName: 'VARCHAR',
        OperationId: 'VARCHAR', Id: 'VARCHAR', Success: 'BOOLEAN', ResultCode: 'VARCHAR', DurationMs: 'DOUBLE',
        ItemCount: 'DOUBLE'})
"""
READ_SAME = """
    select TimeGenerated as time, AppRoleName as service, OperationName as operation, AppRoleInstance as instance,
        null::varchar as resource, Properties ->> '$."tenant.id"' as tenant, DurationMs as duration_ms,
        not Success as is_failed, ResultCode as status_code, ItemCount as weight, 'user' as population,
        OperationId as trace_id, Id as span_id, ParentId as parent_id, _TimeReceived as received_at,
        null::varchar as id, 'azure_files' as source, 1::bigint as entry
    from read_json($file, format = 'newline_delimited', columns = {
        TimeGenerated: 'TIMESTAMPTZ', AppRoleName: 'VARCHAR', AppRoleInstance: 'VARCHAR', OperationName: 'VARCHAR',
        OperationId: 'VARCHAR', Id: 'VARCHAR', ParentId: 'VARCHAR', Success: 'BOOLEAN', ResultCode: 'VARCHAR',
        DurationMs: 'DOUBLE', ItemCount: 'DOUBLE', _TimeReceived: 'TIMESTAMPTZ', Properties: 'JSON'})
"""
READ_OTLP = """
    with lines as (
        select unnest(resourceSpans) as rs
        from read_json($file, format = 'newline_delimited', columns = {
            resourceSpans: 'STRUCT(
                resource STRUCT(attributes STRUCT("key" VARCHAR, "value" STRUCT(stringValue VARCHAR, intValue VARCHAR,
                    doubleValue VARCHAR, boolValue VARCHAR))[]),
                scopeSpans STRUCT(spans STRUCT(traceId VARCHAR, spanId VARCHAR, traceState VARCHAR, "name" VARCHAR,
                    kind VARCHAR, startTimeUnixNano BIGINT, endTimeUnixNano BIGINT,
                    attributes STRUCT("key" VARCHAR, "value" STRUCT(stringValue VARCHAR, intValue VARCHAR,
                        doubleValue VARCHAR, boolValue VARCHAR))[],
                    status STRUCT(code VARCHAR))[])[])[]'})),
    scopes as (
        select list_transform(rs.resource.attributes, lambda a: a."key") as rkeys, rs.resource.attributes as resource,
            unnest(rs.scopeSpans) as ss
        from lines),
    spans as (
        select resource[list_position(rkeys, 'service.name')]."value".stringValue as service,
            resource[list_position(rkeys, 'service.instance.id')]."value".stringValue as instance,
            unnest(ss.spans) as s
        from scopes),
    keyed as (select *, list_transform(s.attributes, lambda a: a."key") as keys from spans)
    select make_timestamptz(s.startTimeUnixNano // 1000) as time, service,
        s.attributes[list_position(keys, 'http.request.method')]."value".stringValue || ' '
            || s.attributes[list_position(keys, 'http.route')]."value".stringValue as operation,
        instance, (s.endTimeUnixNano - s.startTimeUnixNano) / 1e6 as duration_ms,
        coalesce(s.status.code = '2', false) as is_failed,
        s.attributes[list_position(keys, 'http.response.status_code')]."value".intValue as status_code,
        s.traceState as trace_state, s.traceId as trace_id, s.spanId as span_id
    from keyed
"""
READ_CLEF = """
    select "@t" as time, Application as service, RequestMethod || ' ' || RouteTemplate as operation,
        MachineName as instance, Elapsed as duration_ms, StatusCode >= 500 as is_failed, StatusCode as status_code,
        ItemCount as weight, "@tr" as trace_id, "@sp" as span_id, "@l" as level, "@mt" as template
    from read_json($file, format = 'newline_delimited', columns = {
        '@t': 'TIMESTAMPTZ', '@mt': 'VARCHAR', '@l': 'VARCHAR', '@tr': 'VARCHAR', '@sp': 'VARCHAR',
        RequestMethod: 'VARCHAR', RouteTemplate: 'VARCHAR', StatusCode: 'INTEGER', Elapsed: 'DOUBLE',
        ItemCount: 'DOUBLE', Application: 'VARCHAR', MachineName: 'VARCHAR'})
"""
READ_PARQUET = "select * from read_parquet($file)"


def pulled(form: str, full: int) -> Callable[[Place], Callable[[], Facts]]:
    """Our pull of one file into a new store, until the file is closed."""
    def prepare(place: Place) -> Callable[[], Facts]:
        import erp_telemetry as et

        sources = {"azure": et.AzureFiles, "otlp": et.OtlpFiles, "parquet": et.TableFiles,
                   "clef": lambda path: et.SerilogFiles(path, weight="ItemCount")}
        source, (pull, store) = sources[form](_file(form, full, place)), (et.pull, et.Store)  # loaded by now
        return lambda: _pull(pull, source, store, place)

    return prepare


def _pull(pull: Callable[..., Any], source: Any, store: Callable[..., Any], place: Place) -> Facts:
    path = place.scratch / "store.duckdb"
    receipt = pull(source, store(path))
    if receipt.rejects or receipt.duplicates or not receipt.is_complete:
        raise SystemExit(f"made to be read whole, but: {receipt}")
    return {"same": receipt.rows["requests"], "file_mb": round(path.stat().st_size / 1e6)}


def bare(form: str, full: int, statement: str) -> Callable[[Place], Callable[[], Facts]]:
    """DuckDB alone: the same fields, typed, into a table of a DuckDB file, until the file is closed."""
    def prepare(place: Place) -> Callable[[], Facts]:
        import duckdb

        file, path = _file(form, full, place), place.scratch / "bare.duckdb"

        def timed() -> Facts:
            with duckdb.connect(str(path)) as connection:
                connection.execute("set TimeZone = 'UTC'")
                connection.execute("set preserve_insertion_order = false")
                connection.execute(f"create table requests as {statement}", {"file": str(file)})
                rows = connection.execute("select count(*) from requests").fetchall()[0][0]
            return {"same": rows, "file_mb": round(path.stat().st_size / 1e6)}

        return timed

    return prepare


def in_pandas(place: Place) -> Callable[[], Facts]:
    """pandas as its users read JSON lines: into memory, no more."""
    import pandas as pd

    file = _file("azure", 500_000, place)
    return lambda: {"same": len(pd.read_json(file, lines=True))}


def in_polars(full: int) -> Callable[[Place], Callable[[], Facts]]:
    """Polars' streaming engine: the same fields, the time read, into a Parquet file."""
    def prepare(place: Place) -> Callable[[], Facts]:
        import polars as pl

        schema = {"TimeGenerated": pl.String, "AppRoleName": pl.String, "AppRoleInstance": pl.String,
                  "OperationName": pl.String, "OperationId": pl.String, "Id": pl.String, "Success": pl.Boolean,
                  "ResultCode": pl.String, "DurationMs": pl.Float64, "ItemCount": pl.Float64}
        file, path = _file("azure", full, place), place.scratch / "requests.parquet"

        def timed() -> Facts:
            read = pl.scan_ndjson(file, schema=schema)
            moment = pl.col("TimeGenerated").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC")
            read.with_columns(moment).sink_parquet(path, compression="zstd")
            return {"same": pl.scan_parquet(path).select(pl.len()).collect().item(),
                    "file_mb": round(path.stat().st_size / 1e6)}

        return timed

    return prepare


def looped(place: Place) -> Callable[[], Facts]:
    """What one writes without an engine: orjson line by line, rows, a frame, and the same pull."""
    import orjson
    import polars as pl

    import erp_telemetry as et

    file, pull, store, frames = _file("otlp", 1_000_000, place), et.pull, et.Store, et.Frames

    def timed() -> Facts:
        rows = []
        with file.open("rb") as lines:
            for line in lines:
                for found in orjson.loads(line)["resourceSpans"]:
                    rows.extend(_spans(found))
        frame = pl.DataFrame(rows, orient="row", schema={
            "time": pl.Int64, "service": pl.String, "operation": pl.String, "instance": pl.String,
            "duration_ms": pl.Float64, "is_failed": pl.Boolean, "status_code": pl.String, "weight": pl.Float64,
            "trace_id": pl.String, "span_id": pl.String, "url_path": pl.String})
        moments = pl.from_epoch("time", time_unit="us").dt.replace_time_zone("UTC")
        return _pull(pull, frames(requests=frame.with_columns(moments)), store, place)

    return timed


def _spans(found: dict[str, Any]) -> Iterable[tuple[Any, ...]]:
    who = {one["key"]: one["value"]["stringValue"] for one in found["resource"]["attributes"]}
    for scope in found["scopeSpans"]:
        for span in scope["spans"]:
            said = {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}
            begun, ended = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
            _, _, threshold = span.get("traceState", "").partition("ot=th:")
            weight = 2**56 / (2**56 - int(threshold.ljust(14, "0"), 16)) if threshold else 1.0
            yield (begun // 1000, who["service.name"], f"{said['http.request.method']} {said['http.route']}",
                   who["service.instance.id"], (ended - begun) / 1e6, span["status"].get("code") == 2,
                   said["http.response.status_code"], weight, span["traceId"], span["spanId"], said["url.path"])


def _file(form: str, full: int, place: Place) -> Path:
    path = write_form(form, place.traffic, place.rows(full), place.data)
    with path.open("rb") as raw:  # into the page cache, for all alike
        while raw.read(1 << 24):
            pass
    return path


def cases(chosen: argparse.Namespace) -> list[Case]:
    """Every form, ours first."""
    return [
        Case(AZURE, OURS, pulled("azure", 5_000_000)),
        Case(AZURE, SAME, bare("azure", 5_000_000, READ_SAME)),
        Case(AZURE, BARE, bare("azure", 5_000_000, READ_AZURE)),
        Case(AZURE, POLARS, in_polars(5_000_000)),
        Case(SAMPLE, OURS, pulled("azure", 500_000)),
        Case(SAMPLE, PANDAS, in_pandas, needs=("pandas",)),
        Case(OTLP, OURS, pulled("otlp", 1_000_000)),
        Case(OTLP, BARE, bare("otlp", 1_000_000, READ_OTLP)),
        Case(OTLP, LOOP, looped, needs=("orjson",)),
        Case(CLEF, OURS, pulled("clef", 1_000_000)),
        Case(CLEF, BARE, bare("clef", 1_000_000, READ_CLEF)),
        Case(PARQUET, OURS, pulled("parquet", 5_000_000)),
        Case(PARQUET, BARE, bare("parquet", 5_000_000, READ_PARQUET)),
    ]


def goals(found: Findings, chosen: argparse.Namespace) -> list[Goal]:
    """What issue 4 asks of ingest."""
    return [
        Goal("NDJSON into the store, rollups included, against bare DuckDB into a file with the same columns",
             found.ratio(AZURE, OURS, SAME), "<=", 1.5),
        Goal("NDJSON into the store, rollups included, against bare DuckDB into a file with ten of them",
             found.ratio(AZURE, OURS, BARE)),
        Goal("NDJSON: pandas against ours", found.ratio(SAMPLE, PANDAS, OURS), ">=", 8),
        Goal("OTLP into the store, rollups included, against DuckDB's bare flatten into a file",
             found.ratio(OTLP, OURS, BARE), "<=", 1.4),
        Goal("OTLP: an orjson loop into the same store against ours", found.ratio(OTLP, LOOP, OURS), ">=", 1.5),
        Goal("CLEF into the store, as logs and as requests, against bare DuckDB into one table",
             found.ratio(CLEF, OURS, BARE)),
        Goal("Parquet into the store against bare DuckDB into a file", found.ratio(PARQUET, OURS, BARE)),
    ]


if __name__ == "__main__":
    run(Bench("ingest", __doc__ or "", cases, goals), __file__)
