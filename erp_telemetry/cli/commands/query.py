"""query: ask the store in SQL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import erp_telemetry as et
from erp_telemetry.cli import completions, screens
from erp_telemetry.cli.arguments import (
    WHICH,
    JsonOption,
    LastOption,
    SecretsOption,
    StoreOption,
    WindowOption,
    existing,
    span,
    values,
)

if TYPE_CHECKING:
    from erp_telemetry import Store

_FAMILY = "examples"
NameArgument = Annotated[str | None, typer.Argument(
    help="An example query, or a file that ends in `.sql`; without it the examples are listed.",
    autocompletion=completions.queries)]
ParamOption = Annotated[list[str] | None, typer.Option(
    "--param", help="Value of a `$name` in it: `limit=20`, `service=orders`; repeatable.", rich_help_panel=WHICH)]


def query(
    name: NameArgument = None,
    store: StoreOption = Path("erp.duckdb"),
    param: ParamOption = None,
    window: WindowOption = None,
    last: LastOption = None,
    secrets: SecretsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Ask the store in SQL, read-only; without a name, list the queries that are ready.

    `$start` and `$stop` are those of the window (default: the last 7 days); other `$names` come by --param.

    For example:

    - `erp-telemetry query`
    - `erp-telemetry query errors_of_a_service --last 1d --param service=orders`
    - your own: `erp-telemetry query errors.sql --param service=orders --json`
    """
    if name is None:
        rows = [{"query": known, "needs": " ".join(_needs(known)), "answers": title}
                for known, title in completions.queries()]
        screens.print_json(rows) if as_json else screens.print_queries(rows)
        return
    text, title = _statement(name)
    held = existing(store)
    frame = held.sql(text, is_redacted=not secrets, **_bound(held, text, values(param), window, last))
    if as_json:
        screens.print_json(frame.to_dicts())
    else:
        screens.print_answer(frame.to_dicts(), frame.columns, title)


def _needs(name: str) -> list[str]:
    """Parameters of an example that do not come from the window."""
    return sorted(et.catalog.query(f"{_FAMILY}/{name}").parameters - {"start", "stop"})


def _statement(name: str) -> tuple[str, str]:
    """Text and title of an example or a file."""
    if not name.endswith(".sql"):
        known = et.catalog.query(f"{_FAMILY}/{name}")
        return known.text, known.title
    try:
        return Path(name).read_text(encoding="utf-8-sig"), name
    except UnicodeDecodeError as error:
        raise et.QueryError(f"{name} is not UTF-8 text: save it so") from error


def _bound(
    store: Store, text: str, given: dict[str, Any], window: str | None, last: str | None
) -> dict[str, Any]:
    """Values of exactly the parameters a statement names."""
    named = et.catalog.parameters(text)
    for name in given.keys() - named:
        has = ", ".join(f"${known}" for known in sorted(named)) or "none"
        raise typer.BadParameter(f"the query has no ${name}; it has {has}", param_hint="--param")
    is_windowed = bool(named & {"start", "stop"} - given.keys())
    if is_windowed:
        asked = span(store, window, last, "7d")
        given = {"start": asked.start, "stop": asked.stop, **given}
    elif window or last:
        raise typer.BadParameter("the query reads no $start and $stop, so a window would say nothing",
                                 param_hint="--window" if window else "--last")
    missing = sorted(named - given.keys())
    if missing:
        raise typer.BadParameter(f"the query needs {', '.join(f'--param {name}=…' for name in missing)}",
                                 param_hint="--param")
    return {name: given[name] for name in named}
