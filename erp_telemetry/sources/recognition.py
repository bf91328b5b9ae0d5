"""Recognition: which source reads a file, told by what the file says of itself, never by its folder.

Each module of this family that reads files has a ``recognise(head)``, which says what it takes a file
for, or ``None``. They are asked in the order of ``READERS``, the most particular first.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from erp_telemetry.errors import nearest
from erp_telemetry.slices import Source
from erp_telemetry.sources import (
    access_log_files,
    azure_files,
    incident_files,
    kubernetes_files,
    load_test_files,
    otlp_files,
    serilog_files,
    table_files,
)
from erp_telemetry.sources.heads import Head


@dataclass(frozen=True, slots=True)
class Reader:
    """A source that reads files: how it recognises one, how it is made, which options it takes."""

    name: str
    recognise: Callable[[Head], str | None]
    make: Callable[..., Source]
    options: frozenset[str] = frozenset()


READERS = (
    Reader("serilog_files", serilog_files.recognise, serilog_files.SerilogFiles, frozenset({"service", "naive"})),
    Reader("access_log_files", access_log_files.recognise, access_log_files.AccessLogFiles,
           frozenset({"service", "duration"})),
    Reader("kubernetes_files", kubernetes_files.recognise, kubernetes_files.KubernetesFiles,
           frozenset({"service", "naive", "at"})),
    Reader("otlp_files", otlp_files.recognise, otlp_files.OtlpFiles),
    Reader("incident_files", incident_files.recognise, incident_files.IncidentFiles,
           frozenset({"naive", "label", "impact"})),
    Reader("azure_files", azure_files.recognise, azure_files.AzureFiles),
    Reader("load_test_files", load_test_files.recognise, load_test_files.LoadTestFiles,
           frozenset({"service", "population"})),
    Reader("table_files", table_files.recognise, table_files.TableFiles, frozenset({"naive"})),
)


@dataclass(frozen=True, slots=True)
class Taken:
    """A file, the source that reads it, and what it was taken for."""

    path: str
    source: str
    format: str


@dataclass(frozen=True, slots=True)
class Recognised:
    """What became of some paths: sources ready to pull, what each file was taken for, what nothing reads.

    ``unknown`` gives for each file that no source reads its path and why.
    """

    sources: tuple[Source, ...]
    taken: tuple[Taken, ...]
    unknown: tuple[tuple[str, str], ...]


def recognise(*paths: str | Path, source: str | None = None, **options: Any) -> Recognised:
    """Find the source that reads each file below some files, folders and globs.

    Hidden files are passed over inside folders. What no source reads is named in ``unknown``.

    Args:
        source: read all of it as this, such as ``serilog_files``, instead of looking.
        options: ``service``, ``naive``, ``at`` …: given to each source that takes them.

    Raises:
        TypeError: something that is no path, such as a list of them.
        ValueError: no such source, or an option that no source takes.
    """
    readers = {reader.name: reader for reader in READERS}
    if source is not None and source not in readers:
        raise ValueError(f"no source {source!r}. {nearest(source, readers)}")
    known = frozenset[str]().union(*(reader.options for reader in READERS))
    for name in options.keys() - known:
        raise ValueError(f"no source takes {name!r}. {nearest(name, known)}")
    taken: list[Taken] = []
    unknown: list[tuple[str, str]] = []
    for file in _files(os.fspath(path) for path in paths):
        found = Taken(file.as_posix(), source, "as told") if source and file.is_file() else _taken(file)
        if isinstance(found, Taken):
            taken.append(found)
        else:
            unknown.append((file.as_posix(), found))
    return Recognised(_sources(taken, readers, options), tuple(taken), tuple(unknown))


def _sources(
    taken: Iterable[Taken], readers: Mapping[str, Reader], options: Mapping[str, Any]
) -> tuple[Source, ...]:
    files: dict[str, list[str]] = {}
    for one in taken:
        files.setdefault(one.source, []).append(one.path)
    given = {name: value for name, value in options.items() if value is not None}
    return tuple(
        readers[name].make(*paths, **{key: given[key] for key in sorted(given.keys() & readers[name].options)})
        for name, paths in sorted(files.items())
    )


def _taken(file: Path) -> Taken | str:
    """What a file is taken for, or why no source reads it."""
    if not file.is_file():
        return "no such file, folder or match"
    head = Head(file)
    if file.stat().st_size == 0:
        return "the file is empty"
    for reader in READERS:
        found = reader.recognise(head)
        if found is not None:
            return Taken(file.as_posix(), reader.name, found)
    if not head.text:
        return "it is empty once unpacked, or cannot be unpacked"
    return "no source knows this format"


def _files(paths: Iterable[str]) -> list[Path]:
    found: dict[Path, None] = {}
    for text in paths:
        path = Path(text)
        if path.is_file():
            found[path] = None
            continue
        roots = [path] if path.is_dir() else [Path(match) for match in sorted(glob.glob(text, recursive=True))]
        # a path that matches nothing stays in the list, so that it is named
        for root in roots or [path]:
            found.update(dict.fromkeys(_inside(root) if root.is_dir() else [root]))
    return list(found)


def _inside(folder: Path) -> list[Path]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return sorted(
        file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts))
