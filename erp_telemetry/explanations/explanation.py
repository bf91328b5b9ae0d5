"""Explanation: how one number came about, with what gives it again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from erp_telemetry.errors import StoreError
from erp_telemetry.explanations import printing
from erp_telemetry.explanations.account import Account
from erp_telemetry.explanations.standing import Standing, standing
from erp_telemetry.store import Store

TOLERANCE = 1e-12
"""Relative: sums of weights that are no whole numbers differ in their last digits with the order of the rows."""


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Account):
    """How the number of a row came about; it prints readably, and ``rerun`` gives the number again.

    - ``name, title, unit``: the measure or KPI, the sentence that defines it, the unit of ``value``.
    - ``key``: dimensions with their values, as the row showed them; ``window``: the step or window of the rows.
    - ``value, low, high, interval, n, n_of, effective_n, rows, excluded``: what came out; ``n_of`` says what ``n``
      counts, ``effective_n`` is after Kish, ``rows`` as they arrived (null where a rollup does not tell),
      ``excluded`` weighted, by reason, ``is_supported`` as of readings.
    - ``coverage, is_provisional, watermark``: how much was seen, and up to when was told of such rows.
    - ``entries``: ledger entries that brought the rows, found by their time where raw rows were pruned; ``late``:
      rows of these entries that came after a later row; ``dropped``: tables whose rows of the window were pruned.
    - ``inputs``: name of each query with the statement that was asked; ``then``: functions that follow, in order.
    - ``hashes``: SHA-256: ``definition`` (text of the queries), ``input`` (of the last of ``entries``; each
      carries the one before it), ``ledger`` (its last entry), ``answer`` (key, window, value, interval and n).
    - ``wanted, counted, left_out``: of a row of a scorecard.

    Keys in ``parameters`` are as the store keeps them; what is printed is redacted.
    """

    stood: Standing = field(default=Standing("", 0, {}), compare=False)
    again: Callable[[Store], float | None] = field(default=lambda store: None, compare=False)

    @property
    def sql(self) -> str:
        """The first of ``inputs``: of a measure all there is; it runs as ``store.sql(e.sql, **e.parameters)``."""
        return next(iter(self.inputs.values())).sql

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What is bound to ``sql``."""
        return next(iter(self.inputs.values())).parameters

    def rerun(self, store: Store) -> float | None:
        """Run ``inputs`` and what follows them once more: the same value, to 1e-12 relative.

        Raises:
            StoreError: something was pulled or pruned since, or rows were changed behind the ledger's back.
        """
        with store.reading() as connection:
            now = standing(connection)
            if now != self.stood:
                raise StoreError(f"{store.path} has changed since this was explained: {now.against(self.stood)}; "
                                 "ask for the row again and explain it anew")
            found = self.again(store)
        if not is_same(found, self.value):
            raise StoreError(f"{store.path} gives {found!r} for {self.name}, not {self.value!r}, though nothing was "
                             "pulled or pruned since: rows were changed by hand, so pull into a new store")
        return found

    def to_dict(self) -> dict[str, Any]:
        """The same as nested values for JSON, redacted; moments stay datetimes."""
        return printing.plain(self)

    def __str__(self) -> str:
        return printing.text(self)

    def __repr__(self) -> str:
        return f"<Explanation of {printing.headline(self)}>"

    def _repr_html_(self) -> str:
        return printing.html(self)


def is_same(found: float | None, other: float | None) -> bool:
    """Whether two answers are the same number, or both none."""
    if found is None or other is None:
        return found is other
    return found == other or math.isclose(found, other, rel_tol=TOLERANCE, abs_tol=0.0)
