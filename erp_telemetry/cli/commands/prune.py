"""prune: drop raw rows that rollups answer for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from erp_telemetry.cli import screens
from erp_telemetry.cli.arguments import OUTPUT, WHEN, JsonOption, StoreOption, existing


def prune(
    raw_days: Annotated[float, typer.Option(
        "--raw-days", min=0, help="Keep raw rows of so many days before the newest telemetry.", rich_help_panel=WHEN)],
    store: StoreOption = Path("erp.duckdb"),
    is_sure: Annotated[bool, typer.Option("--yes", help="Do not ask.", rich_help_panel=OUTPUT)] = False,
    as_json: JsonOption = False,
) -> None:
    """Drop raw rows older than so many days; the numbers over time stay.

    What goes are single requests, logs and metric points (evidence), and after 35 days percentiles in
    steps of less than an hour. What was dropped comes back only by pulling it into a new store.

    Example: `erp-telemetry prune --raw-days 30 --store erp.duckdb`
    """
    held = existing(store)
    if not is_sure:
        typer.confirm(f"Drop raw rows older than {raw_days:g} days from {store}?", abort=True, err=True)
    done = held.prune(raw_days=raw_days)
    if as_json:
        screens.print_json([{
            "store": str(store), "before": done.before, "rows": dict(done.rows), "sketch_rows": done.sketch_rows,
            "bytes_freed": done.bytes_freed}])
    else:
        screens.say(f"{screens.safe(store)}: {screens.safe(done)}")
