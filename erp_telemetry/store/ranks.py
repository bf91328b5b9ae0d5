"""Ranks: which duration stands at a share of the weight of each cell, by sorting and one running sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

QUANTILES = (0.50, 0.95, 0.99)
_Z = 1.96
_FUDGE = 1e-12
Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ranked:
    """Durations in order within their cells, and the weight up to and with each.

    Whole weights run on over all cells, which is exact; fractions run as a share of their own cell, whose
    number stands before, so that what other cells weigh moves no rank.
    """

    starts: Whole
    cells: Whole
    durations: npt.NDArray[Any]
    unit: float
    upto: npt.NDArray[Any]
    totals: Floats
    squares: Floats


def of_packed(packed: Whole, weight_bits: int, duration_bits: int, unit: float) -> Ranked:
    """Ranks of requests packed into one integer each: cell above, duration in units, weight; ``packed`` is used up."""
    packed.sort()
    weights = packed & ((1 << weight_bits) - 1)
    packed >>= weight_bits
    cells = packed >> duration_bits
    starts = _starts(cells)
    cells = cells[starts]
    totals = np.add.reduceat(weights, starts).astype(np.float64)
    squares = np.add.reduceat(np.square(weights, dtype=np.float64), starts)
    packed &= (1 << duration_bits) - 1
    return Ranked(starts, cells, packed, unit, np.cumsum(weights, out=weights), totals, squares)


def of_columns(found: Mapping[str, npt.NDArray[Any]]) -> Ranked:
    """Ranks of requests told by the arrays ``cell``, ``duration`` and ``weight``."""
    order = np.lexsort((found["duration"], found["cell"]))
    cells, weights = found["cell"][order], found["weight"][order]
    starts = _starts(cells)
    # in extended precision, so that the rounding of a long running sum moves no rank
    upto = weights.astype(np.longdouble)
    for part in np.split(upto, starts[1:]):
        np.cumsum(part, out=part)
    sizes = np.diff(starts, append=upto.size)
    totals = upto[starts + sizes - 1]
    upto /= np.repeat(totals, sizes)
    upto += np.repeat(np.arange(starts.size), sizes)
    return Ranked(starts, cells[starts], found["duration"][order], 1.0, upto, totals.astype(np.float64),
                   np.add.reduceat(weights**2, starts))


def _starts(cells: npt.NDArray[Any]) -> Whole:
    return np.concatenate(([0], np.flatnonzero(cells[1:] != cells[:-1]) + 1)).astype(np.int64)


def values(ranked: Ranked) -> Iterator[Floats]:
    """Total weight, then value, lower and upper end of each quantile, by cell."""
    ends = np.append(ranked.starts[1:], ranked.upto.size) - 1
    before = np.concatenate(([0], ranked.upto[ends[:-1]]))
    yield ranked.totals
    # of fractions a cell's whole is 1
    whole = (ranked.upto[ends] - before).astype(np.float64)
    for q in QUANTILES:
        margin = _Z * np.sqrt(q * (1 - q) * ranked.squares) / ranked.totals
        for share in (np.full(whole.size, q - _FUDGE), q - margin, q + margin):
            rank = np.maximum(share * whole, 0.0)
            # whole weights are compared as whole numbers
            wanted = before + (np.ceil(rank).astype(np.int64) if ranked.upto.dtype == np.int64 else rank)
            at = np.clip(np.searchsorted(ranked.upto, wanted), ranked.starts, ends)
            found = ranked.durations[at] / ranked.unit
            yield np.where(share <= 1, found, np.nan).astype(np.float64)
