"""Kubernetes files: what ``kubectl`` prints and what containers log.

What becomes what, and how to save it, is in ``docs/kubernetes.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from erp_telemetry.catalog import Statement, query
from erp_telemetry.errors import SourceError
from erp_telemetry.slices import Batch, Slice
from erp_telemetry.sources import container_logs, kubernetes_documents, kubernetes_objects, kubernetes_tops
from erp_telemetry.sources.container_events import Reading
from erp_telemetry.sources.container_layouts import layout
from erp_telemetry.sources.files import Json, Spool, encoded, file_slices, lines, path_of, union
from erp_telemetry.sources.heads import Head
from erp_telemetry.sources.kubernetes_names import moment
from erp_telemetry.sources.serilog_files import Events
from erp_telemetry.window import Window

SUFFIXES = (".json", ".jsonl", ".ndjson", ".log", ".txt")
_TABLES = ("logs", "changes", "inventory", "metrics")
# a file whose first lines tell nothing is refused without reading the rest of it
_PATIENCE = 1000


@dataclass(frozen=True, init=False)
class KubernetesFiles:
    """Saved output of ``kubectl get -o json``, ``top`` and ``logs``, and logs of container runtimes.

    ``service`` is that of every row; without it what the record or the pod's name says, else
    ``unknown_service``; what belongs to no service, such as a node, has none. ``naive`` names the IANA
    zone of times written without one; without it they are refused. ``at`` is the moment of a snapshot
    (an aware datetime, ISO text with an offset, or ``"mtime"``); without it the time in the file's name
    counts. Folders are searched for ``.json``, ``.jsonl``, ``.ndjson``, ``.log`` and ``.txt``.

    Raises ``ValueError`` where ``at`` is no moment.
    """

    paths: tuple[str, ...]
    service: str | None
    naive: str | None
    at: datetime | str | None

    def __init__(
        self, *paths: str | Path, service: str | None = None, naive: str | None = None,
        at: datetime | str | None = None,
    ) -> None:
        object.__setattr__(self, "paths", tuple(str(path) for path in paths))
        object.__setattr__(self, "service", service)
        object.__setattr__(self, "naive", naive)
        object.__setattr__(self, "at", at if at is None or at == "mtime" else _aware(at))

    @property
    def name(self) -> str:
        """``kubernetes_files``."""
        return "kubernetes_files"

    def slices(self, table: str | None, window: Window | None, ledger: pl.DataFrame) -> list[Slice]:
        """One slice per file that the ledger does not hold."""
        return file_slices(self.name, self.paths, SUFFIXES, ledger)

    def read(self, part: Slice, careful: bool = False) -> Batch:
        """Read one file, line by line either way; ``SourceError`` when nothing of it can be read."""
        path = path_of(part)
        if path.stat().st_size == 0:
            return Batch({})
        with ExitStack() as undo:
            spool, events = Spool(path), Spool(path)
            undo.callback(spool.close)
            undo.callback(events.close)
            head = Head(path)
            if head.lines and (kubernetes_tops.is_header(head.lines[0]) or kubernetes_tops.is_bare(head.lines)):
                self._top(spool, head)
            elif kubernetes_documents.kinds(head) is not None:
                self._objects(spool)
            else:
                self._logs(spool, events)
            closing = undo.pop_all()
        rows, staging = self._statements(spool, events)
        return Batch(rows, staging, tuple(spool.rejects), close=closing.close)

    def _top(self, spool: Spool, head: Head) -> None:
        if not kubernetes_tops.is_header(head.lines[0]):
            raise SourceError(f"{spool.origin}: kubectl top without its header, so that nothing says what the columns "
                              "are: save it without --no-headers")
        time = moment(spool.origin, self.at).isoformat()
        spool.fill(kubernetes_tops.records(lines(spool.origin, spool.rejects)),
                   lambda _, record: self._own(kubernetes_tops.rows(record, time)))
        _refuse_if_empty(spool)

    def _objects(self, spool: Spool) -> None:
        latest: dict[tuple[str, str], tuple[int | None, str, Json]] = {}
        for number, title, found in kubernetes_documents.documents(spool.origin, spool.rejects):
            key = str(found.get("kind")), kubernetes_objects.identity(found) or str(len(latest))
            before = latest.pop(key, None)
            if before is not None:
                spool.reject(before[0], "a later state of the same object follows in the file", before[1])
            latest[key] = number, title, found
        is_dated = any(kubernetes_objects.is_snapshot(found) for _, _, found in latest.values())
        taken = moment(spool.origin, self.at) if is_dated else None
        spool.fill(latest.values(), lambda _, found: self._own(kubernetes_objects.rows(found, taken)))
        _refuse_if_empty(spool)

    def _own(self, made: list[Json]) -> list[Json]:
        """The rows, of the service that was declared where one was."""
        return [row | {"service": self.service} for row in made] if self.service else made

    def _logs(self, spool: Spool, events: Spool) -> None:
        """Rows of plain events into ``spool``, events of Serilog as they are into ``events``."""
        reading = Reading(spool.origin, self.service, self.naive, spool.reject)
        numbered = lines(spool.origin, spool.rejects, is_whole=True)
        with events.path.open("wb") as out:
            def rows() -> Iterator[tuple[int | None, str, Json]]:
                for event in container_logs.events(numbered, spool.reject):
                    if reading.is_serilog(event):
                        if (kept := reading.serilog(event)) is not None:
                            out.write(encoded(event.line, *kept, is_same=True))
                            events.count += 1
                    elif (row := reading.row(event)) is not None:
                        yield event.line, "", row
                    if event.line > _PATIENCE and not (spool.count + events.count):
                        raise reading.refusal()

            spool.fill(rows(), lambda _, row: (row,))
        if not spool.count + events.count:
            raise reading.refusal()

    def _statements(self, spool: Spool, events: Spool) -> tuple[dict[str, Statement | pl.DataFrame], Statement | None]:
        bound = {"file": str(spool.path), "naive": self.naive}
        rows: dict[str, Statement | pl.DataFrame] = {}
        staging = None
        if spool.count:
            rows = {table: query(f"files/kubernetes_{table}").bind(**bound) for table in _TABLES}
        if events.count:
            own, staging = Events(self.service, self.naive).rows(events.path)
            logs = [one for one in (rows.get("logs"), own["logs"]) if isinstance(one, Statement)]
            rows |= own | {"logs": union(logs)}
        return rows, staging


def recognise(head: Head) -> str | None:
    """What of kubectl or of a container runtime it is."""
    if not head.lines:
        return None
    if kubernetes_tops.is_header(head.lines[0]):
        return f"kubectl top {kubernetes_tops.kind(head.lines[0])}"
    if kubernetes_tops.is_bare(head.lines):
        return "kubectl top without its header"
    kinds = kubernetes_documents.kinds(head)
    if kinds is not None:
        return f"kubectl get -o json: {', '.join(kinds) or 'nothing'}"
    return layout(head.lines)


def _refuse_if_empty(spool: Spool) -> None:
    if not spool.count and spool.rejects:
        reasons = Counter(reject.reason for reject in spool.rejects)
        said = "; ".join(f"{count:,} times {reason}" for reason, count in reasons.most_common(3))
        raise SourceError(f"{spool.origin}: nothing of it can be read ({said})")


def _aware(at: datetime | str) -> datetime:
    """The declared moment in UTC."""
    found = datetime.fromisoformat(at) if isinstance(at, str) else at
    if found.tzinfo is None:
        raise ValueError(f"at={at} has no time zone: write 2026-07-05T23:59Z, or pass an aware datetime")
    return found.astimezone(UTC)
