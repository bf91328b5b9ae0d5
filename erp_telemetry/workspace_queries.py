"""Workspace queries: the ``.kql`` files of ``queries/``, asked of Log Analytics.

A file runs unchanged where it is pasted. Its header says in one sentence what it answers, then
``reads:`` the Azure table and ``answers:`` the canonical table. Its text is a prelude and the last statement
``answer``. Six lines of the prelude, ``let start = …;`` and its fellows, are replaced by literals that are
written here from aware datetimes and whole numbers; text from outside never enters a query. A file whose
header says ``ends:`` lends its last statement to the others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from erp_telemetry.catalog import opened, root
from erp_telemetry.errors import QueryError, nearest
from erp_telemetry.schema import TABLES

DOOR = ("line", "synthetic", "user_agent", "url_path", "is_untimed")
"""Columns that a query may add to those of its canonical table: the door reads them and does not keep them."""

_FIELD = re.compile(r"^(reads|answers|ends):\s*(.*)$")
_BOUNDS = ("start", "stop", "ingested_after", "ingested_before", "parts", "part")
_LET = re.compile(rf"^let ({'|'.join(_BOUNDS)}) = [^;\n]+;$", re.MULTILINE)
# verbatim text, text with escapes, and comments
_TEXT_OR_COMMENT = re.compile(
    r"""@"(?:[^"]|"")*"|@'(?:[^']|'')*'|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|//[^\n]*""")
_ITEM = re.compile(r"^(?:\['(\w+)'\]|(\w+))\s*=[^=~]", re.DOTALL)
_WORDS = re.compile(r"\w+")
_STEM = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True)
class WorkspaceQuery:
    """One ``.kql`` file: name such as ``azure/app_requests``, or ``own/own.orders``, its header and its prelude.

    ``columns`` are what ``answer`` gives, by name and order.
    """

    name: str
    path: Path
    title: str
    reads: str
    answers: str
    prelude: str
    columns: tuple[str, ...]

    def text(
        self, start: datetime, stop: datetime, ingested_after: datetime, ingested_before: datetime,
        parts: int = 1, part: int = 0, *, ending: str | None = None,
    ) -> str:
        """The query of rows that happened in ``[start, stop)`` and arrived in ``[ingested_after, ingested_before)``.

        Of ``parts`` parts by hash it asks for number ``part``. ``ending`` names the file whose last statement
        is asked instead of ``answer``: ``azure/slices`` or ``azure/count``.

        Raises:
            ValueError: a naive datetime, a span that ends before it begins, or a part that is not there.
            QueryError: ``ending`` names no file that lends its last statement.
        """
        if not (start < stop and ingested_after < ingested_before):
            raise ValueError(f"{self.name} asked for {start}/{stop}, arrived {ingested_after}/{ingested_before}: "
                             "each span has to end after it begins")
        if not 0 <= part < parts:
            raise ValueError(f"{self.name} asked for part {part} of {parts}: parts are counted from 0")
        values = (literal(start), literal(stop), literal(ingested_after), literal(ingested_before),
                  str(int(parts)), str(int(part)))
        given = dict(zip(_BOUNDS, values, strict=True))
        prelude = _LET.sub(lambda found: f"let {found[1]} = {given[found[1]]};", self.prelude)
        return f"{prelude}\n{'answer' if ending is None else _ending(ending)}\n"


def literal(moment: datetime) -> str:
    """An aware datetime as KQL writes it, in UTC, to the microsecond.

    Raises ``ValueError`` where it is naive.

    >>> literal(datetime(2026, 3, 1, 12, tzinfo=UTC))
    'datetime(2026-03-01T12:00:00.000000Z)'
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone: pass an aware datetime, such as one with tzinfo=UTC")
    # a year before 1000 is written with its zeros, which strftime leaves out
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return f"datetime({text}Z)"


@cache
def workspace_queries(family: str) -> tuple[str, ...]:
    """Names of the ``.kql`` files of a family (a folder below ``queries/``) that answer a canonical table, sorted."""
    stems = sorted(path.stem for path in (root() / family).glob("*.kql"))
    return tuple(stem for stem in stems if "ends" not in _opened(f"{family}/{stem}")[1])


@cache
def workspace_query(name: str) -> WorkspaceQuery:
    """Read one ``.kql`` file, such as ``azure/app_requests``.

    Raises ``QueryError`` where there is none of the name, or where it is not as the others are.
    """
    family, _, stem = name.rpartition("/")
    if stem not in workspace_queries(family):
        raise QueryError(f"no workspace query {name!r}. {nearest(stem, workspace_queries(family))}")
    return _read(name, root() / f"{name}.kql")


@cache
def _ending(name: str) -> str:
    family, _, stem = name.rpartition("/")
    known = [path.stem for path in (root() / family).glob("*.kql") if "ends" in _opened(f"{family}/{path.stem}")[1]]
    if stem not in known:
        raise QueryError(f"{name!r} lends no last statement. {nearest(stem, known)}")
    return _parted(root() / f"{name}.kql", _opened(name)[2])[1]


def own_queries(folder: Path) -> tuple[WorkspaceQuery, ...]:
    """The ``.kql`` files of a folder outside of the library, each as :func:`workspace_query` gives those within.

    Raises:
        ValueError: no folder, or none with such a file.
        QueryError: a file is not as the others are.
    """
    files = sorted(folder.glob("*.kql")) if folder.is_dir() else []
    if not files:
        raise ValueError(f"queries is a folder with .kql files of yours, and {folder} is none")
    found = []
    for file in files:
        if not _STEM.fullmatch(file.stem):
            raise QueryError(f"{file}: name it with letters, digits and underscores, for the ledger bears its name")
        try:
            found.append(_parsed(f"own/own.{file.stem}", file, *opened(file, _FIELD)))
        except (OSError, UnicodeDecodeError) as error:
            raise QueryError(f"{file}: cannot be read as text in UTF-8 ({error})") from error
    return tuple(found)


def _opened(name: str) -> tuple[str, Mapping[str, str], str]:
    """Title, header fields and text of a file."""
    return opened(root() / f"{name}.kql", _FIELD)


def _read(name: str, path: Path) -> WorkspaceQuery:
    return _parsed(name, path, *_opened(name))


def _parsed(name: str, path: Path, title: str, header: Mapping[str, str], text: str) -> WorkspaceQuery:
    for key in ("reads", "answers"):
        if not header.get(key):
            raise QueryError(f"{path}: the header lacks `// {key}:`, the {'Azure' if key == 'reads' else 'canonical'} "
                             "table; write it below the first sentence")
    if header["answers"] not in TABLES:
        raise QueryError(f"{path}: answers {header['answers']!r}. {nearest(header['answers'], TABLES)}")
    prelude, last = _parted(path, text)
    if last != "answer":
        raise QueryError(f"{path}: ends in {last[:40]!r}: its last statement has to be the word `answer`")
    _check_bounds(path, prelude)
    columns = _columns(path, prelude)
    unknown = set(columns) - {*TABLES[header["answers"]].names, *DOOR}
    if unknown:
        raise QueryError(f"{path}: {', '.join(sorted(unknown))} is no column of {header['answers']}: "
                         "project columns of the canonical table or of the door only")
    return WorkspaceQuery(name, path, title, header["reads"], header["answers"], prelude, columns)


def _blank(text: str) -> str:
    """The text with quoted text and comments overwritten, so that places in it stay the same."""
    return _TEXT_OR_COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def _parted(path: Path, text: str) -> tuple[str, str]:
    """The prelude, up to its last semicolon, and the last statement."""
    cut = _blank(text).rfind(";") + 1
    if not cut:
        raise QueryError(f"{path}: no `let …;` before the last statement: it needs a prelude that ends in a semicolon")
    return text[:cut], text[cut:].strip()


def _check_bounds(path: Path, prelude: str) -> None:
    """See that each of the six lines stands once, and is used."""
    blank = _blank(prelude)
    declared = _LET.findall(blank)
    for name in _BOUNDS:
        wanted = f"a whole line `let {name} = …;`"
        if declared.count(name) != 1 or len(re.findall(rf"\blet\s+{name}\b", blank)) != 1:
            times = len(re.findall(rf"\blet\s+{name}\b", blank))
            said = "lacks" if times == 0 else f"has {times} times" if times > 1 else "does not write as"
            raise QueryError(f"{path}: {said} {wanted}; it has to stand there once, with nothing else on its line")
        if _WORDS.findall(_LET.sub("", blank)).count(name) == 0:
            raise QueryError(f"{path}: {name} is declared and not used: every query keeps to its bounds")


def _columns(path: Path, prelude: str) -> tuple[str, ...]:
    """Names that the last ``project`` gives; each of its items is written ``name = …``."""
    blank = _blank(prelude)
    project = max((found.end() for found in re.finditer(r"\|\s*project\s", blank)), default=None)
    last = max((found.start() for found in re.finditer(r"\|", blank)), default=-1)
    if project is None or project < last or "let answer = rows" not in blank[:project]:
        raise QueryError(f"{path}: `let answer = rows` has to end in `| project name = …`: its columns are read there")
    names: list[str] = []
    depth, begin = 0, project
    for at in range(project, len(prelude)):
        depth += (blank[at] in "([{") - (blank[at] in ")]}")
        if depth == 0 and blank[at] in ",;":
            said = _TEXT_OR_COMMENT.sub(lambda found: "" if found[0].startswith("//") else found[0], prelude[begin:at])
            item = _ITEM.match(said.strip())
            if item is None:
                raise QueryError(f"{path}: {said.strip()[:40]!r} in the last project has no name; write `name = …`")
            names.append(item[1] or item[2])
            begin = at + 1
    if len(set(names)) < len(names):
        raise QueryError(f"{path}: a column is projected twice: {', '.join(names)}")
    return tuple(names)
