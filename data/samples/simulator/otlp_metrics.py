"""OTLP metrics: gauges, cumulative and delta counters, both kinds of histogram."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from simulator import disturbances, rhythm
from simulator.draws import Draws
from simulator.files import TextFile
from simulator.otlp import attribute, resource
from simulator.plan import HOUR, MINUTE, OTLP, START, replicas, stamp
from simulator.spans import Span

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_SCALE = 3
_OUT_OF_MEMORY = {"inventory-0": stamp("2026-06-25T11:34"), "inventory-1": stamp("2026-06-25T11:36")}
_REPLACED = stamp("2026-06-28T02:00")
_AFTER_REPLACEMENT = stamp("2026-07-01T14:16")


def restarts(pod: str, at: int) -> int:
    """The cumulative counter of restarts: inventory-0 was replaced and restarted once more."""
    if pod == "inventory-0" and at >= _REPLACED:
        return int(at >= _AFTER_REPLACEMENT)
    if pod == "billing-1":
        return 3
    return (2 if pod == "inventory-0" else 1) if pod in _OUT_OF_MEMORY and at >= _OUT_OF_MEMORY[pod] else 0


class OtlpMetrics:
    """Writes one line per pod and hour, and sums up what it wrote."""

    def __init__(self, root: Path) -> None:
        self._file = TextFile(root, "otlp/metrics.jsonl.gz")
        self._last: dict[str, int] = {}
        self.totals: dict[tuple[str, str], list[float]] = {}
        self.restarts: Counter[str] = Counter()
        self.names: Counter[str] = Counter()
        self.rows = 0

    def day(self, start: int, end: int, population: list[Span], draws: Draws) -> None:
        """Write one day; the histograms count the population before sampling."""
        handled: dict[tuple[str, int], list[int]] = defaultdict(list)
        queried: dict[tuple[str, int], list[int]] = defaultdict(list)
        for span in population:
            if span.service in OTLP and span.end < end and (span.is_server or span.kind == "sql"):
                (handled if span.is_server else queried)[span.service, span.end // HOUR].append(span.duration)
        for at in range(start, end, HOUR):
            for service in OTLP:
                for number in range(replicas(service, at + HOUR - 1)):
                    self._pod(at, service, f"{service}-{number}", draws)
                key = service, at // HOUR
                self._shared(at, service, handled.get(key, []), queried.get(key, []), draws)

    def _pod(self, at: int, service: str, pod: str, draws: Draws) -> None:
        gauges: dict[str, list[dict[str, Any]]] = {"cpu": [], "memory": []}
        for now in range(at, at + HOUR, 5 * MINUTE):
            load = rhythm.load(now)
            for name, level, noise in (("cpu", disturbances.cpu, 0.012), ("memory", disturbances.memory, 0.006)):
                value = round(min(1.0, max(0.004, level(service, now, load) + noise * draws.normal())), 3)
                gauges[name].append({"asDouble": value, "timeUnixNano": str(now * 1000)})
                sums = self.totals.setdefault((service, f"{name}_ratio"), [0.0, 0.0])
                sums[0] += value
                sums[1] += 1
        counter = [self._restart(service, pod, now) for now in range(at, at + HOUR, 15 * MINUTE)]
        metrics = [
            {"name": f"k8s.pod.{name}_limit_utilization", "unit": "1", "gauge": {"dataPoints": points}}
            for name, points in gauges.items()
        ]
        metrics.append(
            {
                "name": "k8s.container.restarts",
                "unit": "{restart}",
                "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": counter},
            }
        )
        self._write(service, pod, "k8s", metrics, 12 + 12 + len(counter))

    def _restart(self, service: str, pod: str, at: int) -> dict[str, Any]:
        value = restarts(pod, at)
        last = self._last.get(pod, value)
        self.restarts[service] += value - last if value >= last else value
        self._last[pod] = value
        since = _REPLACED if pod == "inventory-0" and at >= _REPLACED else START
        return {"asInt": str(value), "startTimeUnixNano": str(since * 1000), "timeUnixNano": str(at * 1000)}

    def _shared(self, at: int, service: str, handled: list[int], queried: list[int], draws: Draws) -> None:
        span = {"startTimeUnixNano": str(at * 1000), "timeUnixNano": str((at + HOUR) * 1000)}
        posted = {"asInt": str(draws.poisson(90 * rhythm.load(at))), **span}
        metrics: list[dict[str, Any]] = [
            {
                "name": f"{service}.documents.posted",
                "unit": "{document}",
                "sum": {"aggregationTemporality": 1, "isMonotonic": True, "dataPoints": [posted]},
            }
        ]
        if handled:
            point = {**span, **_explicit(handled), "attributes": [attribute("http.request.method", "GET")]}
            metrics.append(
                {
                    "name": "http.server.request.duration",
                    "unit": "s",
                    "histogram": {"aggregationTemporality": 1, "dataPoints": [point]},
                }
            )
        if queried:
            point = {**span, **_exponential(queried), "attributes": [attribute("db.namespace", "erp-db")]}
            metrics.append(
                {
                    "name": "db.client.operation.duration",
                    "unit": "s",
                    "exponentialHistogram": {
                        "aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA",
                        "dataPoints": [point],
                    },
                }
            )
        self._write(service, f"{service}-0", f"Erp.{service.title()}", metrics, len(metrics))

    def _write(self, service: str, pod: str, scope: str, metrics: list[dict[str, Any]], points: int) -> None:
        self._file.record(
            {
                "resourceMetrics": [
                    {
                        "resource": resource(service, pod),
                        "scopeMetrics": [{"scope": {"name": scope}, "metrics": metrics}],
                    }
                ]
            }
        )
        self.rows += points
        for metric in metrics:
            body = next(value for value in metric.values() if isinstance(value, dict))
            self.names[metric["name"]] += len(body["dataPoints"])

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def _explicit(durations: list[int]) -> dict[str, Any]:
    counts = [0] * (len(_BOUNDS) + 1)
    for duration in durations:
        counts[bisect_left(_BOUNDS, duration / 1e6)] += 1
    return {
        "count": str(len(durations)),
        "sum": sum(durations) / 1e6,
        "min": min(durations) / 1e6,
        "max": max(durations) / 1e6,
        "explicitBounds": list(_BOUNDS),
        "bucketCounts": [str(n) for n in counts],
    }


def _exponential(durations: list[int]) -> dict[str, Any]:
    counts = Counter(math.ceil(math.log2(duration / 1e6) * 2**_SCALE) - 1 for duration in durations)
    first = min(counts)
    filled = [str(counts[index]) for index in range(first, max(counts) + 1)]
    return {
        "count": str(len(durations)),
        "sum": sum(durations) / 1e6,
        "min": min(durations) / 1e6,
        "max": max(durations) / 1e6,
        "scale": _SCALE,
        "zeroCount": "0",
        "positive": {"offset": first, "bucketCounts": filled},
    }
