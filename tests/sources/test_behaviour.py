"""What every source must do, asked of each format alike."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from erp_telemetry.errors import FrameError, SourceError
from erp_telemetry.slices import Source
from erp_telemetry.sources.frames import Frames
from erp_telemetry.sources.table_files import TableFiles
from tests.sources.support import (
    CANONICAL,
    FORMATS,
    LEDGER,
    SUFFIX,
    app,
    canonical,
    lines,
    only,
    read,
    run,
    text,
    write,
)


@pytest.fixture(params=sorted(FORMATS))
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _rows(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    return frame.sort("time").select(CANONICAL).rows()


def _source(form: str, path: Path) -> Source:
    return FORMATS[form](path)


def test_is_a_source(form: str, tmp_path: Path) -> None:
    assert isinstance(_source(form, tmp_path), Source)


def test_identical_events_give_identical_rows(form: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"requests.{SUFFIX[form]}", text(form))
    expected = [
        tuple({**canonical(at), "time": datetime(2026, 1, 1, 0, 0, at, 123456, UTC), "weight": 1.0}[c]
              for c in CANONICAL)
        for at in range(3)
    ]
    assert _rows(read(_source(form, path))["requests"]) == expected


def test_parquet_and_frames_give_the_same_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "requests.csv", text("csv"))
    frame = read(TableFiles(path))["requests"].drop("line")
    frame.write_parquet(tmp_path / "requests.parquet")
    expected = _rows(frame)
    assert _rows(read(TableFiles(tmp_path / "requests.parquet"))["requests"]) == expected
    assert _rows(read(Frames(requests=frame))["requests"]) == expected


@pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
def test_careful_equals_fast(form: str, packed: str, tmp_path: Path) -> None:
    source = _source(form, write(tmp_path / f"requests.{SUFFIX[form]}{packed}", text(form)))
    fast, careful = read(source)["requests"], read(source, careful=True)["requests"]
    assert fast.drop("line").sort("time").equals(careful.drop("line").sort("time"))
    first = 2 if form == "csv" else 1
    assert careful.sort("time")["line"].to_list() == [first, first + 1, first + 2]


def test_broken_lines_are_named(form: str, tmp_path: Path) -> None:
    good = text(form).splitlines()
    path = write(tmp_path / f"requests.{SUFFIX[form]}", "\n".join([good[0], good[1], "{broken,x", *good[2:], ""]))
    source = _source(form, path)
    batch = source.read(only(source), careful=True)
    assert [(one.file, one.line, one.excerpt) for one in batch.rejects] == [(str(path), 3, "{broken,x")]
    assert run(batch)["requests"].height == 3


def test_fast_raises_where_careful_names(form: str, tmp_path: Path) -> None:
    if form == "classic":
        pytest.skip("classic records are always read carefully")
    good = text(form).splitlines()
    path = write(tmp_path / f"requests.{SUFFIX[form]}", "\n".join([*good, "{broken,x", ""]))
    source = _source(form, path)
    batch = source.read(only(source))
    assert not batch.is_careful
    with pytest.raises(duckdb.Error):
        run(batch)


def test_bom_crlf_blank_lines_and_bad_bytes(form: str, tmp_path: Path) -> None:
    raw = text(form).replace("\n", "\r\n\r\n").replace("pod-1", "p@d").encode().replace(b"@", b"\xff")
    source = _source(form, write(tmp_path / f"requests.{SUFFIX[form]}", b"\xef\xbb\xbf" + raw))
    frame = read(source, careful=True)["requests"]
    assert frame.height == 3
    assert set(frame["instance"]) == {"p\ufffdd"}


def test_slices_skip_what_the_ledger_holds(form: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"requests.{SUFFIX[form]}", text(form))
    source = _source(form, path)
    part = only(source)
    held = pl.DataFrame({"slice": [part.name], "fingerprint": [part.fingerprint]})
    assert part.name == f"{source.name}:{path.as_posix()}"
    assert source.slices(None, None, held) == []
    write(path, text(form, 4))
    assert len(source.slices(None, None, held)) == 1


def test_nothing_matching_is_an_error(form: str, tmp_path: Path) -> None:
    for given in (tmp_path, tmp_path / "absent.json", tmp_path / "*.json"):
        with pytest.raises(SourceError, match=str(given).replace("*", r"\*")):
            _source(form, given).slices(None, None, LEDGER)


def test_temporary_files_are_removed(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spools = tmp_path / "spools"
    spools.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spools))
    read(_source(form, write(tmp_path / f"requests.{SUFFIX[form]}", text(form))), careful=True)
    assert list(spools.iterdir()) == []


def test_folders_and_globs(form: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("a", "deep/b"):
        write(tmp_path / f"{name}.{SUFFIX[form]}", text(form))
    (tmp_path / "notes.txt").write_text("no")
    names = [one.name for one in _source(form, tmp_path).slices(None, None, LEDGER)]
    assert len(names) == 2
    assert names == sorted(names)
    assert len(_source(form, tmp_path / "**" / f"*.{SUFFIX[form]}").slices(None, None, LEDGER)) == 2


def test_frames_refuse_by_name(tmp_path: Path) -> None:
    good = pl.DataFrame({"time": [datetime(2026, 1, 1, tzinfo=UTC)], "service": ["erp"], "duration_ms": [1]})
    assert read(Frames(requests=good))["requests"]["weight"].to_list() == [1.0]
    naive = good.with_columns(pl.col("time").dt.replace_time_zone(None))
    with pytest.raises(FrameError, match=r"requests\.time: found Datetime.*zone"):
        Frames(requests=naive)
    with pytest.raises(FrameError, match=r"requests\.duration_ms: found String, wanted Float64"):
        Frames(requests=good.with_columns(duration_ms=pl.lit("1")))
    with pytest.raises(FrameError, match="requests: needs the columns service"):
        Frames(requests=good.drop("service"))
    with pytest.raises(FrameError, match="Did you mean: requests"):
        Frames(request=good)


def test_frames_are_known_by_content() -> None:
    good = pl.DataFrame({"time": [datetime(2026, 1, 1, tzinfo=UTC)], "service": ["erp"], "duration_ms": [1]})
    first, second = only(Frames(requests=good)), only(Frames(requests=good.clone()))
    assert first == second
    assert only(Frames(requests=good.with_columns(duration_ms=2))).fingerprint != first.fingerprint


def test_tables_are_known_by_name_folder_or_columns(tmp_path: Path) -> None:
    (tmp_path / "requests").mkdir()
    for name in ("requests-2026.csv", "requests/x.csv", "x.csv"):
        assert "requests" in read(TableFiles(write(tmp_path / name, text("csv"))))
    path = write(tmp_path / "y.csv", "a,b\n1,2\n")
    with pytest.raises(SourceError, match=r"y.csv: no table has these columns: a, b"):
        TableFiles(path).read(only(TableFiles(path)))
    with pytest.raises(SourceError, match=r"requests needs .*found are a, b"):
        read(TableFiles(path, table="requests"))


def test_a_time_without_zone_is_refused_or_read_as_declared(tmp_path: Path) -> None:
    path = write(tmp_path / "requests.csv", "time,service,duration_ms\n2026-01-01 00:00:00,erp,1\n")
    batch = TableFiles(path).read(only(TableFiles(path)), careful=True)
    assert [(one.line, one.reason) for one in batch.rejects] == [(2, "time has no zone: 2026-01-01 00:00:00")]
    batch.close()
    declared = read(TableFiles(path, naive="Europe/Vienna"))["requests"]
    assert declared["time"][0] == datetime(2025, 12, 31, 23, tzinfo=UTC)
    pl.DataFrame({"time": [datetime(2026, 1, 1)], "service": ["erp"], "duration_ms": [1.0]}).write_parquet(
        tmp_path / "requests.parquet")
    with pytest.raises(SourceError, match="times without zone in time"):
        read(TableFiles(tmp_path / "requests.parquet"))
    naive = read(TableFiles(tmp_path / "requests.parquet", naive="UTC"))["requests"]
    assert naive["time"][0] == datetime(2026, 1, 1, tzinfo=UTC)


def test_what_does_not_convert_is_null(tmp_path: Path) -> None:
    path = lines(tmp_path, canonical(duration_ms="fast", weight="many", is_failed="perhaps", time="soon"))
    row = read(TableFiles(path))["requests"].row(0, named=True)
    assert [row[name] for name in ("duration_ms", "weight", "is_failed", "time")] == [None] * 4


def test_lists_in_csv(tmp_path: Path) -> None:
    head = "title,impact_start,services\n"
    path = write(tmp_path / "incidents.csv", head + 'a,2026-01-01T00:00:00Z,x; y\n'
                 'b,2026-01-01T00:00:00Z,"[""x"",""z""]"\n')
    for careful in (False, True):
        found = read(TableFiles(path), careful)["incidents"].sort("title")["services"].to_list()
        assert found == [["x", "y"], ["x", "z"]]


def test_a_quoted_line_break_in_csv(tmp_path: Path) -> None:
    head = "time,level,message\n"
    row = '2026-01-01T00:00:00Z,error,"one\n\n two, three"\n'
    path = write(tmp_path / "logs.csv", head + row + row + "short\n")
    source = TableFiles(path)
    batch = source.read(only(source), careful=True)
    assert [one.line for one in batch.rejects] == [8]
    frame = run(batch)["logs"]
    assert frame["message"].to_list() == ["one\n\n two, three"] * 2
    assert frame["line"].to_list() == [2, 5]


def test_wrapped_arrays_are_documents(tmp_path: Path) -> None:
    rows = ",\n".join(json.dumps(app(at)) for at in range(3))
    path = write(tmp_path / "x.json", f"[\n{rows}\n]\n")
    assert read(FORMATS["azure"](path))["requests"].height == 3
