"""What every source must do, asked of each format alike."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

import erp_telemetry as et
from erp_telemetry.errors import FrameError, SourceError
from erp_telemetry.slices import Source
from erp_telemetry.sources.frames import Frames
from erp_telemetry.sources.recognition import READERS, recognise
from erp_telemetry.sources.table_files import TableFiles
from tests.sources.forms import FORMS
from tests.sources.support import COMPARED, LEDGER, Form, app, canonical, lines, only, read, run, write

BROKEN = "{broken,x"


MOMENTS = ("time", "impact_start")


@pytest.fixture(params=sorted(FORMS))
def form(request: pytest.FixtureRequest) -> Form:
    return FORMS[str(request.param)]


def _rows(frame: pl.DataFrame, columns: tuple[str, ...] = COMPARED) -> list[tuple[object, ...]]:
    """The rows in the order of their time."""
    order = next(name for name in MOMENTS if name in frame.columns)
    return frame.sort(order).select(columns).rows()


def _expected(form: Form, at: int) -> tuple[object, ...]:
    row = form.expected(at)
    return tuple(
        datetime.fromisoformat(row[name]) if name in MOMENTS and isinstance(row[name], str)
        else float(row[name]) if name == "weight" else row[name] for name in form.columns)


def _one(form: Form, folder: Path, count: int = 3, packed: str = "") -> Path:
    return write(folder / f"{form.table}.{form.suffix}{packed}", form.text(count))


def test_is_a_source(form: Form, tmp_path: Path) -> None:
    assert isinstance(form.make(tmp_path), Source)


def test_is_recognised_by_its_content(form: Form, tmp_path: Path) -> None:
    path = write(tmp_path / f"x.{form.suffix}", form.text(3))
    found = recognise(path)
    assert found.unknown == ()
    assert [one.source for one in found.taken] == [form.make(path).name], found.taken
    packed = write(tmp_path / f"y.{form.suffix}.zst", form.text(3))
    assert [one.source for one in recognise(packed).taken] == [form.make(path).name]


def test_identical_events_give_identical_rows(form: Form, tmp_path: Path) -> None:
    found = read(form.make(_one(form, tmp_path)))[form.table]
    assert _rows(found, form.columns) == [_expected(form, at) for at in range(3)]


def test_parquet_and_frames_give_the_same_rows(tmp_path: Path) -> None:
    frame = read(TableFiles(_one(FORMS["csv"], tmp_path)))["requests"].drop("line")
    frame.write_parquet(tmp_path / "requests.parquet")
    expected = _rows(frame)
    assert _rows(read(TableFiles(tmp_path / "requests.parquet"))["requests"]) == expected
    assert _rows(read(Frames(requests=frame))["requests"]) == expected


@pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
def test_careful_equals_fast(form: Form, packed: str, tmp_path: Path) -> None:
    source = form.make(_one(form, tmp_path, packed=packed))
    fast, careful = read(source), read(source, careful=True)
    assert fast.keys() == careful.keys()
    for table, frame in fast.items():
        other = careful[table]
        assert sorted(map(repr, frame.drop("line", strict=False).rows())) == sorted(
            map(repr, other.select(frame.columns).drop("line", strict=False).rows())), table
    order = next(name for name in MOMENTS if name in careful[form.table].columns)
    numbered = careful[form.table].sort(order)["line"].to_list()
    assert numbered == [form.first_line + at for at in range(3)]


def test_broken_lines_are_named(form: Form, tmp_path: Path) -> None:
    good = form.text(3).splitlines()
    cut = form.first_line + 1
    path = write(tmp_path / f"{form.table}.{form.suffix}", "\n".join([*good[:cut], BROKEN, *good[cut:], ""]))
    source = form.make(path)
    batch = source.read(only(source), careful=True)
    assert [(one.file, one.line, one.excerpt) for one in batch.rejects] == [(str(path), cut + 1, BROKEN)]
    assert run(batch)[form.table].height == 3


def test_fast_raises_where_careful_names(form: Form, tmp_path: Path) -> None:
    if not form.has_fast_path:
        pytest.skip(f"{form.name} is always read carefully")
    path = write(tmp_path / f"{form.table}.{form.suffix}", form.text(3) + BROKEN + "\n")
    source = form.make(path)
    batch = source.read(only(source))
    assert not batch.is_careful
    with pytest.raises(duckdb.Error):
        run(batch)


def test_bom_crlf_blank_lines_and_bad_bytes(form: Form, tmp_path: Path) -> None:
    raw = form.text(3).replace("\n", "\r\n\r\n").replace("pod-1", "p@d").encode().replace(b"p@d", b"p\xffd")
    source = form.make(write(tmp_path / f"{form.table}.{form.suffix}", b"\xef\xbb\xbf" + raw))
    frame = read(source, careful=True)[form.table]
    assert frame.height == 3
    if "instance" in form.columns:
        assert set(frame["instance"]) == {"p\ufffdd"}


def test_slices_skip_what_the_ledger_holds(form: Form, tmp_path: Path) -> None:
    path = _one(form, tmp_path)
    source = form.make(path)
    part = only(source)
    held = pl.DataFrame({"slice": [part.name], "fingerprint": [part.fingerprint]})
    assert part.name == f"{source.name}:{path.as_posix()}"
    assert source.slices(None, None, held) == []
    write(path, form.text(4))
    assert len(source.slices(None, None, held)) == 1


def test_nothing_matching_is_an_error(form: Form, tmp_path: Path) -> None:
    for given in (tmp_path, tmp_path / "absent.json", tmp_path / "*.json"):
        with pytest.raises(SourceError, match=str(given).replace("*", r"\*")):
            form.make(given).slices(None, None, LEDGER)


def test_temporary_files_are_removed(form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spools = tmp_path / "spools"
    spools.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spools))
    read(form.make(_one(form, tmp_path)), careful=True)
    assert list(spools.iterdir()) == []


def test_folders_and_globs(form: Form, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("a", "deep/b"):
        write(tmp_path / f"{name}.{form.suffix}", form.text(3))
    (tmp_path / "notes.pdf").write_text("no")
    names = [one.name for one in form.make(tmp_path).slices(None, None, LEDGER)]
    assert len(names) == 2
    assert names == sorted(names)
    assert len(form.make(tmp_path / "**" / f"*.{form.suffix}").slices(None, None, LEDGER)) == 2


def test_every_source_that_reads_files_is_asked_by_recognition() -> None:
    modules = {file.stem for file in (Path(et.__file__).parent / "sources").glob("*_files.py")}
    assert {reader.name for reader in READERS} == modules
    assert {form.make("x").name for form in FORMS.values()} == modules


def test_what_nothing_reads_is_named_with_the_reason(tmp_path: Path) -> None:
    for name, content in (("notes.txt", "hello"), ("empty.json", ""), ("broken.json.gz", None), (".hidden", "x")):
        (tmp_path / name).write_bytes(b"\x1f\x8b broken" if content is None else content.encode())
    found = recognise(tmp_path, tmp_path / "absent.json")
    assert {Path(path).name: reason.split(",")[0] for path, reason in found.unknown} == {
        "notes.txt": "no source knows this format", "empty.json": "the file is empty",
        "broken.json.gz": "it is empty once unpacked", "absent.json": "no such file"}
    with pytest.raises(ValueError, match="no source 'otlp'"):
        recognise(tmp_path, source="otlp")
    with pytest.raises(ValueError, match="no source takes 'zone'"):
        recognise(tmp_path, zone="UTC")


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
        assert "requests" in read(TableFiles(write(tmp_path / name, FORMS["csv"].text(3))))
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
    assert read(FORMS["azure"].make(path))["requests"].height == 3
