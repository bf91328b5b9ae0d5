from datetime import UTC, datetime, timedelta
from typing import Any

from erp_telemetry.sources.access_log_files import AccessLogFiles
from tests.sources.support import Form, each_line

START = datetime(2026, 1, 1, tzinfo=UTC)
SEEN = ("time", "service", "operation", "duration_ms", "is_failed", "status_code", "weight")


def request(at: int, milliseconds: float, duration_ms: float | None, service: str = "erp") -> dict[str, Any]:
    moment = START + timedelta(seconds=at, milliseconds=milliseconds)
    return {"time": moment.isoformat(), "service": service, "operation": "GET /orders", "duration_ms": duration_ms,
            "is_failed": False, "status_code": "200", "weight": 1}


def combined(at: int, tail: str = "", host: str = "erp:443 ") -> str:
    return (f'{host}198.51.100.7 - ann [01/Jan/2026:00:00:{at:02} +0000] "GET /orders?key=1 HTTP/1.1" 200 12 '
            f'"https://shop.example/" "Mozilla/5.0 pod-1"{tail}\n')


def common(at: int) -> str:
    return f'198.51.100.7 - - [01/Jan/2026:01:00:{at:02} +0100] "GET /orders HTTP/1.1" 200 -\n'


def ingress(at: int) -> str:
    return combined(at + 1, " 612 0.250 [erp] [] 10.0.0.9:80 12 0.240 200 3f9a", "")


def envoy(at: int) -> str:
    return (f'[2026-01-01T00:00:{at:02}.123Z] "GET /orders?key=1 HTTP/2" 200 - 0 12 34 30 "198.51.100.7" '
            f'"Mozilla/5.0 pod-1" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "erp:8080" "tcp://10.0.2.1:80"\n')


def nginx_json(at: int) -> dict[str, Any]:
    return {"msec": f"{START.timestamp() + at + 1:.3f}", "remote_addr": "198.51.100.7", "request_method": "GET",
            "request_uri": "/orders?key=1", "status": "200", "request_time": "0.250", "http_user_agent": "pod-1",
            "server_name": "erp", "upstream_response_time": "0.240"}


def snapshot(at: int) -> dict[str, Any]:
    return {"nginx_version": "1.9.4", "address": "pod-1", "pid": 7, "requests": {"total": 100 + at},
            "timestamp": round(START.timestamp() * 1000) + at * 1000}


def point(at: int) -> dict[str, Any]:
    return {"time": (START + timedelta(seconds=at)).isoformat(), "instance": "pod-1", "name": "nginx.requests.total",
            "kind": "cumulative", "value": 100.0 + at}


def joined(line: Any) -> Any:
    return lambda count: "".join(line(at) for at in range(count))


FORMS = (
    Form("vhost_combined", AccessLogFiles, "log", joined(combined), SEEN,
         expected=lambda at: request(at, 0, None)),
    Form("common", AccessLogFiles, "log", joined(common), SEEN,
         expected=lambda at: request(at, 0, None, "unknown_service")),
    Form("ingress-nginx", AccessLogFiles, "log", joined(ingress), SEEN,
         expected=lambda at: request(at, 750, 250.0)),
    Form("envoy", AccessLogFiles, "txt", joined(envoy), SEEN, expected=lambda at: request(at, 123, 34.0)),
    Form("nginx-json", AccessLogFiles, "json", each_line(nginx_json), SEEN,
         expected=lambda at: request(at, 750, 250.0)),
    Form("nginx-status", AccessLogFiles, "ndjson", each_line(snapshot),
         ("time", "instance", "name", "kind", "value"), "metrics", point),
)
