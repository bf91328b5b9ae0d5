"""Canonical tables: requests, dependencies, metrics and logs of sales, and the probes of all."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from simulator import disturbances, rhythm
from simulator.draws import Draws
from simulator.files import ParquetFile, Planted, TextFile
from simulator.logs import LogEvent
from simulator.plan import MINUTE, REPLICAS, SERVICES, iso, stamp
from simulator.spans import Span

_TIME = pl.Datetime("us", "UTC")
_DEPLOYED = {
    "orders": (stamp("2026-07-02T09:02"), stamp("2026-07-02T09:24")),
    "billing": (stamp("2026-06-24T17:00"), stamp("2026-06-30T13:26")),
    "inventory": (stamp("2026-06-25T15:00"),),
    "auth": (stamp("2026-06-29T16:30"),),
}
_METRICS = ("time", "service", "operation", "instance", "resource", "tenant", "name", "unit", "kind", "value")
_LOGS = (
    "time",
    "service",
    "operation",
    "instance",
    "resource",
    "tenant",
    "level",
    "message",
    "template",
    "exception_type",
    "exception",
    "weight",
    "attributes",
    "trace_id",
    "span_id",
    "received_at",
)


def csv_line(values: list[Any]) -> str:
    """One CSV line without its line break; None is an empty field."""
    buffer = io.StringIO()
    # the writer quotes a line end inside a value only when it knows it as one
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue().removesuffix("\n")


class SalesTables:
    """Writes what sales reports, already canonical."""

    def __init__(self, root: Path, planted: Planted) -> None:
        self._planted = planted
        self._requests = ParquetFile(root, "tables/requests.parquet")
        self._dependencies = ParquetFile(root, "tables/dependencies.parquet")
        self._metrics = TextFile(root, "tables/metrics.csv.gz")
        self._logs = TextFile(root, "tables/logs.csv.gz")
        self._metrics.line(",".join(_METRICS))
        self._logs.line(",".join(_LOGS))
        self.rows: Counter[str] = Counter()
        self.totals: dict[tuple[str, str], list[float]] = {}

    def spans(self, spans: list[Span]) -> None:
        """Write one day of requests and dependencies."""
        servers = [span for span in spans if span.is_server]
        clients = [span for span in spans if not span.is_server]
        self._requests.add(_frame(servers))
        kinds = pl.Series("kind", [span.kind for span in clients], pl.String())
        resources = pl.Series("resource", [span.resource for span in clients], pl.String())
        self._dependencies.add(_frame(clients).with_columns(resources).insert_column(6, kinds))
        self.rows["requests"] += len(servers)
        self.rows["dependencies"] += len(clients)

    def logs(self, events: list[LogEvent]) -> None:
        """Write one day of logs, and one line whose time is no time."""
        for event in events:
            span, kind = event.span, event.exception[0] if event.exception else None
            received = iso(event.time + 4_000_000, 3)
            values = [
                iso(event.time),
                event.service,
                span.template if span else None,
                event.instance,
                None,
                "acme",
                event.level,
                event.message,
                event.template,
                kind,
                event.stack if kind else None,
                event.weight,
                json.dumps(event.properties),
                span.trace_id if span else None,
                span.span_id if span else None,
                received,
            ]
            self._logs.line(csv_line(values))
            self.rows["logs"] += 1
            if self.rows["logs"] == 40:
                values[0] = "2026-06-31T25:61:00Z"
                self._logs.line(csv_line(values))
                self._planted.malformed.append(
                    {"file": self._logs.name, "line": self._logs.lines, "what": "no such time"}
                )

    def metrics(self, start: int, end: int, draws: Draws) -> None:
        """Write one day of gauges."""
        for at in range(start, end, 5 * MINUTE):
            load = rhythm.load(at)
            for number in range(REPLICAS["sales"]):
                for name, level in (("cpu", disturbances.cpu), ("memory", disturbances.memory)):
                    value = round(max(0.004, level("sales", at, load) + 0.01 * draws.normal()), 3)
                    self._metrics.line(f"{iso(at, 0)},sales,,sales-{number},,,{name}_ratio,1,gauge,{value!r}")
                    sums = self.totals.setdefault(("sales", f"{name}_ratio"), [0.0, 0.0])
                    sums[0] += value
                    sums[1] += 1
                    self.rows["metrics"] += 1

    def close(self) -> None:
        """Finish the files."""
        for file in (self._requests, self._dependencies, self._metrics, self._logs):
            file.close()


def _frame(spans: list[Span]) -> pl.DataFrame:
    columns: dict[str, tuple[pl.DataType, list[Any]]] = {
        "time": (_TIME, [span.start for span in spans]),
        "service": (pl.String(), [span.service for span in spans]),
        "operation": (pl.String(), [span.name for span in spans]),
        "instance": (pl.String(), [span.instance for span in spans]),
        "resource": (pl.String(), [None] * len(spans)),
        "tenant": (pl.String(), ["acme" if span.trace % 3 else "globex" for span in spans]),
        "duration_ms": (pl.Float64(), [span.duration / 1000 for span in spans]),
        "is_failed": (
            pl.Boolean(),
            [
                None
                if span.is_server and span.status and span.trace % 97 == 0
                else span.counts_failed
                if span.is_server
                else span.is_failed
                for span in spans
            ],
        ),
        "status_code": (pl.String(), [span.status or None for span in spans]),
        "weight": (pl.Float64(), [float(span.weight) for span in spans]),
        "population": (pl.String(), [span.population for span in spans]),
        "trace_id": (pl.String(), [span.trace_id for span in spans]),
        "span_id": (pl.String(), [span.span_id for span in spans]),
        "parent_id": (pl.String(), [span.parent_id for span in spans]),
        "received_at": (_TIME, [span.start + 3_000_000 for span in spans]),
    }
    return pl.DataFrame(
        [
            pl.Series(name, values, pl.Int64() if kind == _TIME else kind).cast(kind)
            for name, (kind, values) in columns.items()
        ]
    )


class Probes:
    """Writes the readiness, liveness and startup probes of every service."""

    def __init__(self, root: Path) -> None:
        self._file = ParquetFile(root, "tables/probes.parquet")
        self.rows = 0

    def day(self, start: int, end: int, draws: Draws) -> list[tuple[int, str, str, bool]]:
        """Write one day; answers (time, service, kind, failed)."""
        rows: list[tuple[int, str, str, str, bool, float, str | None]] = []
        for service in SERVICES:
            for at in range(start, end, MINUTE):
                self._ask(rows, at, service, "readiness", draws)
                if at % (5 * MINUTE) == 0:
                    self._ask(rows, at, service, "liveness", draws)
                if at in _DEPLOYED.get(service, ()):
                    self._ask(rows, at, service, "startup", draws)
        times, services, kinds, instances, failed, durations, messages = zip(*rows, strict=True)
        frame = pl.DataFrame(
            {
                "time": pl.Series(times, dtype=pl.Int64()).cast(_TIME),
                "service": services,
                "instance": instances,
                "kind": kinds,
                "is_failed": failed,
                "duration_ms": durations,
                "message": pl.Series(messages, dtype=pl.String()),
                "weight": [1.0] * len(rows),
            }
        )
        self._file.add(frame)
        self.rows += len(rows)
        return list(zip(times, services, kinds, failed, strict=True))

    def _ask(self, rows: list[Any], at: int, service: str, kind: str, draws: Draws) -> None:
        number = at // MINUTE % REPLICAS[service]
        down = kind == "readiness" and disturbances.is_unready(service, at)
        failed = down or draws.chance(0.00006)
        duration = 1000.0 if failed else round(draws.lognormal(2.0, 0.3), 1)
        offset = SERVICES.index(service) * 2_000_000 + (1_000_000 if kind == "liveness" else 0)
        rows.append(
            (at + offset, service, kind, f"{service}-{number}", failed, duration, "HTTP 503" if failed else None)
        )

    def close(self) -> None:
        """Finish the file."""
        self._file.close()
