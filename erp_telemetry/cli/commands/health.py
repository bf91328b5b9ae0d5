"""health: which state each band of each service was held in, and since when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import erp_telemetry as et
from erp_telemetry.cli import screens
from erp_telemetry.cli.arguments import (
    OUTPUT,
    WHEN,
    JsonOption,
    LastOption,
    ObjectivesOption,
    ServiceOption,
    StoreOption,
    WindowOption,
    aligned,
    existing,
    span,
    wanted,
)

if TYPE_CHECKING:
    from polars import DataFrame

_FORMATS: dict[str, Literal["html", "svg", "png", "json"]] = {
    ".html": "html", ".svg": "svg", ".png": "png", ".json": "json"}
EveryOption = Annotated[str, typer.Option(
    "--every", help="Width of a step: `1m`, `5m`, `1h`, `1d`.", rich_help_panel=WHEN)]
EpisodesOption = Annotated[bool, typer.Option(
    "--episodes", help="Every run of one state, normal and unknown ones too.", rich_help_panel=OUTPUT)]
ChartOption = Annotated[Path | None, typer.Option(
    "--chart", help="Also draw the timeline: `.html`, `.svg`, `.png` or `.json`.", rich_help_panel=OUTPUT)]


def health(
    store: StoreOption = Path("erp.duckdb"),
    service: ServiceOption = None,
    every: EveryOption = "5m",
    window: WindowOption = None,
    last: LastOption = None,
    objectives: ObjectivesOption = None,
    episodes: EpisodesOption = False,
    chart: ChartOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which state each health band was held in, since when, and when it was not normal (default: the last day).

    With --json it gives every step, with --episodes --json every run of steps.

    For example:

    - `erp-telemetry health --last 6h --service orders`
    - with your own hysteresis and durations: `erp-telemetry health --objectives mine.toml --chart health.html`
    - for a machine: `erp-telemetry health --last 7d --episodes --json`
    """
    kind = None if chart is None else _FORMATS.get(chart.suffix.lower())
    if chart is not None and kind is None:
        raise typer.BadParameter(f"the suffix says how it is drawn: {', '.join(_FORMATS)}; got {chart.name!r}",
                                 param_hint="--chart")
    held, own = existing(store), wanted(objectives)
    asked = span(held, window, last, "1d")
    asked = asked if window else aligned(asked, every)
    try:
        found = _of(et.health(held, asked, every, objectives=own), service)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    runs = et.episodes(found, objectives=own).to_dicts()
    if as_json:
        screens.print_json(runs if episodes else found.to_dicts())
    elif episodes:
        screens.print_episodes(runs, f"Episodes {asked}, steps of {every}", own)
    else:
        screens.print_held(found.to_dicts(), runs, f"Health {asked}, steps of {every}", own)
    if chart is not None:
        around = et.context(held, asked, objectives=own)
        et.chart(found, context=around).save(str(chart), kind, inline=kind == "html")
        screens.warn(f"drew {screens.safe(chart)}")


def _of(found: DataFrame, service: str | None) -> DataFrame:
    """The rows of one service, if one was asked for."""
    if service is None:
        return found
    known = found["service"].unique().to_list()
    if known and service not in known:
        raise et.QueryError(f"no health of service {service!r}. Known: {', '.join(sorted(known))}.")
    return found.filter(found["service"] == service)
