"""What is simulated: the span of time, the services, their operations and replicas."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

SERVICES = ("api-gateway", "auth", "billing", "inventory", "orders", "purchasing", "sales")
AZURE = ("api-gateway", "auth", "orders")
OTLP = ("billing", "inventory", "purchasing")
DATABASE = "erp-db"
CACHE = "erp-redis"


def stamp(text: str) -> int:
    """Microseconds since 1970 of ``2026-06-30T13:00`` or ``2026-06-30T13:00:30``, UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


START = stamp("2026-06-22T00:00")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the caller may choose."""

    days: int = 14
    traffic: float = 1.0
    seed: int = 7

    @property
    def end(self) -> int:
        """End of the span, exclusive."""
        return START + self.days * DAY


@dataclass(frozen=True, slots=True)
class Operation:
    """One route of a service and what it costs."""

    method: str
    route: str
    share: float
    own_ms: float
    queries: tuple[str, ...] = ()
    cached: float = 0.0
    calls: str | None = None

    @property
    def template(self) -> str:
        """Method and route, as a canonical operation is written."""
        return f"{self.method} {self.route}"


def _op(
    text: str, share: float, own_ms: float, queries: str = "", cached: float = 0.0, calls: str | None = None
) -> Operation:
    method, route = text.split(" ")
    return Operation(method, route, share, own_ms, tuple(queries.split()), cached, calls)


OPERATIONS: dict[str, tuple[Operation, ...]] = {
    "auth": (
        _op("POST /connect/token", 0.4, 14, "select:users", 0.6),
        _op("POST /connect/introspect", 0.5, 3, "", 0.95),
        _op("GET /api/users/{id}", 0.04, 5, "select:users", 0.5),
        _op("POST /connect/revocation", 0.03, 6, "update:tokens", 0.3),
        _op("GET /.well-known/openid-configuration", 0.02, 1.5),
        _op("POST /api/users/{id}/password", 0.01, 60, "update:users"),
    ),
    "orders": (
        _op("GET /api/orders/{id}", 0.36, 6, "select:orders", 0.6),
        _op("POST /api/orders", 0.2, 16, "insert:orders insert:order_lines", 0.2, "inventory"),
        _op("GET /api/orders", 0.2, 12, "select:orders", 0.2),
        _op("PUT /api/orders/{id}", 0.1, 12, "select:orders update:orders", 0.1),
        _op("POST /api/orders/{id}/confirm", 0.09, 18, "update:orders", 0.1, "billing"),
        _op("DELETE /api/orders/{id}/lines/{id}", 0.05, 8, "delete:order_lines"),
    ),
    "sales": (
        _op("GET /api/customers/{id}", 0.34, 5, "select:customers", 0.7),
        _op("GET /api/quotes", 0.2, 11, "select:quotes", 0.2),
        _op("POST /api/quotes", 0.15, 15, "insert:quotes", 0.3, "inventory"),
        _op("GET /api/price-lists/{id}", 0.15, 4, "", 0.95),
        _op("POST /api/quotes/{id}/accept", 0.08, 17, "update:quotes", 0.0, "orders"),
        _op("GET /api/reports/turnover", 0.08, 45, "select:turnover"),
    ),
    "inventory": (
        _op("GET /api/items/{id}", 0.4, 4, "select:items", 0.8),
        _op("GET /api/stock/{id}", 0.3, 4, "select:stock", 0.6),
        _op("POST /api/reservations", 0.14, 10, "select:stock insert:reservations", 0.1),
        _op("GET /api/items", 0.08, 12, "select:items", 0.3),
        _op("POST /api/stock/{id}/movements", 0.06, 11, "insert:movements update:stock"),
        _op("DELETE /api/reservations/{id}", 0.02, 7, "delete:reservations"),
    ),
    "billing": (
        _op("GET /api/invoices/{id}", 0.36, 7, "select:invoices", 0.4),
        _op("POST /api/invoices", 0.26, 18, "select:customers insert:invoices"),
        _op("GET /api/invoices", 0.16, 14, "select:invoices", 0.1),
        _op("POST /api/payments", 0.12, 22, "insert:payments update:invoices"),
        _op("GET /api/ledgers/{id}/balance", 0.07, 20, "select:ledger", 0.2),
        _op("POST /api/invoices/{id}/send", 0.03, 40, "select:invoices"),
    ),
    "purchasing": (
        _op("GET /api/suppliers/{id}", 0.36, 5, "select:suppliers", 0.6),
        _op("GET /api/purchase-orders", 0.2, 12, "select:purchase_orders", 0.1),
        _op("POST /api/purchase-orders", 0.17, 16, "insert:purchase_orders", 0.0, "inventory"),
        _op("GET /api/purchase-orders/{id}", 0.17, 6, "select:purchase_orders", 0.4),
        _op("POST /api/goods-receipts", 0.07, 14, "insert:receipts", 0.0, "inventory"),
        _op("GET /api/reports/spend", 0.03, 55, "select:spend"),
    ),
}

SHARES = {"orders": 0.30, "sales": 0.25, "inventory": 0.20, "billing": 0.13, "purchasing": 0.12}
REPLICAS = {service: 3 if service == "api-gateway" else 2 for service in SERVICES}
BILLING_SCALED = stamp("2026-06-30T13:26")


def replicas(service: str, at: int) -> int:
    """Replicas of the service at this moment: billing got a third one during INC-1."""
    return REPLICAS[service] + (service == "billing" and at >= BILLING_SCALED)


def iso(at: int, digits: int = 6) -> str:
    """``at`` as ISO 8601 in UTC with this many digits (at most 7) of a second."""
    seconds, rest = divmod(at, SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:06d}0"[: 20 + digits] + "Z" if digits else f"{text}Z"
