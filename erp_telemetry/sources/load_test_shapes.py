"""Load-test results: which tool wrote a file, told by its header or keys, and what of it can be read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from erp_telemetry.sources.files import Json
from erp_telemetry.sources.heads import Head

_NO_TIMES = "it holds totals of the whole run and tells no times, so nothing can be placed on a time axis"
_K6_ADVICE = "run k6 with --out json=results.json"
_JMETER_ADVICE = "read the file JMeter writes by -l results.jtl"
_LOCUST_ADVICE = "read the file that ends in _stats_history.csv"


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of result file: what it is called, the statement that reads it or why it cannot be read.

    ``needed`` are the columns by which a CSV is known, ``used`` those that its statement picks.
    """

    title: str
    statement: str | None = None
    refusal: str | None = None
    needed: frozenset[str] = frozenset()
    used: tuple[str, ...] = ()
    is_xml: bool = False


K6_JSON = Shape("k6 points, JSON", "load_test_k6_json")
JTL_XML = Shape("JMeter samples, XML", "load_test_jmeter", is_xml=True, used=(
    "timeStamp", "elapsed", "label", "responseCode", "responseMessage", "threadName", "success", "bytes", "Latency",
    "URL", "SampleCount"))
_TABLES = (
    Shape("k6 points, CSV", "load_test_k6_csv", needed=frozenset({"metric_name", "timestamp", "metric_value"}), used=(
        "metric_name", "timestamp", "metric_value", "expected_response", "group", "method", "name", "scenario",
        "status", "url")),
    Shape("JMeter samples, CSV", "load_test_jmeter", needed=frozenset({"timeStamp", "elapsed", "label", "success"}),
          used=JTL_XML.used),
    Shape("Locust history", "load_test_locust", needed=frozenset({
        "Timestamp", "Type", "Name", "Total Request Count", "Total Failure Count"}), used=(
            "Timestamp", "Type", "Name", "Total Request Count", "Total Failure Count")),
    Shape("Locust statistics", refusal=f"{_NO_TIMES}; {_LOCUST_ADVICE}",
          needed=frozenset({"Type", "Name", "Request Count", "Failure Count"})),
    Shape("Locust failures", refusal=f"{_NO_TIMES}; {_LOCUST_ADVICE}",
          needed=frozenset({"Method", "Name", "Error", "Occurrences"})),
    Shape("Locust exceptions", refusal=f"{_NO_TIMES}; {_LOCUST_ADVICE}",
          needed=frozenset({"Count", "Message", "Traceback", "Nodes"})),
    Shape("JMeter aggregate report", refusal=f"{_NO_TIMES}; {_JMETER_ADVICE}",
          needed=frozenset({"Label", "# Samples"})),
)
_HEADLESS = Shape("JMeter samples, CSV without header", refusal=(
    "the first line is a sample, so nothing says which column is which; set "
    "jmeter.save.saveservice.print_field_names=true, or write the header line above it"))
_DOCUMENTS: Mapping[str, Shape] = MappingProxyType({
    "k6": Shape("k6 summary", refusal=f"{_NO_TIMES}; {_K6_ADVICE}"),
    "jmeter": Shape("JMeter statistics", refusal=f"{_NO_TIMES}; {_JMETER_ADVICE}"),
    "locust": Shape("Locust statistics, JSON", refusal=f"{_NO_TIMES}; {_LOCUST_ADVICE}"),
})
_HEADLESS_SAMPLE = re.compile(r"\d{13}[,;\t|]\d+[,;\t|]")
_ROOT = re.compile(r"\s*(<\?xml[^>]*\?>\s*)?(<!--.*?-->\s*)*<testResults\b", re.DOTALL)


def shape(head: Head) -> Shape | None:
    """Which tool wrote the file; ``None`` where none of them did."""
    if not head.lines:
        return None
    if head.text.lstrip().startswith(("{", "[")):
        if 2 * sum(map(is_point, head.records)) > len(head.lines):
            return K6_JSON
        # many records on many lines are no document, so the whole file need not be read to know
        return _document(head) if len(head.records) < 2 else None
    if head.text.lstrip().startswith("<"):
        return JTL_XML if _ROOT.match(head.text) else None
    if _HEADLESS_SAMPLE.match(head.lines[0]):
        return _HEADLESS
    found = _names(head.lines[0])
    return next((one for one in _TABLES if one.needed <= found), None)


def is_point(record: Json) -> bool:
    """Whether it is a line of k6's JSON output."""
    return record.get("type") in ("Metric", "Point") and "metric" in record and isinstance(record.get("data"), dict)


def _names(line: str) -> frozenset[str]:
    delimiter = max(",;\t|", key=line.count)
    try:
        return frozenset(name.strip() for name in next(csv.reader(io.StringIO(line), delimiter=delimiter), []))
    except csv.Error:
        return frozenset()


def _document(head: Head) -> Shape | None:
    whole: Any = head.document
    if isinstance(whole, list):
        whole = whole[0] if whole else None
        is_locust = isinstance(whole, dict) and {"num_requests", "num_failures", "response_times"} <= whole.keys()
        return _DOCUMENTS["locust"] if is_locust else None
    if not isinstance(whole, dict):
        return None
    metrics, total = whole.get("metrics"), whole.get("Total")
    if isinstance(metrics, dict) and {"iterations", "http_reqs", "iteration_duration"} & metrics.keys():
        return _DOCUMENTS["k6"]
    is_jmeter = isinstance(total, dict) and {"transaction", "sampleCount"} <= total.keys()
    return _DOCUMENTS["jmeter"] if is_jmeter else None
