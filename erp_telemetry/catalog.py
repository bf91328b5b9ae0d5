"""The query catalog: reads ``queries/`` and tells what each file answers.

A query is a file that runs where it is pasted. Comment lines at its head say what it answers, then
``reads:``, ``unit:``, ``by:``, ``better:``, ``range:`` and, where they say something, ``empty:``
(what an observed step without rows is), ``steps:`` (the narrowest), ``interval:``, ``support:`` (effective
observations below which a value is marked).
Parameters are read from the statement itself and bound exactly; there is no templating.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from erp_telemetry.errors import QueryError, nearest

_HEADER = re.compile(r"^(?:--|//)\s?(.*)$")
_FIELD = re.compile(r"^(reads|unit|by|better|range|empty|steps|interval|support):\s*(.*)$")
_PARAMETER = re.compile(r"\$([A-Za-z_]\w*)")
_LITERAL_OR_COMMENT = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with its parameters beside it, never pasted into it."""

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Query:
    """One query file: name such as ``measures/error_ratio``, header fields, text, parameters."""

    name: str
    path: Path
    title: str
    header: Mapping[str, str]
    text: str
    parameters: frozenset[str]

    @property
    def by(self) -> tuple[str, ...]:
        """Dimensions it can be asked by."""
        return tuple(self.header.get("by", "").replace(",", " ").split())

    def bind(self, **values: Any) -> Statement:
        """The statement with exactly the parameters it names; a missing one is a ``QueryError``."""
        missing = sorted(self.parameters - values.keys())
        if missing:
            raise QueryError(f"{self.name} needs {', '.join('$' + name for name in missing)}")
        return Statement(self.text, {name: values[name] for name in sorted(self.parameters)})


def root() -> Path:
    """Where ``queries/`` lies: inside an installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent
    for place in (here / "queries", here.parent / "queries"):
        if (place / "measures").is_dir():
            return place
    raise QueryError(f"no queries/ folder in {here} or beside it: the installation is incomplete")


@cache
def names(family: str) -> tuple[str, ...]:
    """Names of the SQL queries of a family (a folder below ``queries/``), sorted."""
    return tuple(sorted(path.stem for path in (root() / family).glob("*.sql")))


@cache
def query(name: str) -> Query:
    """Read one query, such as ``measures/error_ratio``."""
    family, _, stem = name.rpartition("/")
    if stem not in names(family):
        raise QueryError(f"no query {name!r}. {nearest(stem, names(family))}")
    return _read(name, root() / f"{name}.sql")


def parameters(text: str) -> frozenset[str]:
    """Names of the ``$parameters`` a statement reads; what looks like one in quotes or a comment is none.

    >>> sorted(parameters("select '$a' from logs where time >= $start -- $b"))
    ['start']
    """
    return frozenset(_PARAMETER.findall(_LITERAL_OR_COMMENT.sub("", text)))


def opened(path: Path, fields: re.Pattern[str] = _FIELD) -> tuple[str, dict[str, str], str]:
    """Title, header fields and text of a query file; ``fields`` tells a header line from the title's."""
    text = path.read_text(encoding="utf-8")
    title: list[str] = []
    header: dict[str, str] = {}
    for line in text.splitlines():
        found = _HEADER.match(line)
        if not found:
            break
        entry = fields.match(found[1])
        if entry:
            header[entry[1]] = entry[2].strip()
        elif not header:
            title.append(found[1].strip())
    if not title or not title[0].endswith("."):
        raise QueryError(f"{path}:1: a query begins with a comment: one sentence that says what it answers")
    return " ".join(title), header, text


def _read(name: str, path: Path) -> Query:
    title, header, text = opened(path)
    return Query(name, path, title, header, text, parameters(text))
