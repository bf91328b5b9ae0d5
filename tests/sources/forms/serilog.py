from datetime import datetime, timedelta
from typing import Any

from erp_telemetry.sources.serilog_files import SerilogFiles
from tests.sources.support import Form, canonical, each_line

DURATION = timedelta(microseconds=12_346)
LOG_COLUMNS = ("time", "service", "instance", "level", "message", "template", "weight", "trace_id", "span_id")


def _ends(at: int) -> str:
    return (datetime.fromisoformat(canonical(at)["time"]) + DURATION).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def span(at: int = 0, **changes: Any) -> dict[str, Any]:
    """The event as SerilogTracing writes it."""
    row = canonical(at)
    return {
        "@t": _ends(at), "@mt": "HTTP {RequestMethod} {RequestPath}", "@st": row["time"], "@sk": "Server",
        "@tr": row["trace_id"].upper(), "@sp": row["span_id"], "@ps": row["parent_id"],
        "@ra": {"service.name": "erp", "service.instance.id": "pod-1"}, "RequestMethod": "GET",
        "RequestPath": f"/orders/{at}", "http.route": "/orders/{id}", "StatusCode": 200, **changes,
    }


def completion(at: int = 0, **changes: Any) -> dict[str, Any]:
    """The event as Serilog's request logging for ASP.NET Core writes it."""
    row = canonical(at)
    return {
        "@t": _ends(at), "@mt": "HTTP {RequestMethod} {RequestPath} responded {StatusCode} in {Elapsed:0.0000} ms",
        "@r": ["12.3460"], "@tr": row["trace_id"], "@sp": row["span_id"], "RequestMethod": "GET",
        "RequestPath": "/orders/7", "RouteTemplate": "/orders/{id}", "StatusCode": 200, "Elapsed": 12.346,
        "Application": "erp", "MachineName": "pod-1", **changes,
    }


def plain(at: int = 0, **changes: Any) -> dict[str, Any]:
    """A log event in Serilog's plain JSON."""
    row = canonical(at)
    return {
        "Timestamp": row["time"], "Level": "Warning", "MessageTemplate": "Order {OrderId} waits {Elapsed:0.0} ms",
        "TraceId": row["trace_id"], "SpanId": row["span_id"],
        "Properties": {"OrderId": at, "Elapsed": 1.25, "Application": "erp", "MachineName": "pod-1"},
        "Renderings": {"Elapsed": [{"Format": "0.0", "Rendering": "1.3"}]}, **changes,
    }


def expected(at: int) -> dict[str, Any]:
    return {**canonical(at), "duration_ms": 12.346}


def expected_completion(at: int) -> dict[str, Any]:
    return {**expected(at), "parent_id": None}


def expected_log(at: int) -> dict[str, Any]:
    return {**canonical(at), "level": "warning", "template": "Order {OrderId} waits {Elapsed:0.0} ms",
            "message": f"Order {at} waits 1.3 ms"}


FORMS = (
    Form("serilog span", SerilogFiles, "clef", each_line(span), expected=expected),
    Form("serilog completion", SerilogFiles, "clef", each_line(completion), expected=expected_completion),
    Form("serilog json", SerilogFiles, "json", each_line(plain), LOG_COLUMNS, "logs", expected_log),
)
