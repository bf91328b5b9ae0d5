"""Objectives: the handbook by default; a mistake is named with file, line and what to write."""

import dataclasses
import hashlib
from pathlib import Path

import pytest

from erp_telemetry.errors import ObjectiveError
from erp_telemetry.objectives import Band, Objectives

HANDBOOK = Objectives.load()


def test_the_handbooks_success_metrics() -> None:
    assert dict(HANDBOOK.targets) == {
        "uptime": 0.9995, "mttr": 900, "mttd": 120, "rto": 1800, "rpo": 300, "error_ratio": 0.001, "latency_p99": 500}
    assert dict(HANDBOOK.recovery) == {
        "database_down": 300, "api_gateway_down": 120, "service_cascade_failure": 600, "data_loss": 3600,
        "security_incident": 900}


@pytest.mark.parametrize(("name", "normal", "warning", "critical"), [
    ("cpu_band", [0.0, 0.2999], [0.30, 0.40, 0.60, 0.80, 0.90], [0.9001, 1.0]),
    ("memory_band", [0.39], [0.40, 0.5, 0.7, 0.85, 0.90], [0.91]),
    ("latency_band", [99.9], [100, 300, 700, 1000], [1000.1]),
    ("error_band", [0.0, 0.00099], [0.001, 0.005, 0.01], [0.0101, 1.0]),
    ("gateway_cpu_band", [0.39], [0.40, 0.5, 0.7, 0.85, 0.90], [0.91]),
    ("db_connection_band", [0.49], [0.50, 0.7, 0.9, 0.95], [0.951]),
    ("cache_hit_band", [0.81, 1.0], [0.80, 0.65, 0.50], [0.499, 0.0]),
])
def test_every_number_has_one_state(
    name: str, normal: list[float], warning: list[float], critical: list[float]
) -> None:
    band = next(band for band in HANDBOOK.bands if band.name == name)
    assert {band.state(value) for value in normal} == {"normal"}
    assert {band.state(value) for value in warning} == {"warning"}
    assert {band.state(value) for value in critical} == {"critical"}
    assert band.state(None) == band.state(float("nan")) == "unknown"


def test_the_gateway_band_stands_in_for_the_general_one() -> None:
    assert {band.name for band in HANDBOOK.bands_of("api-gateway") if band.measure == "cpu_ratio"} == {
        "gateway_cpu_band"}
    assert {band.name for band in HANDBOOK.bands_of("orders") if band.measure == "cpu_ratio"} == {"cpu_band"}


def test_a_file_needs_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[targets]\nmttr = "20m"\n[services.orders]\nlatency_p99 = "800ms"\napdex_ms = 250\n'
                    'bands.cpu_band = { normal = 0.5, critical = 0.95 }\n')
    mine = Objectives.load(path)
    assert mine.target("mttr") == 1200
    assert (mine.target("latency_p99", "orders"), mine.target("latency_p99", "sales")) == (800, 500)
    assert (mine.threshold("apdex_ms", "orders"), mine.threshold("apdex_ms")) == (250, 100)
    assert Band("cpu_band", "cpu_ratio", 0.5, 0.95) in mine.bands_of("orders")


@pytest.mark.parametrize(("text", "line", "says"), [
    ("[targets]\nuptime = 99.95\n", 2, "between 0 and 1"),
    ("[targets]\nmttr = 15\n", 2, '"15m"'),
    ("\n[targets]\nmtr = '15m'\n", 3, "mttr"),
    ("[policy]\nclient_errors = 'bad'\n", 2, "good, failed, excluded"),
    ("[target]\nuptime = 0.9\n", 1, "targets"),
    ("[latency]\napdex_ms = -1\n", 2, "above 0"),
    ("[bands.cpu_band]\nnormal = 0.9\n", 1, "differ"),
    ("[services.orders]\nlatency_p98 = '1s'\n", 2, "knows targets"),
    ("[services.orders]\napdex_ms = 0\n", 2, "above 0"),
    ("[targets]\nuptime = 0.999\n[services.orders]\nuptime = 2\n", 4, "between 0 and 1"),
    ("[bands]\ncpu_band = 0.3\n", 2, "[bands.cpu_band]"),
    ("[bands.cpu_band]\nnormal = 'low'\n", 2, "write a number"),
    ("[bands.cpu_band]\ncritical = nan\n", 2, "write a number"),
    ("[bands.cpu_band]\nhystersis = 0.1\n", 2, "hysteresis, for, recover_for"),
    ("[bands.cpu_band]\nhysteresis = 1\n", 2, "to below 1"),
    ("[bands.cpu_band]\nhysteresis = -0.1\n", 2, "to below 1"),
    ("[bands.cpu_band]\nfor = 5\n", 2, '"15m"'),
    ("[bands.error_band]\nfor = '5m'\n[bands.cpu_band]\nfor = '-5m'\n", 4, '"15m"'),
    ("[bands.cpu_band]\nrecover_for = 'soon'\n", 2, '"15m"'),
    ("[bands.cache_hit_band]\n\nhysteresis = 0.25\n", 3, "only above 1, which no ratio reaches: write less than 0.25"),
    ("[bands.own]\nmeasure = 'restart_count'\nnormal = 0\ncritical = 3\nhysteresis = 0.1\n", 5, "a bound of 0"),
    ("[bands.own]\nmeasure = 'restart_count'\nnormal = 1\n", 1, "needs critical"),
    ("[bands.own]\nmeasure = 3\nnormal = 1\ncritical = 2\n", 2, "name of a measure"),
    ("[bands.cpu_band]\nservices = 'orders'\n", 2, "list of names"),
    ("[services.orders]\nbands = 3\n", 2, "bands.cpu_band = {"),
    ("[services.orders]\napdex_ms = 9\nbands.cpu_band = { normal = 0.5, fro = '5m' }\n", 3, "fro: a band knows"),
    ("[services.orders]\nbands.cpu_band = { measure = 'apdex' }\n", 2, "a band knows normal"),
    ("[services.orders]\nbands.cup_band = { normal = 0.5 }\n", 2, "Did you mean: cpu_band"),
    ("[services.orders.bands.gateway_cpu_band]\nnormal = 0.5\n", 1, "no such band of orders"),
    ("[services.orders.bands.cpu_band]\nnormal = 0.95\n", 1, "may not change sides"),
    ("[services.'erp.orders'.bands.cpu_band]\nfor = 'x'\n", 2, '"15m"'),
    ("[services.sales]\napdex_ms = 9\n[services.orders.bands.cpu_band]\nnormal = 0.9\n", 3, "differ"),
])
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ObjectiveError) as error:
        Objectives.load(path)
    assert f"bad.toml:{line}:" in str(error.value)
    assert says in str(error.value)


def test_how_a_state_is_held_is_nothing_by_default_and_a_services_own(tmp_path: Path) -> None:
    assert {(band.hysteresis, band.for_seconds, band.recover_seconds) for band in HANDBOOK.bands} == {(0, 0, 0)}
    path = tmp_path / "mine.toml"
    path.write_text('[bands.cpu_band]\nhysteresis = 0.05\nfor = "5m"\n'
                    '[services.orders]\nbands.cpu_band = { for = "90s", recover_for = "1h" }\n')
    mine = Objectives.load(path)
    general, own = (next(band for band in mine.bands_of(name) if band.name == "cpu_band") for name in (None, "orders"))
    assert (general.hysteresis, general.for_seconds, general.recover_seconds) == (0.05, 300, 0)
    assert (own.hysteresis, own.for_seconds, own.recover_seconds) == (0.05, 90, 3600)
    assert mine.bands_of("sales") == mine.bands_of(None)


def test_the_version_of_a_band_is_the_hash_of_its_rule() -> None:
    for band in HANDBOOK.bands:
        assert band.version == hashlib.sha256(band.rule.encode()).hexdigest()[:12]
        assert str(band.normal) in band.rule and str(band.critical) in band.rule and band.measure in band.rule
    cpu = HANDBOOK.bands[0]
    changed = [{"normal": 0.31}, {"critical": 0.91}, {"hysteresis": 0.01}, {"for_seconds": 1.0},
               {"recover_seconds": 1.0}, {"measure": "memory_ratio"}]
    assert len({cpu.version, *(dataclasses.replace(cpu, **one).version for one in changed)}) == 7  # type: ignore[arg-type]


def test_broken_toml_and_no_file(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[targets\n")
    with pytest.raises(ObjectiveError, match="line 1"):
        Objectives.load(path)
    with pytest.raises(ObjectiveError, match="cannot be read"):
        Objectives.load(tmp_path / "absent.toml")
