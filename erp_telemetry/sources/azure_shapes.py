"""The shapes Azure Monitor records travel in, brought to the one of the App* tables.

Known: diagnostic settings, data export, Log Analytics answers, Application Insights answers,
classic Application Insights columns, metrics answers, continuous export of requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from erp_telemetry.sources.files import Json

APP = {
    "AppRequests", "AppDependencies", "AppTraces", "AppExceptions", "AppEvents", "AppMetrics",
    "AppPerformanceCounters", "AppAvailabilityResults", "AppServiceHTTPLogs",
}
_TYPES = {
    "request": "AppRequests", "requests": "AppRequests", "dependency": "AppDependencies",
    "dependencies": "AppDependencies", "trace": "AppTraces", "traces": "AppTraces", "exception": "AppExceptions",
    "exceptions": "AppExceptions", "customEvent": "AppEvents", "customEvents": "AppEvents",
    "customMetric": "AppMetrics", "customMetrics": "AppMetrics", "performanceCounter": "AppPerformanceCounters",
    "performanceCounters": "AppPerformanceCounters", "availabilityResult": "AppAvailabilityResults",
    "availabilityResults": "AppAvailabilityResults",
}
_CLASSIC = {
    "timestamp": "TimeGenerated", "duration": "DurationMs", "success": "Success", "name": "Name", "url": "Url",
    "id": "Id", "resultCode": "ResultCode", "itemCount": "ItemCount", "customDimensions": "Properties",
    "operation_Name": "OperationName", "operation_Id": "OperationId", "operation_ParentId": "ParentId",
    "operation_SyntheticSource": "SyntheticSource", "cloud_RoleName": "AppRoleName",
    "cloud_RoleInstance": "AppRoleInstance", "target": "Target", "data": "Data", "message": "Message",
    "severityLevel": "SeverityLevel", "innermostMessage": "InnermostMessage", "outerMessage": "OuterMessage",
    "details": "Details", "valueSum": "Sum", "valueMin": "Min", "valueMax": "Max", "valueCount": "ItemCount",
    "value": "Value", "category": "Category", "counter": "Counter", "instance": "Instance", "location": "Location",
    "_ResourceId": "_ResourceId",
}
_NESTED = ("operation", "cloud", *_TYPES)
_METRICS = {
    "MetricName": "metricName", "Total": "total", "Count": "count", "Minimum": "minimum", "Maximum": "maximum",
    "Average": "average", "ResourceId": "resourceId", "UnitName": "unit", "TimeGenerated": "TimeGenerated",
    "_ResourceId": "_ResourceId",
}
_AGGREGATES = ("average", "total", "minimum", "maximum", "count")


def is_app(record: Json) -> bool:
    """Whether the record is already as the SQL reads it."""
    kind = record.get("Type")
    if kind is None:
        return isinstance(record.get("metricName"), str) and "time" in record
    return kind in APP and ("TimeGenerated" in record or ("time" in record and "properties" not in record))


def kind(record: Json) -> str | None:
    """The table a record is of, a wrapper of records, or ``None``: what recognition says of it."""
    wrapped = next((name for name in ("records", "tables", "value") if isinstance(record.get(name), list)), None)
    if wrapped is not None and record[wrapped]:
        try:
            return kind(next(records(record)))
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
            return None
    try:
        return str(normal(record).get("Type", "platform metrics"))
    except ValueError:
        return None


def normal(record: Json) -> Json:
    """One record as the SQL reads it; ``ValueError`` names a type that is not known."""
    if is_app(record):
        return record
    kind = record.get("Type") or record.get("category")
    if kind == "AzureMetrics":
        return {_METRICS[key]: value for key, value in record.items() if key in _METRICS}
    if kind == "AppServiceHTTPLogs":
        return _http_log(record)
    if kind in APP:
        return {**record, **_inner(record, "properties"), "Type": kind}
    if isinstance(record.get("context"), dict) and isinstance(record.get("request"), list):
        return _exported(record)
    return _classic(record)


def _inner(record: Json, key: str) -> Json:
    found = record.get(key)
    return found if isinstance(found, dict) else {}


def _http_log(record: Json) -> Json:
    inner = _inner(record, "properties")
    if not inner and "ScStatus" not in record:
        raise ValueError("an AppServiceHTTPLogs record whose properties are not an object")
    outer: Json = {key: record[key] for key in ("TimeGenerated", "time", "resourceId", "_ResourceId") if key in record}
    return {"Type": "AppServiceHTTPLogs", **(inner or record), **outer}


def _classic(record: Json) -> Json:
    kind = record.get("itemType", record.get("type"))
    table = _TYPES.get(kind) if isinstance(kind, str) else None
    table = table or _guess(record)
    if table is None or not ("timestamp" in record or "TimeGenerated" in record):
        raise ValueError(f"unknown record type {record.get('Type') or record.get('category') or kind or 'none'}")
    if "TimeGenerated" in record:
        return {**record, "Type": table}
    out: Json = {"Type": table}
    for key, value in _flat(record).items():
        if key in _CLASSIC and value is not None:
            out[_CLASSIC[key]] = value
    # the name of the resource, or its id: either tells the service where no role does
    out.setdefault("_ResourceId", record.get("appName"))
    kind_of = record.get("type") if table != record.get("type") else None
    nested = _inner(record, "dependency") or _inner(record, "exception")
    kind_of = nested.get("type", kind_of)
    if table == "AppDependencies":
        out["DependencyType"] = kind_of
    if table == "AppExceptions":
        out["ExceptionType"] = kind_of
    return out


def _flat(record: Json) -> Json:
    """A record of an Application Insights answer with its nested objects under classic names."""
    out = {key: value for key, value in record.items() if key not in _NESTED or not isinstance(value, dict)}
    if "count" in record:
        out["itemCount"] = record["count"]
        out.pop("id", None)
    operation, cloud = _inner(record, "operation"), _inner(record, "cloud")
    names = {"name": "Name", "id": "Id", "parentId": "ParentId", "syntheticSource": "SyntheticSource"}
    out.update({f"operation_{names[key]}": value for key, value in operation.items() if key in names})
    out.update({f"cloud_{key[0].upper()}{key[1:]}": value for key, value in cloud.items()})
    for kind in _TYPES:
        out.update(_inner(record, kind))
    return out


def _guess(record: Json) -> str | None:
    """The table of a record without a type, where its columns leave no doubt."""
    columns = record.keys()
    if {"DurationMs", "DependencyType"} <= columns:
        return "AppDependencies"
    if {"DurationMs", "Url", "ResultCode"} <= columns and "Type" not in columns:
        return "AppRequests"
    if {"timestamp", "duration", "url", "resultCode"} <= columns:
        return "AppRequests"
    if {"timestamp", "duration", "target"} <= columns:
        return "AppDependencies"
    return None


def _exported(record: Json) -> Json:
    """A request of continuous export; its duration counts ticks of 100 ns."""
    context: Json = record["context"]
    request: Json = next(iter(record["request"]), {})
    data, operation, device = (_inner(context, key) for key in ("data", "operation", "cloud"))
    ticks = _inner(request, "durationMetric").get("value")
    if not isinstance(ticks, int | float) or "eventTime" not in data:
        raise ValueError("unknown record type: a continuous export without durationMetric or eventTime")
    return {
        "Type": "AppRequests", "TimeGenerated": data["eventTime"], "DurationMs": ticks / 10_000,
        "Id": request.get("id"), "Name": request.get("name"), "Url": request.get("url"),
        "Success": request.get("success"), "ResultCode": request.get("responseCode"),
        "ItemCount": request.get("count"), "OperationId": operation.get("id"), "OperationName": operation.get("name"),
        "ParentId": operation.get("parentId"), "AppRoleName": device.get("roleName"),
        "AppRoleInstance": device.get("roleInstance"), "SyntheticSource": data.get("syntheticSource"),
    }


def records(whole: Any) -> Iterator[Json]:
    """The records of a whole document; ``ValueError`` says what it is when it holds none."""
    if isinstance(whole, list):
        if whole and isinstance(whole[0], dict) and "FrameType" in whole[0]:
            raise ValueError("Kusto v2 frames")
        yield from _objects(whole)
    elif not isinstance(whole, dict):
        raise ValueError("not JSON")
    elif isinstance(whole.get("records"), list):
        yield from _objects(whole["records"])
    elif isinstance(whole.get("tables"), list):
        for table in _objects(whole["tables"]):
            yield from _table(table)
    elif isinstance(whole.get("value"), list):
        for entry in _objects(whole["value"]):
            yield from _entry(entry)
    else:
        yield whole


def _objects(found: list[Any]) -> Iterator[Json]:
    for one in found:
        if not isinstance(one, dict):
            raise ValueError(f"a list of JSON {type(one).__name__} where objects were expected")
        yield one


def _table(table: Json) -> Iterator[Json]:
    columns = [one.get("name", one.get("ColumnName")) for one in table.get("columns", ())]
    name = table.get("name")
    for row in table.get("rows", ()):
        record = dict(zip(columns, row, strict=True))
        if "Type" not in record and "itemType" not in record and name in {*APP, *_TYPES}:
            record["Type" if name in APP else "itemType"] = name
        yield record


def _entry(entry: Json) -> Iterator[Json]:
    if "timeseries" in entry:
        yield from _series(entry)
    elif isinstance(entry.get("properties"), dict) and "schema" in entry["properties"]:
        raise ValueError("a listing of table schemas")
    else:
        yield entry


def _series(metric: Json) -> Iterator[Json]:
    """The data points of one metric of a metrics answer; empty points are holes, not zeros."""
    resource = str(metric.get("id", "")).split("/providers/Microsoft.Insights/metrics/")[0]
    for series in metric["timeseries"]:
        dimensions = {one["name"]["value"]: one["value"] for one in series.get("metadatavalues", ())}
        for point in series.get("data", ()):
            if any(point.get(key) is not None for key in _AGGREGATES):
                yield {
                    "metricName": metric["name"]["value"], "time": point["timeStamp"], "resourceId": resource,
                    "unit": metric.get("unit"), "dimensions": dimensions,
                    **{key: point.get(key) for key in _AGGREGATES},
                }
