"""Container layouts: what a log of lines is taken for, told by where its first lines carry their time."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence

from erp_telemetry.schema import TABLES
from erp_telemetry.sources import azure_shapes, log_objects
from erp_telemetry.sources.container_logs import Event, unwrapped
from erp_telemetry.sources.files import Json
from erp_telemetry.sources.log_texts import continues, has_zone, is_console, is_klog, is_timed, time_of
from erp_telemetry.sources.serilog_files import is_event

_LEVELS = ("verbose", "debug", "information", "warning", "error", "critical")
_LOG4J = re.compile(r"\[?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\b")


def layout(lines: Sequence[str]) -> str | None:
    """The layout that most lines are in, lines of stack traces apart; ``None`` where most carry no time."""
    if _is_table(lines):
        return None
    found: Counter[str] = Counter()
    considered = zoned = timed = 0
    for line in lines:
        event = unwrapped(0, line)
        if continues(event.text):
            continue
        considered += 1
        name, time = _layout(event)
        if name is not None:
            found[name] += 1
            timed += time is not None
            zoned += time is not None and has_zone(time)
    if 2 * sum(found.values()) <= considered or not found:
        return None
    times = "" if zoned else ", times without zone" if timed else ", no times"
    return f"container log, {found.most_common(1)[0][0]}{times}"


def _is_table(lines: Sequence[str]) -> bool:
    """Whether a line of names stands above lines of as many fields."""
    if len(lines) < 2 or lines[0].startswith("{") or unwrapped(0, lines[0]).time or time_of(lines[0]):
        return False
    parted = max(",;\t", key=lines[0].count)
    try:
        widths = {len(next(csv.reader([line], delimiter=parted))) for line in lines}
    except csv.Error:
        return False
    return len(widths) == 1 and 1 not in widths


def _layout(event: Event) -> tuple[str | None, str | None]:
    """The layout of one line and its time; a line that no logger writes so has neither."""
    if event.wrapping is not None:
        return event.wrapping, event.time or time_of(event.text)
    if event.record is not None:
        return ("JSON lines", log_objects.time_in(event.record)) if _is_log(event.record) else (None, None)
    time = time_of(event.text)
    if is_console(event.text):
        return ".NET console text", time
    if is_klog(event.text):
        return "klog text", None
    if not is_timed(event.text):
        return None, None
    return ("log4j text" if _LOG4J.match(event.text) else "text"), time


def _is_log(record: Json) -> bool:
    """Whether an object is a log event that no other source of files reads."""
    says = all(any(name in record for name in names)
               for names in (log_objects.TIMES, log_objects.MESSAGES, log_objects.LEVEL_NAMES))
    is_other = is_event(record) or azure_shapes.is_app(record) or "resourceId" in record or "itemType" in record
    return says and not is_other and not _is_canonical(record) and log_objects.time_in(record) is not None


def _is_canonical(record: Json) -> bool:
    """Whether an object is a row of a canonical table, by its columns and by the words of its level."""
    is_known = record.get("level", "error") in _LEVELS
    return is_known and any(
        set(table.required) - {"weight"} <= record.keys() <= set(table.names) for table in TABLES.values())
