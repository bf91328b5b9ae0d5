"""Progress: a bar while a pull goes on, calm lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Column

import erp_telemetry as et
from erp_telemetry.cli.screens.text import aside, clean, safe, warn

if TYPE_CHECKING:
    from erp_telemetry import Progress

_NAME_WIDTH = 40


@contextmanager
def progress(source: str) -> Iterator[Callable[[Progress], None]]:
    """What a pull of a source can report to."""
    # where the terminal is narrow only the last column is cut, which begins with what is wanted most
    columns = (TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, min_width=len(source))),
               BarColumn(12, table_column=Column(min_width=12)),
               TextColumn("{task.fields[told]}", markup=False,
                          table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)))
    # a file or a pipe keeps no bar: it gets whole lines, and few
    meter = et.Meter(lambda line: warn(safe(line)))
    with Bar(*columns, console=aside, transient=True, expand=True, disable=not aside.is_terminal) as bar:
        task = bar.add_task(source, total=None, told="")

        def show(at: Progress) -> None:
            name = clean(at.name)[-_NAME_WIDTH:]
            bar.update(task, completed=at.share, total=1.0, told=f"{_left_first(at.told())}  {name}")
            if not aside.is_terminal:
                meter(at)

        yield show


def _left_first(told: str) -> str:
    """A line of progress with the time that is left at its beginning."""
    rest, _, last = told.rpartition(", ")
    return f"{last}, {rest}" if last.endswith(" left") else told

