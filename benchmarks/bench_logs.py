"""Loading of logs: ours into a store, with levels, templates, traces and rollups, against LogLead into memory.

Both read the same file. LogLead keeps a line as its time and the rest as text; ours takes events apart, joins lines of
one event, keeps properties, counts by minute and can be asked tomorrow.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from generator import write_form
from timing import Bench, Case, Facts, Findings, Goal, Place, run

LINES, EVENTS = "container log, 1 M lines", "Serilog CLEF, 1 M events"
OURS, PEER = "erp_telemetry, into a store", "LogLead, into memory"
ROWS = 1_000_000
# where the time of a line stands, and how LogLead wants it written
STAMPS = {
    "cri": (r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})\d{3}Z stdout F ", "%Y-%m-%dT%H:%M:%S%.f"),
    "clef": (r'^\{"@t":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})\d*Z"', "%Y-%m-%dT%H:%M:%S%.f"),
}


def pulled(form: str) -> Callable[[Place], Callable[[], Facts]]:
    """Our pull of one file into a new store, until the file is closed."""
    def prepare(place: Place) -> Callable[[], Facts]:
        import erp_telemetry as et

        file, path = _file(form, place), place.scratch / "store.duckdb"
        # the pods' folder, so that the layout of the node tells which pod wrote the lines
        source = et.SerilogFiles(file) if form == "clef" else et.KubernetesFiles(file.parents[2])
        pull, store = et.pull, et.Store

        def timed() -> Facts:
            return {"same": pull(source, store(path)).rows["logs"]}

        return timed

    return prepare


def loaded(form: str) -> Callable[[Place], Callable[[], Facts]]:
    """LogLead's loader for files it has no own loader for, with the time of each line."""
    def prepare(place: Place) -> Callable[[], Facts]:
        from loglead.loaders import RawLoader

        file, (pattern, written) = _file(form, place), STAMPS[form]

        def timed() -> Facts:
            found = RawLoader(str(file), timestamp_pattern=pattern, timestamp_format=written).execute()
            if found["m_timestamp"].null_count():
                raise SystemExit(f"{found['m_timestamp'].null_count():,} lines without their time")
            return {"same": found.height}

        return timed

    return prepare


def _file(form: str, place: Place) -> Path:
    path = write_form(form, place.traffic, place.rows(ROWS), place.data)
    path.read_bytes()  # into the page cache, for both alike
    return path


def cases(chosen: argparse.Namespace) -> list[Case]:
    """A log of text and one of events."""
    return [Case(group, name, make(form), needs=needs)
            for group, form in ((LINES, "cri"), (EVENTS, "clef"))
            for name, make, needs in ((OURS, pulled, ()), (PEER, loaded, ("loglead",)))]


def goals(found: Findings, chosen: argparse.Namespace) -> list[Goal]:
    """No target was set: LogLead's answer is less, and the ratio says what ours costs."""
    return [
        Goal("container log: ours into a store against LogLead into memory", found.ratio(LINES, OURS, PEER)),
        Goal("CLEF: ours into a store against LogLead into memory", found.ratio(EVENTS, OURS, PEER)),
    ]


if __name__ == "__main__":
    run(Bench("logs", __doc__ or "", cases, goals), __file__)
