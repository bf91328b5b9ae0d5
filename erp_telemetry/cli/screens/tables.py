"""Tables that fit: a column that has no room folds as far as it may, then goes, by declared order, and is named."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from erp_telemetry.cli.screens.text import screen

_GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, whether it is of numbers, when it goes, how narrow it may be folded.

    ``goes`` 0 stays always; of the others the highest goes first. ``folds`` 0 is never folded.
    """

    name: str
    is_right: bool = False
    goes: int = 0
    folds: int = 0


def print_table(
    title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]], breaks: Collection[int] = ()
) -> None:
    """A table of cells in markup, no wider than the terminal; ``breaks`` are rows that begin a section."""
    natural = [_widest([column.name, *(row[place] for row in rows)]) for place, column in enumerate(columns)]
    widths = _fitting(columns, natural, screen.width)
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False,
                  show_edge=False, padding=(0, _GAP - 1, 0, 0))
    for place, width in widths.items():
        table.add_column(columns[place].name, justify="right" if columns[place].is_right else "left",
                         overflow="fold", width=width)
    for number, row in enumerate(rows):
        if number in breaks:
            table.add_section()
        table.add_row(*(row[place] for place in widths))
    screen.print()
    screen.print(table)
    gone = [column.name for place, column in enumerate(columns) if place not in widths]
    if gone:
        screen.print(f"[dim]no room here for {', '.join(gone)}: widen the terminal, or ask with --json[/]")


def _fitting(columns: Sequence[Column], natural: Sequence[int], room: int) -> dict[int, int]:
    """Places of the columns that stay, and how wide each is: folded from the widest down, if that makes them fit."""
    widths = dict(enumerate(natural))
    least = [min(width, columns[place].folds or width) for place, width in widths.items()]

    def over(sizes: Iterable[int]) -> int:
        return sum(sizes) + _GAP * (len(widths) - 1) - room

    while over(least[place] for place in widths) > 0:
        going = max(widths, key=lambda place: (columns[place].goes, place))
        if not columns[going].goes:
            break
        del widths[going]
    while over(widths.values()) > 0:
        foldable = [place for place in widths if widths[place] > least[place]]
        if not foldable:
            break
        widths[max(foldable, key=lambda place: widths[place])] -= 1
    return widths


def _widest(cells: Sequence[str]) -> int:
    return max(line.cell_len for cell in cells for line in Text.from_markup(cell, emoji=False).split(allow_blank=True))
