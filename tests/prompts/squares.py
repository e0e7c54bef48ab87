"""Reading the square for a camera back from what a terminal was sent."""

from __future__ import annotations

import re

import segno

BLACK_ON_WHITE, PLAIN = "\x1b[38;5;16;48;5;231m", "\x1b[0m"
#: What each character shows: upper half dark, lower half dark.
HALVES = {"\u2588": (True, True), "\u2580": (True, False), "\u2584": (False, True), " ": (False, False)}
_LINE = re.compile(rf"^ *{re.escape(BLACK_ON_WHITE)}(?P<blocks>[ \u2580\u2584\u2588]+){re.escape(PLAIN)}$", re.M)


def square_in(text: str) -> list[list[bool]]:
    """Return the dark modules of the square in a text, row by row, with the light ones around it; none gives []."""
    rows = []
    for line in _LINE.finditer(text):
        halves = [HALVES[character] for character in line["blocks"]]
        rows += [[upper for upper, _ in halves], [lower for _, lower in halves]]
    return rows


def square_of(address: str) -> list[list[bool]]:
    """Return the square that an address has to become: as the library draws it on paper, two light modules around."""
    rows = [[bool(module) for module in row] for row in segno.make_qr(address, error="l").matrix_iter(border=2)]
    return [*rows, [False] * len(rows[0])] if len(rows) % 2 else rows
