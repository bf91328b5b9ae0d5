"""Platform metrics of Azure: Container Apps, SQL database and Redis."""

from __future__ import annotations

from pathlib import Path

from simulator import disturbances, rhythm
from simulator.azure import SUBSCRIPTION
from simulator.draws import Draws
from simulator.files import TextFile
from simulator.plan import AZURE, MINUTE, iso, replicas

_GROUP = f"/SUBSCRIPTIONS/{SUBSCRIPTION.upper()}/RESOURCEGROUPS/RG-ERP/PROVIDERS/"
_SQL = _GROUP + "MICROSOFT.SQL/SERVERS/ERP-SQL/DATABASES/ERP-DB"
_REDIS = _GROUP + "MICROSOFT.CACHE/REDIS/ERP-REDIS"


class PlatformMetrics:
    """Writes one record per metric and five minutes, and sums up what it wrote."""

    def __init__(self, root: Path) -> None:
        self._file = TextFile(root, "azure/metrics/insights-metrics-pt1m.jsonl.gz")
        self.totals: dict[tuple[str, str], list[float]] = {}
        self.rows = 0

    def _write(self, at: int, key: tuple[str, str], resource: str, name: str, values: list[float]) -> None:
        values = [round(value, 1) for value in values]
        total = round(sum(values), 1)
        self._file.record(
            {
                "count": len(values),
                "total": total,
                "minimum": min(values),
                "maximum": max(values),
                "average": round(total / len(values), 2),
                "resourceId": resource,
                "time": iso(at, 7),
                "metricName": name,
                "timeGrain": "PT1M",
            }
        )
        sums = self.totals.setdefault(key, [0.0, 0.0])
        sums[0] += total
        sums[1] += len(values)
        self.rows += 1

    def day(self, start: int, end: int, draws: Draws) -> None:
        """Write one day."""
        for at in range(start, end, 5 * MINUTE):
            load = rhythm.load(at)
            for service in AZURE:
                self._service(at, service, load, draws)
            self._stores(at, load, draws)

    def _service(self, at: int, service: str, load: float, draws: Draws) -> None:
        resource = f"{_GROUP}MICROSOFT.APP/CONTAINERAPPS/{service.upper()}"
        pods = range(replicas(service, at))
        cpu = disturbances.cpu(service, at, load) * 100
        self._write(
            at,
            (service, "cpu_ratio"),
            resource,
            "CpuPercentage",
            [min(100.0, max(0.5, cpu + 1.5 * draws.normal())) for _ in pods],
        )
        memory = disturbances.memory(service, at, load) * 100
        self._write(
            at,
            (service, "memory_ratio"),
            resource,
            "MemoryPercentage",
            [min(100.0, memory + 0.6 * draws.normal()) for _ in pods],
        )

    def _stores(self, at: int, load: float, draws: Draws) -> None:
        sessions = disturbances.sessions(at, load)
        self._write(
            at,
            ("erp-db", "db_connection_ratio"),
            _SQL,
            "sessions_percent",
            [min(100.0, max(0.0, sessions + draws.normal())) for _ in range(4)],
        )
        lost = disturbances.CACHE_LOSS[0] <= at < disturbances.CACHE_LOSS[1]
        reads = 200 + round(3000 * load * (1 + 0.05 * draws.normal()))
        hits = round(reads * (0.38 if lost else 0.9 + 0.01 * draws.normal()))
        self._write(at, ("erp-redis", "hits"), _REDIS, "cachehits", [hits])
        self._write(at, ("erp-redis", "misses"), _REDIS, "cachemisses", [reads - hits])

    def close(self) -> None:
        """Finish the file."""
        self._file.close()
