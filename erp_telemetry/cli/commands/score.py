"""score: every KPI beside its objective."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import erp_telemetry as et
from erp_telemetry.cli import screens
from erp_telemetry.cli.arguments import (
    OUTPUT,
    Gate,
    JsonOption,
    LastOption,
    ObjectivesOption,
    StoreOption,
    WindowOption,
    existing,
    span,
    wanted,
)
from erp_telemetry.cli.trends import trends

GateOption = Annotated[list[Gate] | None, typer.Option(
    "--fail-on", help="Exit 2 if a KPI is so, or rows are known to be missing (`short`); repeatable.",
    rich_help_panel=OUTPUT)]


def score(
    store: StoreOption = Path("erp.duckdb"),
    window: WindowOption = None,
    last: LastOption = None,
    objectives: ObjectivesOption = None,
    fail_on: GateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold every KPI beside its objective, by service and for the whole system (default: the last 7 days).

    The trend draws a KPI over the window, from 0 to its largest; a gap is a hole.

    For example:

    - `erp-telemetry score --last 30d`
    - as a gate in a pipeline: `erp-telemetry score --last 1d --fail-on missed`
    - against your own targets: `erp-telemetry score --objectives targets.toml --json`
    """
    held, own = existing(store), wanted(objectives)
    asked = span(held, window, last, "7d")
    rows = et.score(held, asked, own).to_dicts()
    if as_json:
        screens.print_json(rows)
    else:
        services = list(dict.fromkeys(row["service"] for row in rows))
        screens.print_scorecard(rows, f"Scorecard {asked}", trends(held, asked, own, services, screens.bars()))
    hit = [f"{row['kpi']} of {row['service'] or screens.WHOLE} {row['state']}"
           for row in rows if row["state"] in set(fail_on or ())]
    if Gate.short in (fail_on or ()) and held.shortfalls(asked).height:
        hit.append("rows are missing")
    if hit:
        screens.warn(f"[bold red]gate missed:[/] {screens.safe(', '.join(hit))}")
        raise typer.Exit(2)
