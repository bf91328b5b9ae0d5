"""report: a window written down."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import erp_telemetry as et
from erp_telemetry.cli import screens
from erp_telemetry.cli.arguments import (
    OUTPUT,
    LastOption,
    ObjectivesOption,
    StoreOption,
    WindowOption,
    existing,
    span,
    wanted,
)

if TYPE_CHECKING:
    from erp_telemetry import Report

_SUFFIXES = (".html", ".md", ".json")
OutOption = Annotated[Path, typer.Option(
    "--out", help="The file to write: `.html`, `.md` or `.json`.", rich_help_panel=OUTPUT)]


def report(
    store: StoreOption = Path("erp.duckdb"),
    window: WindowOption = None,
    last: LastOption = None,
    objectives: ObjectivesOption = None,
    out: OutOption = Path("review.html"),
) -> None:
    """Write the operations review of a window (default: the last 7 days): one file that opens offline.

    For example:

    - `erp-telemetry report --last 7d --out review.html`
    - for a ticket: `erp-telemetry report --window 2026-07-01/2026-07-02 --out review.md`
    """
    if out.suffix.lower() not in _SUFFIXES:
        raise typer.BadParameter(f"the suffix says how it is written: {', '.join(_SUFFIXES)}; got {out.name!r}",
                                 param_hint="--out")
    held = existing(store)
    asked = span(held, window, last, "7d")
    page = et.report(held, asked, objectives=wanted(objectives))
    screens.say(f"wrote {screens.safe(page.save(out))}: {asked}, {_hidden(page)}")


def _hidden(page: Report) -> str:
    """How many secrets a page hides, by kind; it never shows one."""
    counts = page.facts.get("redacted", {})
    total = sum(counts.values())
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))
    return f"{total:,} {'secret' if total == 1 else 'secrets'} hidden{f' ({kinds})' if kinds else ''}"
