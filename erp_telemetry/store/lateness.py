"""Lateness: rows that came after an earlier pull had gone past them, because they arrived late or had been missing."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from erp_telemetry.slices import Slice
from erp_telemetry.store import answers

_REACHED = """(select service, max(time) as reached from store.main.watermarks
    where table_name = $table and source = $source and pull <> $pull group by service)"""
_LACKED = """from store.main.shortfalls as s where s.source = $source and coalesce(s.table_name, $table) = $table
    and (s.kind <> 'short' or s.slice = $slice)"""


def counts(
    connection: duckdb.DuckDBPyConnection, rows: str, part: Slice, known: Mapping[str, object]
) -> tuple[int, int]:
    """How many rows of a slice are late, and how many repair what an earlier pull was known to lack.

    Late are those older than an earlier pull of the source had reached for their service, the repairing ones apart,
    and those of a span that nobody had asked for yet.
    ``known`` binds ``table``, ``source`` and ``pull``.
    """
    lacked = {"table": known["table"], "source": known["source"], "slice": part.name}
    is_missed = f"exists (select 1 {_LACKED} and s.start <= r.time and s.stop > r.time)"
    is_late = f"{rows} as r join {_REACHED} as w on w.service is not distinct from r.service where r.time < w.reached"
    is_followed = not part.is_first and bool(
        answers.rows(connection, f"select 1 from {_REACHED} as w limit 1", dict(known)))
    if not answers.rows(connection, f"select 1 {_LACKED} limit 1", lacked):
        return answers.count(connection, is_late, **known) if is_followed else 0, 0
    repaired = answers.count(connection, f"{rows} as r where {is_missed}", **lacked)
    late = answers.count(connection, f"{is_late} and not {is_missed}", **known, slice=part.name) if is_followed else 0
    return late, repaired
