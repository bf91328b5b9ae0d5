"""Tables: one bad line costs itself only."""

from pathlib import Path

import erp_telemetry as et


def test_a_stray_quote_loses_its_own_line_only(tmp_path: Path) -> None:
    rows = [f"2026-07-01T00:00:{n:02}Z,orders,{n}.5" for n in range(50)]
    rows.insert(10, '"2026-07-01T00:00:00Z,broken,5')
    path = tmp_path / "requests.csv"
    path.write_text("\n".join(["time,service,duration_ms", *rows]) + "\n", encoding="utf-8")
    receipt = et.pull(et.TableFiles(path), et.Store())
    assert receipt.rows == {"requests": 50}
    assert [reject.line for reject in receipt.rejects] == [12]
