"""measure: one question over time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import erp_telemetry as et
from erp_telemetry.cli import completions, screens
from erp_telemetry.cli.arguments import (
    WHEN,
    WHICH,
    JsonOption,
    LastOption,
    StoreOption,
    WindowOption,
    aligned,
    existing,
    pairs,
    span,
    zoned,
)

NameArgument = Annotated[str | None, typer.Argument(
    help="A measure; without it all are listed.", autocompletion=completions.measures)]
EveryOption = Annotated[str, typer.Option(
    "--every", help="Width of a step: `1m`, `5m`, `1h`, `1d`, `1mo`.", rich_help_panel=WHEN)]
ZoneOption = Annotated[str, typer.Option("--zone", help="IANA zone of calendar steps.", rich_help_panel=WHEN)]
ByOption = Annotated[list[str] | None, typer.Option(
    "--by", help="Dimension of the key, such as `service` or `operation`; repeatable; `none` for the whole system.",
    rich_help_panel=WHICH, autocompletion=completions.dimensions_or_none)]
WhereOption = Annotated[list[str] | None, typer.Option(
    "--where", help="Keep only `service=orders`; repeatable.", rich_help_panel=WHICH,
    autocompletion=completions.conditions)]
ExactOption = Annotated[bool, typer.Option(
    "--exact", help="Percentiles from raw rows instead of sketches.", rich_help_panel=WHICH)]


def measure(
    name: NameArgument = None,
    store: StoreOption = Path("erp.duckdb"),
    by: ByOption = None,
    where: WhereOption = None,
    exact: ExactOption = False,
    every: EveryOption = "1h",
    window: WindowOption = None,
    last: LastOption = None,
    zone: ZoneOption = "UTC",
    as_json: JsonOption = False,
) -> None:
    """Ask one question over time (default: the last day); without a name, list the questions.

    For example:

    - `erp-telemetry measure error_ratio --every 5m --last 6h --json`
    - the slowest operations: `erp-telemetry measure latency_p95 --by operation --where service=orders`
    - by month where you are: `erp-telemetry measure request_rate --every 1mo --last 90d --zone Europe/Amsterdam`
    """
    if name is None:
        screens.print_json(screens.measures()) if as_json else screens.print_measures()
        return
    held = existing(store)
    asked = span(held, window, last, "1d")
    asked = asked if window else aligned(asked, every)
    keys = () if by == ["none"] else tuple(by or ("service",))
    kept = pairs(where, "--where", "dimension=value, such as service=orders")
    try:
        rows = et.measure(held, name, asked, every, keys, kept, zoned(zone, "--zone"), exact).to_dicts()
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if as_json:
        screens.print_json(rows)
    else:
        unit = et.catalog.query(f"measures/{name}").header.get("unit", "")
        screens.print_readings(rows, unit, f"{name} {asked}")
