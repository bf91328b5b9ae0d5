"""Log events that belong to spans, with message templates, and the secrets planted among them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from simulator.draws import Draws
from simulator.plan import stamp
from simulator.spans import Span

LEVELS = ("verbose", "debug", "information", "warning", "error", "critical")

_TEMPLATES: dict[str, tuple[tuple[str, str], ...]] = {
    "api-gateway": (
        ("information", "Forwarded {Method} {Path} to {Backend} in {Elapsed} ms"),
        ("information", "Rate limit of {Client} at {Used} of {Limit}"),
        ("debug", "Route {Route} matched"),
        ("warning", "Slow upstream {Backend}: {Elapsed} ms"),
    ),
    "auth": (
        ("information", "Token issued to {Client} for {Minutes} minutes"),
        ("debug", "Signing key {KeyId} used"),
        ("warning", "Login of {User} refused: wrong password"),
    ),
    "billing": (
        ("information", "Invoice {InvoiceId} posted, {Lines} lines"),
        ("information", "Payment {PaymentId} of {Amount} EUR booked"),
        ("debug", "VAT table {Version} used"),
        ("warning", "Ledger {LedgerId} locked, waited {Elapsed} ms"),
    ),
    "inventory": (
        ("information", "Reserved {Quantity} of item {ItemId}"),
        ("information", "Stock of {ItemId} is {Quantity}"),
        ("debug", "Item cache holds {Entries} entries"),
        ("warning", "Stock of {ItemId} below minimum {Minimum}"),
    ),
    "orders": (
        ("information", "Order {OrderId} created with {Lines} lines"),
        ("information", "Order {OrderId} confirmed by {User}"),
        ("debug", "Price of {ItemId} computed in {Elapsed} ms"),
        ("warning", "Order {OrderId} waits for stock since {Elapsed} ms"),
    ),
    "purchasing": (
        ("information", "Purchase order {OrderId} sent to {Supplier}"),
        ("information", "Goods receipt {ReceiptId} matched"),
        ("debug", "Supplier catalogue {Version} loaded"),
        ("warning", "Supplier {Supplier} answered late: {Elapsed} ms"),
    ),
    "sales": (
        ("information", "Quote {QuoteId} worth {Amount} EUR created"),
        ("information", "Customer {CustomerId} opened"),
        ("debug", "Price list {Version} read from cache"),
        ("warning", "Discount of {Percent} % needs approval"),
    ),
}
_FAILURES = (
    ("System.TimeoutException", "The operation has timed out."),
    ("System.NullReferenceException", "Object reference not set to an instance of an object."),
    ("System.InvalidOperationException", "Sequence contains no elements"),
)
_NO_SESSION = (
    "Microsoft.Data.SqlClient.SqlException",
    "Resource ID : 2. The session limit for the database is 600 and has been reached.",
)
_FAILED = "Request {Method} {Route} failed after {Elapsed} ms"


@dataclass(slots=True)
class LogEvent:
    """One log event."""

    time: int
    service: str
    instance: str
    level: str
    template: str
    properties: dict[str, Any]
    weight: int = 1
    span: Span | None = None
    exception: tuple[str, str] | None = None
    message: str = field(default="")

    def __post_init__(self) -> None:
        if not self.message:
            self.message = self.template
            for name, value in self.properties.items():
                self.message = self.message.replace("{" + name + "}", str(value))

    @property
    def stack(self) -> str:
        """Type, message and stack trace of the exception."""
        kind, text = self.exception or ("", "")
        name = self.service.title().replace("-", "")
        return (
            f"{kind}: {text}\n   at Erp.{name}.Handlers.Handle(Request request) in Handlers.cs:line 88"
            f"\n   at Erp.{name}.Pipeline.Invoke(HttpContext context) in Pipeline.cs:line 41"
        )


def _value(name: str, span: Span, draws: Draws) -> Any:
    if name == "Elapsed":
        return span.duration // 1000
    if name == "Amount":
        return round(draws.lognormal(300, 1), 2)
    known = {
        "Method": span.method,
        "Path": span.path,
        "Route": span.template.partition(" ")[2],
        "Backend": "orders",
        "User": f"u{draws.whole(40):03d}",
        "Client": f"client-{draws.whole(9)}",
        "Supplier": f"SUP-{draws.whole(30):03d}",
        "Version": "2026.6",
        "KeyId": "k-2026-06",
        "Limit": 1000,
        "Minutes": 60,
    }
    return known.get(name, draws.whole(9000))


def of_span(span: Span, draws: Draws) -> LogEvent | None:
    """What a server span logs, if anything: every failure, few successes."""
    if span.counts_failed:
        exception = _NO_SESSION if span.status == "503" else _FAILURES[draws.whole(3)]
        level, template = ("critical" if span.status == "504" else "error"), _FAILED
    elif not draws.chance(0.28):
        return None
    else:
        exception = None
        level, template = draws.weighted(
            _TEMPLATES[span.service], (0.45, 0.4, 0.1, 0.05)[: len(_TEMPLATES[span.service])]
        )
    names = [part.partition("}")[0] for part in template.split("{")[1:]]
    properties = {name: _value(name, span, draws) for name in names}
    at = span.start + span.duration // 2
    return LogEvent(at, span.service, span.instance, level, template, properties, span.weight, span, exception)


def _jwt() -> str:
    parts = (
        b'{"alg":"HS256","typ":"JWT"}',
        b'{"sub":"u017","role":"clerk","exp":1782000000}',
        b"not-a-real-signature-0123456789",
    )
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


SCRIPT = "<script>alert(1)</script>"
PASSWORD = "Wint" + "er2026!x"
SECRETS = {
    "jwt": ("api-gateway", _jwt(), "Token {Token} could not be parsed"),
    "bearer": ("auth", "Bearer 9f8e7d6c5b4a39281706f5e4d3c2b1a0", "Header Authorization: {Token} refused"),
    "password": (
        "orders",
        PASSWORD,
        "Connecting with Server=tcp:erp-sql.example,1433;Database=erp-db;User ID=erp_app;Password={Token};Encrypt=True",
    ),
    "email": ("billing", "j.devries@example.com", "Invoice mailed to {Token}"),
    "card": ("billing", "4111111111111111", "Card {Token} declined"),
    "iban": ("sales", "NL91ABNA0417164300", "Refund goes to {Token}"),
    "html": ("api-gateway", SCRIPT, "Search for {Token} found nothing"),
}
_SECRET_DAY = stamp("2026-06-24T09:15")


def planted() -> list[tuple[str, LogEvent]]:
    """The events that carry secrets or markup, with the kind of each."""
    found = []
    for number, (kind, (service, value, template)) in enumerate(SECRETS.items()):
        event = LogEvent(
            _SECRET_DAY + number * 61_000_000, service, f"{service}-0", "warning", template, {"Token": value}
        )
        found.append((kind, event))
    return found
