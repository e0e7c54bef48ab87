"""A terminal: tables in columns that fit it, with colours where they are wanted. Nothing else here knows rich.

What is shown is given to rich as ``Text``, never as its markup: brackets of a server stay brackets.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .output import wrapped
from .paint import FAINT

_DOTS = "..."
_GAP = 2
#: Columns for each cell of a row, below which the cells stand under each other.
_NARROW = 15


def draw_table(heading: Sequence[str], rows: Sequence[Sequence[str]], *, paint: Sequence[str]) -> None:
    """Show a table: the last cell of a row is broken between words, the others are shortened.

    Args:
        heading: What the columns are called; left out where the terminal is too narrow for columns.
        rows: The cells, each one line.
        paint: The style of the last cell of each row.
    """
    console = open_console()
    if console.width < _NARROW * len(heading):
        for row, style in zip(rows, paint, strict=True):
            console.print(Shortened(row[0]))
            for cell in row[1:-1]:
                console.print(Padding(Shortened(cell), (0, 0, 0, _GAP)))
            console.print(Padding(Text(row[-1], style=style), (0, 0, 0, _GAP)))
        return
    table = Table(*heading, box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style=FAINT)
    # What a row is called is typed into other commands: other cells are shortened first.
    table.columns[0].no_wrap = max((cell_len(row[0]) for row in rows), default=0) <= console.width // 2
    table.columns[-1].overflow = "fold"
    for row, style in zip(rows, paint, strict=True):
        table.add_row(*(Shortened(cell) for cell in row[:-1]), Text(row[-1], style=style))
    console.print(table)


def draw_facts(facts: Mapping[str, str], *, paint: Mapping[str, str]) -> None:
    """Show what is known of one thing: names in one column, values in the other. A word is never broken.

    Args:
        facts: By name, each one line.
        paint: The styles of values, by the same names.
    """
    console = open_console()
    room = max(map(cell_len, facts), default=0) + _GAP
    for name, value in facts.items():
        beside = wrapped(value, " " * room)[cell_len(name) :]
        console.print(Text.assemble((name, FAINT), (beside, paint.get(name, ""))), soft_wrap=True)


def draw_headed(head: str, text: str, *, paint: str, hanging: int) -> None:
    """Show a paragraph.

    Args:
        head: Its beginning.
        text: The rest.
        paint: The style of the beginning.
        hanging: Columns to indent every line but the first.
    """
    lines = wrapped(f"{head}{text}", hanging=hanging)
    open_console().print(Text.assemble((head, paint), lines[len(head) :]), soft_wrap=True)


def open_console() -> Console:
    """Return standard output as rich writes to it: as wide as everything else here, and plain if that is wanted."""
    plain = os.environ.get("NO_COLOR") or (sys.platform != "win32" and not os.environ.get("TERM"))
    columns, lines = shutil.get_terminal_size()
    return Console(
        width=columns,
        height=lines,
        color_system=None if plain else "auto",
        markup=False,
        emoji=False,
        highlight=False,
        force_jupyter=False,
    )


class Shortened:
    """A text in one line: an address without its middle where there is no room for it, any other without its end.

    Args:
        text: The whole of it.
    """

    def __init__(self, text: str) -> None:
        """Keep it."""
        self._text = text

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Return how much room it takes."""
        return Measurement(1, max(cell_len(self._text), 1)).with_maximum(options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return as much of it as there is room for."""
        yield Text(shortened(self._text, options.max_width))


def shortened(text: str, room: int) -> str:
    """Return a text that fits, with dots for what was left out: the middle of an address, the end of another text.

    Args:
        text: One line.
        room: Columns.
    """
    if cell_len(text) <= room:
        return text
    left = max(room - len(_DOTS), 1)
    tail = left // 3 if "://" in text else 0
    return cropped(text, left - tail) + _DOTS + cropped(text[::-1], tail)[::-1]


def cropped(text: str, room: int) -> str:
    """Return as much of the beginning of a text as there is room for."""
    return text if cell_len(text) <= room else set_cell_size(text, room).rstrip()
