"""Heads: how a file begins, which is all that recognition looks at."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from erp_telemetry.errors import SourceError
from erp_telemetry.sources.files import Json, document, parse, suffix, unpacked

LENGTH = 262_144
_LINES = 20


@dataclass(frozen=True)
class Head:
    """The first 256 KiB of a file, unpacked; asked more, it looks at the records or the whole document."""

    path: Path

    @property
    def suffix(self) -> str:
        """The suffix in lower case, without ``.gz`` or ``.zst``."""
        return suffix(self.path)

    @cached_property
    def text(self) -> str:
        """The text it begins with, without BOM; empty where the file is empty or cannot be unpacked."""
        with unpacked(self.path) as stream:
            try:
                return stream.read(LENGTH).decode("utf-8-sig", "replace")
            except (EOFError, OSError, zlib.error):
                return ""

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Its first whole lines that are not blank, at most 20."""
        whole = self.text if len(self.text) < LENGTH // 4 else self.text.rpartition("\n")[0] or self.text
        return tuple(line.rstrip("\r") for line in whole.split("\n") if line.strip())[:_LINES]

    @cached_property
    def records(self) -> tuple[Json, ...]:
        """The JSON objects among its first lines; broken lines are passed over."""
        found = []
        for line in self.lines:
            try:
                found.append(parse(line))
            except ValueError:
                continue
        return tuple(found)

    @cached_property
    def document(self) -> Any:
        """The whole file as one JSON document; ``None`` where it is none. Reads all of it: ask this last."""
        if not self.text.lstrip().startswith(("{", "[")):
            return None
        try:
            return document(self.path)
        except SourceError:
            return None
