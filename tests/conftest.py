"""What all tests share: where the samples are, and one store that holds them."""

from __future__ import annotations

from pathlib import Path

import pytest

import erp_telemetry as et

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def samples() -> Path:
    folder = ROOT / "data" / "samples"
    if not (folder / "truth.json").is_file():
        pytest.skip("the samples are not there: run make samples")
    return folder


@pytest.fixture(scope="session")
def sample_store(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> et.Store:
    """All readable samples in one store; ask it, never write to it."""
    store = et.Store(tmp_path_factory.mktemp("store") / "erp.duckdb")
    for source in (et.AzureFiles(samples / "azure"), et.OtlpFiles(samples / "otlp"),
                   et.SerilogFiles(samples / "serilog"), et.TableFiles(samples / "tables"),
                   et.KubernetesFiles(samples / "kubernetes")):
        et.pull(source, store)
    return store


@pytest.fixture
def small_store(tmp_path: Path) -> et.Store:
    """Twenty requests of one service, one of them failed, on disk."""
    import polars as pl

    requests = pl.DataFrame({
        "time": pl.datetime_range(
            pl.datetime(2026, 3, 1), pl.datetime(2026, 3, 1, 0, 19), "1m", time_zone="UTC", eager=True),
        "service": ["<b>orders</b>"] * 20,
        "operation": ["GET /"] * 20,
        "duration_ms": [10.0] * 19 + [1000.0],
        "is_failed": [False] * 19 + [True],
        "status_code": ["200"] * 19 + ["500"],
        "weight": [100.0] * 19 + [1.0],
    })
    incidents = pl.DataFrame({
        "id": ["INC-1"], "title": ["[red]\x1b[31mdown[/] <script>alert(1)</script>"], "impact": ["degraded"],
        "services": [["<b>orders</b>"]], "impact_start": [requests["time"][5]], "detected": [requests["time"][7]],
        "updated_at": [requests["time"][7]],
    })
    store = et.Store(tmp_path / "small.duckdb")
    et.pull(et.Frames(requests=requests, incidents=incidents), store)
    return store
