"""explain: how one number came about."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import erp_telemetry as et
from erp_telemetry.cli import completions, screens
from erp_telemetry.cli.arguments import (
    OUTPUT,
    WHEN,
    WHICH,
    JsonOption,
    LastOption,
    ObjectivesOption,
    ServiceOption,
    StoreOption,
    WindowOption,
    aligned,
    existing,
    pairs,
    span,
    wanted,
    zoned,
)

if TYPE_CHECKING:
    from erp_telemetry import Explanation, Objectives, Store, Window

_INSTANT = timedelta(microseconds=1)
NameArgument = Annotated[str, typer.Argument(
    help="A KPI of the scorecard, or a measure.", autocompletion=completions.explainable)]
AtOption = Annotated[str | None, typer.Option(
    "--at", help="The step of a measure that holds this moment: `2026-07-01T10:05Z`.", rich_help_panel=WHEN)]
EveryOption = Annotated[str | None, typer.Option(
    "--every", help="With --at, the width of a step: `1m`, `5m`, `1h`, `1d`.", rich_help_panel=WHEN)]
ZoneOption = Annotated[str, typer.Option("--zone", help="IANA zone of calendar steps.", rich_help_panel=WHEN)]
WhereOption = Annotated[list[str] | None, typer.Option(
    "--where", help="With --at, the key: `operation=GET /orders`; repeatable.", rich_help_panel=WHICH,
    autocompletion=completions.conditions)]
ExactOption = Annotated[bool, typer.Option(
    "--exact", help="A percentile from raw rows instead of sketches.", rich_help_panel=WHICH)]
SqlOption = Annotated[bool, typer.Option(
    "--sql", help="The SQL alone; `--json` has what is bound to it.", rich_help_panel=OUTPUT)]


def explain(
    name: NameArgument,
    store: StoreOption = Path("erp.duckdb"),
    service: ServiceOption = None,
    where: WhereOption = None,
    exact: ExactOption = False,
    at: AtOption = None,
    every: EveryOption = None,
    window: WindowOption = None,
    last: LastOption = None,
    zone: ZoneOption = "UTC",
    objectives: ObjectivesOption = None,
    sql: SqlOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say how a number came about: what it counts and leaves out, what brought the rows, and the SQL that gives it.

    Without --at a row of the scorecard (default: the last 7 days); with --at one step of a measure. The whole
    system where no service is named.

    For example:

    - `erp-telemetry explain uptime --service orders --last 7d`
    - one step of a series: `erp-telemetry explain latency_p95 --service orders --at 2026-07-01T10:05Z --every 5m`
    - to run it yourself: `erp-telemetry explain error_ratio --last 1d --sql`
    """
    held, own = existing(store), wanted(objectives)
    key = pairs(where, "--where", "dimension=value, such as service=orders")
    key |= {"service": service} if service is not None else {}
    if (at is None) != (every is None):
        raise typer.BadParameter("--at and --every go together: the moment, and the width of its step",
                                 param_hint="--at" if at is None else "--every")
    try:
        if at is not None and every is not None:
            asked = _around(held, _moment(at), every, window, last, zoned(zone, "--zone"))
            made = _of_step(held, name, asked, every, key, zone, exact, _moment(at), own)
        elif exact or key.keys() - {"service"}:
            raise typer.BadParameter("a row of the scorecard has a service and no more: give --at and --every too")
        else:
            made = _of_card(held, name, span(held, window, last, "7d"), service, own)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    _show(made, sql, as_json)


def _show(made: Explanation, sql: bool, as_json: bool) -> None:
    if as_json:
        screens.print_json([made.to_dict()])
    elif sql:
        screens.print_plain("\n\n".join(statement.sql for statement in made.inputs.values()))
    else:
        screens.print_plain(str(made))


def _of_card(held: Store, kpi: str, asked: Window, service: str | None, own: Objectives | None) -> Explanation:
    """A row of the scorecard."""
    card = et.score(held, asked, own)
    known = list(dict.fromkeys(card["kpi"]))
    if kpi not in known:
        how = "a measure, not a KPI: give --at and --every" if kpi in et.catalog.names("measures") else "no KPI"
        raise et.QueryError(f"{kpi!r} is {how}. KPIs: {', '.join(known)}")
    rows = [row for row in card.to_dicts() if row["kpi"] == kpi]
    return et.explain(held, _one(rows, service, kpi), asked, objectives=own)


def _one(rows: list[dict[str, Any]], service: str | None, kpi: str) -> dict[str, Any]:
    for row in rows:
        if row["service"] == service:
            return row
    names = ", ".join(row["service"] or screens.WHOLE for row in rows)
    raise et.QueryError(f"no {kpi} of {service or screens.WHOLE}; there is one of: {names}")


def _of_step(
    held: Store, name: str, asked: Window, every: str, key: dict[str, str], zone: str, exact: bool, moment: datetime,
    own: Objectives | None,
) -> Explanation:
    """One step of a measure."""
    readings = et.measure(held, name, asked, every, tuple(key), key, zone, exact, objectives=own)
    rows = [row for row in readings.to_dicts() if row["time"] <= moment]
    if not rows:
        raise et.QueryError(f"no {name} was ever pulled into {held.path}: nothing to explain")
    return et.explain(held, rows[-1], asked, every, where=key, zone=zone, exact=exact, objectives=own)


def _around(held: Store, moment: datetime, every: str, window: str | None, last: str | None, zone: str) -> Window:
    """The window whose step is asked for: the one that was given, else the step alone that holds the moment."""
    if window is not None or last is not None:
        given = span(held, window, last, "7d")
        if not given.start <= moment < given.stop:
            raise typer.BadParameter(f"{moment:%Y-%m-%dT%H:%MZ} is not in {given}", param_hint="--at")
        return given
    step = aligned(et.Window(moment, moment + _INSTANT), every)
    if step.duration > _INSTANT:
        return step
    if every not in ("1d", "1w", "1mo"):
        raise typer.BadParameter(f"steps of {every} are counted from where a window begins: give --window too",
                                 param_hint="--every")
    # steps of the calendar begin where the calendar says
    edges = et.Window(moment - timedelta(days=62), moment + timedelta(days=62)).steps(every, zone)
    start = max(edge for edge in edges if edge <= moment)
    return et.Window(start, min(edge for edge in edges if edge > moment))


def _moment(text: str) -> datetime:
    try:
        # a window reads a moment, and refuses one without a zone
        return et.Window(text, "9999-12-31T00:00:00Z").start
    except ValueError as error:
        raise typer.BadParameter(f"{error}; write 2026-07-01T10:05Z", param_hint="--at") from error
