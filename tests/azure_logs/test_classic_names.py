"""An Application Insights resource is pulled in its own scope, by its classic names, as a workspace is."""

from __future__ import annotations

import polars as pl
import pytest

import erp_telemetry as et

from .conftest import Opening
from .support import DAY, HOUR, MINUTE, MORNING, NOON, every, limits, requests, source, spans, wanted

pytest.importorskip("duckdb_kql", reason="the loopback needs the extra testing")

from erp_telemetry.testing import LoopbackAzure, faults


def resource(azure: LoopbackAzure, *tables: str, scope: str | None = None) -> et.AzureLogs:
    """The Application Insights resource of the loopback."""
    return et.AzureLogs(scope or azure.component, azure.credential, tables=tables or None, limits=limits(rows=200),
                        endpoint=azure.endpoint, connection_verify=azure.certificate)


def test_all_of_a_resource_comes_by_classic_names(opened: Opening) -> None:
    frame = requests(every(MINUTE))
    traces = pl.DataFrame({"TimeGenerated": every(HOUR), "Message": ["x"] * 12, "AppRoleName": ["orders"] * 12})
    azure = opened(AppRequests=frame, AppTraces=traces)
    store = et.Store()
    azure.misbehave(faults.row_cap(50), of="data")
    receipt = et.pull(resource(azure), store, MORNING)
    assert receipt.is_complete and receipt.rows == {"requests": 720, "logs": 12}
    assert {"dependencies", "exceptions", "customMetrics"} < set(receipt.absent)
    assert spans(store) == wanted(frame)
    assert all(one.path == f"/v1{azure.component.lower()}/query" for one in azure.asked)
    again = et.pull(resource(azure), store, MORNING)
    assert (again.slices, sum(again.rows.values())) == (0, 0)


def test_a_call_that_came_by_its_workspace_too_counts_once(opened: Opening) -> None:
    azure = opened(AppRequests=requests(every(MINUTE)))
    by_resource, by_workspace, both = et.Store(), et.Store(), et.Store()
    et.pull(resource(azure), by_resource, MORNING)
    et.pull(source(azure), by_workspace, MORNING)
    columns = "select * exclude (entry) from requests order by span_id"
    assert by_resource.sql(columns).equals(by_workspace.sql(columns)) and by_resource.sql(columns).height == 720
    et.pull(resource(azure), both, MORNING)
    et.pull(source(azure), both, MORNING)
    assert both.sql("select sum(count) from request_minutes").item() \
        == by_workspace.sql("select sum(count) from request_minutes").item()


def test_late_rows_of_a_resource_come(opened: Opening) -> None:
    moments = every(MINUTE)
    frame = requests(moments, [moment + (20 * HOUR if number % 50 == 0 else MINUTE)
                               for number, moment in enumerate(moments)])
    azure = opened(AppRequests=frame)
    store = et.Store()
    et.pull(resource(azure, "requests"), store, MORNING)
    assert len(spans(store)) < 720
    azure.clock = NOON + 24 * HOUR
    assert et.pull(resource(azure, "requests"), store, MORNING).is_complete
    assert spans(store) == wanted(frame)


def test_another_resource_is_not_there(opened: Opening) -> None:
    azure = opened(AppRequests=requests([DAY]))
    with pytest.raises(et.SourceError, match=r"no Application Insights resource other at this .* its resource id"):
        et.pull(resource(azure, scope=azure.component[:-3] + "other"), et.Store(), MORNING)


def test_a_table_on_the_basic_plan_is_asked_of_the_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    said = r"requests of Application Insights resource erp is on the Basic .* a workspace is asked"
    with (LoopbackAzure({"AppRequests": requests([DAY])}, plans={"AppRequests": "Basic"}) as azure,
          pytest.raises(et.SourceError, match=said)):
        et.pull(resource(azure), et.Store(), MORNING)


@pytest.mark.parametrize("told", [
    "erp", "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v",
    "subscriptions/s/resourceGroups/g/providers/microsoft.insights/components/x"])
def test_a_scope_that_is_neither(told: str) -> None:
    with pytest.raises(ValueError, match="a GUID, or the resource id of an Application Insights resource"):
        et.AzureLogs(told)


def test_names_of_the_other_scope(opened: Opening) -> None:
    azure = opened(AppRequests=requests([DAY]))
    with pytest.raises(ValueError, match=r"no query in queries/azure/classic reads 'AppRequests'. Did you mean"):
        resource(azure, "AppRequests")
    with pytest.raises(ValueError, match=r"no query in queries/azure reads 'requests'. Did you mean: AppRequests"):
        source(azure, "requests")
