"""Standing: what a store was made of at a moment, and what lies behind the rows of a window."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from erp_telemetry.store import answers
from erp_telemetry.window import Window


@dataclass(frozen=True, slots=True)
class Standing:
    """The last hash and entry of the ledger, and before when each table was pruned."""

    ledger: str
    entry: int
    sealed: Mapping[str, datetime]

    def against(self, before: Standing) -> str:
        """What is different from an earlier standing, in words."""
        said = []
        if (self.ledger, self.entry) != (before.ledger, before.entry):
            said.append(f"its ledger ends with entry {self.entry} ({self.ledger[:12]}), "
                        f"then with {before.entry} ({before.ledger[:12]})")
        if self.sealed != before.sealed:
            names = sorted(name for name in {*self.sealed, *before.sealed}
                           if self.sealed.get(name) != before.sealed.get(name))
            said.append(f"{', '.join(names)} were pruned")
        return " and ".join(said)

    def dropped(self, tables: Iterable[str], window: Window) -> dict[str, datetime]:
        """Of some tables those that lost rows of a window, with the moment before which they did."""
        return {name: self.sealed[name] for name in tables
                if name in self.sealed and self.sealed[name] > window.start}


@dataclass(frozen=True, slots=True)
class Origin:
    """The entries of the ledger that brought some rows, the hash of the last, and how many of their rows were late."""

    entries: tuple[int, ...]
    hash: str
    late: int


def standing(connection: answers.Connection) -> Standing:
    """What a store is made of now."""
    last = answers.rows(connection, "select hash, entry from ledger order by entry desc limit 1")
    hash_, entry = last[0] if last else ("", 0)
    sealed = dict(answers.rows(connection, "select table_name, max(before) from sealed group by table_name"))
    return Standing(hash_, entry, sealed)


def origin(connection: answers.Connection, named: Iterable[int | None], tables: Mapping[str, Window]) -> Origin:
    """Of which entries rows are; ``tables`` are those whose rows no longer name theirs, or never did.

    These are found by the time that an entry spans in its table.
    """
    ledger = answers.rows(
        connection, "select entry, hash, late, row_counts, first_time, last_time from ledger order by entry")
    known = {entry for entry in named if entry is not None}
    for entry, _, _, counts, first, last in ledger:
        held = json.loads(counts)
        if any(held.get(table) and (first is None or (first < span.stop and last >= span.start))
               for table, span in tables.items()):
            known.add(entry)
    own = [row for row in ledger if row[0] in known]
    return Origin(tuple(row[0] for row in own), own[-1][1] if own else "", sum(row[2] or 0 for row in own))
