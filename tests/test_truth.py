"""Every KPI of the samples equals the truth the simulator planted, computed there by code of its own."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import erp_telemetry as et

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "samples"
TRUTH: dict[str, Any] = json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))
WINDOW = et.Window(TRUTH["window"]["start"], TRUTH["window"]["end"])
WHOLE = f"{int(WINDOW.duration.total_seconds() // 60)}m"
SERVICES = ("api-gateway", "auth", "billing", "inventory", "orders", "purchasing", "sales")
EXACT = 1e-12
SKETCH = 0.011


@pytest.fixture(scope="module")
def pulled() -> tuple[et.Store, dict[str, et.Receipt]]:
    store = et.Store()
    sources = {"azure": et.AzureFiles(SAMPLES / "azure"), "otlp": et.OtlpFiles(SAMPLES / "otlp"),
               "serilog": et.SerilogFiles(SAMPLES / "serilog"), "tables": et.TableFiles(SAMPLES / "tables"),
               "kubernetes": et.KubernetesFiles(SAMPLES / "kubernetes")}
    return store, {name: et.pull(source, store) for name, source in sources.items()}


@pytest.fixture(scope="module")
def store(pulled: tuple[et.Store, dict[str, et.Receipt]]) -> et.Store:
    return pulled[0]


def values(store: et.Store, name: str, column: str = "value") -> dict[str, Any]:
    by_service = et.measure(store, name, WINDOW, WHOLE)
    found = dict(by_service.select("service", column).iter_rows())
    total = et.measure(store, name, WINDOW, WHOLE, by=())
    return found | {"total": total[column][0]}


def test_every_row_is_kept_or_named(pulled: tuple[et.Store, dict[str, et.Receipt]]) -> None:
    _, receipts = pulled
    for table, by_folder in TRUTH["rows"].items():
        for folder, count in by_folder.items():
            if folder in receipts:
                assert receipts[folder].rows[table] == count, (folder, table)
    aside = {(Path(reject.file).relative_to(SAMPLES).as_posix(), reject.line)
             for receipt in receipts.values() for reject in receipt.rejects}
    assert aside == {(bad["file"], bad["line"]) for bad in TRUTH["malformed"]}
    replaced = 1  # an earlier record of INC-1, before the later one of the same file
    assert sum(receipt.duplicates for receipt in receipts.values()) == sum(TRUTH["duplicates"].values()) + replaced
    assert all(receipt.is_complete for receipt in receipts.values())


@pytest.mark.parametrize(("measure", "key", "tolerance"), [
    ("error_ratio", "error_ratio", EXACT), ("apdex", "apdex", EXACT), ("latency_mean", "latency_mean", EXACT),
    ("request_rate", "request_rate", EXACT), ("latency_p50", "latency_p50", SKETCH),
    ("latency_p95", "latency_p95", SKETCH), ("latency_p99", "latency_p99", SKETCH),
])
def test_requests(store: et.Store, measure: str, key: str, tolerance: float) -> None:
    found, counted = values(store, measure), values(store, measure, "count")
    for service in (*SERVICES, "total"):
        truth = TRUTH["requests"][service]
        assert found[service] == pytest.approx(truth[key], rel=tolerance), service
        assert counted[service] == truth["n"], service


def test_dependencies(store: et.Store) -> None:
    ratios, counted = values(store, "dependency_error_ratio"), values(store, "dependency_error_ratio", "count")
    slow = values(store, "dependency_latency_p95")
    for service, truth in TRUTH["dependencies"].items():
        assert counted[service] == truth["n"]
        assert ratios[service] == pytest.approx(truth["dependency_error_ratio"], rel=EXACT)
        assert slow[service] == pytest.approx(truth["dependency_latency_p95"], rel=SKETCH)


@pytest.mark.parametrize("measure", ["cpu_ratio", "memory_ratio", "db_connection_ratio", "cache_hit_ratio",
                                     "probe_success_ratio", "log_error_ratio", "restart_count"])
def test_the_others(store: et.Store, measure: str) -> None:
    found = values(store, measure)
    expected = dict(TRUTH[measure])
    if measure == "log_error_ratio":  # orders logs to files only
        expected |= {service: truth["log_error_ratio"] for service, truth in TRUTH["serilog"].items()}
    for service, truth in expected.items():
        assert found[service] == pytest.approx(truth, rel=EXACT), service
    assert set(expected) == set(found) - {"total"}


def test_serilog(pulled: tuple[et.Store, dict[str, et.Receipt]]) -> None:
    store, receipts = pulled
    assert set(receipts["serilog"].rows) == {"logs"}, "its failed requests are told of by spans, not counted again"
    for service, truth in TRUTH["serilog"].items():
        assert values(store, "log_error_ratio", "count")[service] == truth["n"]
        (found,) = store.sql("""
            select count(*), count(*) filter (where level in ('error', 'critical')), count(exception_type),
                count(*) filter (where message like '%{%' and template not like '%failed%'), count(trace_id)
            from logs where service = $service""", service=service).rows()
        assert found == (truth["n"], truth["errors"], truth["errors"], 0, truth["n"] - 1)


def test_the_scorecard(store: et.Store) -> None:
    card = et.score(store, WINDOW)

    def value(kpi: str, service: str) -> Any:
        wanted = None if service == "total" else service
        return card.filter((pl.col("kpi") == kpi) & pl.col("service").eq_missing(pl.lit(wanted, pl.String))).row(
            0, named=True)

    for service, truth in TRUTH["uptime"].items():
        assert value("uptime", service)["value"] == pytest.approx(truth["uptime"], rel=EXACT)
    for kpi in ("mttr", "mttd"):
        for service, truth in TRUTH[kpi].items():
            assert value(kpi, service)["value"] == pytest.approx(truth["mean"], rel=EXACT)
            assert value(kpi, service)["n"] == len(truth["seconds"])
    for kpi in ("rto", "rpo"):
        worst = TRUTH[kpi]["worst"]
        assert (value(kpi, "total")["value"], value(kpi, "total")["target"]) == (
            worst["seconds"], worst["target_seconds"])
    for service in SERVICES:
        assert value("error_ratio", service)["value"] == pytest.approx(
            TRUTH["requests"][service]["error_ratio"], rel=EXACT)
        assert value("latency_p99", service)["value"] == pytest.approx(
            TRUTH["requests"][service]["latency_p99"], rel=SKETCH)
    assert {"met", "missed", "insufficient"} <= set(card["state"])
    bands = {"cpu_band", "memory_band", "latency_band", "error_band", "gateway_cpu_band", "db_connection_band",
             "cache_hit_band"}
    assert bands <= set(card["kpi"])


def test_the_planted_incidents_are_there(store: et.Store) -> None:
    found = {one.id: one for one in et.incidents(store, WINDOW)}
    assert set(found) == {one["id"] for one in TRUTH["incidents"]}
    for truth in TRUTH["incidents"]:
        assert found[truth["id"]].impact_start.isoformat() == truth["impact_start"].replace("Z", "+00:00")
        assert set(found[truth["id"]].services) == set(truth["services"])


def test_sampled_telemetry_speaks_of_the_population_it_came_from(store: et.Store) -> None:
    """Weights bring counts back: within 3 % of what happened before sampling, where rows alone are far off."""
    counted = values(store, "request_rate", "count")
    before = TRUTH["requests"]["total"]["before_sampling"]["n"]
    assert counted["total"] == pytest.approx(before, rel=0.03)
    assert TRUTH["requests"]["total"]["n_raw"] < 0.6 * before
