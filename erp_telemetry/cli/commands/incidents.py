"""incidents: what went wrong in a window."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import erp_telemetry as et
from erp_telemetry.cli import screens
from erp_telemetry.cli.arguments import (
    WHICH,
    JsonOption,
    LastOption,
    SecretsOption,
    StoreOption,
    WindowOption,
    ever,
    existing,
    span,
)

OpenOption = Annotated[bool, typer.Option("--open", help="Only those that are not over.", rich_help_panel=WHICH)]


def incidents(
    store: StoreOption = Path("erp.duckdb"),
    only_open: OpenOption = False,
    window: WindowOption = None,
    last: LastOption = None,
    secrets: SecretsOption = False,
    as_json: JsonOption = False,
) -> None:
    """List the incidents that touch a window, with their times to detect and repair (default: the last 30 days).

    With --open alone it lists every open incident, also one that was told after the newest telemetry.

    For example:

    - `erp-telemetry incidents --open`
    - `erp-telemetry incidents --last 90d --json`
    """
    held = existing(store)
    asked = ever() if only_open and window is None and last is None else span(held, window, last, "30d")
    found = [one for one in et.incidents(held, asked, is_redacted=not secrets) if one.is_open or not only_open]
    if as_json:
        screens.print_json([screens.incident_row(one) for one in found])
    elif found:
        screens.print_incidents(found, f"Incidents {asked}")
    else:
        screens.say(f"no {'open ' if only_open else ''}incident on record in {asked}")
