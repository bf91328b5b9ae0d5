"""Screens: frames and receipts as tables in a terminal; all text from telemetry is untrusted."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import erp_telemetry as et

if TYPE_CHECKING:
    from erp_telemetry import Incident, Receipt

WHOLE = "whole system"
_STYLES = {"met": "green", "normal": "green", "missed": "bold red", "critical": "bold red", "warning": "yellow",
           "insufficient": "magenta", "no_data": "dim", "unknown": "dim"}
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
_SHOWN = 20

# a pipe has no width: tables there are as wide as they need, up to a limit
_WIDTH = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160
screen = Console(highlight=False, width=_WIDTH)
aside = Console(stderr=True, highlight=False)


def safe(value: object) -> str:
    """Text for the terminal: no escape sequences, no control characters, no markup."""
    return escape(_CONTROL.sub(" ", _ESCAPES.sub("", str(value))))


def print_json(rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as plain JSON on stdout; NaN becomes null, times ISO 8601."""
    clean = [{name: None if value != value else value for name, value in row.items()} for row in rows]
    print(json.dumps(clean, indent=2, default=_iso, allow_nan=False))


def print_scorecard(rows: Sequence[Mapping[str, Any]], title: str) -> None:
    """Every KPI beside its objective."""
    table = _table(title, "KPI", "service", "state", ">value", ">objective", ">95 % interval", ">n", ">coverage")
    last = None
    for row in rows:
        if last is not None and last != row["kpi"]:
            table.add_section()
        last = row["kpi"]
        unit = row["unit"]
        interval = "–" if row["low"] is None or row["high"] is None else (  # noqa: RUF001
            f"{et.readable(row['low'], unit)} … {et.readable(row['high'], unit)}")
        table.add_row(row["kpi"], safe(row["service"] or WHOLE), state(row["state"]), et.readable(row["value"], unit),
                      et.readable(row["target"], unit), interval, et.readable(row["n"], ""),
                      et.readable(row["coverage"], "ratio"))
    screen.print(table)


def print_health(rows: Sequence[Mapping[str, Any]]) -> None:
    """One line for each service, one column for each health band."""
    bands = list(dict.fromkeys(row["kpi"] for row in rows if row["kpi"].endswith("_band")))
    services = list(dict.fromkeys(row["service"] for row in rows if row["kpi"].endswith("_band")))
    cells = {(row["service"], row["kpi"]): row for row in rows}
    table = _table("Health bands", "service", *(band.removesuffix("_band") for band in bands))
    for service in services:
        shown = []
        for band in bands:
            row = cells.get((service, band))
            shown.append("" if row is None else f"{state(row['state'])} {et.readable(row['value'], row['unit'])}")
        table.add_row(safe(service or WHOLE), *shown)
    screen.print(table)


def print_incidents(found: Sequence[Incident], title: str) -> None:
    """Incidents with their times to detect and repair."""
    table = _table(title, "incident", "impact", "services", "began, UTC", ">to detect", ">to repair", "ended, UTC")
    for one in found:
        ended = "[bold red]still open[/]" if one.is_open else "not recorded"
        if one.ended is not None:
            ended = f"{one.ended:%Y-%m-%d %H:%M}"
        table.add_row(safe(one.title), safe(one.impact or "–"), safe(", ".join(one.services)),  # noqa: RUF001
                      f"{one.impact_start:%Y-%m-%d %H:%M}", _span(one.time_to_detect), _span(one.time_to_repair), ended)
    screen.print(table)


def print_receipt(receipt: Receipt) -> None:
    """What a pull kept, and by name what it set aside or could not read."""
    screen.print(safe(receipt), soft_wrap=True)
    for reject in receipt.rejects[:_SHOWN]:
        place = reject.file if reject.line is None else f"{reject.file}:{reject.line}"
        screen.print(f"  [yellow]set aside[/] {safe(place)}: {safe(reject.reason)}", soft_wrap=True)
    if len(receipt.rejects) > _SHOWN:
        screen.print(f"  … and {len(receipt.rejects) - _SHOWN:,} more; all are in the store's rejects")
    for reason in (*receipt.refused, *receipt.short):
        screen.print(f"  [bold red]refused[/] {safe(reason)}", soft_wrap=True)


def print_measures() -> None:
    """Every measure with its unit and the sentence that says what it answers."""
    table = _table("Measures", "measure", "unit", "by", "what it answers")
    for row in measures():
        table.add_row(row["measure"], row["unit"], row["by"], row["answers"])
    screen.print(table)


def measures() -> list[dict[str, str]]:
    """Name, unit, dimensions and sentence of every measure."""
    queries = [et.catalog.query(f"measures/{name}") for name in et.catalog.names("measures")]
    return [{"measure": query.name.removeprefix("measures/"), "unit": query.header.get("unit", ""),
             "by": " ".join(query.by), "answers": query.title} for query in queries]


def print_readings(rows: Sequence[Mapping[str, Any]], unit: str, title: str) -> None:
    """Readings, one line each; a hole shows as a dash."""
    keys = [name for name in ("service", "operation", "instance", "resource", "tenant") if rows and name in rows[0]]
    table = _table(title, "time, UTC", *keys, ">value", ">95 % interval", ">count", ">coverage", "")
    for row in rows:
        low, high = row["value_low"], row["value_high"]
        interval = "" if low is None or high is None else f"{et.readable(low, unit)} … {et.readable(high, unit)}"
        table.add_row(f"{row['time']:%Y-%m-%d %H:%M}", *(safe(row[key] or "") for key in keys),
                      et.readable(row["value"], unit), interval, et.readable(row["count"], ""),
                      et.readable(row["coverage"], "ratio"), "provisional" if row["is_provisional"] else "")
    screen.print(table)


def state(word: str) -> str:
    """A state as colour and word."""
    return f"[{_STYLES.get(word, 'none')}]{safe(word.replace('_', ' '))}[/]"


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on stderr that a pull can report to."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=aside, transient=True) as bar:
        task = bar.add_task(title, total=None)

        def show(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=f"{title} {_CONTROL.sub(' ', name)[-40:]}")

        yield show


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left",
                         overflow="fold")
    return table


def _span(span: timedelta | None) -> str:
    return et.readable(None if span is None else span.total_seconds(), "s")


def _iso(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else str(value)
