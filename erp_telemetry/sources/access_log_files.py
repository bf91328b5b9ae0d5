"""Access logs of web servers and proxies as requests, and nginx Plus status snapshots as metrics.

The client's address is personal data and answers no question here: it is read over and never kept. So are
user names, referrers and query strings; the user agent only tells programs from people at the door.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from erp_telemetry.catalog import query
from erp_telemetry.errors import SourceError
from erp_telemetry.redactions import excerpt
from erp_telemetry.slices import Batch, Reject, Slice
from erp_telemetry.sources.files import Json, Spool, file_slices, lines, parse, path_of
from erp_telemetry.sources.heads import Head
from erp_telemetry.sources.rotations import stem
from erp_telemetry.window import Window

DURATIONS = ("request_time", "%D", "%T")
"""What the last field of a line can be said to be: seconds of nginx, microseconds or whole seconds of Apache."""

_SNIFFED = 20
_LONGEST = 262_144
_KNOWN = "common, combined, vhost_combined, ingress-nginx, Envoy, JSON lines and nginx Plus status snapshots"
# both expressions are read by Python and by the engine (RE2), so they keep to what the two understand alike
_TEXT = (
    r'^(?:([A-Za-z0-9_.*-]+):[0-9]{1,5} )?[^ ]+ [^ ]+ [^"]*?'
    r"\[([0-9]{2}/[A-Za-z]{3}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4})\] "
    r'"((?:[^"\\]|\\.)*)" ([0-9]{3}|-) (?:[0-9]+|-)'
    # the user agent may end the line without its closing quote
    r'(?: "(?:[^"\\]|\\.)*" "((?:[^"\\]|\\.)*)(?:"(.*))?|((?: [^" ][^"]*)?))$'
)
_ENVOY = (
    r'^\[([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z)\] "((?:[^"\\]|\\.)*)" ([0-9]{1,3}) [^ ]+ '
    # Istio adds response code details, the reason of a termination and the transport failure
    r'(?:[^ ]+ [^ ]+ "[^"]*" )?(?:[0-9]+|-) (?:[0-9]+|-) ([0-9]+|-) (?:[0-9]+|-) '
    r'"[^"]*" "([^"]*)" "[^"]*" "([^"]*)"'
)
_TIMES = ("msec", "time_iso8601", "@timestamp", "timestamp", "time", "time_local", "start_time")
_REQUESTS = ("request", "request_uri", "uri", "path")
_STATUSES = ("status", "response_code", "status_code")
_NAIVE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?")
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")


@dataclass(frozen=True, slots=True)
class _Layout:
    """One way to write a line: what it is called, the statement that reads it, what refuses a line of it."""

    title: str
    statement: str
    check: Callable[[str], None]
    pattern: str | None = None


@dataclass(frozen=True, init=False)
class AccessLogFiles:
    """Access logs, folders or globs; folders are searched for what is recognised as one, whatever its name.

    ``service`` names the service of every line; otherwise the virtual host, ``server_name``, upstream or
    authority does, else ``unknown_service``. ``duration`` says what the last field of a text line is:
    ``"request_time"`` (nginx, seconds), ``"%D"`` (Apache, µs) or ``"%T"`` (Apache, whole seconds); without
    it a trailing number with three decimals is nginx's, and a line without one counts without a duration.
    Lines that are equal within a file are all kept; the name of the file tells replicas apart.
    """

    paths: tuple[str, ...]
    service: str | None
    duration: str | None

    def __init__(self, *paths: str | Path, service: str | None = None, duration: str | None = None) -> None:
        if duration is not None and duration not in DURATIONS:
            raise ValueError(f"duration is {duration!r}; it is one of {', '.join(DURATIONS)}, or left out")
        object.__setattr__(self, "paths", tuple(str(path) for path in paths))
        object.__setattr__(self, "service", service)
        object.__setattr__(self, "duration", duration)

    @property
    def name(self) -> str:
        """``access_log_files``."""
        return "access_log_files"

    def slices(self, table: str | None, window: Window | None, ledger: pl.DataFrame) -> list[Slice]:
        """One slice per file that the ledger does not hold."""
        return file_slices(self.name, self.paths, _is_wanted, ledger)

    def read(self, part: Slice, careful: bool = False) -> Batch:
        """Read one file; ``SourceError`` when its lines are of no known layout."""
        path = path_of(part)
        if path.stat().st_size == 0:
            return Batch({})
        rejects: list[Reject] = []
        layout = _layout([text for _, text in islice(lines(path, rejects), _SNIFFED)])
        if layout is None:
            raise SourceError(f"{path}: not an access log. Known are {_KNOWN}")
        if not careful:
            return self._batch(path, layout, path, None)
        spool = Spool(path)
        with ExitStack() as undo:
            undo.callback(spool.close)
            _fill(spool, layout)
            undo.pop_all()
        return self._batch(path, layout, spool.path, spool)

    def _batch(self, origin: Path, layout: _Layout, file: Path, spool: Spool | None) -> Batch:
        given = {"file": str(file), "is_spooled": spool is not None, "pattern": layout.pattern,
                 "service": self.service, "duration": self.duration, "instance": stem(origin)}
        statement = query(f"files/{layout.statement}").bind(**given)
        rejects = () if spool is None else tuple(spool.rejects)
        close = _nothing if spool is None else spool.close
        is_careful = spool is not None
        if layout.statement == "access_status":
            return Batch({"metrics": statement}, rejects=rejects, is_careful=is_careful, close=close)
        rows = {"requests": query("files/access_requests").bind(**given)}
        return Batch(rows, statement, rejects, is_careful=is_careful, close=close)


def recognise(head: Head) -> str | None:
    """Which layout most of its first lines have."""
    layout = _layout(head.lines)
    return None if layout is None else layout.title


def _is_wanted(path: Path) -> bool:
    """Whether a file of a folder is read: an access log, or a packed file that would have to be one to be judged."""
    if path.stat().st_size == 0:
        return False
    head = Head(path)
    return not head.text or recognise(head) is not None


def _layout(texts: Iterable[str]) -> _Layout | None:
    found = list(texts)
    for layout in _LAYOUTS:
        if 2 * sum(_fits(layout, text) for text in found) > len(found):
            return layout
    return None


def _fits(layout: _Layout, text: str) -> bool:
    try:
        layout.check(text)
    except ValueError:
        return False
    return True


def _nothing() -> None:
    """A file read as it lies leaves nothing behind."""


def _fill(spool: Spool, layout: _Layout) -> None:
    """Write the lines of the layout, each with its number; the others are set aside without addresses."""

    def keep(_: int | None, record: Json) -> Iterator[Json]:
        layout.check(record["text"])
        yield {"text": record["text"].replace("\0", "\ufffd")}

    spool.fill(_numbered(spool), keep)


def _numbered(spool: Spool) -> Iterator[tuple[int | None, str, Json]]:
    for number, text in lines(spool.origin, spool.rejects, is_whole=True):
        if not text.strip():
            continue
        shown = _ADDRESS.sub("{address}", text[:1000])
        if len(text) > _LONGEST:
            spool.reject(number, f"longer than {_LONGEST // 1024} Ki characters", shown)
        else:
            yield number, shown, {"text": text}


def _check_text(pattern: str, wanted: str) -> Callable[[str], None]:
    compiled = re.compile(pattern)

    def check(text: str) -> None:
        if compiled.match(text) is None:
            raise ValueError(f"not a line of {wanted}")

    return check


def _check_json(text: str) -> None:
    record = _record(text)
    missing = [" or ".join(names) for names in (_TIMES, _REQUESTS, _STATUSES) if not _first(record, names)]
    if missing:
        raise ValueError(f"an access log line has {'; '.join(missing)}")
    stamp = _first(record, _TIMES)
    if stamp and _NAIVE.fullmatch(stamp):
        raise ValueError(f"time has no zone: {excerpt(stamp, 40)}")


def _check_status(text: str) -> None:
    record = _record(text)
    if not isinstance(record.get("timestamp"), int) or not isinstance(record.get("requests"), dict):
        raise ValueError("a status snapshot has timestamp and requests")


def _record(text: str) -> Json:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"not a JSON object: {error}") from error


def _first(record: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    """The first of these names that the record has, as text."""
    found = next((record[name] for name in names if record.get(name) is not None), None)
    return None if found is None else str(found)


_LAYOUTS = (
    _Layout("access log, Apache or nginx text", "access_text", _check_text(_TEXT, "an access log"), _TEXT),
    _Layout("access log, Envoy text", "access_envoy", _check_text(_ENVOY, "an Envoy access log"), _ENVOY),
    _Layout("nginx Plus status snapshots", "access_status", _check_status),
    _Layout("access log, JSON lines", "access_json", _check_json),
)
