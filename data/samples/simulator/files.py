"""Output files: gzip without a clock, counted lines, Parquet in daily parts, and what was planted."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl


@dataclass(slots=True)
class Planted:
    """Flaws put into the files on purpose."""

    duplicates: dict[str, int] = field(default_factory=dict)
    malformed: list[dict[str, Any]] = field(default_factory=list)
    late: dict[str, int] = field(default_factory=dict)
    secrets: list[dict[str, str]] = field(default_factory=list)


class TextFile:
    """A text file, compressed when its name ends in gz; counts its lines."""

    def __init__(self, root: Path, name: str, lead: bytes = b"") -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.name, self.lines = name, 0
        self._raw = path.open("wb")
        self._out: Any = self._raw
        if name.endswith(".gz"):
            self._out = gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=self._raw, mtime=0)
        self._out.write(lead)

    def line(self, text: str) -> None:
        """Write one line (a quoted field may hold further line breaks)."""
        self._out.write(text.encode() + b"\n")
        self.lines += 1 + text.count("\n")

    def record(self, value: Any) -> str:
        """Write one JSON value as a line and answer the text."""
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        self.line(text)
        return text

    def close(self) -> None:
        """Finish the file."""
        if self._out is not self._raw:
            self._out.close()
        self._raw.close()


class ParquetFile:
    """A Parquet file made of one part per day, so that memory is bounded by a day."""

    def __init__(self, root: Path, name: str) -> None:
        self._path = root / name
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._parts: list[Path] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Append one day."""
        part = self._path.with_suffix(f".part{len(self._parts):05d}")
        frame.write_parquet(part, compression="zstd")
        self._parts.append(part)

    def close(self) -> None:
        """Join the parts and remove them."""
        scan = pl.scan_parquet(self._parts, glob=False)
        scan.sink_parquet(
            self._path, compression="zstd", compression_level=12, row_group_size=65_536, maintain_order=True
        )
        for part in self._parts:
            part.unlink()


def write_json(root: Path, name: str, value: Any, *, sort_keys: bool = False) -> None:
    """Write an indented JSON file."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=sort_keys)
    path.write_bytes(text.encode() + b"\n")
