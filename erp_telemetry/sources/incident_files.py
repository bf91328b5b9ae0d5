"""Incident files: what incident tools export, and incidents written in the words of ``schema.py``.

The documents are small and of many shapes, so Python reads them record by record; the module of the
tool says what each record means. What no record says stays null.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from erp_telemetry.catalog import query
from erp_telemetry.errors import SourceError, nearest
from erp_telemetry.slices import Batch, Slice
from erp_telemetry.sources import csv_rows
from erp_telemetry.sources.files import (
    JSON_SUFFIXES,
    Json,
    Spool,
    document,
    file_slices,
    first_records,
    lines,
    parse,
    path_of,
    suffix,
)
from erp_telemetry.sources.heads import Head
from erp_telemetry.sources.incident_tools import canonical, tool_of
from erp_telemetry.sources.incident_tools.entries import Entry, Terms, Tool
from erp_telemetry.window import Window

IMPACTS = ("outage", "partial", "degraded", "none")
_SUFFIXES = (*JSON_SUFFIXES, ".csv", ".toml")
_SAMPLE = 20
# a document without any of these is of no tool here, and need not be read to its end to know it
_MARKS = re.compile(
    r'"(incidents?|scheduled_maintenances|incident_(number|key|updates)|short_description|external_desc|impact_start|'
    r'tinyId|created_at|createdAt)"')

Numbered = tuple[int | None, str, Any]


@dataclass(frozen=True, init=False)
class IncidentFiles:
    """Files, folders or globs of incidents: PagerDuty, Statuspage, Opsgenie, ServiceNow, Google Cloud, GitHub, our own.

    ``docs/incidents.md`` says which field of which tool becomes which moment, and what is estimated.

    Args:
        naive: IANA zone of times written without one; they are refused else (ServiceNow's values are UTC).
        label: the label that makes a GitHub issue an incident; issues without it are set aside.
        impact: outage, partial, degraded or none, where a tool says nothing of impact; else it stays
            null, and uptime of what such an incident touches is *insufficient*.
    """

    paths: tuple[str, ...]
    naive: str | None
    label: str
    impact: str | None

    def __init__(
        self, *paths: str | Path, naive: str | None = None, label: str = "incident", impact: str | None = None
    ) -> None:
        if impact is not None and impact not in IMPACTS:
            raise ValueError(f"no impact {impact!r}. {nearest(impact, IMPACTS)}")
        if naive is not None:
            try:
                ZoneInfo(naive)
            except (ZoneInfoNotFoundError, ValueError) as error:
                raise ValueError(f"no time zone {naive!r}: write an IANA name such as Europe/Amsterdam") from error
        object.__setattr__(self, "paths", tuple(str(path) for path in paths))
        object.__setattr__(self, "naive", naive)
        object.__setattr__(self, "label", label)
        object.__setattr__(self, "impact", impact)

    @property
    def name(self) -> str:
        """``incident_files``."""
        return "incident_files"

    def slices(self, table: str | None, window: Window | None, ledger: pl.DataFrame) -> list[Slice]:
        """One slice per file that the ledger does not hold."""
        return file_slices(self.name, self.paths, _SUFFIXES, ledger)

    def read(self, part: Slice, careful: bool = False) -> Batch:
        """Read one file, record by record either way; ``SourceError`` when no tool wrote it.

        A word that has no canonical twin is a reject too, though its incident lands.
        """
        path = path_of(part)
        if path.stat().st_size == 0:
            return Batch({})
        spool, tables = Spool(path), set[str]()
        with ExitStack() as undo:
            undo.callback(spool.close)
            numbered = _documents(path, spool)
            first = list(islice(numbered, _SAMPLE))
            tool = tool_of([found for _, _, found in first] or _headed(path))
            if tool is None:
                reason = f" ({spool.rejects[0].reason})" if spool.rejects else ""
                raise SourceError(f"{path}: no incidents of a tool known here{reason}; docs/incidents.md lists them")
            terms = Terms(self.naive, self.label, self.impact)
            written = _written(tool, terms, chain(first, numbered), spool, tables)
            spool.fill(written, lambda _, row: (row,))
            undo.pop_all()
        rows = {table: query(f"files/incident_{table}").bind(file=str(spool.path)) for table in sorted(tables)}
        return Batch(rows, rejects=tuple(spool.rejects), close=spool.close)


def recognise(head: Head) -> str | None:
    """Which tool wrote the incidents, told by the keys of most records; canonical tables are for ``TableFiles``."""
    if head.suffix not in _SUFFIXES:
        return None
    documents = _first_documents(head)
    tool = tool_of(documents)
    if tool is None or (tool is canonical and _is_table(head.suffix, documents)):
        return None
    return f"{tool.NAME}, {head.suffix.removeprefix('.').upper()}"


def _is_table(kind: str, documents: Iterable[Any]) -> bool:
    if kind not in (".csv", ".jsonl", ".ndjson"):
        return False
    return set(canonical.REQUIRED) <= {key for one in documents if isinstance(one, dict) for key in one}


def _first_documents(head: Head) -> list[Any]:
    """The first documents of a file: its header, its lines, or all of it."""
    try:
        if head.suffix == ".csv":
            return _headed(head.path)
        if head.suffix == ".toml":
            return [_toml(head.path)] if "[[incident]]" in head.text else []
    except SourceError:
        return []
    if not _MARKS.search(head.text):
        return []
    if head.records and _parses(head.lines[0]):
        return list(head.records)
    return [head.document] if head.document is not None else list(head.records)


def _headed(path: Path) -> list[Any]:
    """What the header of a CSV file tells, which may be all there is of it."""
    return [dict.fromkeys(_keys(csv_rows.header(path)[0]))] if suffix(path) == ".csv" else []


def _parses(text: str) -> bool:
    try:
        return bool(parse(text))
    except ValueError:
        return False


def _keys(header: Iterable[str]) -> list[str]:
    """Column labels as field names: ``Short description`` is ``short_description``."""
    return [re.sub(r"\W+", "_", name.strip().lower()).strip("_") for name in header]


def _toml(path: Path) -> Json:
    try:
        return tomllib.loads("\n".join(text for _, text in lines(path, is_whole=True)))
    except tomllib.TOMLDecodeError as error:
        raise SourceError(f"{path}: not TOML: {error}") from error


def _documents(path: Path, spool: Spool) -> Iterator[Numbered]:
    """What a file holds: one document without a line, or one for each line with its text."""
    if suffix(path) == ".toml":
        yield None, "", _toml(path)
    elif suffix(path) == ".csv":
        header, delimiter = csv_rows.header(path)
        keys = _keys(header)
        for number, text, row in csv_rows.rows(spool, len(header), delimiter):
            yield number, text, dict(zip(keys, row.values(), strict=True))
    else:
        whole = None if first_records(path) else document(path)
        if whole is None:
            yield from spool.records()
        else:
            yield None, "", whole


def _written(
    tool: Tool, terms: Terms, numbered: Iterable[Numbered], spool: Spool, tables: set[str]
) -> Iterator[tuple[int | None, str, Json]]:
    """Canonical rows of every record; one that is set aside is named by its line or its index."""
    for number, text, found in numbered:
        records = tool.records(found)
        for index, record in enumerate([found] if records is None else records):
            place = f"record [{index}]: " if number is None or len(records or ()) > 1 else ""
            try:
                if not isinstance(record, dict):
                    raise ValueError(f"a {type(record).__name__} where an object was expected")
                entry = Entry(record, terms)
                rows = list(tool.rows(entry))
            except ValueError as error:
                spool.reject(number, f"{place}{error}", text or _shown(record))
                continue
            for doubt in entry.doubts:
                spool.reject(number, f"{place}{doubt}", text or _shown(record))
            for table, row in rows:
                tables.add(table)
                yield number, "", {"table": table, **row}


def _shown(record: Any) -> str:
    return json.dumps(record, ensure_ascii=False, default=str)
