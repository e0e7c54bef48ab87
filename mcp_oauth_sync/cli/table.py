"""Tables: at a terminal in columns that fit it, with colours where they are wanted; in a pipe a line a row.

A row in a pipe has its cells as they are, two spaces between them, and never two spaces in one.
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Mapping, Sequence

from .columns import columns, padded, shortened
from .output import print_painted, shown, width

#: What a cell may be painted as.
GOOD, DOUBTFUL, BAD, FAINT = "32", "33", "31", "2"
_GAP = "  "
_NARROWEST, _ROOM_OF_LAST, _ENOUGH_FOR_LAST = 12, 20, 36


def show_table(heading: Sequence[str], rows: Sequence[Sequence[str]], *, paint: Sequence[str] = ()) -> None:
    """Print a table.

    Args:
        heading: What the columns are called; shown at a terminal only.
        rows: The cells. A terminal that is too narrow shortens all but the last one, which is broken into lines.
        paint: What the last cell of each row is painted as; empty paints nothing.
    """
    clean = [tuple(" ".join(shown(cell).split()) for cell in row) for row in rows]
    if not at_terminal():
        for row in clean:
            print_painted(_GAP.join(row))
        return
    widths = _widths([tuple(heading), *clean])
    last = width() - sum(widths) - len(_GAP) * len(widths)
    colours = [FAINT, *(paint or [""] * len(clean))]
    for row, colour in zip([tuple(heading), *clean], colours, strict=True):
        if last < _ROOM_OF_LAST:
            _show_stacked(row, colour)
            continue
        cells = [padded(shortened(cell, room, middle="://" in cell), room) for cell, room in zip(row, widths)]  # noqa: B905
        first, *more = _broken(row[-1], last)
        whole = colour == FAINT
        start = _GAP.join(cells) + _GAP
        print_painted(painted(start + first, colour) if whole else start + painted(first, colour))
        for line in more:
            print_painted(" " * columns(start) + painted(line, colour))


def show_facts(facts: Mapping[str, str], *, paint: Mapping[str, str] | None = None) -> None:
    """Print what is known of one thing, a line each: in columns at a terminal, as ``name: value`` in a pipe.

    Args:
        facts: By name.
        paint: What values are painted as, by the same names.
    """
    for name, value in facts.items():
        said = " ".join(shown(value).split())
        if not at_terminal():
            print_painted(f"{name}: {said}")
            continue
        room = max(columns(each) for each in facts) + len(_GAP)
        first, *more = _broken(said, max(width() - room, _ROOM_OF_LAST))
        colour = (paint or {}).get(name, "")
        print_painted(painted(padded(name, room), FAINT) + painted(first, colour))
        for line in more:
            print_painted(" " * room + painted(line, colour))


def at_terminal() -> bool:
    """Tell whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def painted(text: str, colour: str) -> str:
    """Return a text in a colour where colours are wanted: at a terminal that has them, unless NO_COLOR is set."""
    plain = not colour or os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb" or not at_terminal()
    return text if plain else f"\x1b[{colour}m{text}\x1b[0m"


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns of all cells but the last: as wide as they are, less where the terminal is too narrow."""
    widths = [max(columns(row[index]) for row in rows) for index in range(len(rows[0]) - 1)]
    last = min(max(columns(row[-1]) for row in rows), _ENOUGH_FOR_LAST)
    while sum(widths) + len(_GAP) * len(widths) + last > width() and max(widths) > _NARROWEST:
        widest = widths.index(max(widths))
        widths[widest] -= 1
    return widths


def _broken(text: str, room: int) -> list[str]:
    return textwrap.wrap(text, room, break_on_hyphens=False) or [""]


def _show_stacked(row: Sequence[str], colour: str) -> None:
    if colour == FAINT:  # a heading heads nothing here
        return
    print_painted(shortened(row[0], width()))
    for cell in row[1:]:
        for line in _broken(cell, max(width() - len(_GAP), 10)):
            print_painted(_GAP + (painted(line, colour) if cell is row[-1] else line))
