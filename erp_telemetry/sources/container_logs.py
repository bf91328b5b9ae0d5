"""Container logs: lines as kubectl and container runtimes wrap them, unwrapped and joined to whole events."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from erp_telemetry.sources.files import LONGEST_LINE, Json
from erp_telemetry.sources.log_objects import object_of
from erp_telemetry.sources.log_texts import continues, heads_trace, is_severe, time_of

SetAside = Callable[[int, str, str], None]
"""Called with line, reason and text of what is set aside."""

_STAMP = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d+))?(?:Z|[+-]\d\d:\d\d))"
_STAMPED = re.compile(rf"{_STAMP}(?: (.*))?$")
_CRI = re.compile(rf"{_STAMP} (stdout|stderr) ([PF])(?::\S*)?(?: (.*))?$")
# kubectl writes nanoseconds; what a program writes of itself seldom goes beyond microseconds
_NANOSECONDS = 7
_PREFIX = re.compile(r"\[pod/([^/\]]+)/([^\]]+)\](?: (.*))?$")
# a trace that begins without indentation belongs to the failure that was logged just before
_SOON = timedelta(seconds=1)
# how much is joined at most: a file whose lines all continue the first must not fill the memory
_LONGEST = LONGEST_LINE // 32
_MOST_OPEN = 1000


@dataclass(slots=True)
class Event:
    """One event: the line it began in, what its wrapping says, its text and the lines that continue it.

    ``record`` is the JSON object the text is, if any. ``digest`` is the MD5 of its lines as they stand
    in the file. ``wrapping`` names the layout the line came in, ``None`` where it came bare.
    """

    line: int
    raw: str
    text: str
    time: str | None = None
    stream: str | None = None
    pod: str | None = None
    container: str | None = None
    wrapping: str | None = None
    is_part: bool = False
    record: Json | None = None
    more: list[str] = field(default_factory=list)
    size: int = 0
    rest: list[str] = field(default_factory=list)

    @property
    def writer(self) -> tuple[str | None, str | None, str | None]:
        """Whose lines follow each other: one stream of one container of one pod."""
        return self.pod, self.container, self.stream

    @property
    def digest(self) -> str:
        """What tells this event from every other."""
        return hashlib.md5("\n".join([self.raw, *self.rest]).encode(), usedforsecurity=False).hexdigest()


def unwrapped(line: int, raw: str) -> Event:
    """One line without what kubectl or the runtime put around it."""
    text = raw
    found = Event(line, raw, text)
    prefix = _PREFIX.match(text) if text.startswith("[pod/") else None
    if prefix:
        found.pod, found.container, text = prefix[1], prefix[2], prefix[3] or ""
        found.wrapping = "kubectl logs --prefix"
    if text.startswith("{"):
        return _docker(found, text)
    cri = _CRI.match(text)
    stamped = _STAMPED.match(text)
    if cri:
        found.time, found.stream, found.text = cri[1], cri[3], cri[5] or ""
        found.is_part, found.wrapping = cri[4] == "P", "CRI"
    elif stamped:
        found.time, found.text = stamped[1], stamped[3] or ""
        is_kubectl = len(stamped[2] or "") >= _NANOSECONDS
        found.wrapping = "kubectl logs --timestamps" if is_kubectl else found.wrapping or "text"
    else:
        found.text = text
    return found


def _docker(found: Event, text: str) -> Event:
    record = object_of(text.rstrip())
    log, time = (record or {}).get("log"), (record or {}).get("time")
    if not isinstance(log, str) or not isinstance(time, str):
        found.text, found.record = text, record
        return found
    stream = (record or {}).get("stream")
    found.text, found.time, found.is_part = log.rstrip("\r\n"), time_of(time), not log.endswith("\n")
    found.stream, found.wrapping = stream if isinstance(stream, str) else None, "Docker json-file"
    return found


def events(numbered: Iterable[tuple[int, str]], set_aside: SetAside) -> Iterator[Event]:
    """Whole events: parts that a runtime split are joined, and so are the lines of a stack trace.

    Events come in the order in which they end; those of several pods in one file are kept apart.
    """
    waiting: dict[tuple[str | None, str | None, str | None], Event] = {}
    for event in _whole(numbered, set_aside):
        before = waiting.get(event.writer)
        if event.record is None and _belongs(event, before):
            if before is not None:
                _join(before, event, set_aside)
            elif event.time is None:
                set_aside(event.line, "continues an event that is not in the file", event.raw)
            else:
                waiting[event.writer] = event
            continue
        if before is not None:
            yield waiting.pop(event.writer)
        if event.record is not None:
            yield event
            continue
        if len(waiting) >= _MOST_OPEN:
            yield waiting.pop(next(iter(waiting)))
        waiting[event.writer] = event
    yield from waiting.values()


def _belongs(event: Event, before: Event | None) -> bool:
    """Whether a line continues the event before it."""
    if continues(event.text):
        return True
    if before is None or not heads_trace(event.text):
        return False
    # a line without time has nowhere else to go; one with time may be a failure of its own
    return event.time is None or (is_severe(before.text) and _is_soon(before.time, event.time))


def _is_soon(before: str | None, after: str) -> bool:
    if before is None:
        return False
    try:
        return datetime.fromisoformat(after) - datetime.fromisoformat(before) < _SOON
    except ValueError:
        return False


def _join(before: Event, event: Event, set_aside: SetAside) -> None:
    before.size += len(event.raw)
    if before.size > _LONGEST:
        set_aside(event.line, f"continues an event that is longer than {_LONGEST // 2**20} MiB already", event.raw)
        return
    before.more.append(event.text)
    before.rest.append(event.raw)


def _whole(numbered: Iterable[tuple[int, str]], set_aside: SetAside) -> Iterator[Event]:
    """Unwrapped lines with text in them; what the runtime split is one line again."""
    parts: dict[tuple[str | None, str | None, str | None], Event] = {}
    for number, raw in numbered:
        if len(raw) * 4 > LONGEST_LINE and len(raw.encode("utf-8", "replace")) > LONGEST_LINE - 4096:
            set_aside(number, f"longer than {LONGEST_LINE // 2**20} MiB", raw)
            continue
        event = unwrapped(number, raw)
        held = parts.pop(event.writer, None)
        if held is not None and event.wrapping == held.wrapping:
            event = _added(held, event)
        elif held is not None:
            yield _read(held)
        if len(event.text) * 4 > LONGEST_LINE:
            set_aside(event.line, "longer than 8 MiB once its parts are joined", event.raw)
        elif event.is_part:
            parts[event.writer] = event
        elif event.text.strip():
            yield _read(event)
    yield from map(_read, parts.values())


def _added(held: Event, part: Event) -> Event:
    held.text, held.is_part = held.text + part.text, part.is_part
    held.rest.append(part.raw)
    return held


def _read(event: Event) -> Event:
    """The event with the JSON object its text is, if any."""
    if event.record is None and event.text.startswith("{"):
        event.record = object_of(event.text.rstrip())
    return event
