"""Answers: the rows of any query, and the queries there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from erp_telemetry.cli.screens.tables import Column, print_table
from erp_telemetry.cli.screens.text import DASH, clean, safe, say

_LONGEST = 300
_FOLDED = 24


def print_answer(rows: Sequence[Mapping[str, Any]], names: Sequence[str], title: str) -> None:
    """Rows of any shape: numbers to the right, long text folded; where there is no room the last columns go first."""
    columns = [Column(safe(_headed(rows, name)), is_right=_is_numeric(rows, name), goes=place, folds=_FOLDED)
               for place, name in enumerate(names)]
    print_table(safe(title), columns, [[_cell(row[name]) for name in names] for row in rows])
    say(f"[dim]{'1 row' if len(rows) == 1 else f'{len(rows):,} rows'}[/]")


def print_queries(rows: Sequence[Mapping[str, str]]) -> None:
    """Every query that is ready, with the sentence that says what it answers."""
    columns = (Column("query"), Column("needs", goes=1), Column("what it answers", folds=30))
    print_table("Queries", columns, [
        [safe(row["query"]), safe(row["needs"]), safe(row["answers"])] for row in rows])


def _headed(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    """The name of a column; moments are in UTC, and say so."""
    is_moment = any(isinstance(row[name], datetime) and row[name].tzinfo is not None for row in rows)
    return f"{name}, UTC" if is_moment else name


def _is_numeric(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    seen = [row[name] for row in rows if row[name] is not None]
    return bool(seen) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in seen)


def _cell(value: Any) -> str:
    match value:
        case None:
            return DASH
        case float():
            return DASH if value != value else f"{value:,.6g}"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case list() | tuple():
            return ", ".join(_cell(part) for part in value) or DASH
    # cut after its secrets are hidden: half of one would pass for none
    text = clean(value)
    return safe(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
