"""Readings: how a value of a measure came about in one step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from erp_telemetry import catalog
from erp_telemetry.catalog import Statement
from erp_telemetry.errors import QueryError
from erp_telemetry.explanations.exclusions import exclusions
from erp_telemetry.explanations.explanation import Explanation, is_same
from erp_telemetry.explanations.keys import kept
from erp_telemetry.explanations.standing import origin, standing
from erp_telemetry.explanations.tables import entries_behind, table_of
from erp_telemetry.measures import Question, Sight, ask, question
from erp_telemetry.objectives import Objectives
from erp_telemetry.schema import DIMENSIONS
from erp_telemetry.store import Store, answers
from erp_telemetry.window import Window

_INTERVALS = {
    "wilson": "Wilson 95 %, of the effective n",
    "rank": "95 % of the rank, of the effective n",
    "": "none",
}
_WILSON = "erp_telemetry.analyses.intervals.wilson(value, effective n) gives low and high"
_NOTHING = {"value": None, "value_low": None, "value_high": None, "count": 0.0, "effective_count": None,
            "is_supported": None, "coverage": 0.0, "is_provisional": True}
_ZERO = "no row where the step was observed is the value 0"


@dataclass(frozen=True, slots=True)
class Asked:
    """One step of a measure for one key: the question, the key as it is kept, and as it is shown."""

    step: Question
    own: Mapping[str, str | None]
    shown: Mapping[str, str | None]

    @property
    def window(self) -> Window:
        """The step."""
        return Window(self.step.edges[0], self.step.edges[-1])

    @property
    def statement(self) -> Statement:
        """The SQL for this key alone."""
        whole = self.step.statement
        only = " and ".join(f"asked.{key} is not distinct from $own_{key}" for key in self.own)
        sql = f"select * from (\n{whole.sql.rstrip()}\n) as asked" + (f"\nwhere {only}" if only else "")
        return Statement(sql, {**whole.parameters, **{f"own_{key}": value for key, value in self.own.items()}})


def explain_reading(
    connection: answers.Connection, row: Mapping[str, Any], window: Window, every: str,
    where: Mapping[str, str] | None, zone: str, exact: bool, objectives: Objectives | None,
) -> Explanation:
    """Find the step and key of a row, and explain it; ``Raises`` as ``explain``."""
    policy = Objectives.wanted(objectives).client_errors
    keys = [one for one in DIMENSIONS if one in row]
    whole = question(str(row["measure"]), window, every, keys, where, zone, exact, policy)
    sight = Sight(connection)
    known = sight.keys(whole)
    for dimension, value in whole.where.items():
        known = known.filter(known[dimension] == value)
    own = kept(known, whole.keys, row)
    step = replace(whole, edges=_edges(whole, row["time"], every), where={})
    asked = Asked(step, own, {key: row[key] for key in whole.keys})
    made = reading_explained(connection, sight, asked, objectives)
    refuse_other(row, made, "every, where, zone, exact and objectives")
    return made


def reading_explained(
    connection: answers.Connection, sight: Sight, asked: Asked, objectives: Objectives | None
) -> Explanation:
    """Explain one step of a measure for one key."""
    step, window = asked.step, asked.window
    header = step.definition.header
    found = reading(sight, asked, objectives)
    stood = standing(connection)
    table = table_of(step.definition)
    dropped = stood.dropped((table,), window)
    named = entries_behind(connection, table, step, asked.own)
    behind = origin(connection, named, {table: window} if dropped or None in named else {})
    counted, excluded = exclusions(connection, step, asked.own)
    statement = asked.statement
    is_rank = found["value_low"] is not None and header.get("interval") is None
    zero = header.get("empty") == "zero" and found["coverage"] > 0
    return Explanation(
        name=step.name, title=step.definition.title, unit=header["unit"], key=asked.shown, window=window,
        value=found["value"], low=found["value_low"], high=found["value_high"],
        interval=_INTERVALS["rank" if is_rank else header.get("interval", "")],
        n=found["count"], n_of="weighted observations", effective_n=found["effective_count"],
        rows=counted, excluded=excluded, is_supported=found["is_supported"], coverage=found["coverage"],
        is_provisional=found["is_provisional"], watermark=sight.told_until(step),
        entries=behind.entries, late=behind.late, dropped=dropped,
        definition={**header, "file": f"queries/{step.query.name}.sql"},
        inputs={step.query.name: statement}, then=_then(header, zero=zero),
        hashes=hashes((step.query.name,), behind.hash, stood.ledger,
                      [step.name, asked.shown, window, found["value"], found["value_low"], found["value_high"],
                       found["count"]]),
        stood=stood, again=partial(_again, statement, 0.0 if zero else None))


def reading(sight: Sight, asked: Asked, objectives: Objectives | None) -> dict[str, Any]:
    """The row that ``measure`` answers for one step and key; a key it never spoke of has nothing."""
    answered = ask(sight, asked.step, objectives)
    for key, value in asked.own.items():
        answered = answered.filter(answered[key].eq_missing(value))
    return answered.row(0, named=True) if answered.height else dict(_NOTHING)


def hashes(queries: Sequence[str], behind: str, ledger: str, answer: Sequence[Any]) -> dict[str, str]:
    """What an explanation is held by: the hash of the queries, of what came in, of the ledger, of the answer."""
    texts = "".join(catalog.query(name).text for name in queries)
    return {"definition": _sha256(texts), "input": behind, "ledger": ledger,
            "answer": _sha256(json.dumps(answer, default=str, sort_keys=True))}


def refuse_other(row: Mapping[str, Any], made: Explanation, options: str) -> None:
    """Raise ``QueryError`` where a row has another value than the store gives."""
    if "value" in row and not is_same(row["value"], made.value):
        raise QueryError(
            f"the row says {made.name} = {row['value']!r} where the store gives {made.value!r}: give window, {options} "
            "as they were asked for; or, if something was pulled or pruned since, ask for the row again")


def _edges(whole: Question, time: object, every: str) -> tuple[datetime, datetime]:
    for start, stop in zip(whole.edges, whole.edges[1:], strict=False):
        if start == time:
            return start, stop
    raise QueryError(f"no step of {every} from {whole.edges[0]:%Y-%m-%d %H:%M} to {whole.edges[-1]:%Y-%m-%d %H:%M} UTC "
                     f"begins at {time}: give window, every and zone as they were asked of measure")


def _then(header: Mapping[str, str], *, zero: bool) -> tuple[str, ...]:
    return (*([_ZERO] if zero else ()), *([_WILSON] if header.get("interval") == "wilson" else ()))


def _again(statement: Statement, empty: float | None, store: Store) -> float | None:
    """Run the SQL once more: the value of its row, or what no row means."""
    with store.reading() as connection:
        found = answers.frame(connection, statement.sql, statement.parameters)
    value: float | None = found["value"][0] if found.height else None
    return empty if value is None else value


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
