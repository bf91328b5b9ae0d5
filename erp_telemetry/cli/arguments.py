"""Arguments: reads what was typed into what the library takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

import erp_telemetry as et
from erp_telemetry.cli import completions, screens

if TYPE_CHECKING:
    from erp_telemetry import Objectives, Store, Window

_LAST = re.compile(r"^(\d+(?:\.\d+)?)(m|h|d|w)$")
_STEP = re.compile(r"^(\d{1,9})(m|h)$")
_HOURS = {"m": 1 / 60, "h": 1.0, "d": 24.0, "w": 168.0}
WHEN, WHICH, OUTPUT = "When", "Which", "Output"


class Gate(StrEnum):
    """Scorecard states that can fail a build, and rows of the window that are known to be missing."""

    missed = "missed"
    insufficient = "insufficient"
    no_data = "no_data"
    short = "short"


StoreOption = Annotated[Path, typer.Option(
    "--store", help="The store: one DuckDB file, made by `pull`.", rich_help_panel=WHICH)]
ObjectivesOption = Annotated[Path | None, typer.Option(
    "--objectives", help="TOML of what is wanted, where it differs from the handbook.", rich_help_panel=WHICH)]
ServiceOption = Annotated[str | None, typer.Option(
    "--service", help="This service alone.", rich_help_panel=WHICH, autocompletion=completions.services)]
WindowOption = Annotated[str | None, typer.Option(
    "--window", help="Exactly this span: `2026-06-22/2026-07-06` (UTC), `2026-06-22T08:00Z/2026-06-22T09:00Z`.",
    rich_help_panel=WHEN)]
LastOption = Annotated[str | None, typer.Option(
    "--last", help="The last `15m`, `6h`, `7d` or `2w` up to the newest telemetry.", rich_help_panel=WHEN)]
JsonOption = Annotated[bool, typer.Option(
    "--json", help="Plain JSON on stdout and nothing else.", rich_help_panel=OUTPUT)]


def _show_secrets(is_wanted: bool) -> bool:
    screens.secrets.is_shown, screens.secrets.can_show = is_wanted, True
    return is_wanted


SecretsOption = Annotated[bool, typer.Option(
    "--secrets", help="Show keys, tokens, addresses and card numbers instead of hiding them.",
    rich_help_panel=OUTPUT, callback=_show_secrets)]


def existing(path: Path) -> Store:
    """A store that is there; a question never makes one."""
    if not path.exists():
        raise et.StoreError(f"{path} does not exist: pull something into it first, or give --store")
    return et.Store(path)


@contextmanager
def filled(path: Path) -> Iterator[Store]:
    """A store that is pulled into: one that was made for it and got nothing is not left behind."""
    is_new = not path.exists()
    try:
        yield et.Store(path)
    finally:
        if is_new and path.exists() and _is_blank(path):
            path.unlink()


def _is_blank(path: Path) -> bool:
    store = et.Store(path)
    return store.ledger().is_empty() and store.shortfalls(ever()).is_empty()


def ever() -> Window:
    """All of time: an open incident may have begun before, or be told after, any telemetry."""
    return et.Window("1970-01-01T00:00:00Z", "9999-12-31T00:00:00Z")


def wanted(objectives: Path | None) -> Objectives | None:
    """Objectives of a file; ``None`` for the handbook's."""
    return None if objectives is None else et.Objectives.load(objectives)


def span(store: Store, window: str | None, last: str | None, default: str) -> Window:
    """The window that was asked for: exact, or the last of the store's own time."""
    if window is not None and last is not None:
        raise typer.BadParameter("give --window or --last, not both", param_hint="--window")
    try:
        return store.last(hours=hours(last or default)) if window is None else et.Window.parse(window)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--last" if window is None else "--window") from error


def now_span(window: str | None, last: str | None, default: str) -> Window:
    """The window that was asked for of a live source: exact, or the last up to now."""
    if window is not None and last is not None:
        raise typer.BadParameter("give --window or --last, not both", param_hint="--window")
    try:
        return et.Window.last(hours=hours(last or default)) if window is None else et.Window.parse(window)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--last" if window is None else "--window") from error


def zoned(name: str, option: str) -> str:
    """An IANA zone that exists."""
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise typer.BadParameter(f"no time zone {name!r}: write an IANA name such as Europe/Amsterdam",
                                 param_hint=option) from error


def aligned(span: Window, every: str) -> Window:
    """A span grown to begin and end where a step of minutes or hours does, so that rollups can answer it."""
    found = _STEP.match(every)
    if not found or not int(found[1]):
        return span
    width = timedelta(hours=float(found[1]) * _HOURS[found[2]])
    midnight = span.stop.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        stop = span.stop + (midnight - span.stop) % width
        return et.Window(stop + (span.start - stop) // width * width, stop)
    except OverflowError:
        # such a step leaves the calendar: the library says which it takes
        return span


def pairs(texts: Sequence[str] | None, option: str, example: str) -> dict[str, str]:
    """Read ``service=orders`` into a key and its value."""
    split = [text.partition("=") for text in texts or ()]
    if not all(key and mark for key, mark, _ in split):
        raise typer.BadParameter(f"write {example}", param_hint=option)
    return {key: value for key, _, value in split}


def values(texts: Sequence[str] | None) -> dict[str, Any]:
    """Read ``limit=20`` into a key and its value: a number, true, false or null as in JSON, all else is text."""
    return {key: _value(text) for key, text in pairs(texts, "--param", "name=value, such as limit=20").items()}


def _value(text: str) -> Any:
    try:
        read = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(read, list | dict) else read


def hours(last: str) -> float:
    """A span of time such as ``6h`` or ``7d``, in hours."""
    found = _LAST.match(last)
    if found and float(found[1]):
        return float(found[1]) * _HOURS[found[2]]
    if last.endswith("mo"):
        raise ValueError(f"months differ in length: write days, such as 30d, or give --window; got {last!r}")
    raise ValueError(f"write a count and one of m, h, d, w, such as 7d; got {last!r}")
