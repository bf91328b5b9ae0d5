"""Log objects: what a JSON object that some logger wrote says, by the names that loggers use."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

from erp_telemetry.sources.files import Json, parse
from erp_telemetry.sources.log_texts import LEVELS, time_of

TIMES = ("ts", "time", "timestamp", "@timestamp", "Timestamp")
"""Names a time goes by, the first that is there counts; so it is for the others."""
MESSAGES = ("msg", "message", "Message")
LEVEL_NAMES = ("level", "severity", "@l", "LogLevel", "Level")
_EXCEPTIONS = ("exception", "Exception", "stack_trace", "stacktrace", "stack")
_SERVICES = ("service.name", "service", "ServiceName", "Application")
_TRACES = ("trace_id", "traceId", "TraceId", "traceID")
_SPANS = ("span_id", "spanId", "SpanId", "spanID")
# pino and bunyan write levels as numbers
_NUMBERED = {10: "verbose", 20: "debug", 30: "information", 40: "warning", 50: "error", 60: "critical"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# the least number that is taken for the finer unit: seconds reach the year 5138, milliseconds begin in 1973
_UNITS = ((1e17, 1e-3), (1e14, 1.0), (1e11, 1e3), (0.0, 1e6))


def object_of(text: str) -> Json | None:
    """The JSON object a text is; ``None`` where it is none, or holds numbers that JSON has no word for."""
    if not text.startswith("{") or not text.endswith("}"):
        return None
    try:
        found = parse(text)
        json.dumps(found, allow_nan=False)
    except ValueError:
        return None
    return found


def time_in(record: Json) -> str | None:
    """The time of an object in ISO form, without offset where it has none."""
    return _time(record)[1]


def row(record: Json) -> Json:
    """The object as a log row: time, level, message, exception, trace; the rest in ``attributes``."""
    rest = dict(record)
    name, time = _time(record)
    if name is not None:
        del rest[name]
    found: Json = {"time": time, "level": _level(rest)}
    found["message"] = _take(rest, MESSAGES)
    found["exception"] = _take(rest, _EXCEPTIONS)
    found["service"] = _take(rest, _SERVICES)
    for column, names, width in (("trace_id", _TRACES, 32), ("span_id", _SPANS, 16)):
        found[column] = _take(rest, names, width)
    state = rest.get("State")
    if isinstance(state, dict) and isinstance(state.get("{OriginalFormat}"), str):
        found["template"] = state["{OriginalFormat}"]
    found["attributes"] = rest
    return found


def _time(record: Json) -> tuple[str | None, str | None]:
    """The name and the value of the first time that can be read."""
    for name in TIMES:
        value = record.get(name)
        if isinstance(value, str) and (found := time_of(value)):
            return name, found
        if isinstance(value, int | float) and not isinstance(value, bool) and (found := _counted(value)):
            return name, found
    return None, None


def _counted(value: float) -> str | None:
    """Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size."""
    if not math.isfinite(value) or value <= 0:
        return None
    factor = next(factor for least, factor in _UNITS if value >= least)
    try:
        return (_EPOCH + timedelta(microseconds=round(value * factor))).isoformat()
    except OverflowError:
        return None


def _level(rest: Json) -> str | None:
    """The canonical level; a word that is not known stays where it was."""
    for name in LEVEL_NAMES:
        value = rest.get(name)
        found = LEVELS.get(value.strip().lower()) if isinstance(value, str) else None
        if isinstance(value, int) and not isinstance(value, bool):
            found = _NUMBERED.get(value)
        if found is not None:
            del rest[name]
            return found
    return None


def _take(rest: Json, names: tuple[str, ...], width: int | None = None) -> str | None:
    """The first text among these names, taken out; of hexadecimal ids only those of the right width."""
    for name in names:
        value: Any = rest.get(name)
        if not isinstance(value, str) or not value or (width and len(value) != width):
            continue
        del rest[name]
        return value.lower() if width else value
    return None
