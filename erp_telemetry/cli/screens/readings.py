"""Readings: one question over time, and the questions there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import erp_telemetry as et
from erp_telemetry.cli.screens.tables import Column, print_table
from erp_telemetry.cli.screens.text import DASH, safe

_DIMENSIONS = ("service", "operation", "instance", "resource", "tenant")


def print_readings(rows: Sequence[Mapping[str, Any]], unit: str, title: str) -> None:
    """Readings, one line each; a hole shows as a dash."""
    keys = [name for name in _DIMENSIONS if rows and name in rows[0]]
    is_late = any(row["is_provisional"] for row in rows)
    columns = (
        Column("time, UTC"), *(Column(key, folds=24 if key == "operation" else 12) for key in keys),
        Column("value", is_right=True), Column("95 % interval", is_right=True, goes=1),
        Column("count", is_right=True, goes=2), Column("coverage", is_right=True, goes=3),
        *([Column("")] if is_late else []),
    )
    print_table(title, columns, [_read(row, keys, unit, is_late) for row in rows])


def print_measures() -> None:
    """Every measure with its unit and the sentence that says what it answers."""
    columns = (Column("measure"), Column("unit", goes=2), Column("by", goes=1), Column("what it answers", folds=30))
    print_table("Measures", columns, [
        [safe(row["measure"]), safe(row["unit"]), safe(row["by"]), safe(row["answers"])] for row in measures()])


def measures() -> list[dict[str, str]]:
    """Name, unit, dimensions and sentence of every measure."""
    queries = [et.catalog.query(f"measures/{name}") for name in et.catalog.names("measures")]
    return [{"measure": query.name.removeprefix("measures/"), "unit": query.header.get("unit", ""),
             "by": " ".join(query.by), "answers": query.title} for query in queries]


def _read(row: Mapping[str, Any], keys: Sequence[str], unit: str, is_late: bool) -> list[str]:
    low, high = row["value_low"], row["value_high"]
    interval = DASH if low is None or high is None else f"{et.readable(low, unit)} … {et.readable(high, unit)}"
    late = ["provisional" if row["is_provisional"] else ""] if is_late else []
    return [f"{row['time']:%Y-%m-%d %H:%M}", *(safe(row[key] or DASH) for key in keys),
            et.readable(row["value"], unit), interval, et.readable(row["count"], ""),
            et.readable(row["coverage"], "ratio"), *late]
