"""Health: what is held now, how it went there, and every time it was away from normal."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import erp_telemetry as et
from erp_telemetry.cli.screens.scorecards import bars
from erp_telemetry.cli.screens.tables import Column, print_table
from erp_telemetry.cli.screens.text import safe, say, screen, state

if TYPE_CHECKING:
    from erp_telemetry import Objectives

_TOP = 20
_CELLS = {"critical": "█#", "warning": "▄=", "normal": "▁_", "unknown": "  "}
"""Of each state its bar, and its letter for a terminal that knows no bars; the first of several stands for all."""
_HELD = (
    Column("service", folds=12), Column("band"), Column("state"), Column("since, UTC"), Column("value", is_right=True),
    Column("how it went", goes=1), Column("normal", is_right=True, goes=2),
)
_EPISODES = (
    Column("service", folds=12), Column("band"), Column("state"), Column("from, UTC"), Column("lasted", is_right=True),
    Column("worst", is_right=True), Column("", goes=1),
)


def print_held(
    rows: Sequence[Mapping[str, Any]], runs: Sequence[Mapping[str, Any]], title: str, objectives: Objectives | None
) -> None:
    """One line for each band of each service, then the episodes in warning and critical."""
    if not rows:
        say("no service was ever seen that a health band could be told from")
        return
    units = _units(objectives)
    strips: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        strips.setdefault((row["service"], row["kpi"]), []).append(row)
    keys = list(strips)
    breaks = [place for place in range(1, len(keys)) if keys[place][0] != keys[place - 1][0]]
    print_table(title, _HELD, [_held(strip, units) for strip in strips.values()], breaks)
    apart = [run for run in runs if run["state"] in ("critical", "warning")]
    if not apart:
        say("no band was in warning or critical")
        return
    worst = sorted(apart, key=lambda run: (run["state"] != "critical", -run["duration_s"], run["start"]))
    shown = sorted(worst[:_TOP], key=lambda run: (run["start"], run["service"], run["kpi"]))
    print_episodes(shown, "Away from normal", objectives)
    if len(apart) > _TOP:
        say(f"{len(apart) - _TOP:,} less bad or shorter ones are left out: --episodes lists all")


def print_episodes(runs: Sequence[Mapping[str, Any]], title: str, objectives: Objectives | None) -> None:
    """Runs of one state, one line each."""
    units = _units(objectives)
    print_table(title, _EPISODES, [
        [safe(run["service"]), _short(run["kpi"]), state(run["state"]), f"{run['start']:%Y-%m-%d %H:%M}",
         et.readable(run["duration_s"], "s"), et.readable(run["peak"], units.get(run["kpi"], "")), _doubt(run)]
        for run in runs])


def _held(strip: Sequence[Mapping[str, Any]], units: Mapping[str, str]) -> list[str]:
    now = strip[-1]
    normal = sum(step["held_state"] == "normal" for step in strip) / len(strip)
    return [safe(now["service"]), _short(now["kpi"]), state(now["held_state"]), f"{now['since']:%Y-%m-%d %H:%M}",
            et.readable(now["value"], units.get(now["kpi"], "")), _drawn([step["held_state"] for step in strip]),
            et.readable(normal, "ratio")]


def _drawn(states: Sequence[str]) -> str:
    """States as a row of bars, each the worst that was seen in the steps that share it; a gap is silence."""
    count = min(2 * bars(), len(states))
    cuts = [len(states) * place // count for place in range(count + 1)]
    worst = [next(word for word in _CELLS if word in states[start:stop])
             for start, stop in itertools.pairwise(cuts)]
    return "".join(_CELLS[word][screen.options.ascii_only] for word in worst)


def _doubt(run: Mapping[str, Any]) -> str:
    words = ["few observations"] * (not run["is_certain"]) + ["may still change"] * bool(run["is_provisional"])
    return ", ".join(words)


def _short(band: str) -> str:
    return safe(band.removesuffix("_band"))


def _units(objectives: Objectives | None) -> dict[str, str]:
    wanted = objectives if objectives is not None else et.Objectives.load()
    return {band.name: et.catalog.query(f"measures/{band.measure}").header.get("unit", "") for band in wanted.bands}
