"""Requests of an ERP in every form the benchmarks read, the same to the bit wherever they are made.

``python benchmarks/generator.py --data DIR --traffic 20m`` writes canonical Parquet, one file per day. Nothing is
drawn at random: every number is a hash (of the pinned DuckDB) of the request's own number, so part of the traffic is
the same whether it is made alone or with the rest.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

START = datetime(2026, 6, 1, tzinfo=UTC)  # a Monday
SERVICES = ("gateway", "orders", "inventory", "billing", "identity", "reporting", "notifications")
THINGS = ("", "/{id}", "/{id}/lines", "/{id}/status", "/search", "/export", "/{id}/history", "/batch", "/{id}/approve")
OPERATIONS = tuple(
    ("POST" if thing in ("/batch", "/{id}/approve") else "GET", f"/api/{service}{thing}")
    for thing in THINGS for service in SERVICES)[:60]
BUSY = (1, 1, 1, 1, 1, 2, 4, 9, 16, 20, 21, 20, 17, 19, 21, 20, 17, 12, 8, 6, 4, 3, 2, 1)
"""How much of a day's traffic each hour has; a weekend day has a third of a working day."""


@dataclass(frozen=True)
class Traffic:
    """How many requests over how many days."""

    rows: int
    days: int

    @property
    def name(self) -> str:
        """Such as ``20m-14d``."""
        return f"{self.rows // 1_000_000}m-{self.days}d" if self.rows >= 1_000_000 else f"{self.rows}-{self.days}d"

    def hours(self) -> list[tuple[datetime, int, int]]:
        """Every hour that has requests: when it begins, the number of its first request, how many it has."""
        moments = [START + timedelta(hours=at) for at in range(24 * self.days)]
        shares = [BUSY[moment.hour] * (1 if moment.weekday() < 5 else 1 / 3) for moment in moments]
        found, upto, first = [], 0.0, 0
        for moment, share in zip(moments, shares, strict=True):
            upto += share
            until = round(self.rows * upto / sum(shares))
            if until > first:
                found.append((moment, first, until - first))
            first = until
        return found


TRAFFIC = {"small": Traffic(200_000, 2), "20m": Traffic(20_000_000, 14), "100m": Traffic(100_000_000, 30)}

_EVENTS = """
    with hours as (
        select unnest($moments) as hour, unnest($firsts) as first, unnest($counts) as count),
    numbered as (
        select hour, first, count, unnest(range(greatest(first, $start), least(first + count, $stop))) as i from hours),
    drawn as (
        select
            i,
            -- spread over the hour in order, each a little off its place
            hour + to_microseconds(cast(floor(3600000000.0 * (i - first + u(i, 1)) / count) as bigint)) as time,
            -- few operations are asked for often, many seldom
            cast(floor(60 * pow(u(i, 2), 1.7)) as integer) as o,
            case when u(i, 3) < 0.003 then 'failed' when u(i, 3) < 0.023 then 'refused' else 'good' end as outcome,
            exp(3.2 + 0.9 * pow(u(i, 2), 1.7) + 0.55 * sqrt(-2 * ln(u(i, 4) + 1e-18)) * cos(2 * pi() * u(i, 5)))
                * case when u(i, 6) < 0.01 then 10 else 1 end as duration,
            case when u(i, 7) < 0.6 then 1 when u(i, 7) < 0.9 then 2 else 5 end as weight
        from numbered)
    select
        i, time, $services[1 + o % 7] as service, $methods[1 + o] as method, $routes[1 + o] as route,
        method || ' ' || route as operation,
        service || '-' || (hash(i * 16 + 8) % 3) as instance,
        round(least(duration, 60000), 3) as duration_ms,
        outcome = 'failed' as is_failed,
        case outcome
            when 'failed' then case when hash(i * 16 + 9) % 4 = 0 then '503' else '500' end
            when 'refused' then case when hash(i * 16 + 9) % 3 = 0 then '400' else '404' end
            when 'good' then case when method = 'POST' then '201' else '200' end end as status_code,
        weight, md5(cast(i as varchar)) as trace_id, lpad(lower(to_hex(hash(i * 16 + 10))), 16, '0') as span_id,
        replace(route, '{id}', cast(1000 + hash(i * 16 + 11) % 9000 as varchar)) as path
    from drawn
"""
_TIME = "strftime(timezone('UTC', {}), '%Y-%m-%dT%H:%M:%S.%f')"

# every form but Parquet is lines; a line is one SQL expression over the events
_AZURE = f"""
    '{{"TimeGenerated":"' || {_TIME.format("time")} || '0Z","Type":"AppRequests","AppRoleName":"' || service
    || '","AppRoleInstance":"' || instance || '","OperationName":"' || operation
    || '","OperationId":"' || trace_id || '","Id":"' || span_id
    || '","Name":"' || operation || '","Url":"https://erp.example' || path
    || '","Success":' || case when status_code < '400' then 'true' else 'false' end || ',"ResultCode":"' || status_code
    || '","DurationMs":' || duration_ms || ',"ItemCount":' || weight
    || ',"SDKVersion":"dotnet8:2.22.0-997"}}'
"""
_CLEF = f"""
    '{{"@t":"' || {_TIME.format("time + to_microseconds(cast(round(duration_ms * 1000) as bigint))")}
    || '0Z","@mt":"HTTP {{RequestMethod}} {{RequestPath}} responded {{StatusCode}} in {{Elapsed:0.0000}} ms","@r":["'
    || printf('%.4f', duration_ms) || '"]' || case when is_failed then ',"@l":"Error"' else '' end
    || ',"@tr":"' || trace_id || '","@sp":"' || span_id || '","RequestMethod":"' || method || '","RequestPath":"'
    || path || '","RouteTemplate":"' || route || '","StatusCode":' || status_code || ',"Elapsed":' || duration_ms
    || ',"ItemCount":' || weight || ',"SourceContext":"Serilog.AspNetCore.RequestLoggingMiddleware","Application":"'
    || service || '","MachineName":"' || instance || '"}}'
"""
# 0x8000… and 0xcccc… of 2^56 are left out: each span stands for 2 and for 5
_SPAN = """
    '{"traceId":"' || trace_id || '","spanId":"' || span_id || '","name":"' || operation || '","kind":2'
    || case weight when 2 then ',"traceState":"ot=th:8"' when 5 then ',"traceState":"ot=th:cccccccccccccd"' else '' end
    || ',"startTimeUnixNano":"' || epoch_us(time) || '000","endTimeUnixNano":"'
    || (epoch_us(time) + cast(round(duration_ms * 1000) as bigint))
    || '000","attributes":[{"key":"http.request.method","value":{"stringValue":"' || method
    || '"}},{"key":"http.route","value":{"stringValue":"' || route || '"}},{"key":"url.path","value":{"stringValue":"'
    || path || '"}},{"key":"http.response.status_code","value":{"intValue":"' || status_code || '"}}],"status":'
    || case when is_failed then '{"code":2}' else '{}' end || '}'
"""
_OTLP = f"""
    select '{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"' || service
        || '"}}}},{{"key":"service.instance.id","value":{{"stringValue":"' || instance
        || '"}}}}]}},"scopeSpans":[{{"scope":{{"name":"Microsoft.AspNetCore"}},"spans":['
        || string_agg(span, ',' order by i) || ']}}]}}]}}' as line
    from (
        select i, service, instance, {_SPAN} as span,
            -- an instance sends seven spans at a time
            (row_number() over (partition by service, instance order by i) - 1) // 7 as line
        from events)
    group by service, instance, line order by min(i)
"""
_CRI = f"""
    {_TIME.format("time")} || '000Z stdout F ' || case when is_failed then 'ERROR' else 'INFO' end || ' ' || operation
    || ' of ' || path || ' responded ' || status_code || ' in ' || duration_ms || ' ms trace ' || trace_id
"""
_CANONICAL = ("time, service, operation, instance, duration_ms, is_failed, status_code, "
              "cast(weight as double) as weight, trace_id, span_id")

FORMS: dict[str, tuple[str, str]] = {
    "azure": ("apprequests.ndjson", f"select {_AZURE} as line from events"),
    "otlp": ("spans.jsonl", _OTLP),
    "clef": ("completions.clef", f"select {_CLEF} as line from events"),
    "cri": ("0.log", f"select {_CRI} as line from events"),
    "parquet": ("requests.parquet", f"select {_CANONICAL} from events"),
}


def write_days(traffic: Traffic, data: Path) -> Path:
    """The folder of canonical Parquet files, one per day; each is made once, then found."""
    folder, hours = data / traffic.name / "requests", traffic.hours()
    for day in sorted({moment.date() for moment, _, _ in hours}):
        own = [(first, first + count) for moment, first, count in hours if moment.date() == day]
        _make_once(folder / f"requests-{day:%Y%m%d}.parquet", "parquet", traffic, own[0][0], own[-1][1])
    return folder


def write_form(form: str, traffic: Traffic, rows: int, data: Path) -> Path:
    """One file with the first rows of the traffic in one of ``FORMS``; made once, then found."""
    folder = data / traffic.name / f"{form}-{rows}"
    if form == "cri":  # the kubelet tells the pod by its folders
        folder = folder / "pods" / "erp_orders-0_1b4e28ba-2fa1-11d2-883f-0016d3cca427" / "orders"
    return _make_once(folder / FORMS[form][0], form, traffic, 0, rows)


def _make_once(path: Path, form: str, traffic: Traffic, start: int, stop: int) -> Path:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # a name of this process's own, so that a file that is there is whole
        part = path.with_name(f"{path.name}.part-{os.getpid()}")
        # lines go out as they are: no character of theirs separates, quotes or escapes
        how = "format parquet, compression zstd" if form == "parquet" else (
            "format csv, header false, delimiter '\x01', quote '', escape ''")
        with _events(traffic, start, stop) as connection:
            connection.execute(f"copy ({FORMS[form][1]}) to '{part}' ({how})")
        part.rename(path)
    return path


@contextmanager
def _events(traffic: Traffic, start: int, stop: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose table ``events`` holds the requests ``start`` to ``stop`` in order of time."""
    hours = [hour for hour in traffic.hours() if hour[1] < stop and hour[1] + hour[2] > start]
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("create macro u(i, k) as (hash(i * 16 + k) >> 11) / 9007199254740992.0")
        connection.execute(f"create temp table events as {_EVENTS}", {
            "moments": [moment for moment, _, _ in hours], "firsts": [first for _, first, _ in hours],
            "counts": [count for _, _, count in hours], "start": start, "stop": stop, "services": list(SERVICES),
            "methods": [method for method, _ in OPERATIONS], "routes": [route for _, route in OPERATIONS]})
        yield connection


def main() -> None:
    """Write one traffic as Parquet, and print where."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder that keeps it")
    parser.add_argument("--traffic", choices=sorted(TRAFFIC), default="20m")
    chosen = parser.parse_args()
    print(write_days(TRAFFIC[chosen.traffic], chosen.data))


if __name__ == "__main__":
    main()
