"""Printing: an explanation as lines for a terminal, as a table for a notebook, and as plain values."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from html import escape
from typing import Any

from erp_telemetry.explanations.account import Account, Part
from erp_telemetry.quantities import DASH, clean, counted, readable
from erp_telemetry.redactions import redact

_MOST = 8
"""Incidents and runs that are printed; all of them are in the explanation."""
_WIDTH = 12
_WHOLE = "the whole system"


def text(made: Account) -> str:
    """Lines of label and words, then the SQL with what is bound to it."""
    lines = [headline(made), _shown(made.title)]
    lines += [f"  {label:<{_WIDTH}}{words}" for label, words in _facts(made)]
    for name, bound, sql in _queries(made):
        lines += ["", *textwrap.wrap(f"{name}.sql, where {bound}", 110, initial_indent="  ", subsequent_indent="    ",
                                     break_long_words=False, break_on_hyphens=False)]
        lines += [f"    {line}" for line in sql.splitlines()]
    return "\n".join(lines)


def html(made: Account) -> str:
    """A table of the same, without script and style; every text is escaped."""
    rows = "".join(f"<tr><th>{escape(label)}</th><td>{escape(words)}</td></tr>" for label, words in _facts(made))
    queries = "".join(f"<details><summary><code>{escape(name)}.sql</code>, where {escape(words)}</summary>"
                      f"<pre>{escape(sql)}</pre></details>" for name, words, sql in _queries(made))
    return (f"<div><p><strong>{escape(headline(made))}</strong><br>{escape(_shown(made.title))}</p>"
            f"<table>{rows}</table>{queries}</div>")


def headline(made: Account) -> str:
    """What it is of, and when."""
    key = ", ".join(_shown(value) if name == "service" and value is not None else f"{name} {_shown(value)}"
                    for name, value in made.key.items())
    if made.key and made.wanted is not None and made.key.get("service") is None:
        key = _WHOLE
    window = f"{made.window.start:%Y-%m-%d %H:%M} to {_until(made)} UTC"
    return f"{made.name} of {key or _WHOLE}, {window}"


def plain(made: Account) -> dict[str, Any]:
    """Nested values, redacted."""
    fields = ("name", "title", "unit", "key", "value", "low", "high", "interval", "n", "n_of", "effective_n", "rows",
              "excluded", "is_supported", "coverage",
              "is_provisional", "watermark", "entries", "late", "dropped", "definition", "then")
    told: dict[str, Any] = {name: getattr(made, name) for name in fields}
    told |= {"window": {"start": made.window.start, "stop": made.window.stop},
             "wanted": None if made.wanted is None else asdict(made.wanted),
             "counted": [asdict(part) for part in made.counted], "left_out": [asdict(part) for part in made.left_out]}
    told = _listed(redact(told).value)
    # a hash may look like the number of a card
    told["hashes"] = dict(made.hashes)
    # SQL is ours, and would be cut where it looks like a key and its value
    told["inputs"] = [{"query": name, "sql": one.sql, "parameters": _listed(redact(dict(one.parameters)).value)}
                      for name, one in made.inputs.items()]
    return told


def _facts(made: Account) -> Iterator[tuple[str, str]]:
    interval = "" if made.low is None and made.high is None else (
        f"; {_figure(made, made.low)} … {_figure(made, made.high)}, {made.interval}")
    exact = "" if made.value is None else f" ({made.value!r}{'' if made.unit in ('ratio', '1') else f' {made.unit}'})"
    yield "value", f"{_figure(made, made.value)}{exact}{interval}"
    if made.wanted is not None:
        yield "objective", f"{_figure(made, made.wanted.target)}, {_shown(made.wanted.origin)}: {made.wanted.state}"
        yield "rule", _shown(made.wanted.rule)
    yield "n", _counts(made)
    if made.excluded:
        yield "left out", ", ".join(f"{readable(count, '')} {_shown(why)}" for why, count in made.excluded.items())
    yield from _parts("counted", made.counted)
    yield from _parts("left out", made.left_out)
    told = DASH if made.watermark is None else f"{made.watermark:%Y-%m-%d %H:%M:%S} UTC"
    yield "told until", f"{told}; {'provisional, it may still change' if made.is_provisional else 'final'}"
    yield "came by", _origin(made)
    for table, before in made.dropped.items():
        yield "pruned", f"rows of {table} before {before:%Y-%m-%d %H:%M} UTC; what is counted was kept in rollups"
    yield "definition", made.definition["file"]
    yield "SHA-256", ", ".join(f"{name} {value[:12] or DASH}" for name, value in made.hashes.items())
    yield "then", "; ".join(map(_shown, made.then)) or "nothing: the SQL gives the value whole"


def _counts(made: Account) -> str:
    said = [f"{readable(made.n, '')} {made.n_of}"]
    if made.effective_n is not None:
        said.append(f"{readable(made.effective_n, '')} effective")
    if made.rows is not None:
        said.append(counted(made.rows, "row"))
    if made.is_supported is False:
        said.append("too few for this value")
    return f"{', '.join(said)}; observed {readable(made.coverage, 'ratio')} of the time"


def _parts(label: str, parts: Sequence[Part]) -> Iterator[tuple[str, str]]:
    for part in parts[:_MOST]:
        stop = "open" if part.stop is None else f"{part.stop:%Y-%m-%d %H:%M:%S}"
        lasted = "" if part.seconds is None else f", {readable(part.seconds, 's')}"
        yield label, f"{_shown(part.what)}, {part.start:%Y-%m-%d %H:%M:%S} to {stop}{lasted}: {_shown(part.why)}"
    if len(parts) > _MOST:
        yield label, f"… and {len(parts) - _MOST:,} more"


def _origin(made: Account) -> str:
    if not made.entries:
        return "no entry of the ledger: nothing of it was pulled"
    numbers = ", ".join(map(str, made.entries[:_MOST])) + (" …" if len(made.entries) > _MOST else "")
    late = f"; {counted(made.late, 'row')} of theirs came late" if made.late else ""
    return f"{'entry' if len(made.entries) == 1 else 'entries'} {numbers} of the ledger{late}"


def _queries(made: Account) -> Iterator[tuple[str, str, str]]:
    for name, statement in made.inputs.items():
        bound = ", ".join(f"{key}={_bound(value)}" for key, value in redact(dict(statement.parameters)).value.items())
        # the head is said above
        body = "\n".join(line for line in statement.sql.splitlines() if not line.startswith("-- "))
        yield name, bound, body


def _bound(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, list):
        return f"[{', '.join(_bound(one) for one in value)}]"
    return clean(repr(value))


def _until(made: Account) -> str:
    is_same_day = made.window.start.date() == made.window.stop.date()
    return f"{made.window.stop:%H:%M}" if is_same_day else f"{made.window.stop:%Y-%m-%d %H:%M}"


def _figure(made: Account, value: float | None) -> str:
    return readable(value, made.unit)


def _shown(value: object) -> str:
    """Text of theirs or ours on one line, without secrets and control characters."""
    return clean(redact(DASH if value is None else " ".join(str(value).split())).value)


def _listed(value: Any) -> Any:
    """Tuples and mappings of any kind as lists and dicts."""
    if isinstance(value, Mapping):
        return {key: _listed(one) for key, one in value.items()}
    return [_listed(one) for one in value] if isinstance(value, list | tuple) else value
