"""Load-test results of k6, JMeter and Locust as requests.

A load test is no user: its requests are of the population ``synthetic`` unless the caller says otherwise, so
by default they move no KPI of users and stand beside them in the store.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from erp_telemetry.catalog import query
from erp_telemetry.errors import SourceError
from erp_telemetry.slices import Batch, Slice
from erp_telemetry.sources import csv_rows
from erp_telemetry.sources.files import Json, Spool, file_slices, path_of
from erp_telemetry.sources.heads import Head
from erp_telemetry.sources.jtl_samples import samples
from erp_telemetry.sources.load_test_shapes import K6_JSON, Shape, is_point, shape
from erp_telemetry.sources.rotations import stem
from erp_telemetry.window import Window

POPULATIONS = ("synthetic", "user")

_KNOWN = "k6 JSON and CSV points, JMeter's JTL as CSV or XML, and Locust's _stats_history.csv"
_TRANSACTION = "Number of samples in transaction : "
_EPOCH_MS = re.compile(r"\d{12,14}")

Numbered = Iterator[tuple[int | None, str, Json]]


@dataclass(frozen=True, init=False)
class LoadTestFiles:
    """Load-test results, folders or globs; folders are searched for what is recognised as one.

    ``service`` names the service under test; otherwise the host of the URL does, else ``unknown_service``.
    ``population="user"`` counts the requests as if users had sent them, for a run in a test environment
    whose KPIs are the question. Locust's history is read by difference: each row stands for as many
    requests as were counted since the one before, without a duration.
    """

    paths: tuple[str, ...]
    service: str | None
    population: str

    def __init__(self, *paths: str | Path, service: str | None = None, population: str = "synthetic") -> None:
        if population not in POPULATIONS:
            raise ValueError(f"population is {population!r}; it is one of {', '.join(POPULATIONS)}")
        object.__setattr__(self, "paths", tuple(str(path) for path in paths))
        object.__setattr__(self, "service", service)
        object.__setattr__(self, "population", population)

    @property
    def name(self) -> str:
        """``load_test_files``."""
        return "load_test_files"

    def slices(self, table: str | None, window: Window | None, ledger: pl.DataFrame) -> list[Slice]:
        """One slice per file that the ledger does not hold."""
        return file_slices(self.name, self.paths, _is_wanted, ledger)

    def read(self, part: Slice, careful: bool = False) -> Batch:
        """Read one file; ``SourceError`` when no tool wrote it, or when it tells no times."""
        path = path_of(part)
        if path.stat().st_size == 0:
            return Batch({})
        head = Head(path)
        if not head.text:
            raise SourceError(f"{path}: it is empty once unpacked, or cannot be unpacked")
        found = shape(head)
        if found is None:
            raise SourceError(f"{path}: not a load-test result. Known are {_KNOWN}")
        if found.statement is None:
            raise SourceError(f"{path}: {found.title}: {found.refusal}")
        if not careful and not found.is_xml:
            delimiter = "," if found is K6_JSON else csv_rows.header(path)[1]
            return self._batch(path, found, path, delimiter, None)
        spool = Spool(path)
        with ExitStack() as undo:
            undo.callback(spool.close)
            _fill(spool, found)
            undo.pop_all()
        return self._batch(path, found, spool.path, ",", spool)

    def _batch(self, origin: Path, found: Shape, file: Path, delimiter: str, spool: Spool | None) -> Batch:
        staging = query(f"files/{found.statement}").bind(
            file=str(file), delimiter=delimiter, is_spooled=spool is not None)
        rows = {"requests": query("files/load_test_requests").bind(
            service=self.service, population=self.population, instance=stem(origin))}
        if spool is None:
            return Batch(rows, staging, is_careful=False)
        return Batch(rows, staging, tuple(spool.rejects), close=spool.close)


def recognise(head: Head) -> str | None:
    """Which tool wrote it, and what becomes of it."""
    found = shape(head)
    if found is None:
        return None
    if found.refusal is not None:
        return f"{found.title}: will be refused, {found.refusal}"
    return f'{found.title}: a load test, synthetic unless population="user"'


def _is_wanted(path: Path) -> bool:
    """Whether a file of a folder is read: a result, or a packed file that would have to be one to be judged."""
    if path.stat().st_size == 0:
        return False
    head = Head(path)
    return not head.text or shape(head) is not None


def _fill(spool: Spool, found: Shape) -> None:
    if found is K6_JSON:
        spool.fill(spool.records(), _point)
        return
    transactions = 0
    with spool.path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["__line", *found.used])
        for number, text, row in _samples(spool) if found.is_xml else _rows(spool):
            try:
                if found.statement == "load_test_jmeter" and _is_transaction(row):
                    transactions += 1
                    continue
            except ValueError as error:
                spool.reject(number, str(error), text)
                continue
            writer.writerow([number, *(row.get(name) for name in found.used)])
            spool.count += 1
    if transactions and not spool.count:
        raise SourceError(
            f"{spool.origin}: holds only the {transactions:,} rows of transaction controllers, which sum up samples "
            "that are not in it; clear «Generate parent sample», or write XML")
    if transactions:
        spool.reject(None, f"{transactions:,} rows of transaction controllers left out: they sum up other samples", "")


def _point(_: int | None, record: Json) -> Iterator[Json]:
    """Of k6's points the one per request that tells how long it took."""
    if not is_point(record):
        raise ValueError("not a line of k6's output: it has no type, metric and data")
    if record["type"] == "Point" and record["metric"] == "http_req_duration":
        yield record


def _rows(spool: Spool) -> Numbered:
    """Rows of a CSV by the names of its header."""
    names, delimiter = csv_rows.header(spool.origin)
    for number, text, row in csv_rows.rows(spool, len(names), delimiter):
        yield number, text, dict(zip(names, row.values(), strict=True))


def _samples(spool: Spool) -> Numbered:
    for number, sample in samples(spool.origin, spool.rejects):
        yield number, json.dumps(sample, ensure_ascii=False), sample


def _is_transaction(row: Json) -> bool:
    """Whether a row of JMeter sums up other samples; ``ValueError`` where it is no sample at all."""
    if not _EPOCH_MS.fullmatch(row.get("timeStamp") or ""):
        raise ValueError(
            "timeStamp is not in epoch milliseconds; with jmeter.save.saveservice.timestamp_format JMeter writes "
            "local time without a zone")
    if (row.get("SampleCount") or "1") != "1":
        raise ValueError(f"stands for {row['SampleCount']} samples; turn the statistical mode of JMeter off")
    return str(row.get("responseMessage") or "").startswith(_TRANSACTION)
