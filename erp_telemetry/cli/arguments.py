"""Arguments: reads what was typed into what the library takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import erp_telemetry as et

if TYPE_CHECKING:
    from erp_telemetry import Store, Window

_LAST = re.compile(r"^(\d+(?:\.\d+)?)(m|h|d|w)$")
_HOURS = {"m": 1 / 60, "h": 1.0, "d": 24.0, "w": 168.0}


class Kind(StrEnum):
    """Sources that read files."""

    otlp = "otlp"
    azure = "azure"
    tables = "tables"


class Gate(StrEnum):
    """Scorecard states that can fail a build."""

    missed = "missed"
    insufficient = "insufficient"
    no_data = "no_data"


StoreOption = Annotated[Path, typer.Option("--store", help="The store: one DuckDB file, made by `pull`.")]
WindowOption = Annotated[
    str | None, typer.Option("--window", help="Exactly this span, UTC: `2026-06-22/2026-07-06`.")]
LastOption = Annotated[
    str | None, typer.Option("--last", help="The last `15m`, `6h`, `7d` or `2w` up to the newest telemetry.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Plain JSON rows on stdout and nothing else.")]


def existing(path: Path) -> Store:
    """A store that is there; a question never makes one."""
    if not path.exists():
        raise et.StoreError(f"{path} does not exist: pull something into it first, or give --store")
    return et.Store(path)


def span(store: Store, window: str | None, last: str | None, default: str) -> Window:
    """The window that was asked for: exact, or the last of the store's own time."""
    if window is not None and last is not None:
        raise typer.BadParameter("give --window or --last, not both")
    if window is not None:
        try:
            return et.Window.parse(window)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--window") from error
    found = _LAST.match(last or default)
    if not found or float(found[1]) == 0:
        raise typer.BadParameter(f"write a count and one of m, h, d, w, such as 7d; got {last!r}", param_hint="--last")
    return store.last(hours=float(found[1]) * _HOURS[found[2]])


def aligned(span: Window, every: str) -> Window:
    """A span of the same length that ends where a step of minutes or hours ends, so that rollups can answer it."""
    found = _LAST.match(every)
    if not found or found[2] not in "mh":
        return span
    width = timedelta(hours=float(found[1]) * _HOURS[found[2]])
    midnight = span.stop.replace(hour=0, minute=0, second=0, microsecond=0)
    beyond = (midnight - span.stop) % width if width else timedelta(0)
    return et.Window(span.start + beyond, span.stop + beyond)


def pairs(where: Sequence[str] | None) -> dict[str, str] | None:
    """Read ``service=orders`` into what ``measure`` takes."""
    if not where:
        return None
    split = [text.partition("=") for text in where]
    if not all(mark for _, mark, _ in split):
        raise typer.BadParameter("write dimension=value, such as service=orders", param_hint="--where")
    return {key: value for key, _, value in split}
