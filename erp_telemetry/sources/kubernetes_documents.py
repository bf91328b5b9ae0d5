"""Kubernetes documents: the objects of a file as ``kubectl get … -o json`` writes it.

A file may hold one object, a List of one or many kinds, or the documents of ``--watch`` one after
another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from erp_telemetry.redactions import excerpt
from erp_telemetry.slices import Reject
from erp_telemetry.sources.files import Json, lines
from erp_telemetry.sources.heads import Head
from erp_telemetry.sources.kubernetes_objects import title

_DECODER = json.JSONDecoder()
# how kubectl opens an object or a list of them
_OPENING = re.compile(r'\s*\{\s*"apiVersion":\s*"[^"]+"')


def documents(path: Path, rejects: list[Reject]) -> Iterator[tuple[int | None, str, Json]]:
    """Each object with its line (``None`` inside a List) and its name; what cannot be read becomes a reject.

    ``kind`` of a List's items is filled in where the server left it out.
    """
    for number, text in _pieces(path, rejects):
        at = 0
        while at < len(text):
            try:
                found, end = _DECODER.raw_decode(text, at)
            except (ValueError, RecursionError) as error:
                line = number + text.count("\n", 0, at)
                rejects.append(Reject(str(path), line, f"not a JSON document: {error}", excerpt(text[at:].strip())))
                break
            line = number + text.count("\n", 0, at)
            for is_alone, one in _flat(found):
                yield line if is_alone else None, title(one), one
            at = end + len(text[end:]) - len(text[end:].lstrip())


def _pieces(path: Path, rejects: list[Reject]) -> Iterator[tuple[int, str]]:
    """Text from one line that opens a document in its first column up to the next, with the number of that line."""
    begin, held = 0, list[str]()
    for number, text in lines(path, rejects, is_whole=True):
        if text.startswith(("{", "[")) and held:
            yield begin, "\n".join(held)
            held = []
        if held or text.strip():
            begin = begin if held else number
            held.append(text)
    if held:
        yield begin, "\n".join(held)


def _flat(found: Any) -> Iterator[tuple[bool, Json]]:
    """The objects of a document, and whether each is the whole of it."""
    if isinstance(found, list):
        for one in found:
            yield from ((False, inner) for _, inner in _flat(one))
    elif not isinstance(found, dict):
        yield True, {"kind": None, "metadata": {"name": str(found)}}
    elif isinstance(found.get("object"), dict) and isinstance(found.get("type"), str):
        yield True, {**found["object"], "__deleted": found["type"] == "DELETED"}
    elif isinstance(found.get("items"), list):
        kind = str(found.get("kind") or "").removesuffix("List")
        for item in found["items"]:
            yield False, {"kind": kind or None, **item} if isinstance(item, dict) else {"kind": None}
    else:
        yield True, found


def kinds(head: Head) -> list[str] | None:
    """The kinds of objects that a file begins with; ``None`` where it begins with none."""
    if not head.text.lstrip().startswith(("{", "[")):
        return None
    found: list[Any] = [record for record in head.records if _is_object(record)]
    if 2 * len(found) <= len(head.lines):
        # written over many lines, as kubectl does; the name is asked for first, so that no other big file is read
        if '"apiVersion"' not in head.text:
            return None
        try:
            found = [_begins_with(head.path)]
        except (ValueError, RecursionError):
            return ["a document that breaks off"] if _OPENING.match(head.text) else None
        if not _is_object(found[0]):
            return None
    return sorted({str(one.get("kind")) for document in found for _, one in _flat(document)})


def _begins_with(path: Path) -> Any:
    """The first document of a file; ``ValueError`` where it is none."""
    _, text = next(_pieces(path, []), (0, ""))
    return _DECODER.raw_decode(text.lstrip())[0]


def _is_object(found: Any) -> bool:
    if isinstance(found, list):
        return bool(found) and all(map(_is_object, found[:20]))
    if isinstance(found, dict) and isinstance(found.get("object"), dict):
        found = found["object"]
    return isinstance(found, dict) and all(isinstance(found.get(name), str) for name in ("apiVersion", "kind"))
