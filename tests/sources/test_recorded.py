"""Every recorded payload loads, or is refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from erp_telemetry.errors import SourceError
from erp_telemetry.slices import Source
from erp_telemetry.sources.azure_files import AzureFiles
from erp_telemetry.sources.otlp_files import OtlpFiles
from erp_telemetry.sources.table_files import TableFiles
from tests.sources.support import read

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
OTLP = {
    "highlight/fs.json": {"requests": 10, "dependencies": 208, "logs": 112},
    "highlight/log.json": {"logs": 1},
    "highlight/metrics.json": {"metrics": 131},
    "highlight/nextjs.json": {"requests": 2, "dependencies": 6, "logs": 1},
    "highlight/traces.json": {"dependencies": 512, "logs": 4},
    "jaeger/otel_traces_01.json": {"requests": 2, "dependencies": 2},
    "otel-proto/events.json": {"logs": 1},
    "otel-proto/logs.json": {"logs": 1},
    "otel-proto/metrics.json": {"metrics": 4},
    "otel-proto/trace.json": {"requests": 1},
}
AZURE = {
    "newrelic-diag-settings/appInsightsAppDependency.json": {"dependencies": 1},
    "newrelic-diag-settings/appInsightsAppEvent.json": {"logs": 1},
    "newrelic-diag-settings/appInsightsAppException.json": {"logs": 1},
    "newrelic-diag-settings/appInsightsAppRequest.json": {"requests": 1},
    "newrelic-diag-settings/appInsightsAppTraces.json": {"logs": 2},
    "newrelic-diag-settings/appMetrics.json": {"metrics": 11},
    "newrelic-diag-settings/performanceCounters.json": {"metrics": 5},
    "otelcol-contrib/appservice_httplogs.json": {"requests": 1},
    "otelcol-contrib/eventhub_metrics.json": {"metrics": 2},
    "rest-api-specs/appinsights_events_traces.json": {"logs": 1},
    "rest-api-specs/loganalytics_query_response_AppRequests.json": {"requests": 2},
    "rest-api-specs/metrics_get_response.json": {"metrics": 50},
}
REFUSED = {
    "msticpy/az_mon_raw_query.json": "unknown record type SecurityAlert",
    "msticpy/az_mon_schema.json": "a listing of table schemas",
    "msticpy/kusto_raw_resp.json": "Kusto v2 frames",
    "msticpy/az_net_flows.csv": "no table has these columns",
    "msticpy/time_series.csv": "no table has these columns",
}
CASES = [
    *((OtlpFiles, f"otlp/{name}", rows) for name, rows in OTLP.items()),
    *((AzureFiles, f"azure/{name}", rows) for name, rows in AZURE.items()),
]


def _found(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"the recorded payload {name} is not here")
    return path


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize(("kind", "name", "rows"), CASES)
def test_loads(kind: type[AzureFiles] | type[OtlpFiles], name: str, rows: dict[str, int], careful: bool) -> None:
    source: Source = kind(_found(name))
    frames = read(source, careful)
    assert {table: frame.height for table, frame in frames.items()} == rows
    assert all(frame["time"].null_count() == 0 for frame in frames.values())


@pytest.mark.parametrize(("name", "reason"), REFUSED.items())
def test_is_refused(name: str, reason: str) -> None:
    path = _found(f"azure/{name}")
    source: Source = TableFiles(path) if path.suffix == ".csv" else AzureFiles(path)
    with pytest.raises(SourceError, match=f"{path.name}: .*{reason}"):
        read(source)


def test_no_payload_is_forgotten() -> None:
    if not DATA.is_dir():
        pytest.skip("the recorded payloads are not here")
    known = {f"otlp/{name}" for name in OTLP} | {f"azure/{name}" for name in (*AZURE, *REFUSED)}
    there = {path.relative_to(DATA).as_posix() for folder in ("otlp", "azure") for path in (DATA / folder).rglob("*")
             if path.suffix in (".json", ".csv")}
    assert there == known
