"""An address as a square that a phone's camera reads, where the terminal can show one. RFC 8628 section 3.3.1."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import TextIO

#: Light modules around the square: fewer than the standard's four, which phones do not mind, to keep it small.
BORDER = 2
#: Columns left of it.
INDENT = 2
# Black on white of the fixed part of the palette: whatever the theme, cameras see dark on light.
_COLOURS, _PLAIN = "\x1b[38;5;16;48;5;231m", "\x1b[0m"
# Two modules in one character: (upper is dark, lower is dark).
_HALVES = {(True, True): "\u2588", (True, False): "\u2580", (False, True): "\u2584", (False, False): " "}
_TOO_SIMPLE = frozenset({"", "dumb", "unknown"})
# What tells that a console of Windows understands colours.
_WINDOWS_TERMINALS = ("WT_SESSION", "TERM_PROGRAM", "ConEmuANSI", "ANSICON")


def build_qr_code(address: str, *, output: TextIO, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the lines of the code; none where the output cannot show it whole and readable.

    Args:
        address: What the camera is to read; ASCII.
        output: Where it will be printed.
        environment: Tells what the terminal can do.
    """
    room = _room(output, environment)
    if room is None:
        return []
    import segno  # loaded when there is a terminal to show a code on

    try:
        code = segno.make_qr(address, error="l")
    except segno.DataOverflowError:  # the largest code there is holds less
        return []
    lines = list(_half_blocks([[bool(module) for module in row] for row in code.matrix_iter(border=BORDER)]))
    columns, rows = room
    if INDENT + code.symbol_size(border=BORDER)[0] > columns or len(lines) > rows:
        return []
    return [f"{' ' * INDENT}{_COLOURS}{line}{_PLAIN}" for line in lines]


def _half_blocks(matrix: list[list[bool]]) -> Iterator[str]:
    light = [False] * len(matrix[0])
    for upper, lower in zip_longest(matrix[::2], matrix[1::2], fillvalue=light):
        yield "".join(_HALVES[pair] for pair in zip(upper, lower, strict=True))


def _room(output: TextIO, environment: Mapping[str, str]) -> tuple[int, int] | None:
    """Return the columns and rows of a terminal that has colours and block characters; None for anything else."""
    try:
        if not output.isatty() or environment.get("NO_COLOR"):
            return None
        "".join(_HALVES.values()).encode(output.encoding or "ascii")
    except (AttributeError, ValueError, LookupError):  # a stand-in for a stream, a closed one, or one without blocks
        return None
    if sys.platform == "win32":
        colours = any(environment.get(name) for name in _WINDOWS_TERMINALS)
    else:
        colours = environment.get("TERM", "") not in _TOO_SIMPLE
    return _size(output, environment) if colours else None


def _size(output: TextIO, environment: Mapping[str, str]) -> tuple[int, int]:
    """Return columns and rows: what the environment says, else what the terminal says, else nothing."""
    said = [environment.get(name, "") for name in ("COLUMNS", "LINES")]
    columns, rows = (int(value) if value.isdecimal() else 0 for value in said)
    if columns and rows:
        return columns, rows
    try:
        size = os.get_terminal_size(output.fileno())
    except (OSError, AttributeError, ValueError):  # io.UnsupportedOperation is both
        return columns, rows
    return columns or size.columns, rows or size.lines
