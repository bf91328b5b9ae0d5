"""Sums up spans as they are written, so that the truth needs no second reading."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import Any

import numpy as np

from simulator.spans import Span

_THRESHOLD_MS = 100
_QUANTILES = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}


class Sample:
    """Weights, durations and failures of one service."""

    def __init__(self) -> None:
        self.weights = array("q")
        self.durations = array("q")
        self.failed = array("b")

    def add(self, weight: int, duration: int, is_failed: bool) -> None:
        """Count one row."""
        self.weights.append(weight)
        self.durations.append(duration)
        self.failed.append(is_failed)

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights, durations in whole microseconds, failures."""
        return (
            np.array(self.weights, dtype=np.int64),
            np.array(self.durations, dtype=np.int64),
            np.array(self.failed, dtype=bool),
        )


def join(samples: list[Sample]) -> Sample:
    """All rows of the samples together."""
    whole = Sample()
    for sample in samples:
        whole.weights.extend(sample.weights)
        whole.durations.extend(sample.durations)
        whole.failed.extend(sample.failed)
    return whole


def nearest_rank(weights: np.ndarray, durations: np.ndarray, quantile: float) -> float:
    """Smallest duration (ms) whose cumulative weight reaches this share of the total."""
    order = np.argsort(durations, kind="stable")
    reached = np.cumsum(weights[order])
    needed = quantile * int(reached[-1])
    return int(durations[order][np.searchsorted(reached, needed, side="left")]) / 1000


def request_block(sample: Sample, seconds: float) -> dict[str, Any]:
    """The request KPIs of one sample."""
    weights, durations, failed = sample.arrays()
    total = int(weights.sum())
    if not total:
        return {"n": 0, "n_raw": 0, "failed": 0}
    bad = int(weights[failed].sum())
    limit = _THRESHOLD_MS * 1000
    satisfied = int(weights[~failed & (durations <= limit)].sum())
    tolerating = int(weights[~failed & (durations > limit) & (durations <= 4 * limit)].sum())
    block = {
        "n": total,
        "n_raw": len(weights),
        "failed": bad,
        "error_ratio": bad / total,
        "latency_mean": int((weights * durations).sum()) / total / 1000,
        "apdex": (satisfied + 0.5 * tolerating) / total,
        "request_rate": total / seconds,
    }
    return block | {name: nearest_rank(weights, durations, q) for name, q in _QUANTILES.items()}


def dependency_block(sample: Sample) -> dict[str, Any]:
    """The dependency KPIs of one sample."""
    weights, durations, failed = sample.arrays()
    total = int(weights.sum())
    if not total:
        return {"n": 0, "n_raw": 0, "failed": 0}
    bad = int(weights[failed].sum())
    return {
        "n": total,
        "n_raw": len(weights),
        "failed": bad,
        "dependency_error_ratio": bad / total,
        "dependency_latency_p95": nearest_rank(weights, durations, 0.95),
    }


class Tally:
    """Everything counted from spans, per service."""

    def __init__(self, services: tuple[str, ...]) -> None:
        self.requests = {service: Sample() for service in services}
        self.population = {service: Sample() for service in services}
        self.dependencies = {service: Sample() for service in services}
        self.client_errors: Counter[str] = Counter()
        self.other_populations: Counter[tuple[str, str]] = Counter()
        self.operations: Counter[tuple[str, str]] = Counter()
        self.calls: Counter[tuple[str, str, str]] = Counter()
        self.calls_raw: Counter[tuple[str, str, str]] = Counter()

    def before_sampling(self, span: Span) -> None:
        """Count a span of the population; each stands for itself."""
        if span.is_server:
            self.population[span.service].add(1, span.duration, span.counts_failed)

    def emitted(self, span: Span) -> None:
        """Count a written span."""
        if not span.is_server:
            bad = span.is_failed or span.status.startswith("5")
            self.dependencies[span.service].add(span.weight, span.duration, bad)
            self.client_errors[span.service] += span.weight * span.status.startswith("4")
            key = span.service, span.resource, span.kind
            self.calls[key] += span.weight
            self.calls_raw[key] += 1
        elif span.population == "user":
            self.requests[span.service].add(span.weight, span.duration, span.counts_failed)
            self.operations[span.service, span.template] += span.weight
        else:
            self.other_populations[span.service, span.population] += span.weight

    def truth(self, seconds: float) -> dict[str, Any]:
        """Requests and dependencies per service and of all."""
        found: dict[str, Any] = {"requests": {}, "dependencies": {}}
        for service in [*self.requests, "total"]:
            emitted, before, calls = (
                join(list(part.values())) if service == "total" else part[service]
                for part in (self.requests, self.population, self.dependencies)
            )
            found["requests"][service] = request_block(emitted, seconds) | {
                "before_sampling": request_block(before, seconds)
            }
            block = dependency_block(calls)
            errors = sum(self.client_errors.values()) if service == "total" else self.client_errors[service]
            found["dependencies"][service] = block | {
                "client_errors": errors,
                "failed_without_client_errors": block["failed"] - errors,
            }
        found["populations"] = {f"{service}/{kind}": n for (service, kind), n in self.other_populations.items()}
        found["operations"] = {f"{service}: {name}": n for (service, name), n in self.operations.items()}
        found["calls"] = [
            {"caller": key[0], "callee": key[1], "kind": key[2], "n": self.calls[key], "n_raw": self.calls_raw[key]}
            for key in sorted(self.calls)
        ]
        return found
