"""Simulates one trace: gateway, sometimes auth, one backend, and what the backend calls."""

from __future__ import annotations

from simulator import rhythm
from simulator.disturbances import active
from simulator.draws import Draws
from simulator.plan import CACHE, DATABASE, OPERATIONS, Operation, replicas
from simulator.spans import Span

_GUIDS = tuple(f"3f2504e0-4f89-11d3-9a0c-{n:012x}" for n in range(0xA1B2C300, 0xA1B2C300 + 48))
_SHARES = {service: [op.share for op in ops] for service, ops in OPERATIONS.items()}
_SQL_MS = {"select": 5.0, "insert": 7.0, "update": 8.0, "delete": 6.0}
_SQL = {
    "select": "SELECT * FROM dbo.{0} WHERE id = @p0",
    "insert": "INSERT INTO dbo.{0} (id, body) VALUES (@p0, @p1)",
    "update": "UPDATE dbo.{0} SET body = @p1 WHERE id = @p0",
    "delete": "DELETE FROM dbo.{0} WHERE id = @p0",
}
_HEAVY = ("turnover", "spend", "ledger")


class TraceMaker:
    """Makes traces one after the other; every span of a trace has its weight."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self._spans: list[Span] = []
        self._trace = 0
        self._weight = 1

    def user(self, trace: int, at: int, weight: int) -> list[Span]:
        """What one user request causes."""
        draws = self._draws
        self._spans, self._trace, self._weight = [], trace, weight
        shares = rhythm.shares(at)
        backend = draws.weighted(list(shares), list(shares.values()))
        operation = draws.weighted(OPERATIONS[backend], _SHARES[backend])
        path = self._path(backend, operation)
        root = self._span("api-gateway", None, operation.template, f"{operation.method} {path}", at)
        root.is_server, root.method, root.path = True, operation.method, path
        now = at + self._micros(0.8, 0.4)
        if draws.chance(0.3):
            now = self._remote(root, "auth", now)[0] + 40
        now, status = self._remote(root, backend, now, operation, path)
        root.duration = now + self._micros(0.5, 0.4) - at
        root.status, root.is_failed = status, status >= "400"
        if draws.chance(0.0002):
            root.status, root.is_failed = "502", True
        return self._spans

    def lone(
        self, trace: int, at: int, service: str, path: str, population: str, method: str = "GET", median_ms: float = 0.9
    ) -> Span:
        """A health probe, synthetic request or batch login: one server span without calls."""
        self._spans, self._trace, self._weight = [], trace, 1
        span = self._span(service, None, f"{method} {path}", f"{method} {path}", at)
        span.is_server, span.method, span.path, span.population = True, method, path, population
        span.duration, span.status = self._micros(median_ms, 0.3), "200"
        return span

    def _micros(self, median_ms: float, sigma: float) -> int:
        return max(1, round(self._draws.lognormal(median_ms, sigma) * 1000))

    def _path(self, service: str, operation: Operation) -> str:
        path = operation.route
        while "{id}" in path:
            key = str(1000 + self._draws.whole(90_000)) if service != "inventory" else self._draws.pick(_GUIDS)
            path = path.replace("{id}", key, 1)
        return path

    def _span(self, service: str, parent: Span | None, template: str, name: str, at: int) -> Span:
        span = Span(
            self._trace,
            len(self._spans) + 1,
            parent.number if parent else None,
            service,
            False,
            template,
            name,
            at,
            weight=self._weight,
        )
        span.instance = f"{service}-{self._draws.whole(replicas(service, at))}"
        self._spans.append(span)
        return span

    def _remote(
        self, caller: Span, service: str, at: int, operation: Operation | None = None, path: str = ""
    ) -> tuple[int, str]:
        """A Dapr call with the callee's own span; answers when it ended and with what status."""
        if operation is None:
            operation = self._draws.weighted(OPERATIONS[service], _SHARES[service])
            path = self._path(service, operation)
        name = f"{operation.method} {path}"
        call = self._span(caller.service, caller, operation.template, name, at)
        call.instance, call.kind, call.resource = caller.instance, "dapr", service
        call.method, call.path = operation.method, path
        end, status = self._serve(call, service, operation, path, at + self._micros(0.3, 0.3))
        call.duration = end + self._micros(0.2, 0.3) - at
        call.status, call.is_failed = status, status >= "400"
        return call.end, status

    def _serve(self, call: Span, service: str, operation: Operation, path: str, at: int) -> tuple[int, str]:
        draws, trouble = self._draws, active(service, at)
        slow = trouble.slow if trouble else 1.0
        fails = draws.chance(trouble.fail if trouble and trouble.fail else 0.0005)
        breaks_database = (
            fails and bool(operation.queries) and (draws.chance(0.4) or bool(trouble and trouble.database))
        )
        span = self._span(service, call, operation.template, f"{operation.method} {path}", at)
        span.is_server, span.method, span.path = True, operation.method, path
        now = at + self._micros(operation.own_ms * slow * 0.6, 0.45)
        if draws.chance(operation.cached):
            now = self._cache(span, now)
        if not (operation.cached and draws.chance(operation.cached * 0.8)) or breaks_database:
            for query in operation.queries:
                now = self._query(span, query, now, slow, breaks_database)
        if operation.calls and not fails:
            now = self._remote(span, operation.calls, now)[0]
        now += self._micros(operation.own_ms * slow * 0.4, 0.45)
        span.duration = now - at
        span.status = self._status(operation, fails)
        span.is_failed = span.status >= "400" or span.status == ""
        return now, span.status or "500"

    def _status(self, operation: Operation, fails: bool) -> str:
        draws = self._draws
        if fails:
            return draws.weighted(("500", "503", "504", ""), (0.5, 0.3, 0.15, 0.05))
        if draws.chance(0.02):
            return draws.weighted(("404", "400", "401"), (0.5, 0.3, 0.2))
        return "201" if operation.method == "POST" and operation.route.count("/") == 2 else "200"

    def _cache(self, parent: Span, at: int) -> int:
        call = self._span(parent.service, parent, "GET", "GET", at)
        call.instance, call.kind, call.resource = parent.instance, "redis", CACHE
        call.duration, call.statement = self._micros(0.7, 0.35), "GET"
        return call.end

    def _query(self, parent: Span, query: str, at: int, slow: float, breaks: bool) -> int:
        verb, table = query.split(":")
        median = _SQL_MS[verb] * (9 if table in _HEAVY else 1) * slow
        call = self._span(parent.service, parent, f"{verb.upper()} {table}", f"{verb.upper()} {table}", at)
        call.instance, call.kind, call.resource = parent.instance, "sql", DATABASE
        call.duration, call.statement = self._micros(median, 0.55), _SQL[verb].format(table)
        call.is_failed = breaks
        return call.end
