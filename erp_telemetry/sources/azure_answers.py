"""Answers of a workspace: whether what was spooled is one whole table, told by its first and last bytes.

The rows between are read once only, by the engine. Whatever does not begin and end as expected is parsed
in full, so that nothing that says it is partial, broken or something else passes.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from erp_telemetry.errors import PartialAnswer, SourceError, SourceUnreachable
from erp_telemetry.sources import azure_failures

_EDGE = 65_536
_HEAD = re.compile(rb'"rows"\s*:\s*\[')
_ROWS = re.compile(_HEAD.pattern.decode())
_BETWEEN = re.compile(r"[\s,]*")
_TAIL = re.compile(rb"\]\s*\}\s*\]\s*\}\s*$")
_PRIMARY = "PrimaryResult"
_ERROR_FIRST = re.compile(rb'^\s*\{\s*"error"\s*:\s*(?=\{)')
_ERROR_LAST = re.compile(rb'\]\s*\}\s*\]\s*,\s*"error"\s*:\s*(?=\{)')
# a body takes ten times its size while it is parsed in full: one at a time, however many arrive
_PARSING = threading.Lock()


class Broken(Exception):
    """What came is no answer; ``is_page`` where it is a web page, ``is_empty`` where it is nothing."""

    def __init__(self, message: str, is_page: bool = False, is_empty: bool = False) -> None:
        super().__init__(message)
        self.is_page, self.is_empty = is_page, is_empty

    @property
    def is_reached(self) -> bool:
        """Whether it may have come from the service itself."""
        return not self.is_page

    def reason(self, endpoint: str, attempts: int) -> SourceError:
        """The error to raise in the end."""
        times = f"{self} ({attempts} times)" if attempts > 1 else str(self)
        if self.is_page:
            return SourceUnreachable(f"{endpoint}: {times}: {azure_failures.PAGE_ADVICE}")
        return PartialAnswer(f"{endpoint}: {times}: this is not the same as no rows, which the service says in words: "
                             "pull again; what came whole stays" if self.is_empty else
                             f"{endpoint}: {times}: pull again; what came whole stays")


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole table in a file: where, how many bytes, and the types of its columns as the service tells them."""

    path: Path
    size: int
    types: tuple[str, ...]

    def rows(self) -> list[list[Any]]:
        """The rows as JSON has them; for small answers."""
        found: list[list[Any]] = json.loads(self.path.read_bytes())["tables"][0]["rows"]
        return found


def check_size(headers: Mapping[str, str], size: int) -> None:
    """Raise where fewer bytes came than were announced, or none."""
    announced = headers.get("Content-Length")
    if size == 0:
        raise Broken("an empty answer", is_empty=True)
    if announced is not None and not headers.get("Content-Encoding") and int(announced) != size:
        raise Broken(f"an answer that broke off ({size:,} of {int(announced):,} bytes)")


def check(path: Path, columns: tuple[str, ...]) -> Answer:
    """See that a file is one whole table of these columns.

    Raises:
        TooMuch: the service says that it is a part.
        Broken: it is no answer, or not a whole one.
        SourceError: other columns.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(_EDGE)
        stream.seek(max(0, size - _EDGE))
        tail = stream.read()
    tables = _opening(head) if _TAIL.search(tail) else None
    if tables is None:
        if error := _told_error(head, tail):
            raise azure_failures.too_much(error, path)
        with _PARSING:
            tables = _parsed(path, head)
    found = tables[0].get("columns") or []
    names = tuple(str(column.get("name")) for column in found)
    if names != columns:
        raise SourceError(f"an answer with the columns {', '.join(names) or 'none'} where {', '.join(columns)} were "
                          "asked for: pull again; if it stays so, report it")
    return Answer(path, size, tuple(str(column.get("type")) for column in found))


def _opening(head: bytes) -> list[dict[str, Any]] | None:
    """The tables of an answer without their rows, where nothing but tables comes first; else ``None``."""
    found = _HEAD.search(head)
    if found is None:
        return None
    try:
        opened = json.loads(head[:found.end()] + b"]}]}")
    except ValueError:
        return None
    is_plain = (isinstance(opened, dict) and opened.keys() == {"tables"} and len(opened["tables"]) == 1
                and opened["tables"][0].keys() == {"name", "columns", "rows"}
                and opened["tables"][0]["name"] == _PRIMARY)
    return opened["tables"] if is_plain else None


def _told_error(head: bytes, tail: bytes) -> dict[str, Any] | None:
    """The error that stands before the tables or behind them, found without parsing the rows; else ``None``."""
    first = _ERROR_FIRST.search(head)
    last = [*_ERROR_LAST.finditer(tail)][-1:]
    for text, found in ((head, first), *((tail, one) for one in last)):
        if found is None:
            continue
        try:
            error, _ = json.JSONDecoder().raw_decode(text[found.end():].decode("utf-8", "replace"))
        except ValueError:
            continue
        if error:
            told: dict[str, Any] = error
            return told
    return None


def _parsed(path: Path, head: bytes) -> list[dict[str, Any]]:
    """The tables of an answer that is not written as usual; it is written anew where it is whole."""
    if head.lstrip()[:1] == b"<":
        raise Broken("a web page where an answer was expected", is_page=True)
    try:
        whole = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise Broken(f"an answer that is not whole ({error})") from error
    if not isinstance(whole, dict):
        raise Broken("an answer that is no object")
    if whole.get("error"):
        raise azure_failures.too_much(whole["error"], path)
    tables = whole.get("tables")
    if not isinstance(tables, list) or not tables:
        raise Broken("an answer without a table")
    primary = [table for table in tables if isinstance(table, dict) and table.get("name") == _PRIMARY]
    if len(primary) != 1 or not isinstance(primary[0].get("rows"), list):
        raise Broken(f"an answer with {len(primary)} primary results")
    _rewrite(path, primary)
    return primary


def spell_out(path: Path) -> int:
    """Write an answer anew as the engine can read it: half of a surrogate pair, which is no text, becomes a mark.

    What an answer in part has of rows stays, without what it says of being one. Returns how many rows there are.
    """
    with _PARSING:
        return _spelt_out(path)


def _spelt_out(path: Path) -> int:
    raw = path.read_bytes()
    try:
        opened = _opening(raw[:_EDGE])
        count = None if opened is None else _spelt_by_row(path, opened, raw.decode("utf-8"))
        if count is not None:
            return count
        whole = json.loads(raw)
        # an error may come alone
        tables = [table for table in whole.get("tables", ())
                  if table["name"] == _PRIMARY and isinstance(table["rows"], list)]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise PartialAnswer(f"an answer that nothing can be read of ({error}): pull again") from error
    _rewrite(path, tables)
    return sum(len(table["rows"]) for table in tables)


def _spelt_by_row(path: Path, tables: list[dict[str, Any]], text: str) -> int | None:
    """The same for an answer written as usual, which is never in memory but as text and one of its rows.

    ``None`` where another table follows.
    """
    spare, count, encode = path.with_suffix(".whole"), 0, json.JSONEncoder(ensure_ascii=False).encode
    decode, found = json.JSONDecoder().raw_decode, _ROWS.search(text)
    at = _skip(text, len(text) if found is None else found.end())
    with spare.open("w", encoding="utf-8", errors="replace") as out:
        out.write(encode({"tables": tables}).removesuffix("]}]}"))
        while text[at] != "]":
            row, at = decode(text, at)
            out.write((",\n" if count else "") + encode(row))
            count, at = count + 1, _skip(text, at)
        out.write("]}]}")
    closing = json.loads('{"tables": [{"rows": [' + text[at:])
    if len(closing["tables"]) > 1:
        spare.unlink()
        return None
    os.replace(spare, path)
    return count


def _skip(text: str, at: int) -> int:
    """Past blanks, and the comma between two rows."""
    found = _BETWEEN.match(text, at)
    return at if found is None else found.end()


def _rewrite(path: Path, tables: list[dict[str, Any]]) -> None:
    spare = path.with_suffix(".whole")
    text = json.dumps({"tables": tables}, ensure_ascii=False)
    spare.write_bytes(text.encode("utf-8", "replace"))
    os.replace(spare, path)
