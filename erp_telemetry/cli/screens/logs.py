"""Logs: how much was written, what became louder, what is written most, what keeping less would save."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import erp_telemetry as et
from erp_telemetry.cli.screens.tables import Column, print_table
from erp_telemetry.cli.screens.text import DASH, safe, say, styled

if TYPE_CHECKING:
    from erp_telemetry import LogAnalysis

_TOP = 10
_STYLES = {"louder": "warning", "quieter": "insufficient"}
_VOLUME = (
    Column("service", folds=12), Column("level"), Column("events", is_right=True),
    Column("an hour", is_right=True, goes=2), Column("bytes", is_right=True), Column("share", is_right=True, goes=1),
)
_DRIFT = (
    Column("service", folds=12), Column("level"), Column("state"), Column("was", is_right=True),
    Column("is", is_right=True), Column("per", goes=2), Column("times", is_right=True),
    Column("95 % interval", is_right=True, goes=3), Column("against", goes=1),
)
_TEMPLATES = (
    Column("events", is_right=True), Column("share", is_right=True, goes=1), Column("service", folds=12),
    Column("level", goes=2), Column("template", folds=30),
)
_RETENTION = (
    Column("table"), Column("keep", is_right=True), Column("drops rows", is_right=True),
    Column("share", is_right=True, goes=2), Column("frees about", is_right=True), Column("goes", goes=1, folds=24),
)


def print_logs(found: LogAnalysis) -> None:
    """The four tables of an analysis, each with what is worth a look; all of it is in the JSON."""
    _print_volume(found.volume.to_dicts(), found)
    _print_drift(found.drift.to_dicts())
    _print_templates(found.templates.to_dicts(), found)
    _print_retention(found.retention.to_dicts())


def _print_volume(rows: Sequence[Mapping[str, Any]], found: LogAnalysis) -> None:
    if not rows:
        say(f"no log event in {found.window}")
        return
    breaks = [place for place in range(1, len(rows)) if rows[place]["service"] != rows[place - 1]["service"]]
    print_table(f"Log volume {found.window}", _VOLUME, [
        [safe(row["service"] or DASH), safe(row["level"] or DASH), et.readable(row["count"], ""),
         _number(row["per_hour"]), et.readable(row["bytes"], "By"), et.readable(row["share"], "ratio")]
        for row in rows], breaks)


def _print_drift(rows: Sequence[Mapping[str, Any]]) -> None:
    moved = [row for row in rows if row["state"] in _STYLES]
    if moved:
        print_table("Drift", _DRIFT, [
            [safe(row["service"] or DASH), safe(row["level"] or DASH), styled(_STYLES[row["state"]], row["state"]),
             _number(row["rate_before"]), _number(row["rate"]), row["per"], _number(row["ratio"]),
             f"{_number(row['ratio_low'])} … {_number(row['ratio_high'])}", row["against"]] for row in moved])
    counts = Counter(row["state"].replace("_", " ") for row in rows)
    if counts:
        say("drift by service and level: " + ", ".join(f"{count:,} {word}" for word, count in counts.most_common()))


def _print_templates(rows: Sequence[Mapping[str, Any]], found: LogAnalysis) -> None:
    if rows:
        print_table("Top templates", _TEMPLATES, [
            [et.readable(row["count"], ""), et.readable(row["share"], "ratio"), safe(row["service"] or DASH),
             safe(row["level"] or DASH), safe(row["template"] or "(the log brings no template)")]
            for row in rows[:_TOP]])
    if len(rows) > _TOP:
        say(f"[dim]… and {len(rows) - _TOP:,} more; --json has them[/]")
    if found.raw_since is not None:
        say(f"[dim]raw rows before {found.raw_since:%Y-%m-%d %H:%M} UTC were pruned: templates speak of later ones[/]")


def _print_retention(rows: Sequence[Mapping[str, Any]]) -> None:
    telling = [row for row in rows if row["dropped_rows"]]
    if telling:
        print_table("Keeping raw rows for less; rates, ratios and percentiles over time stay", _RETENTION, [
            [safe(row["table_name"]), f"{row['keep_days']} d", et.readable(row["dropped_rows"], ""),
             et.readable(row["share"], "ratio"), et.readable(row["file_bytes"], "By"), row["goes"]]
            for row in telling])
    elif rows:
        least = min(row["keep_days"] for row in rows)
        say(f"no raw row is older than {least} days: keeping less would save nothing yet")


def _number(value: float | None) -> str:
    return DASH if value is None or value != value else f"{value:,.3g}"
