"""logs: what services wrote, how much of it, and what that costs to keep."""

from __future__ import annotations

from pathlib import Path

import erp_telemetry as et
from erp_telemetry.cli import screens
from erp_telemetry.cli.arguments import (
    JsonOption,
    LastOption,
    SecretsOption,
    ServiceOption,
    StoreOption,
    WindowOption,
    existing,
    span,
)


def logs(
    store: StoreOption = Path("erp.duckdb"),
    service: ServiceOption = None,
    window: WindowOption = None,
    last: LastOption = None,
    secrets: SecretsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say what services logged: volume by level, drift, top templates, what keeping less would save (default: 7 days).

    For example:

    - `erp-telemetry logs --last 1d`
    - `erp-telemetry logs --service orders --json`
    """
    held = existing(store)
    asked = span(held, window, last, "7d")
    found = et.logs(held, asked, service=service, is_redacted=not secrets)
    if as_json:
        frames = {"volume": found.volume, "drift": found.drift, "templates": found.templates,
                  "retention": found.retention}
        screens.print_json({name: frame.to_dicts() for name, frame in frames.items()})
    else:
        screens.print_logs(found)
