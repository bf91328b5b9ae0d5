"""Recognition: which source reads a file, told by what the file says of itself."""

from __future__ import annotations

import zlib
from pathlib import Path

TABLES = ("requests", "dependencies", "logs", "metrics", "probes", "alerts", "incidents", "changes", "recoveries",
          "inventory")
_TEXT = (".json", ".jsonl", ".ndjson")
_TABULAR = (".csv", ".parquet")
_HEAD = 262_144
_OTLP = ("resourceSpans", "resourceMetrics", "resourceLogs")
_AZURE = ('"Type"', '"metricName"', '"resourceId"', '"itemCount"', '"ItemCount"', '"TimeGenerated"', '{"tables"')


def recognise(paths: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Group the files under some paths by the source that reads them; the rest is named.

    Returns:
        files by source (``otlp``, ``azure``, ``tables``), and the files that no source reads.
    """
    groups: dict[str, list[str]] = {}
    unknown: list[str] = []
    for file in _files(paths):
        source = _source(file)
        if source is None:
            unknown.append(file.as_posix())
        else:
            groups.setdefault(source, []).append(file.as_posix())
    return groups, unknown


def _files(paths: list[str]) -> list[Path]:
    found: dict[Path, None] = {}
    for text in paths:
        path = Path(text)
        if path.is_dir():
            inside = (file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
            found.update(dict.fromkeys(sorted(inside)))
        elif path.is_file():
            found[path] = None
        else:
            anchor = Path(path.anchor or ".")
            pattern = str(path.relative_to(path.anchor)) if path.anchor else text
            matched = sorted(file for file in anchor.glob(pattern) if file.is_file())
            # a path that matches nothing stays in the list, so that it is named
            found.update(dict.fromkeys(matched or [path]))
    return list(found)


def _source(file: Path) -> str | None:
    suffix = file.with_suffix("").suffix if file.suffix in (".gz", ".zst") else file.suffix
    if suffix in _TABULAR:
        return "tables"
    if suffix not in _TEXT or not file.is_file():
        return None
    head = _head(file)
    if any(f'"{name}"' in head for name in _OTLP):
        return "otlp"
    if any(mark in head for mark in _AZURE):
        return "azure"
    named = (file.name, file.parent.name)
    if any(name.startswith(TABLES) for name in named):
        return "tables"
    # Zstandard cannot be opened by the standard library: there the folder and the name must tell
    folders = {part.lower() for part in file.parts}
    return next((source for source in ("otlp", "azure", "tables") if file.suffix == ".zst" and source in folders), None)


def _head(file: Path) -> str:
    """How a file begins; one that breaks off still begins."""
    if file.suffix == ".zst":
        return ""
    with file.open("rb") as stream:
        raw = stream.read(_HEAD)
    try:
        head = zlib.decompressobj(31).decompress(raw, _HEAD) if file.suffix == ".gz" else raw
    except zlib.error:
        return ""
    return head.decode("utf-8", "replace")
