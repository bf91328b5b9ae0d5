"""OTLP/JSON files: spans become requests, dependencies and logs; metrics and logs their tables.

One export request per line, or one document per file. Ids, 64-bit numbers and enums may be written
as numbers or strings, as the protocol's JSON mapping allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from erp_telemetry.catalog import Statement, query
from erp_telemetry.errors import SourceError
from erp_telemetry.slices import Batch, Slice
from erp_telemetry.sources.files import (
    JSON_SUFFIXES,
    Json,
    Spool,
    document,
    file_slices,
    first_records,
    path_of,
    union,
)
from erp_telemetry.sources.heads import Head
from erp_telemetry.window import Window

KINDS = ("resourceSpans", "resourceMetrics", "resourceLogs")

_RESOURCE: Json = {"resource": {"attributes": [{"value": {}}]}}
_ATTRIBUTES: Json = {"attributes": [{"value": {}}]}
_POINTS: Json = {"dataPoints": [_ATTRIBUTES]}
_SHAPE: dict[str, Any] = {
    "resourceSpans": [{**_RESOURCE, "scopeSpans": [{"spans": [
        {**_ATTRIBUTES, "events": [_ATTRIBUTES], "status": {}}]}]}],
    "resourceMetrics": [{**_RESOURCE, "scopeMetrics": [{"metrics": [
        {"gauge": _POINTS, "sum": _POINTS, "histogram": _POINTS, "exponentialHistogram": _POINTS}]}]}],
    "resourceLogs": [{**_RESOURCE, "scopeLogs": [{"logRecords": [{**_ATTRIBUTES, "body": {}}]}]}],
}


@dataclass(frozen=True, init=False)
class OtlpFiles:
    """OTLP/JSON files, folders or globs; ``.gz`` and ``.zst`` are read as they are.

    A file is committed whole: asking for one table still offers every file.
    """

    paths: tuple[str, ...]

    def __init__(self, *paths: str | Path) -> None:
        object.__setattr__(self, "paths", tuple(str(path) for path in paths))

    @property
    def name(self) -> str:
        """``otlp_files``."""
        return "otlp_files"

    def slices(self, table: str | None, window: Window | None, ledger: pl.DataFrame) -> list[Slice]:
        """One slice per file that the ledger does not hold."""
        return file_slices(self.name, self.paths, JSON_SUFFIXES, ledger)

    def read(self, part: Slice, careful: bool = False) -> Batch:
        """Read one file; ``SourceError`` when it holds no OTLP at all."""
        path = path_of(part)
        if path.stat().st_size == 0:
            return Batch({})
        first = first_records(path)
        kinds = {kind for record in first or () for kind in KINDS if kind in record}
        if not careful and first and kinds:
            rows, staging = _statements(path, kinds)
            return Batch(rows, staging, is_careful=False)
        return _spooled(path)


def recognise(head: Head) -> str | None:
    """``OTLP JSON`` with what it holds, told by the names of its resource lists."""
    if head.suffix not in JSON_SUFFIXES or not head.text.lstrip().startswith(("{", "[")):
        return None
    kinds = [kind.removeprefix("resource").lower() for kind in KINDS if f'"{kind}"' in head.text]
    return f"OTLP JSON: {', '.join(kinds)}" if kinds else None


def _spooled(path: Path) -> Batch:
    spool = Spool(path)
    kinds: set[str] = set()

    def keep(number: int | None, record: Json) -> Iterator[Json]:
        here = {kind for kind in KINDS if record.get(kind) is not None}
        if not here:
            raise ValueError("none of resourceSpans, resourceMetrics, resourceLogs")
        _check(record, _SHAPE, "")
        _set_summaries_aside(number, record, spool)
        kinds.update(here)
        yield record

    with ExitStack() as undo:
        undo.callback(spool.close)
        whole = None if first_records(path) else document(path)
        if whole is None:
            spool.fill(((n, "" if _has_summary(t) else t, r) for n, t, r in spool.records()), keep)
        else:
            found = whole if isinstance(whole, list) else [whole]
            spool.fill(((None, "", r if isinstance(r, dict) else {}) for r in found), keep)
        if not kinds:
            raise SourceError(_refusal(path, spool))
        undo.pop_all()
    rows, staging = _statements(spool.path, kinds)
    return Batch(rows, staging, tuple(spool.rejects), close=spool.close)


def _has_summary(text: str) -> bool:
    return '"summary"' in text


def _refusal(path: Path, spool: Spool) -> str:
    found = spool.rejects[0].reason if spool.rejects else "no JSON object"
    return f"{path}: not OTLP/JSON ({found}); expected resourceSpans, resourceMetrics or resourceLogs"


def _statements(path: Path, kinds: set[str]) -> tuple[dict[str, Statement | pl.DataFrame], Statement | None]:
    bound = {"file": str(path), "is_mixed": len(kinds) > 1}
    rows: dict[str, Statement | pl.DataFrame] = {}
    staging = None
    logs = []
    if "resourceSpans" in kinds:
        staging = query("files/otlp_spans").bind(**bound)
        rows["requests"] = query("files/otlp_requests").bind()
        rows["dependencies"] = query("files/otlp_dependencies").bind()
        logs.append(query("files/otlp_exceptions").bind())
    if "resourceLogs" in kinds:
        logs.append(query("files/otlp_logs").bind(**bound))
    if logs:
        rows["logs"] = union(logs)
    if "resourceMetrics" in kinds:
        rows["metrics"] = query("files/otlp_metrics").bind(**bound)
    return rows, staging


def _check(found: Any, wanted: Any, where: str) -> None:
    """``ValueError`` naming the first place where a list or an object should be and is not."""
    if found is None:
        return
    if isinstance(wanted, list):
        if not isinstance(found, list):
            raise ValueError(f"{where} is not a list")
        for one in found:
            _check(one, wanted[0], where)
        return
    if not isinstance(found, dict):
        raise ValueError(f"{where or 'the line'} is not an object")
    for key, inner in wanted.items():
        if key in found:
            _check(found[key], inner, key)


def _set_summaries_aside(number: int | None, record: Json, spool: Spool) -> None:
    """Take summary metrics out of the record: quantiles computed elsewhere cannot be merged."""
    for resource in record.get("resourceMetrics") or ():
        for scope in (resource or {}).get("scopeMetrics") or ():
            metrics = [one for one in (scope or {}).get("metrics") or () if one]
            for metric in metrics:
                if metric.get("summary") is not None:
                    spool.reject(number, "a summary: its quantiles cannot be merged", str(metric.get("name")))
            if scope:
                scope["metrics"] = [one for one in metrics if one.get("summary") is None]
