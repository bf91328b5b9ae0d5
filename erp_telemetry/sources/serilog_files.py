"""Serilog files: compact JSON (CLEF) and plain JSON; events become logs, spans requests and dependencies.

What an event says of a request, and where its weight and duration come from, is in ``docs/serilog.md``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from erp_telemetry.catalog import Statement, query
from erp_telemetry.errors import SourceError
from erp_telemetry.redactions import excerpt
from erp_telemetry.slices import Batch, Slice
from erp_telemetry.sources.files import (
    JSON_SUFFIXES,
    Json,
    Spool,
    document,
    file_slices,
    first_records,
    parse,
    path_of,
)
from erp_telemetry.sources.heads import Head
from erp_telemetry.window import Window

SUFFIXES = (".clef", *JSON_SUFFIXES)
_HAS_ZONE = re.compile(r":\d\d(\.\d+)?\s*(Z|z|UTC|[+-]\d\d(:?\d\d)?)$")
_IS_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_PLAIN = ("Level", "MessageTemplate", "RenderedMessage", "Properties")


@dataclass(frozen=True, slots=True)
class Events:
    """How Serilog's events are read, by what they do not say themselves.

    ``service`` is that of every event; without it the event's own counts. ``naive`` names the zone of
    times written without one. ``weight`` names the property that says how many events one stands for,
    such as ``ItemCount``; without it each stands for itself. ``requests`` says whether an event that
    tells of a completed request counts as one.
    """

    service: str | None = None
    naive: str | None = None
    weight: str | None = None
    requests: bool = True

    def rows(self, path: Path) -> tuple[dict[str, Statement | pl.DataFrame], Statement]:
        """Rows by table and the staging they read, of a file with one event per line.

        The events may carry ``__line``, ``__service``, ``__instance`` and ``__time`` from what they
        were unwrapped of.
        """
        staging = query("files/serilog_staged").bind(
            file=str(path), service=self.service, naive=self.naive, weight=self.weight)
        return {
            "logs": query("files/serilog_logs").bind(),
            "requests": query("files/serilog_requests").bind(has_completions=self.requests),
            "dependencies": query("files/serilog_dependencies").bind(),
        }, staging

    def check(self, record: Json) -> Json:
        """The record itself; ``ValueError`` that says why it cannot be read as an event."""
        if not is_event(record) and not record.get("__time"):
            raise ValueError("no event of Serilog: neither @t nor Timestamp with Level or MessageTemplate")
        outer = record if "@t" in record or "Timestamp" not in record else record.get("Properties")
        inner: Mapping[str, Any] = outer if isinstance(outer, dict) else {}
        for moment in (record.get("@t", record.get("Timestamp")), record.get("@st", inner.get("SpanStartTimestamp"))):
            if isinstance(moment, str) and self.naive is None and moment and not _HAS_ZONE.search(moment):
                raise ValueError(f"time has no zone: {excerpt(moment, 40)}")
        if self.weight is not None and self.weight in inner:
            _check_number(inner[self.weight], self.weight)
        return record


@dataclass(frozen=True, init=False)
class SerilogFiles:
    """Files, folders or globs of Serilog's compact (CLEF) or plain JSON; ``.gz`` and ``.zst`` are read as they are.

    A file is committed whole: asking for one table still offers every file.
    """

    paths: tuple[str, ...]
    events: Events

    def __init__(
        self, *paths: str | Path, service: str | None = None, naive: str | None = None, weight: str | None = None,
        requests: bool = True,
    ) -> None:
        object.__setattr__(self, "paths", tuple(str(path) for path in paths))
        object.__setattr__(self, "events", Events(service, naive, weight, requests))

    @property
    def name(self) -> str:
        """``serilog_files``."""
        return "serilog_files"

    def slices(self, table: str | None, window: Window | None, ledger: pl.DataFrame) -> list[Slice]:
        """One slice per file that the ledger does not hold."""
        return file_slices(self.name, self.paths, SUFFIXES, ledger)

    def read(self, part: Slice, careful: bool = False) -> Batch:
        """Read one file; ``SourceError`` when it holds no event of Serilog at all."""
        path = path_of(part)
        if path.stat().st_size == 0:
            return Batch({})
        if not careful and all(map(is_event, first_records(path) or ({},))):
            rows, staging = self.events.rows(path)
            return Batch(rows, staging, is_careful=False)
        spool = Spool(path)
        with ExitStack() as undo:
            undo.callback(spool.close)
            spool.fill(_records(spool), lambda _, record: (self.events.check(record),))
            if not spool.count:
                reason = spool.rejects[0].reason if spool.rejects else "no JSON object"
                raise SourceError(f"{path}: not Serilog ({reason}); expected one event per line, with @t or Timestamp")
            undo.pop_all()
        rows, staging = self.events.rows(spool.path)
        return Batch(rows, staging, tuple(spool.rejects), close=spool.close)


def is_event(record: Json) -> bool:
    """Whether a JSON object is an event of Serilog, in compact or plain form."""
    return isinstance(record.get("@t"), str) or (
        isinstance(record.get("Timestamp"), str) and any(name in record for name in _PLAIN))


def recognise(head: Head) -> str | None:
    """``Serilog CLEF`` or ``Serilog JSON``, where most of the first records are such events."""
    found = _first(head)
    events = [record for record in found if isinstance(record, dict) and is_event(record)]
    if 2 * len(events) <= len(found):
        return None
    return "Serilog CLEF" if 2 * sum("@t" in event for event in events) >= len(events) else "Serilog JSON"


def _first(head: Head) -> list[Any]:
    """The first things in the file: objects, or what else stands there."""
    if _is_document(head):
        whole = head.document
        return (whole if isinstance(whole, list) else [whole])[:20]
    found: list[Any] = []
    for line in head.lines:
        try:
            found.append(parse(line.strip().removesuffix(",")))
        except ValueError:
            found.append(None)
    return found


def _is_document(head: Head) -> bool:
    """Whether the file looks like one JSON document over many lines, or a list."""
    return bool(head.lines) and (head.lines[0].startswith("[") or head.lines[0].strip() == "{")


def _records(spool: Spool) -> Iterator[tuple[int | None, str, Json]]:
    """The numbered events of a file: one per line, with or without a comma after it, or a list of them."""
    whole = document(spool.origin) if _is_document(Head(spool.origin)) else None
    if whole is None:
        yield from spool.records(trim=",")
        return
    for record in whole if isinstance(whole, list) else [whole]:
        if isinstance(record, dict):
            yield None, json.dumps(record, ensure_ascii=False), record
        else:
            spool.reject(None, f"a JSON {type(record).__name__} where an event was expected", json.dumps(record))


def _check_number(value: Any, name: str) -> None:
    if value is not None and (isinstance(value, bool) or not _IS_NUMBER.fullmatch(str(value))):
        raise ValueError(f"the weight {name} is no number: {excerpt(value, 40)}")
