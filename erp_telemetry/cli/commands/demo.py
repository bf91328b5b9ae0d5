"""demo: what it is for, on the samples."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import erp_telemetry as et
from erp_telemetry.cli import screens
from erp_telemetry.cli.arguments import OUTPUT, WHICH
from erp_telemetry.cli.commands.demo_azure import exported_tables, pulled_from_azure
from erp_telemetry.cli.commands.pull import pulled
from erp_telemetry.cli.trends import trends

if TYPE_CHECKING:
    from erp_telemetry import Store, Window

_RECORDS = ("alerts", "changes", "incidents", "inventory", "recoveries")
_NOT_TELEMETRY = ("simulator", "__pycache__")
OutOption = Annotated[Path, typer.Option(
    "--out", help="Folder for the store and the page.", rich_help_panel=OUTPUT)]
SamplesOption = Annotated[Path | None, typer.Option(
    "--samples", help="Another folder of samples.", rich_help_panel=WHICH)]
AzureOption = Annotated[bool, typer.Option(
    "--azure", help="Pull what they have of Azure from a workspace on this machine that speaks as Azure's does (needs "
                    "`erp-telemetry[testing]`).", rich_help_panel=WHICH)]


def demo(out: OutOption = Path("out"), samples: SamplesOption = None, azure: AzureOption = False) -> None:
    """See what it is for: pull the samples, score them, write the operations review.

    Repeatable: the store under `out/` is made anew each time.

    For example:

    - `erp-telemetry demo --out out`
    - over the network, as from Log Analytics: `erp-telemetry demo --azure`
    """
    folder = _samples() if samples is None else samples
    if azure:
        tables = exported_tables(folder)
        store = _fresh(out)
        window = pulled_from_azure(tables, store)
        _pull_records(folder, store)
    else:
        store, window = _pulled_from_files(folder, out)
    _show(store, window, out)


def _pulled_from_files(folder: Path, out: Path) -> tuple[Store, Window]:
    """Pull every folder of samples that a source reads; the store and the span they cover."""
    places = sorted(place for place in folder.iterdir() if place.is_dir() and place.name not in _NOT_TELEMETRY)
    found = et.recognise(*places)
    if not found.sources:
        raise et.SourceError(f"{folder} has no folder that a source reads: give the samples by --samples")
    screens.print_taken(found, is_verbose=False)
    read = {place for place in places if any(Path(one.path).is_relative_to(place) for one in found.taken)}
    screens.warn_unknown([(file, why) for file, why in found.unknown
                          if any(Path(file).is_relative_to(place) for place in read)])
    rest = [screens.safe(place.name) for place in places if place not in read]
    if rest:
        screens.say(f"folders that no source reads yet: {', '.join(rest)}")
    store = _fresh(out)
    for receipt in pulled(found, store):
        screens.print_receipt(receipt)
    return store, _covered(folder, store)


def _pull_records(folder: Path, store: Store) -> None:
    """Pull what people and other tools write down, which no table of a workspace has: incidents and the like."""
    found = [place for name in _RECORDS for place in sorted((folder / "tables").glob(f"{name}.*"))]
    if not found:
        return
    screens.say(f"beside it, as a ticket tool exports them: {', '.join(place.stem for place in found)}")
    for receipt in pulled(et.recognise(*found), store):
        screens.print_receipt(receipt)


def _show(store: Store, window: Window, out: Path) -> None:
    rows = et.score(store, window).to_dicts()
    services = list(dict.fromkeys(row["service"] for row in rows))
    screens.print_scorecard(rows, f"Scorecard {window}", trends(store, window, None, services, screens.bars()))
    found = et.incidents(store, window)
    if found:
        screens.print_incidents(found, "Incidents")
    else:
        screens.say("\nno incident is on record in this window")
    page = et.report(store, window).save(out / "review.html")
    screens.say(f"store: {screens.safe(store.path)}   review: {screens.safe(page)}")


def _fresh(out: Path) -> Store:
    out.mkdir(parents=True, exist_ok=True)
    path = out / "erp.duckdb"
    for stale in (path, path.with_name(path.name + ".wal")):
        stale.unlink(missing_ok=True)
    shutil.rmtree(path.with_name(path.name + ".tmp"), ignore_errors=True)
    return et.Store(path)


def _covered(folder: Path, store: Store) -> Window:
    """The span that samples say they cover, so that the scorecard is that of their truth; else the last 14 days."""
    truth = folder / "truth.json"
    if not truth.is_file():
        return store.last(days=14)
    span = json.loads(truth.read_text(encoding="utf-8"))["window"]
    return et.Window(span["start"], span["end"])


def _samples() -> Path:
    here = Path(et.__file__).resolve().parent
    for place in (here / "samples", here.parent / "data" / "samples"):
        if place.is_dir():
            # named as one would type it, so that two checkouts write the same page
            return place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place
    raise et.SourceError("no samples in this installation: give a folder by --samples")
