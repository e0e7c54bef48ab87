"""Tables: at a terminal in columns that fit it, with colours where they are wanted; in a pipe a line a row.

A row in a pipe has its cells whole and as they are, two spaces between them, and never two spaces in one. Only a
terminal needs :mod:`~mcp_oauth_sync.cli.screen`, and the library behind it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from .output import data, is_terminal, shown
from .paint import PLAIN

_GAP = "  "


def show_table(heading: Sequence[str], rows: Sequence[Sequence[str]], *, paint: Sequence[str] = ()) -> None:
    """Print a table.

    Args:
        heading: What the columns are called; shown at a terminal only.
        rows: The cells. A terminal that is too narrow shortens all but the last one, which is broken into lines.
        paint: What the last cell of each row is painted as; empty paints nothing.
    """
    clean = [tuple(_in_one_line(cell) for cell in row) for row in rows]
    if not is_terminal(sys.stdout):
        for row in clean:
            data(_GAP.join(row).rstrip())
        return
    from .screen import draw_table

    draw_table(heading, clean, paint=paint or [PLAIN] * len(clean))


def show_facts(facts: Mapping[str, str], *, paint: Mapping[str, str] | None = None) -> None:
    """Print what is known of one thing, a line each: in columns at a terminal, as ``name: value`` in a pipe.

    Args:
        facts: By name.
        paint: What values are painted as, by the same names.
    """
    clean = {name: _in_one_line(value) for name, value in facts.items()}
    if not is_terminal(sys.stdout):
        for name, value in clean.items():
            data(f"{name}: {value}")
        return
    from .screen import draw_facts

    draw_facts(clean, paint=paint or {})


def show_headed(head: str, text: str, *, paint: str, hanging: int) -> None:
    """Print a paragraph whose beginning is painted: in lines that fit a terminal, whole and plain in a pipe.

    Args:
        head: The beginning.
        text: The rest, after two spaces or more.
        paint: What the beginning is painted as.
        hanging: Columns to indent every line but the first.
    """
    if not is_terminal(sys.stdout):
        data(f"{head}{text}".rstrip())
        return
    from .screen import draw_headed

    draw_headed(shown(head), shown(text), paint=paint, hanging=hanging)


def _in_one_line(text: str) -> str:
    return " ".join(shown(text).split())
