"""What file sources share: listing, fingerprints, unpacking, and the line-by-line spool.

A file is read in one of two ways. Fast: DuckDB reads it as it lies, one JSON object per line.
Careful: Python reads it line by line, sets broken lines aside by number, and writes the good ones,
each with its ``__line``, to a temporary file that the same SQL reads.
"""

from __future__ import annotations

import glob
import gzip
import hashlib
import json
import os
import re
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import polars as pl

from erp_telemetry.catalog import Statement
from erp_telemetry.errors import SourceError
from erp_telemetry.redactions import excerpt, redact
from erp_telemetry.slices import Reject, Slice

JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
# the engine keeps two buffers of this size for each thread; it stands in each read_json of queries/files
LONGEST_LINE = 33_554_432
_PACKED = (".gz", ".zst")
_EDGE = 65536
_SNIFFED_LINES = 20
_LONE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

Json = dict[str, Any]


def suffix(path: Path) -> str:
    """The suffix in lower case, without ``.gz`` or ``.zst``."""
    name = path.name.lower()
    for packed in _PACKED:
        name = name.removesuffix(packed)
    return Path(name).suffix


Wanted = tuple[str, ...] | Callable[[Path], bool]
"""What a folder is searched for: suffixes, or whatever a source takes a file for (logs may have any name)."""


def listing(paths: Iterable[str], wanted: Wanted) -> dict[str, Path]:
    """Files below the given paths, by the name they have there (posix, as given).

    Only folders are searched; a file that is named is listed whatever it is.
    Raises ``SourceError`` naming a path or pattern that matches nothing.
    """
    found: dict[str, Path] = {}
    for given in paths:
        matches = _matches(given, wanted)
        if not matches:
            sought = ", ".join(wanted) if isinstance(wanted, tuple) else "files that the source recognises"
            raise SourceError(f"{given}: no such file, folder or match. Folders are searched for {sought}")
        found.update({match.as_posix(): match for match in matches})
    return dict(sorted(found.items()))


def _matches(given: str, wanted: Wanted) -> list[Path]:
    path = Path(given)
    if path.is_file():
        return [path]
    roots = [path] if path.is_dir() else [Path(match) for match in glob.glob(given, recursive=True)]
    found = []
    for root in roots:
        if root.is_dir():
            files = (file for file in root.rglob("*") if file.is_file())
            found += [file for file in files
                      if (suffix(file) in wanted if isinstance(wanted, tuple) else wanted(file))]
        else:
            found.append(root)
    return found


def fingerprint(path: Path) -> str:
    """Size, time of change and a hash of the first and last 64 KiB."""
    about = path.stat()
    digest = hashlib.sha256(f"{about.st_size}:{about.st_mtime_ns}:".encode())
    with path.open("rb") as stream:
        digest.update(stream.read(_EDGE))
        stream.seek(max(0, about.st_size - _EDGE))
        digest.update(stream.read(_EDGE))
    return digest.hexdigest()[:32]


def unseen(slices: Iterable[Slice], ledger: pl.DataFrame) -> list[Slice]:
    """Slices whose content the ledger does not hold from this source, under whatever name; sorted by name."""
    held = ledger.select("slice", "fingerprint").iter_rows() if ledger.width else ()
    known = {(name.partition(":")[0], mark) for name, mark in held}
    new = (one for one in slices if (one.name.partition(":")[0], one.fingerprint) not in known)
    return sorted(new, key=lambda one: one.name)


def file_slices(source: str, paths: Iterable[str], wanted: Wanted, ledger: pl.DataFrame) -> list[Slice]:
    """One slice per file not yet in the ledger."""
    return unseen(
        (Slice(f"{source}:{name}", fingerprint(path), path, bytes=path.stat().st_size)
         for name, path in listing(paths, wanted).items()),
        ledger,
    )


def path_of(part: Slice) -> Path:
    """The file of a slice; ``SourceError`` when it is gone."""
    if part.path is None or not part.path.is_file():
        raise SourceError(f"{part.path or part.name}: the file is gone since it was listed")
    return part.path


@contextmanager
def unpacked(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, decompressed by its suffix."""
    if path.name.lower().endswith(".gz"):
        with gzip.open(path, "rb") as stream:
            yield cast(IO[bytes], stream)
    elif path.name.lower().endswith(".zst"):
        try:
            import zstandard
        except ImportError as error:
            raise SourceError(f"{path}: line-by-line reading of .zst needs the package zstandard") from error
        try:
            with path.open("rb") as raw:
                yield cast(IO[bytes], zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True))
        except zstandard.ZstdError as error:
            raise EOFError(str(error)) from error
    else:
        with path.open("rb") as stream:
            yield stream


def lines(path: Path, rejects: list[Reject] | None = None, is_whole: bool = False) -> Iterator[tuple[int, str]]:
    """Numbered lines that are not blank; undecodable bytes become U+FFFD, a BOM is dropped.

    ``is_whole`` keeps blank lines and spaces, which matter inside a quoted field. A packed file that
    breaks off gives its lines so far and one reject.
    """
    number = 0
    with unpacked(path) as stream:
        try:
            for number, raw in enumerate(_split(stream), 1):
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8", "replace")
                if text.strip():
                    yield number, text.rstrip("\r") if is_whole else text.strip()
                elif is_whole:
                    yield number, ""
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            _broken_off(path, number, error, rejects)


def _broken_off(path: Path, number: int, error: Exception, rejects: list[Reject] | None) -> None:
    if rejects is None or number == 0:
        raise SourceError(f"{path}: cannot be unpacked after line {number}: {error}") from error
    rejects.append(Reject(str(path), number + 1, f"the file breaks off: {error}", ""))


def _split(stream: IO[bytes]) -> Iterator[bytes]:
    """Lines of a binary stream; the zstandard reader has none of its own."""
    rest = b""
    while chunk := stream.read(1 << 20):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest


def parse(text: str) -> Json:
    """One JSON object, or ``ValueError`` that says what it is instead."""
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError(f"a JSON {type(found).__name__} where an object was expected")
    return found


def first_records(path: Path) -> list[Json] | None:
    """The first records if the file has one JSON object per line and no BOM; else ``None``.

    Broken lines among them are passed over. If the very first line is broken, the file may be one
    document written over many lines, so that is tried before.
    """
    found: list[Json] = []
    with unpacked(path) as stream:
        try:
            if stream.read(3) == b"\xef\xbb\xbf":
                return None
        except (EOFError, OSError, zlib.error) as error:
            raise SourceError(f"{path}: cannot be unpacked: {error}") from error
    for at, (_, text) in enumerate(islice(lines(path), _SNIFFED_LINES)):
        try:
            found.append(parse(text))
        except ValueError:
            if at == 0 and (text in ("{", "[") or document(path) is not None):
                return None
    return found or None


def document(path: Path) -> Any:
    """The whole file as one JSON document; ``None`` if it is not one."""
    with unpacked(path) as stream:
        try:
            return json.loads(stream.read().decode("utf-8-sig", "replace"))
        except (ValueError, RecursionError):
            return None
        except (EOFError, OSError, zlib.error) as error:
            raise SourceError(f"{path}: cannot be unpacked: {error}") from error


@dataclass(slots=True)
class Spool:
    """A temporary NDJSON file of good records, with the rejects met on the way."""

    origin: Path
    rejects: list[Reject] = field(default_factory=list)
    count: int = 0
    path: Path = field(init=False)

    def __post_init__(self) -> None:
        handle, name = tempfile.mkstemp(prefix="erp_telemetry_", suffix=".ndjson")
        os.close(handle)
        self.path = Path(name)

    def fill(
        self, numbered: Iterable[tuple[int | None, str, Json]], keep: Callable[[int | None, Json], Iterable[Json]]
    ) -> Spool:
        """Write what ``keep`` makes of each record; its ``ValueError`` sets the record aside."""
        with self.path.open("wb") as out:
            for number, text, record in numbered:
                try:
                    for kept in keep(number, record):
                        out.write(encoded(number, text, kept, kept is record))
                        self.count += 1
                except ValueError as error:
                    self.reject(number, str(error), text)
        return self

    def reject(self, line: int | None, reason: str, text: str) -> None:
        """Set a line aside; what it shows of itself is redacted before it is cut, or half a secret would stay."""
        self.rejects.append(Reject(str(self.origin), line, redact(reason).value, excerpt(text)))

    def records(self, trim: str = "") -> Iterator[tuple[int | None, str, Json]]:
        """The numbered JSON objects of the original file, less ``trim`` at their end; broken lines become rejects."""
        for number, line in lines(self.origin, self.rejects):
            text = line.removesuffix(trim)
            if len(text) * 4 > LONGEST_LINE and len(text.encode("utf-8", "replace")) > LONGEST_LINE - 64:
                self.reject(number, f"longer than {LONGEST_LINE // 2**20} MiB", text)
                continue
            try:
                record = parse(text)
            except ValueError as error:
                self.reject(number, f"not a JSON object: {error}", text)
            else:
                yield number, text, record

    def close(self) -> None:
        """Remove the temporary file."""
        self.path.unlink(missing_ok=True)


def encoded(number: int | None, text: str, record: Json, is_same: bool) -> bytes:
    """One line of the spool; a record kept as it was keeps its own digits."""
    head = f'{{"__line":{"null" if number is None else number}'
    if is_same and text.startswith("{") and not _LONE_SURROGATE.search(text):
        rest = text[1:].lstrip()
    else:
        rest = json.dumps(record, ensure_ascii=False)[1:]
    return (head + ("" if rest.startswith("}") else ",") + rest + "\n").encode("utf-8", "replace")


def union(statements: Iterable[Statement]) -> Statement:
    """Rows of several statements one after another, columns matched by name."""
    parts = list(statements)
    if len(parts) == 1:
        return parts[0]
    sql = "\nunion all by name\n".join(f"select * from (\n{part.sql}\n)" for part in parts)
    return Statement(sql, {name: value for part in parts for name, value in part.parameters.items()})
