"""Recorded logs of Apache Kafka: log4j text whose times have no zone."""

from __future__ import annotations

from pathlib import Path

import pytest

from erp_telemetry.errors import SourceError
from erp_telemetry.sources.kubernetes_files import KubernetesFiles
from erp_telemetry.sources.recognition import recognise
from tests.sources.support import only, run

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "logs"
LEVELS = {
    "kafka/controller.log.2016-12-19-20": {"verbose": 16, "debug": 168, "information": 225, "warning": 72},
    "kafka/state-change.log": {"verbose": 3051, "information": 35, "warning": 17},
}


def _found(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"the recorded log {name} is not here")
    return path


@pytest.mark.parametrize(("name", "levels"), LEVELS.items())
def test_every_line_lands_where_the_zone_is_declared(name: str, levels: dict[str, int]) -> None:
    path = _found(name)
    source = KubernetesFiles(path, naive="UTC")
    batch = source.read(only(source))
    frame = run(batch)["logs"]
    assert batch.rejects == ()
    assert dict(frame["level"].value_counts().rows()) == levels
    assert frame.height == path.read_bytes().count(b"\n") == frame["id"].n_unique()
    assert frame["time"].null_count() == 0
    assert str(frame["time"].max()).startswith("2016-12-19 20:59:04")
    longest = max(map(len, path.read_text(encoding="utf-8").splitlines()))
    assert frame["message"].str.len_chars().max() == longest - len("[2016-12-19 20:44:03,223] DEBUG ")


@pytest.mark.parametrize("name", LEVELS)
def test_times_without_zone_are_refused_with_advice(name: str) -> None:
    path = _found(name)
    assert recognise(path).taken[0].format == "container log, log4j text, times without zone"
    source = KubernetesFiles(path)
    with pytest.raises(SourceError, match=r"times without zone.*naive=.*--naive UTC"):
        source.read(only(source))


@pytest.mark.parametrize("name", ["web/apache_logs", "web/nginxplus_json_logs.ndjson", "web/LICENSE",
                                  "clef/UmbracoTraceLog.UNITTEST.20181112.json", "clef/seqcli-events.clef"])
def test_recorded_files_of_others_are_left_to_them(name: str) -> None:
    assert "kubernetes_files" not in {one.source for one in recognise(_found(name)).taken}
