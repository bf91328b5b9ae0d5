"""Keys: which series a row is of; what a row shows may be a mark in the place of a secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from erp_telemetry.errors import QueryError
from erp_telemetry.redactions import redact, redact_keys


def named(row: Mapping[str, Any] | pl.DataFrame) -> dict[str, Any]:
    """A row by its columns, also of a frame that has just one.

    Raises:
        ValueError: a frame of more rows, or of none.
    """
    if not isinstance(row, pl.DataFrame):
        return dict(row)
    if row.height != 1:
        raise ValueError(f"explain takes one row, not a frame of {row.height:,}: "
                         "pick one, as in frame.row(0, named=True)")
    return row.row(0, named=True)


def kept(known: pl.DataFrame, keys: Sequence[str], row: Mapping[str, Any]) -> dict[str, str | None]:
    """The key as the store keeps it of a row whose key may be redacted.

    ``known`` are the keys of the frame that the row is of: marks are numbered within it.

    Raises:
        QueryError: no key looks like that of the row, or more than one does.
    """
    if not keys:
        return {}
    wanted = [row[key] for key in keys]
    raw = known.select(keys).unique(maintain_order=True).sort(keys, nulls_last=False)
    shown = redact_keys(raw, keys)
    found = {own for own, seen in zip(raw.rows(), shown.rows(), strict=True) if wanted in (list(own), list(seen))}
    if not found:
        # the row of a frame of other keys, where a mark needed no number
        found = {own for own in raw.rows() if [redact(part).value for part in own] == wanted}
    said = redact(", ".join(f"{key} {value!r}" for key, value in zip(keys, wanted, strict=True))).value
    if not found:
        raise QueryError(f"no series of {said}: the row is of another store, or was asked with another where=")
    if len(found) > 1:
        raise QueryError(f"{len(found)} series look like {said} once secrets are hidden: "
                         "ask for the row with is_redacted=False")
    return dict(zip(keys, found.pop(), strict=True))
