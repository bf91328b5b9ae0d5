"""pull: exported telemetry into the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import erp_telemetry as et
from erp_telemetry.cli import completions, screens
from erp_telemetry.cli.arguments import (
    OUTPUT,
    JsonOption,
    ObjectivesOption,
    SecretsOption,
    StoreOption,
    filled,
    wanted,
    zoned,
)

if TYPE_CHECKING:
    from erp_telemetry import Objectives, Receipt, Recognised, Store

_READING = "Reading"
PathsArgument = Annotated[list[str], typer.Argument(help="Files, folders or globs of exported telemetry.")]
SourceOption = Annotated[str | None, typer.Option(
    "--source", help="Read all of it as this instead of looking: `otlp`, `azure`, `table` …", rich_help_panel=_READING,
    autocompletion=completions.sources)]
ServiceOption = Annotated[str | None, typer.Option(
    "--service", help="The service it is of, where a format does not say.", rich_help_panel=_READING)]
NaiveOption = Annotated[str | None, typer.Option(
    "--naive", help="IANA zone of times written without one, such as `UTC` or `Europe/Amsterdam`.",
    rich_help_panel=_READING)]
AtOption = Annotated[str | None, typer.Option(
    "--at", help="Moment of a snapshot that names none, such as `2026-07-05T23:59Z`; `mtime` for that of the file.",
    rich_help_panel=_READING)]
PopulationOption = Annotated[str | None, typer.Option(
    "--population", help="Whose requests a load test counts as: `synthetic` (default) or `user`.",
    rich_help_panel=_READING)]
VerboseOption = Annotated[bool, typer.Option(
    "--verbose", help="Say of each file what it was taken for.", rich_help_panel=OUTPUT)]


def pull(
    paths: PathsArgument,
    store: StoreOption = Path("erp.duckdb"),
    objectives: ObjectivesOption = None,
    source: SourceOption = None,
    service: ServiceOption = None,
    naive: NaiveOption = None,
    at: AtOption = None,
    population: PopulationOption = None,
    verbose: VerboseOption = False,
    secrets: SecretsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read exported telemetry into the store; pulling twice equals pulling once.

    Each file is recognised by its content, never by its folder; what no source reads is named.
    Ctrl-C leaves whole files only; the same call goes on from there.

    For example:

    - `erp-telemetry pull exports/ 'logs/*.jsonl.gz' --store erp.duckdb`
    - times without a zone: `erp-telemetry pull tickets.csv --naive Europe/Amsterdam`
    - a snapshot: `erp-telemetry pull pods.json --at 2026-07-05T23:59Z`
    """
    if naive is not None:
        zoned(naive, "--naive")
    given = {"service": service, "naive": naive, "at": at, "population": population}
    found = recognised(paths, source, {name: value for name, value in given.items() if value is not None})
    screens.warn_unknown(found.unknown, verbose)
    if not found.sources:
        raise et.SourceError(f"nothing to read in {', '.join(paths)}")
    if not as_json:
        screens.print_taken(found, verbose)
    with filled(store) as into:
        receipts = pulled(found, into, wanted(objectives))
    if as_json:
        screens.print_json([screens.receipt_row(receipt, found) for receipt in receipts])
    else:
        for receipt in receipts:
            screens.print_receipt(receipt)
    if any(screens.has_failed(receipt) for receipt in receipts):
        raise typer.Exit(1)


def recognised(paths: list[str], source: str | None, options: dict[str, str]) -> Recognised:
    """What becomes of some paths; a wrong option is a wrong call."""
    try:
        return et.recognise(*paths, source=None if source is None else f"{_named(source)}_files", **options)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def pulled(found: Recognised, store: Store, objectives: Objectives | None = None) -> list[Receipt]:
    """Pull every source that was found, with a bar on stderr."""
    receipts = []
    for source in found.sources:
        with screens.progress(source.name) as show:
            try:
                receipts.append(et.pull(source, store, objectives=objectives, progress=show))
            except et.SourceError as error:
                # nothing of this source could be read; the others have their turn
                receipts.append(et.Receipt(source.name, refused=[str(error)]))
    return receipts


def _named(source: str) -> str:
    """The source that is meant: ``tables`` and ``access-logs`` are ``table`` and ``access_log``."""
    known, bare = completions.sources(), source.lower().replace("-", "_").removesuffix("_files")
    return next((name for name in (bare, bare.removesuffix("s")) if name in known), bare)
