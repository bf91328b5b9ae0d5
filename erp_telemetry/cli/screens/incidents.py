"""Incidents: what went wrong, when, and how long it took to see and to repair."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import erp_telemetry as et
from erp_telemetry.cli.screens.tables import Column, print_table
from erp_telemetry.cli.screens.text import DASH, safe

if TYPE_CHECKING:
    from erp_telemetry import Incident

_COLUMNS = (
    Column("incident", folds=16), Column("impact", goes=2), Column("services", folds=12), Column("began, UTC"),
    Column("to detect", is_right=True, goes=3), Column("to repair", is_right=True, goes=1), Column("ended, UTC"),
)


def print_incidents(found: Sequence[Incident], title: str) -> None:
    """Incidents with their times to detect and repair."""
    print_table(title, _COLUMNS, [
        [safe(one.title), safe(one.impact or DASH), safe(", ".join(one.services) or DASH),
         f"{one.impact_start:%Y-%m-%d %H:%M}", _span(one.time_to_detect), _span(one.time_to_repair), _ended(one)]
        for one in found])


def incident_row(one: Incident) -> dict[str, Any]:
    """An incident as a row for machines, with the spans that are held against objectives, in seconds."""
    spans = {"time_to_detect_s": one.time_to_detect, "time_to_repair_s": one.time_to_repair,
             "time_to_restore_s": one.time_to_restore, "data_loss_s": one.data_loss}
    return {**{field.name: getattr(one, field.name) for field in dataclasses.fields(one)}, "is_open": one.is_open,
            **{name: None if span is None else span.total_seconds() for name, span in spans.items()}}


def _ended(one: Incident) -> str:
    if one.is_open:
        return "[bold red]still open[/]"
    return "not recorded" if one.ended is None else f"{one.ended:%Y-%m-%d %H:%M}"


def _span(span: timedelta | None) -> str:
    return et.readable(None if span is None else span.total_seconds(), "s")
