"""pull-azure: tables of a Log Analytics workspace into the store."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

import erp_telemetry as et
from erp_telemetry.cli import screens
from erp_telemetry.cli.arguments import (
    OUTPUT,
    JsonOption,
    ObjectivesOption,
    SecretsOption,
    StoreOption,
    WindowOption,
    filled,
    hours,
    now_span,
    wanted,
)

_SERVICE = "Service"
WorkspaceArgument = Annotated[str, typer.Argument(
    help="The Workspace ID of its Overview page, or the resource id of an Application Insights resource.")]
LastOption = Annotated[str | None, typer.Option(
    "--last", help="The last `6h`, `7d` or `2w` up to now (default 24h).", rich_help_panel="When")]
TablesOption = Annotated[list[str] | None, typer.Option(
    "--table", help="This Azure table, such as `AppRequests`; may be given several times. Default: all there are.",
    rich_help_panel="Which")]
WithoutOption = Annotated[list[str] | None, typer.Option(
    "--without", help="Not this Azure table, such as `ContainerLogV2`; may be given several times.",
    rich_help_panel="Which")]
QueriesOption = Annotated[Path | None, typer.Option(
    "--queries", help="A folder with `.kql` files of yours, for your own tables or in place of ours for theirs.",
    rich_help_panel="Which")]
PartialOption = Annotated[bool, typer.Option(
    "--allow-partial", help="Keep what came of a slice that cannot be had whole, and say what is missing.",
    rich_help_panel=OUTPUT)]
EndpointOption = Annotated[str | None, typer.Option(
    "--endpoint", help="Of another cloud, such as `https://api.loganalytics.us`.", rich_help_panel=_SERVICE)]
AuthorityOption = Annotated[Path | None, typer.Option(
    "--authority", help="PEM of the authorities to trust, where a proxy opens TLS.", rich_help_panel=_SERVICE)]
SettleOption = Annotated[float | None, typer.Option(
    "--settle", help="Minutes before now up to which arrivals are read (default 10).", rich_help_panel=_SERVICE)]
LateOption = Annotated[str | None, typer.Option(
    "--late", help="So long after it happened a row may arrive and still come with any later pull (default 3d).",
    rich_help_panel=_SERVICE)]
ReachOption = Annotated[str | None, typer.Option(
    "--search-reach", help="How far back tables on the Basic and Auxiliary plans are answered (default 30d).",
    rich_help_panel=_SERVICE)]
WaitOption = Annotated[int | None, typer.Option(
    "--wait", help="Seconds that the service may work on a query, at most 600 (default 180).",
    rich_help_panel=_SERVICE)]
ConcurrentOption = Annotated[int | None, typer.Option(
    "--concurrent", help="Queries at a time (default 5, which is what Azure allows).", rich_help_panel=_SERVICE)]


def pull_azure(
    workspace: WorkspaceArgument,
    store: StoreOption = Path("erp.duckdb"),
    objectives: ObjectivesOption = None,
    tables: TablesOption = None,
    without: WithoutOption = None,
    queries: QueriesOption = None,
    window: WindowOption = None,
    last: LastOption = None,
    allow_partial: PartialOption = False,
    endpoint: EndpointOption = None,
    authority: AuthorityOption = None,
    settle: SettleOption = None,
    late: LateOption = None,
    search_reach: ReachOption = None,
    wait: WaitOption = None,
    concurrent: ConcurrentOption = None,
    secrets: SecretsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read tables of a Log Analytics workspace into the store, whole slices only; pulling twice equals pulling once.

    Signs in as `az login`, the environment or a managed identity says. What arrived since the last pull comes
    too, up to three days after it happened. Ctrl-C leaves whole slices; the same call goes on from there.

    For example:

    - `erp-telemetry pull-azure 6e0e2a4c-7d0b-4f5e-9c55-0d1b8f8a3f11 --last 7d`
    - two tables: `erp-telemetry pull-azure 6e0e… --table AppRequests --table AppDependencies --last 24h`
    """
    try:
        limits = _limits(settle, late, search_reach, wait, concurrent)
        place: dict[str, Any] = {} if endpoint is None else {"endpoint": endpoint}
        source = et.AzureLogs(
            workspace, tables=tuple(tables) if tables else None, without=tuple(without or ()), queries=queries,
            limits=limits, allow_partial=allow_partial,
            connection_verify=True if authority is None else str(authority), **place)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    span = now_span(window, last, "24h")
    with screens.progress(source.name) as show, filled(store) as into:
        receipt = et.pull(source, into, span, objectives=wanted(objectives), progress=show)
    if as_json:
        screens.print_json([screens.receipt_row(receipt)])
    else:
        screens.print_receipt(receipt)
        screens.say(f"  window {screens.safe(str(span))}")
    if screens.has_failed(receipt):
        raise typer.Exit(1)


def _limits(
    settle: float | None, late: str | None, search_reach: str | None, wait: int | None, concurrent: int | None,
) -> et.AzureLimits:
    """The limits that were asked for; all else is as Azure has it."""
    told = {"settle": None if settle is None else _minutes(settle), "late": _long(late, "--late"),
            "search_reach": _long(search_reach, "--search-reach"), "wait_seconds": wait, "concurrent": concurrent}
    given: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
    return et.AzureLimits(**given)


def _long(told: str | None, option: str) -> timedelta | None:
    """A span of time such as ``6h`` or ``7d``."""
    if told is None:
        return None
    try:
        return timedelta(hours=hours(told))
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _minutes(told: float) -> timedelta:
    """A span of time that was told as a number; one that is longer than any calendar is as long as that."""
    if told != told:
        raise ValueError("--settle is a number of minutes, not nan")
    try:
        return timedelta(minutes=told)
    except OverflowError:
        return timedelta.max if told > 0 else timedelta.min
