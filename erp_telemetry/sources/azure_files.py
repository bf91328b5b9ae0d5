"""Azure Monitor files: exports, diagnostic settings and saved answers, split by record type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from erp_telemetry.catalog import Statement, query
from erp_telemetry.errors import SourceError
from erp_telemetry.slices import Batch, Slice
from erp_telemetry.sources import azure_shapes
from erp_telemetry.sources.files import (
    JSON_SUFFIXES,
    Json,
    Spool,
    document,
    file_slices,
    first_records,
    path_of,
)
from erp_telemetry.sources.heads import Head
from erp_telemetry.window import Window

_TABLES = {"requests": ("AppRequests", "AppServiceHTTPLogs"), "dependencies": ("AppDependencies",),
           "logs": ("AppTraces", "AppExceptions", "AppEvents"),
           "metrics": ("AppMetrics", "AppPerformanceCounters", "platform"), "probes": ("AppAvailabilityResults",)}
_WRAPPERS = {"records", "tables", "value"}
_EXPECTED = "expected App* tables, AppServiceHTTPLogs, platform metrics or classic Application Insights records"


@dataclass(frozen=True, init=False)
class AzureFiles:
    """Azure Monitor files, folders or globs; ``.gz`` and ``.zst`` are read as they are.

    Times without an offset are UTC, as Azure writes them. A file is committed whole: asking for one
    table still offers every file.
    """

    paths: tuple[str, ...]

    def __init__(self, *paths: str | Path) -> None:
        object.__setattr__(self, "paths", tuple(str(path) for path in paths))

    @property
    def name(self) -> str:
        """``azure_files``."""
        return "azure_files"

    def slices(self, table: str | None, window: Window | None, ledger: pl.DataFrame) -> list[Slice]:
        """One slice per file that the ledger does not hold."""
        return file_slices(self.name, self.paths, JSON_SUFFIXES, ledger)

    def read(self, part: Slice, careful: bool = False) -> Batch:
        """Read one file; ``SourceError`` when no record of it is of a known type."""
        path = path_of(part)
        if path.stat().st_size == 0:
            return Batch({})
        first = first_records(path)
        is_whole = not first or any(_WRAPPERS & record.keys() and not _is_record(record) for record in first)
        if not careful and first and not is_whole and all(map(azure_shapes.is_app, first)):
            kinds = {record.get("Type", "platform") for record in first}
            if kinds == {"AppRequests"}:
                typed = query("files/azure_app_requests").bind(file=str(path))
                return Batch({"requests": typed}, is_careful=False, otherwise=lambda: _batch(path, None))
            tables = [table for table, types in _TABLES.items() if kinds & set(types)]
            return _batch(path, None) if len(tables) > 1 else _single(path, tables[0])
        return _spooled(path, is_whole)


def recognise(head: Head) -> str | None:
    """What kind of Azure Monitor export it is, told by the names its records bear at their top."""
    if head.suffix not in JSON_SUFFIXES or not head.text.lstrip().startswith(("{", "[")):
        return None
    if head.records:
        kinds = [azure_shapes.kind(record) for record in head.records]
        if sum(kind is not None for kind in kinds) * 2 > len(kinds):
            return f"Azure Monitor: {', '.join(sorted({kind for kind in kinds if kind}))}"
        return None
    try:
        first = next(azure_shapes.records(head.document), {})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    found = azure_shapes.kind(first)
    return f"Azure Monitor: {found}" if found else None


def _is_record(record: Json) -> bool:
    return any(key in record for key in ("time", "TimeGenerated", "timestamp"))


def _single(path: Path, table: str) -> Batch:
    """A file whose head holds one table is read as that table alone; another type further on stops it."""
    staged = query("files/azure_staged").bind(file=str(path), types=list(_TABLES[table]))
    sql = f"with staged as (\n{staged.sql}\n)\n{query(f'files/azure_{table}').bind().sql}"
    return Batch({table: Statement(sql, staged.parameters)}, is_careful=False, otherwise=lambda: _batch(path, None))


def _batch(path: Path, spool: Spool | None) -> Batch:
    rows = {table: query(f"files/azure_{table}").bind() for table in _TABLES}
    types = [one for types in _TABLES.values() for one in types]
    staging = query("files/azure_staged").bind(file=str(path), types=types)
    if spool is None:
        return Batch(rows, staging, is_careful=False)
    return Batch(rows, staging, tuple(spool.rejects), close=spool.close)


def _spooled(path: Path, is_whole: bool) -> Batch:
    spool = Spool(path)
    with ExitStack() as undo:
        undo.callback(spool.close)
        _fill(spool, is_whole)
        if not spool.count:
            reason = spool.rejects[0].reason if spool.rejects else "no record"
            raise SourceError(f"{path}: nothing of it can be read ({reason}); {_EXPECTED}")
        undo.pop_all()
    return _batch(spool.path, spool)


def _fill(spool: Spool, is_whole: bool) -> None:
    whole = document(spool.origin) if is_whole else None
    if whole is None:
        spool.fill(_lines(spool), lambda _, record: (azure_shapes.normal(record),))
        return
    try:
        numbered = [(None, json.dumps(record, ensure_ascii=False), record) for record in azure_shapes.records(whole)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"{spool.origin}: {error}; {_EXPECTED}") from error
    spool.fill(numbered, lambda _, record: (azure_shapes.normal(record),))


def _lines(spool: Spool) -> Iterator[tuple[int | None, str, Json]]:
    """Records line by line; a line that wraps several gives each of them its number."""
    for number, text, record in spool.records():
        if _WRAPPERS & record.keys() and not _is_record(record):
            try:
                for inner in azure_shapes.records(record):
                    yield number, json.dumps(inner, ensure_ascii=False), inner
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                spool.reject(number, str(error), text)
        else:
            yield number, text, record
