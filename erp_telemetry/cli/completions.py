"""Completions: what a press of the tab key offers; quick, silent, and never a change to a store."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

import typer

import erp_telemetry as et

_PATIENCE_SECONDS = 0.2
_BASH_KEY = "_ERP_TELEMETRY_KEY"


def sources() -> list[str]:
    """Names for --source: every source on the face that reads files, without its ``Files``.

    >>> {"otlp", "azure", "table"} <= set(sources())
    True
    """
    bare = [name.removesuffix("Files") for name in et.__all__ if name.endswith("Files")]
    return ["".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
            for name in bare]


def measures() -> list[tuple[str, str]]:
    """Every measure with its sentence."""
    return [(name, et.catalog.query(f"measures/{name}").title) for name in et.catalog.names("measures")]


def explainable() -> list[tuple[str, str]]:
    """Every KPI of the handbook's scorecard, then every measure that is none, with its sentence."""
    wanted = et.Objectives.load()
    kpis = [*wanted.targets, *dict.fromkeys(band.name for band in wanted.bands)]
    return [*((name, "a row of the scorecard") for name in kpis),
            *((name, title) for name, title in measures() if name not in kpis)]


def queries() -> list[tuple[str, str]]:
    """Every example query with its sentence."""
    return [(name, et.catalog.query(f"examples/{name}").title) for name in et.catalog.names("examples")]


def dimensions(ctx: typer.Context) -> list[str]:
    """Dimensions that the measure on this line can be asked by; without one, those of any."""
    known = et.catalog.names("measures")
    # while an option still waits for its value, the words before it are not read into names
    asked = next((word for word in (ctx.params.get("name"), *ctx.args) if word in known), None)
    return sorted({dimension for name in ([asked] if asked else known)
                   for dimension in et.catalog.query(f"measures/{name}").by})


def dimensions_or_none(ctx: typer.Context) -> list[str]:
    """As ``dimensions``, and ``none`` for the whole system."""
    return [*dimensions(ctx), "none"]


def services(ctx: typer.Context) -> list[str]:
    """Services in the store on this line; none where it is not there, busy, damaged or of an older version."""
    path = Path(ctx.params.get("store") or "erp.duckdb")
    if not path.is_file():
        return []
    try:
        store = et.Store(path, wait_seconds=_PATIENCE_SECONDS)
        if store.is_outdated:
            return []
        return [name for (name,) in store.sql(et.catalog.query("scorecards/services").text).iter_rows() if name]
    except (et.TelemetryError, OSError):
        return []


def conditions(ctx: typer.Context, incomplete: str) -> list[str]:
    """``dimension=``, and behind the sign of equality the services that are there."""
    key, mark, _ = incomplete.partition("=")
    kept = os.environ.get(_BASH_KEY)
    if kept is not None:
        return services(ctx) if kept == "service" else []
    if mark:
        return [f"{key}={name}" for name in services(ctx)] if key == "service" else []
    return [f"{dimension}=" for dimension in dimensions(ctx)]


def rejoin(environment: MutableMapping[str, str]) -> None:
    """Put back together what bash cut at a sign of equality: it asks for ``or`` where ``service=or`` was typed.

    Bash replaces only the last part, so what is offered there is that part; its key is kept aside.
    """
    words, place = environment.get("COMP_WORDS", "").split("\n"), environment.get("COMP_CWORD", "")
    if not place.isdigit() or not 0 < int(place) < len(words) + 1:
        return
    at = int(place)
    words += [""] * (at + 1 - len(words))
    # the cursor stands on the sign itself, or on what follows it
    sign = at if words[at] == "=" else at - 1
    if sign < 2 or words[sign] != "=" or words[sign - 2] != "--where":
        return
    environment[_BASH_KEY] = words[sign - 1]
    typed = "" if sign == at else words[at]
    environment["COMP_WORDS"] = "\n".join([*words[:sign - 1], typed])
    environment["COMP_CWORD"] = str(sign - 1)
