"""Log texts: what a line of plain text says of its time, level and exception, in the layouts that loggers write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_WORDS = {
    "verbose": "verbose trace finest finer trc trce vrb",
    "debug": "debug fine dbg dbug",
    "information": "information info inf informational notice",
    "warning": "warning warn wrn",
    "error": "error err severe fail",
    "critical": "critical fatal crit ftl crt panic emerg emergency alert",
}
LEVELS: Mapping[str, str] = {word: level for level, words in _WORDS.items() for word in words.split()}
"""Canonical level of each word that loggers use, in lower case."""

# a word in capitals, or in brackets, says the level; "fail" and "fine" do so only where .NET and Java put them
_SAID = "|".join(sorted(LEVELS.keys() - {"fail", "fine", "finer", "finest"}, key=len, reverse=True))
_LEVEL = re.compile(
    rf"\s*(?:[-|]\s+)?(?:\[[^\]]{{0,80}}\]\s*|\([^)]{{0,80}}\)\s*|[\w.$@/:-]{{1,80}}\s+[-|]\s+){{0,3}}?"
    rf"(?:[\[<(|]?({_SAID.upper()})[\]>)|]?(?=[\s:\]|,-]|$)|\[({_SAID})\]"
    rf"|\[\d\d:\d\d:\d\d(?:\.\d+)? ({_SAID.upper()})\])")
_LOGFMT = re.compile(r'(?:^|\s)(?:level|lvl|severity)="?([A-Za-z]+)')
_TIME = re.compile(
    r'(time="|[\[(])?(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?'
    r'(?:\s?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?(["\])]|(?=[ |]|:\s|$))')
_CLOSES = {None: "", 'time="': '"', "[": "]", "(": ")"}
_CONSOLE = re.compile(r"(trce|dbug|info|warn|fail|crit): (\S.*?)\[(-?\d+)\](?:\s+(.*))?$")
_KLOG = re.compile(r"([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ ([\w./-]+:\d+)\] ?(.*)$")
_KLOG_LEVELS = {"I": "information", "W": "warning", "E": "error", "F": "critical"}
_TYPE = r"(?:[A-Za-z_][\w$]*\.)*(?:[A-Za-z_][\w$`+]*)?(?:Exception|Error|Throwable|Failure)"
_HEADS_TRACE = re.compile(rf"(?:Exception in thread \".*?\" )?{_TYPE}(?::|\s*$)")
_NAMED_TYPE = re.compile(rf"(?:^|[\s(])(?:Unhandled exception\. )?({_TYPE})(?=[:\s(]|$)", re.MULTILINE)
_IN_TRACE = re.compile(rf'\s*(?:at |File "|Caused by|--->|{_TYPE}(?::|\s*$))')
_CONTINUES = ("at ", "Caused by", "--->", "--- End of", "... ", "Suppressed:", "Traceback (most recent call last)")
_UNHANDLED = "Unhandled exception"


@dataclass(slots=True)
class Said:
    """What an event of plain text says: ``time`` in ISO form, with its zone where it has one; ``level`` if any."""

    message: str
    time: str | None = None
    level: str | None = None
    exception: str | None = None
    exception_type: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)


def continues(text: str) -> bool:
    """Whether a line belongs to the event before it, as those of a stack trace do."""
    if text[:1] in (" ", "\t"):
        # some loggers put the level after two spaces
        return _LEVEL.match(text) is None
    return text.startswith(_CONTINUES)


def heads_trace(text: str) -> bool:
    """Whether a line is how a stack trace begins: the type of an exception, and perhaps what it says."""
    return _HEADS_TRACE.match(text) is not None


def is_severe(text: str) -> bool:
    """Whether an event says of itself that it is a warning or worse."""
    return read(text, []).level in ("warning", "error", "critical")


def is_console(text: str) -> bool:
    """Whether a line is how .NET's console logger begins an event: ``fail: Category[0]``."""
    return _CONSOLE.match(_split(text)[1]) is not None


def is_klog(text: str) -> bool:
    """Whether a line is in klog's layout, whose times have no year."""
    return _KLOG.match(text) is not None


def is_timed(text: str) -> bool:
    """Whether a text begins with a time and goes on after it."""
    time, rest = _split(text)
    return time is not None and bool(rest)


def time_of(text: str) -> str | None:
    """The time a text begins with, in ISO form; without offset where it has none."""
    return _split(text)[0]


def has_zone(time: str) -> bool:
    """Whether a time in ISO form has a zone."""
    return time.endswith("Z") or time[-6:-5] in ("+", "-")


def read(text: str, more: list[str]) -> Said:
    """Read an event: its first line, and the lines that continue it."""
    time, rest = _split(text)
    console, klog = _CONSOLE.match(rest), _KLOG.match(rest)
    if console:
        found = _console(console, more)
    elif klog:
        found = Said(klog[3], level=_KLOG_LEVELS[klog[1]], attributes={"source": klog[2]}, exception=_joined(more))
    else:
        found = _plain(rest, more)
    found.time = time
    if found.exception is not None:
        found.exception_type = exception_type(found.exception) or exception_type(found.message)
    if found.level is None and found.exception is not None and any(map(_IN_TRACE.match, more)):
        found.level = "error"
    return found


def exception_type(trace: str) -> str | None:
    """The first type of an exception that a text names."""
    named = _NAMED_TYPE.search(trace)
    return named[1] if named else None


def _split(text: str) -> tuple[str | None, str]:
    """The time at the beginning, in ISO form, and the text after it."""
    found = _TIME.match(text)
    if not found or _CLOSES[found[1]] != found[8]:
        return None, text
    year, month, day, clock, fraction, zone = found.groups()[1:7]
    if zone in ("UTC", "GMT"):
        zone = "Z"
    elif zone and zone != "Z":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        zone = f"{zone[0]}{digits[:2]}:{digits[2:]}"
    time = f"{year}-{month}-{day}T{clock}{'.' + fraction if fraction else ''}{zone or ''}"
    return time, text[found.end():].lstrip(" |:")


def _plain(rest: str, more: list[str]) -> Said:
    level, message = None, rest.strip().removeprefix("- ")
    said = _LEVEL.match(rest)
    if said:
        word = next(filter(None, said.groups()))
        level = LEVELS[word.lower()]
        if not said[0].replace(word, "", 1).strip(" []<>()|:0123456789."):
            message = rest[said.end():].lstrip(" \t:|-").rstrip()
    elif fmt := _LOGFMT.search(rest[:300]):
        level = LEVELS.get(fmt[1].lower())
    if rest.startswith(_UNHANDLED):
        return Said(message, level="critical", exception=_joined([rest, *more]))
    return Said(message, level=level, exception=_joined(more))


def _console(found: re.Match[str], more: list[str]) -> Said:
    """An event of .NET's console logger, whose message stands on the lines below, indented, before any exception."""
    word, category, event, inline = found.groups()
    message, trace = ([inline] if inline else []), list[str]()
    for line in (one.removeprefix("      ") for one in more):
        (trace if trace or _IN_TRACE.match(line) else message).append(line)
    about = {"category": category} | ({"event_id": int(event)} if event != "0" else {})
    return Said("\n".join(message), level=LEVELS[word], exception=_joined(trace), attributes=about)


def _joined(more: list[str]) -> str | None:
    return "\n".join(more) if more else None
