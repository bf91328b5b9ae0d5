"""Files that Azure Monitor wrote become the tables they came from."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from erp_telemetry.testing import exported

RECORD = {"Type": "AppRequests", "TimeGenerated": "2026-07-05T23:10:45.5303787Z", "AppRoleName": "auth",
          "DurationMs": 18, "ItemCount": 2, "Success": True, "Properties": {"tenant.id": "t"}, "Novel": 7}


def test_columns_have_the_types_of_the_reference(tmp_path: Path) -> None:
    file = tmp_path / "PT05M.json"
    file.write_text("".join(json.dumps(one) + "\n" for one in (
        RECORD, {**RECORD, "TimeGenerated": "2026-07-05T23:10:46", "Success": None})), encoding="utf-8")
    frame = exported(tmp_path)["AppRequests"]
    assert frame["TimeGenerated"].to_list() == [
        datetime(2026, 7, 5, 23, 10, 45, 530378, UTC), datetime(2026, 7, 5, 23, 10, 46, tzinfo=UTC)]
    assert frame.schema["DurationMs"] == pl.Float64 and frame.schema["Success"] == pl.Boolean
    assert frame["Properties"].to_list() == ['{"tenant.id": "t"}'] * 2
    assert frame["Novel"].to_list() == ["7", "7"]


def test_files_of_diagnostic_settings_are_tables_too(tmp_path: Path) -> None:
    told = {name: value for name, value in RECORD.items() if name != "TimeGenerated"}
    lines = [json.dumps({**told, "time": "2026-07-05T23:10:45.1234567Z", "resourceId": "/SUBSCRIPTIONS/S",
                         "_TimeReceived": "2026-07-06T00:00:00Z"}), '{"Type": "AppReq']
    (tmp_path / "requests.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    left_out: list[str] = []
    [row] = exported(tmp_path, left_out=left_out)["AppRequests"].to_dicts()
    assert row["TimeGenerated"] == datetime(2026, 7, 5, 23, 10, 45, 123456, UTC)
    assert row["_TimeReceived"] == datetime(2026, 7, 6, tzinfo=UTC) and row["_ResourceId"] == "/SUBSCRIPTIONS/S"
    assert left_out == [f"{tmp_path / 'requests.jsonl.gz'}:2: no record of a table of Azure's reference"]
    with pytest.raises(ValueError, match="gz:2: no record"):
        exported(tmp_path)


@pytest.mark.parametrize(("line", "said"), [
    ('{"Type": "Heartbeats"}', "PT05M.json:1: no record"), ("[1]", "PT05M.json:1: no record"),
    ("{", "PT05M.json:1: no record"), ('{"Type": ["AppRequests"]}', "PT05M.json:1: no record"),
    (json.dumps({**RECORD, "DurationMs": "long"}), "AppRequests.DurationMs is real"),
    (json.dumps({**RECORD, "ItemCount": 2**40}), "AppRequests.ItemCount is int .*: 1099511627776"),
    (json.dumps({**RECORD, "TimeGenerated": "yesterday"}), "AppRequests.TimeGenerated is datetime .*yesterday")])
def test_what_is_no_export_is_refused_by_line_or_column(line: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "PT05M.json").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        exported(tmp_path / "PT05M.json")
