"""Entries: one record of a tool's export, read field by field, and the canonical rows made of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from erp_telemetry.redactions import excerpt
from erp_telemetry.schema import TABLES, TIME
from erp_telemetry.sources.files import Json

Row = tuple[str, Json]
"""A canonical table and one row of it by column name; moments are text in UTC."""

SEVERITIES: Mapping[str, str] = {
    **dict.fromkeys(("critical", "sev0", "sev1", "s0", "s1", "p0", "p1"), "critical"),
    **dict.fromkeys(("high", "sev2", "s2", "p2"), "high"),
    **dict.fromkeys(("medium", "moderate", "sev3", "s3", "p3"), "medium"),
    **dict.fromkeys(("low", "planning", "sev4", "sev5", "s4", "s5", "p4", "p5"), "low"),
}
"""Words for severity that mean the same wherever they stand, without case, blanks, ``-`` and ``_``."""

_SAMPLE = 20
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)?", re.IGNORECASE)
_TIMES = tuple(column.name for column in TABLES["incidents"].columns if column.dtype == TIME)


class Tool(Protocol):
    """What each module of this family is."""

    @property
    def NAME(self) -> str:
        """What people call the export."""
        ...

    def records(self, document: Any) -> list[Any] | None:
        """The records of a document of this tool; ``None`` where it is none of its."""
        ...

    def rows(self, entry: Entry) -> Iterator[Row]:
        """The canonical rows of one record; ``ValueError`` says why it is set aside."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What the caller declared of the files: zone of naive times, label of incidents, impact where none is told."""

    naive: str | None = None
    label: str = "incident"
    impact: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as it is read; ``doubts`` collects what of it was set aside while the rest lands."""

    told: Json
    terms: Terms
    doubts: list[str] = field(default_factory=list)

    def text(self, *names: str) -> str | None:
        """The first of some fields that says anything, as one line."""
        return next((found for name in names if (found := line(self.told.get(name)))), None)

    def moment(self, *names: str, naive: str | None = None) -> datetime | None:
        """The first of some fields that holds a time, in UTC; ``naive`` is the zone of its tool."""
        for name in names:
            try:
                found = moment(self.told.get(name), self.terms.naive or naive)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
            if found is not None:
                return found
        return None

    def word(self, what: str, said: Any, known: Mapping[str, str | None]) -> str | None:
        """The canonical word for what the tool said; an unknown one is null and named among the doubts."""
        text = line(said)
        if text is None:
            return None
        key = re.sub(r"[\s_-]+", "", text).lower()
        if key not in known:
            self.doubts.append(f"{what} {excerpt(text, 40)!r} has no canonical word; the incident is kept without it")
        return known.get(key)


def line(value: Any) -> str | None:
    """A value as one line of text; ``None`` where it says nothing."""
    if value is None or isinstance(value, dict | list | bool):
        return None
    return " ".join(str(value).split()) or None


def moment(value: Any, naive: str | None) -> datetime | None:
    """A time as a tool writes it, in UTC; ``ValueError`` where it is none or its zone is not told."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    found = value if isinstance(value, datetime) else _parsed(value)
    if found.tzinfo is None:
        if naive is None:
            raise ValueError(f"time has no zone: {excerpt(value, 40)}; name the zone it was written in by naive=")
        found = found.replace(tzinfo=ZoneInfo(naive))
    try:
        return found.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"not a time: {found}") from error


def _parsed(value: Any) -> datetime:
    text = str(value).strip()
    if not isinstance(value, str) or not _STAMP.fullmatch(text):
        raise ValueError(f"not a time: {excerpt(text, 40)}")
    plain = re.sub(r"\s*(UTC|GMT|z)$", "Z", text, flags=re.IGNORECASE).replace(",", ".")
    return datetime.fromisoformat(re.sub(r"\s+(?=[+-]\d\d:?\d\d$)", "", plain))


def named(value: Any, *names: str) -> str | None:
    """The name of something that is text or an object with one of some fields."""
    if isinstance(value, dict):
        return next((found for name in names if (found := line(value.get(name)))), None)
    return line(value)


def items(value: Any) -> list[Json]:
    """The objects of a list; nothing where it is none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def wrapped(document: Any, *keys: str) -> list[Any]:
    """What a document wraps under some of its keys; a list's own elements; else the document itself."""
    if isinstance(document, list):
        pages = bool(document) and all(isinstance(one, list) for one in document)
        return [one for page in document for one in page] if pages else document
    if not isinstance(document, dict) or not any(isinstance(document.get(key), list | dict) for key in keys):
        return [document]
    found = [document[key] for key in keys if isinstance(document.get(key), list | dict)]
    return [one for part in found for one in (part if isinstance(part, list) else [part])]


def mostly(found: list[Any], is_one: Callable[[Json], bool]) -> list[Any] | None:
    """The records, where most of the first are of the kind asked for."""
    sample = found[:_SAMPLE]
    hits = sum(isinstance(one, dict) and is_one(one) for one in sample)
    return found if 2 * hits > len(sample) else None


def incident(**columns: Any) -> Row:
    """A row of incidents as a tool told it.

    A record that does not say when it was written was written no earlier than its latest moment.
    """
    if columns.get("impact_start") is None:
        raise ValueError("it does not say when it began")
    if columns.get("updated_at") is None:
        columns["updated_at"] = max(columns[name] for name in _TIMES if columns.get(name) is not None)
    return row("incidents", **columns)


def row(table: str, **columns: Any) -> Row:
    """A row of a canonical table; what is not told is left out."""
    return table, {name: value.isoformat() if isinstance(value, datetime) else value
                   for name, value in columns.items() if value is not None}
