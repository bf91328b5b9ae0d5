"""Simulates day by day, writes every file, and computes the truth from what was written."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from simulator import disturbances, history, kubernetes, logs, outcomes, records, rhythm
from simulator.azure import AzureFiles
from simulator.azure_metrics import PlatformMetrics
from simulator.draws import Draws
from simulator.files import Planted, write_json
from simulator.logs import LogEvent
from simulator.otlp import OtlpFiles
from simulator.otlp_metrics import OtlpMetrics
from simulator.plan import AZURE, DAY, HOUR, MINUTE, OTLP, SECOND, SERVICES, START, Settings, iso
from simulator.serilog import SerilogFiles
from simulator.spans import Span
from simulator.tables import Probes, SalesTables
from simulator.tally import Tally
from simulator.traces import TraceMaker

_PLACES = ("West Europe", "North Europe")
_SECRET_FILES = {
    "api-gateway": "azure/diagnostics/AppTraces.jsonl.gz",
    "auth": "azure/diagnostics/AppTraces.jsonl.gz",
    "orders": "serilog/orders-20260624.clef.gz",
    "billing": "otlp/logs.jsonl.gz",
    "sales": "tables/logs.csv.gz",
}


class Simulation:
    """One run: the streams of chance, the files, and what was counted."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self._root, self._settings = root, settings
        seed = settings.seed
        self._timing, self._keeping, self._logging = Draws(seed, 1), Draws(seed, 2), Draws(seed, 3)
        self._measuring, self._probing = Draws(seed, 4), Draws(seed, 5)
        self._maker = TraceMaker(Draws(seed, 6))
        self._planted, self._tally, self._downtime = Planted(), Tally(SERVICES), outcomes.Downtime()
        self._azure = AzureFiles(root, settings.end, self._planted)
        self._platform = PlatformMetrics(root)
        self._otlp, self._otlp_metrics = OtlpFiles(root, self._planted), OtlpMetrics(root)
        self._sales, self._serilog, self._probes = SalesTables(root, self._planted), SerilogFiles(root), Probes(root)
        self._asked: Counter[tuple[str, bool]] = Counter()
        self._logged: Counter[tuple[str, bool]] = Counter()
        self._traces = self._tests = 0

    def run(self) -> None:
        """Write every file."""
        for start in range(START, self._settings.end, DAY):
            self._day(start, start + DAY)
        for file in (self._azure, self._platform, self._otlp, self._otlp_metrics, self._sales, self._probes):
            file.close()
        small = records.write(self._root, self._settings.end)
        snapshots = kubernetes.write(self._root, self._settings.end)
        history_rows = history.write(self._root, self._settings.seed)
        write_json(self._root, "truth.json", self._truth(small, snapshots, history_rows), sort_keys=True)

    def _day(self, start: int, end: int) -> None:
        population: list[Span] = []
        emitted: list[Span] = []
        for hour in range(start, end, HOUR):
            self._hour(hour, population, emitted)
        emitted.sort(key=lambda span: (span.start, span.trace, span.number))
        events = [
            event
            for span in emitted
            if span.is_server and span.population == "user"
            if (event := logs.of_span(span, self._logging))
        ]
        events += self._secrets(start, end)
        events.sort(key=lambda event: event.time)
        self._write(emitted, events, start)
        self._platform.day(start, end, self._measuring)
        self._otlp_metrics.day(start, end, population, self._measuring)
        self._sales.metrics(start, end, self._measuring)
        self._probe(start, end)

    def _hour(self, hour: int, population: list[Span], emitted: list[Span]) -> None:
        weight = rhythm.weight(hour)
        starts = sorted(
            hour + int(self._timing.uniform() * (HOUR - 20 * SECOND))
            for _ in range(self._timing.poisson(rhythm.level(hour) * self._settings.traffic))
        )
        for at in starts:
            self._traces += 1
            spans = self._maker.user(self._traces, at, weight)
            kept = self._keeping.uniform() * weight < 1
            for span in spans:
                self._tally.before_sampling(span)
                if span.service in OTLP:
                    population.append(span)
                if kept:
                    self._tally.emitted(span)
            if kept:
                emitted += spans
        for span in self._lone(hour) + self._batch_logins(hour):
            self._tally.emitted(span)
            if span.population == "user":
                self._tally.before_sampling(span)
            emitted.append(span)

    def _lone(self, hour: int) -> list[Span]:
        found = []
        for number, service in enumerate((*AZURE, *OTLP)):
            path = "/healthz/ready" if hour // HOUR % 2 else "/healthz/live"
            self._traces += 1
            found.append(self._maker.lone(self._traces, hour + (7 + number) * MINUTE, service, path, "probe"))
        for service in ("api-gateway", "billing"):
            self._traces += 1
            found.append(self._maker.lone(self._traces, hour + 31 * MINUTE, service, "/api/ping", "synthetic"))
        return found

    def _batch_logins(self, hour: int) -> list[Span]:
        """The weekly batch of Sunday 22:00 to 24:00 UTC fetches tokens."""
        if not rhythm.is_batch_hour(hour):
            return []
        found = []
        for at in range(hour, hour + HOUR, 45 * SECOND):
            self._traces += 1
            when = at + int(self._timing.uniform() * 40 * SECOND)
            found.append(self._maker.lone(self._traces, when, "auth", "/connect/token", "user", "POST", 18))
        return found

    def _secrets(self, start: int, end: int) -> list[LogEvent]:
        found = []
        for kind, event in logs.planted():
            if start <= event.time < end:
                found.append(event)
                self._planted.secrets.append(
                    {
                        "kind": kind,
                        "value": event.properties["Token"],
                        "file": _SECRET_FILES[event.service],
                        "service": event.service,
                    }
                )
        return found

    def _write(self, spans: list[Span], events: list[LogEvent], start: int) -> None:
        for span in spans:
            if span.service in AZURE:
                (self._azure.request if span.is_server else self._azure.dependency)(span)
        self._otlp.spans([span for span in spans if span.service in OTLP])
        self._sales.spans([span for span in spans if span.service == "sales"])
        for event in events:
            weight = 1 if event.service in OTLP or event.service == "orders" else event.weight
            self._logged[event.service, event.level in ("error", "critical")] += weight
            if event.service in ("api-gateway", "auth"):
                self._azure.log(event)
        self._otlp.logs([event for event in events if event.service in OTLP])
        self._sales.logs([event for event in events if event.service == "sales"])
        self._serilog.day(start, [event for event in events if event.service == "orders"])

    def _probe(self, start: int, end: int) -> None:
        for at, service, kind, failed in self._probes.day(start, end, self._probing):
            self._asked[service, failed] += 1
            self._downtime.probe(service, kind, at, failed)
        for at in range(start, end, 5 * MINUTE):
            self._tests += 1
            cascade = disturbances.active("orders", at)
            failed = bool(cascade and cascade.database and self._tests % 2)
            when = at + 17 * SECOND
            self._azure.availability(
                when, self._tests, _PLACES[self._tests % 2], failed, round(self._probing.lognormal(60, 0.3) * 1000)
            )
            self._asked["api-gateway", failed] += 1
            self._downtime.probe("api-gateway", "availability", when, failed)

    def _truth(self, small: dict[str, int], snapshots: Counter[str], history_rows: int) -> dict[str, Any]:
        settings = self._settings
        incidents = records.incidents_within(settings.end)
        found = {
            "window": {"start": iso(START, 0), "end": iso(settings.end, 0)},
            "settings": {"days": settings.days, "traffic": settings.traffic, "seed": settings.seed},
            "incidents": incidents,
            "duplicates": self._planted.duplicates,
            "malformed": self._planted.malformed,
            "late": self._planted.late,
            "secrets": self._planted.secrets,
        }
        found |= self._tally.truth((settings.end - START) / SECOND)
        found |= self._ratios() | {"uptime": outcomes.uptime(self._downtime, incidents, settings.end)}
        found |= outcomes.repair_and_detection(incidents) | outcomes.recovery(incidents, settings.end)
        found["restart_count"] = {service: self._otlp_metrics.restarts[service] for service in OTLP}
        found["otlp_metric_points"] = dict(self._otlp_metrics.names)
        found["rows"] = self._rows(small, snapshots, history_rows)
        return found

    def _ratios(self) -> dict[str, Any]:
        found: dict[str, Any] = {"cpu_ratio": {}, "memory_ratio": {}, "db_connection_ratio": {}}
        for totals, scale in ((self._platform.totals, 100), (self._otlp_metrics.totals, 1), (self._sales.totals, 1)):
            for (service, name), (total, count) in totals.items():
                if name in found:
                    found[name][service] = total / count / scale
        hits, misses = (self._platform.totals["erp-redis", name][0] for name in ("hits", "misses"))
        found["cache_hit_ratio"] = {"erp-redis": hits / (hits + misses)}
        found["probe_success_ratio"] = {s: _share(self._asked, s, False) for s in SERVICES}
        found["log_error_ratio"] = {s: _share(self._logged, s, True) for s in SERVICES if s != "orders"}
        found["serilog"] = {
            "orders": {
                "n": self._serilog.rows,
                "errors": self._serilog.errors,
                "log_error_ratio": self._serilog.errors / self._serilog.rows,
            }
        }
        return found

    def _rows(self, small: dict[str, int], snapshots: Counter[str], history_rows: int) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        sources = {
            "azure": self._azure.rows | Counter(metrics=self._platform.rows),
            "otlp": self._otlp.rows | Counter(metrics=self._otlp_metrics.rows),
            "tables": self._sales.rows | Counter(probes=self._probes.rows) | Counter(small),
            "serilog": Counter(logs=self._serilog.rows),
            "kubernetes": snapshots,
            "history": Counter(readings=history_rows),
        }
        for source, counts in sources.items():
            for table, count in counts.items():
                found.setdefault(table, {})[source] = count
        return found


def _share(counts: Counter[tuple[str, bool]], service: str, value: bool) -> float:
    return counts[service, value] / (counts[service, True] + counts[service, False])
