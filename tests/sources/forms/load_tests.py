from datetime import UTC, datetime, timedelta
from typing import Any

from erp_telemetry.sources.load_test_files import LoadTestFiles
from tests.sources.support import Form, each_line

START = datetime(2026, 1, 1, tzinfo=UTC)
SEEN = ("time", "service", "operation", "duration_ms", "is_failed", "status_code", "weight", "population")
K6_NAMES = ("metric_name,timestamp,metric_value,check,error,error_code,expected_response,group,method,name,proto,"
            "scenario,service,status,subproto,tls_version,url,extra_tags,metadata\n")
JTL_NAMES = ("timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,failureMessage,bytes,"
             "sentBytes,grpThreads,allThreads,URL,Latency,IdleTime,Connect\n")
LOCUST_NAMES = ("Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,"
                "100%,Total Request Count,Total Failure Count,Total Median Response Time,Total Average Response Time,"
                "Total Min Response Time,Total Max Response Time,Total Average Content Size\n")


def sample(at: int, milliseconds: float = 0, duration_ms: float | None = 250.0, operation: str = "GET /orders",
           status: str | None = "200", weight: float = 1, service: str = "erp") -> dict[str, Any]:
    return {"time": (START + timedelta(seconds=at, milliseconds=milliseconds)).isoformat(), "service": service,
            "operation": operation, "duration_ms": duration_ms, "is_failed": False, "status_code": status,
            "weight": weight, "population": "synthetic"}


def k6_point(at: int, **changes: Any) -> dict[str, Any]:
    tags = {"method": "GET", "name": "https://erp:8443/orders?key=1", "url": "https://erp:8443/orders?key=1",
            "status": "200", "expected_response": "true", "group": "", "scenario": "default", **changes}
    end = START + timedelta(seconds=at, milliseconds=373.456)
    return {"metric": "http_req_duration", "type": "Point",
            "data": {"time": end.isoformat().replace("+00:00", "789Z"), "value": 250.0, "tags": tags}}


def k6_csv(count: int) -> str:
    rows = (f"http_req_duration,{round(START.timestamp()) + at + 1},250.000000,,,,true,,GET,https://erp/orders?key=1,"
            "HTTP/2.0,default,,200,,tls1.3,https://erp/orders?key=1,,\n" for at in range(count))
    return K6_NAMES + "".join(rows)


def jtl(at: int, label: str = "GET /orders", code: str = "200", success: str = "true", elapsed: int = 250,
        message: str = "OK", url: str = "https://erp/orders?key=1") -> str:
    return (f"{round(START.timestamp()) * 1000 + at * 1000 + 123},{elapsed},{label},{code},{message},Thread Group 1-1,"
            f"text,{success},,1430,231,1,1,{url},240,0,1\n")


def jtl_csv(count: int) -> str:
    return JTL_NAMES + "".join(jtl(at) for at in range(count))


def http_sample(at: int, inner: str = "", label: str = "GET /orders") -> str:
    return (f'<httpSample t="250" it="0" lt="240" ct="1" ts="{round(START.timestamp()) * 1000 + at * 1000 + 123}" '
            f's="true" lb="{label}" rc="200" rm="OK" tn="Thread Group 1-1" dt="text" by="1430">{inner}'
            '<java.net.URL>https://erp/orders?key=1</java.net.URL></httpSample>\n')


def jtl_xml(count: int) -> str:
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<testResults version="1.2">\n'
            + "".join(http_sample(at) for at in range(count)) + "</testResults>\n")


def locust(at: int, asked: int, failed: int = 0, kind: str = "GET", name: str = "/orders") -> str:
    return (f"{round(START.timestamp()) + at},5,{kind},{name},1.000000,0.000000,40,41,42,43,44,45,46,47,48,49,50,"
            f"{asked},{failed},40,41.5,30,50,1430.0\n")


def locust_csv(count: int) -> str:
    return LOCUST_NAMES + "".join(locust(at, 10 * (at + 1)) for at in range(count))


FORMS = (
    Form("k6-json", LoadTestFiles, "json", each_line(k6_point), SEEN, expected=lambda at: sample(at, 123.456)),
    Form("k6-csv", LoadTestFiles, "csv", k6_csv, SEEN, expected=lambda at: sample(at, 750), first_line=2),
    Form("jtl-csv", LoadTestFiles, "jtl", jtl_csv, SEEN, expected=lambda at: sample(at, 123), first_line=2),
    Form("jtl-xml", LoadTestFiles, "xml", jtl_xml, SEEN, expected=lambda at: sample(at, 123), first_line=3,
         has_fast_path=False),
    Form("locust", LoadTestFiles, "csv", locust_csv, SEEN, first_line=2,
         expected=lambda at: sample(at, 0, None, "GET /orders", None, 10, "unknown_service")),
)
