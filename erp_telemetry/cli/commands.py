"""Commands: demo, pull, score, measure, status, verify."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

import erp_telemetry as et
from erp_telemetry.cli import screens
from erp_telemetry.cli.arguments import (
    Gate,
    JsonOption,
    Kind,
    LastOption,
    StoreOption,
    WindowOption,
    aligned,
    existing,
    pairs,
)
from erp_telemetry.cli.arguments import span as asked_span

if TYPE_CHECKING:
    from erp_telemetry import Receipt, Recognised, Store

# older than the slowest ordinary arrival of logs, the last minutes say nothing of now
_STALE = timedelta(minutes=30)
_NOT_TELEMETRY = ("simulator", "__pycache__")


class _Refusing(TyperGroup):
    """Turns what the library refuses to do into one line and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (et.TelemetryError, OSError) as error:
            screens.aside.print(f"[bold red]erp-telemetry:[/] {screens.safe(error)}", soft_wrap=True)
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=_Refusing, no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False,
    help="Telemetry of an ERP in, a scorecard of every KPI beside its objective out.\n\n"
    "Begin with `erp-telemetry demo`. Then `pull` your own exports and `score` them.\n\n"
    "Exit codes: 0 done, 1 refused (one line on stderr says why), 2 a gate was missed or the call was wrong.",
)



def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"erp-telemetry {et.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option(
        "--version", help="Say the version and stop.", is_eager=True, callback=_say_version)] = False,
) -> None:
    pass


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the store and the page.")] = Path("out"),
    samples: Annotated[Path | None, typer.Option("--samples", help="Another folder of samples.")] = None,
) -> None:
    """See what it is for: pull the samples, score them, write one HTML page.

    Repeatable: the store under `out/` is made anew each time.

    Example: `erp-telemetry demo --out out`
    """
    folder = _samples() if samples is None else samples
    out.mkdir(parents=True, exist_ok=True)
    path = out / "erp.duckdb"
    for stale in (path, path.with_name(path.name + ".wal")):
        stale.unlink(missing_ok=True)
    shutil.rmtree(path.with_name(path.name + ".tmp"), ignore_errors=True)
    store = et.Store(path)
    ready = [folder / kind for kind in Kind if (folder / kind).is_dir()]
    if not ready:
        raise et.SourceError(f"{folder} has none of the folders {', '.join(Kind)}: give the samples by --samples")
    found = et.recognise(*ready)
    for receipt in _pull(found, store):
        screens.print_receipt(receipt)
    _name_unknown(found)
    later = sorted(place.name for place in folder.iterdir()
                   if place.is_dir() and place not in ready and place.name not in _NOT_TELEMETRY)
    if later:
        screens.screen.print(f"kept for later sources: {', '.join(map(screens.safe, later))}")
    window = _fortnight(folder, store)
    screens.print_scorecard(et.score(store, window).to_dicts(), f"Scorecard {window}")
    screens.print_incidents(et.incidents(store, window), "Incidents")
    page = et.report(store, window).save(out / "scorecard.html")
    screens.screen.print(f"store: {screens.safe(path)}   page: {screens.safe(page)}", soft_wrap=True)


def _fortnight(folder: Path, store: Store) -> et.Window:
    """The span that samples say they cover, so that the scorecard is that of their truth; else the last 14 days."""
    truth = folder / "truth.json"
    if not truth.is_file():
        return store.last(days=14)
    span = json.loads(truth.read_text(encoding="utf-8"))["window"]
    return et.Window(span["start"], span["end"])


@app.command()
def pull(
    paths: Annotated[list[str], typer.Argument(help="Files, folders or globs of exported telemetry.")],
    store: StoreOption = Path("erp.duckdb"),
    source: Annotated[Kind | None, typer.Option("--source", help="Read all of it as this.")] = None,
    objectives: Annotated[Path | None, typer.Option("--objectives", help="TOML of what is wanted.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Read exported telemetry into the store; pulling twice equals pulling once.

    Without --source each file is recognised by its content; files that no source reads are named.

    Example: `erp-telemetry pull exports/ 'logs/*.jsonl.gz' --store erp.duckdb`
    """
    found = et.recognise(*paths, source=f"{source.value}_files" if source else None)
    _name_unknown(found)
    if not found.sources:
        raise et.SourceError(f"nothing to read in {', '.join(paths)}")
    wanted = None if objectives is None else et.Objectives.load(objectives)
    receipts = _pull(found, et.Store(store), wanted)
    if as_json:
        screens.print_json([_receipt_row(receipt) for receipt in receipts])
    else:
        for receipt in receipts:
            screens.print_receipt(receipt)
    if not all(receipt.is_complete for receipt in receipts):
        raise typer.Exit(1)


@app.command()
def score(
    store: StoreOption = Path("erp.duckdb"),
    window: WindowOption = None,
    last: LastOption = None,
    objectives: Annotated[Path | None, typer.Option("--objectives", help="TOML of what is wanted.")] = None,
    fail_on: Annotated[list[Gate] | None, typer.Option("--fail-on", help="Exit 2 if a KPI is so; repeatable.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Hold every KPI beside its objective, by service and for the whole system (default: the last 7 days).

    Example, as a gate in a pipeline: `erp-telemetry score --last 1d --fail-on missed`
    """
    held = existing(store)
    span = asked_span(held, window, last, "7d")
    rows = et.score(held, span, None if objectives is None else et.Objectives.load(objectives)).to_dicts()
    if as_json:
        screens.print_json(rows)
    else:
        screens.print_scorecard(rows, f"Scorecard {span}")
    hit = [row for row in rows if row["state"] in set(fail_on or ())]
    if hit:
        names = ", ".join(f"{row['kpi']} of {row['service'] or screens.WHOLE} {row['state']}" for row in hit)
        screens.aside.print(f"[bold red]gate missed:[/] {screens.safe(names)}", soft_wrap=True)
        raise typer.Exit(2)


@app.command()
def measure(
    name: Annotated[str | None, typer.Argument(help="A measure; without it all are listed.")] = None,
    store: StoreOption = Path("erp.duckdb"),
    every: Annotated[str, typer.Option("--every", help="Width of a step: `1m`, `5m`, `1h`, `1d`, `1mo`.")] = "1h",
    by: Annotated[list[str] | None, typer.Option("--by", help="Dimension of the key; repeatable; `none`.")] = None,
    where: Annotated[list[str] | None, typer.Option("--where", help="Keep only `service=orders`; repeatable.")] = None,
    window: WindowOption = None,
    last: LastOption = None,
    zone: Annotated[str, typer.Option("--zone", help="IANA zone of calendar steps.")] = "UTC",
    exact: Annotated[bool, typer.Option("--exact", help="Percentiles from raw rows instead of sketches.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Ask one question over time (default: the last day); without a name, list the questions.

    Example: `erp-telemetry measure error_ratio --every 5m --by service --last 1d --json`
    """
    if name is None:
        screens.print_json(screens.measures()) if as_json else screens.print_measures()
        return
    held = existing(store)
    span = asked_span(held, window, last, "1d")
    span = span if window else aligned(span, every)
    keys = () if by == ["none"] else tuple(by or ("service",))
    try:
        rows = et.measure(held, name, span, every, keys, pairs(where), zone, exact).to_dicts()
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if as_json:
        screens.print_json(rows)
    else:
        unit = et.catalog.query(f"measures/{name}").header.get("unit", "")
        screens.print_readings(rows, unit, f"{name} {span}")


@app.command()
def status(store: StoreOption = Path("erp.duckdb"), as_json: JsonOption = False) -> None:
    """Are all services healthy? Bands and open incidents over the last 15 minutes of telemetry.

    Example: `erp-telemetry status --store erp.duckdb`
    """
    held = existing(store)
    until = held.last(hours=0.25).stop
    # percentiles are kept by 5 minutes
    until -= timedelta(minutes=until.minute % 5)
    span = et.Window.last(hours=0.25, until=until)
    rows = [row for row in et.score(held, span).to_dicts() if row["kpi"].endswith("_band")]
    if as_json:
        screens.print_json(rows)
        return
    still = [one for one in et.incidents(held, span) if one.is_open]
    words = [row["state"] for row in rows if row["service"] is not None]
    worst = next((word for word in ("critical", "warning", "unknown", "normal") if word in words), "unknown")
    if worst == "normal" and still:
        worst = "warning"
    answer = {"normal": "yes", "unknown": "not known of all", "warning": "no: look", "critical": "no: act"}[worst]
    age = datetime.now(UTC) - (held.watermark or until)
    if age > _STALE:
        answer = f"not known now; as of {until:%Y-%m-%d %H:%M} UTC: {answer}"
    screens.screen.print(f"All services healthy? [bold]{answer}[/]")
    screens.screen.print(f"last telemetry {held.watermark:%Y-%m-%d %H:%M:%S} UTC, "
                         f"{et.readable(age.total_seconds(), 's')} ago; window {span}", soft_wrap=True)
    screens.print_health(rows)
    if still:
        screens.print_incidents(still, "Open incidents")
    else:
        screens.screen.print("no open incident on record")


@app.command()
def verify(store: StoreOption = Path("erp.duckdb"), as_json: JsonOption = False) -> None:
    """Check that nothing in the ledger of pulls was changed after the fact.

    Example: `erp-telemetry verify --store erp.duckdb`
    """
    entries = existing(store).verify()
    if as_json:
        screens.print_json([{"store": str(store), "entries": entries, "is_whole": True}])
    else:
        screens.screen.print(f"{screens.safe(store)}: {entries:,} ledger entries, the chain is whole")


def main() -> None:
    """Run the command line."""
    app()


def _pull(found: Recognised, store: Store, objectives: Any = None) -> list[Receipt]:
    receipts = []
    for source in found.sources:
        with screens.progress(f"pulling {source.name}") as show:
            receipts.append(et.pull(source, store, objectives=objectives, progress=show))
    return receipts


def _receipt_row(receipt: Receipt) -> dict[str, Any]:
    return {
        "source": receipt.source, "slices": receipt.slices, "skipped": receipt.skipped, "rows": dict(receipt.rows),
        "duplicates": receipt.duplicates, "late": receipt.late, "unprovable": receipt.unprovable,
        "set_aside": [{"file": reject.file, "line": reject.line, "reason": reject.reason}
                      for reject in receipt.rejects],
        "refused": receipt.refused, "short": receipt.short, "is_complete": receipt.is_complete,
        "watermark": receipt.watermark,
    }


def _name_unknown(found: Recognised) -> None:
    for file, reason in found.unknown:
        screens.aside.print(f"[yellow]not read[/] {screens.safe(file)}: {screens.safe(reason)}; "
                            "give --source, or leave it out", soft_wrap=True)


def _samples() -> Path:
    here = Path(et.__file__).resolve().parent
    for place in (here / "samples", here.parent / "data" / "samples"):
        if place.is_dir():
            # named as one would type it, so that two checkouts write the same page
            return place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place
    raise et.SourceError("no samples in this installation: give a folder by --samples")
