"""How much room a text takes at a terminal."""

from __future__ import annotations

import unicodedata

_DOTS = "..."


def columns(text: str) -> int:
    """Return the columns that a terminal needs for a text; some need fewer."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fitted(text: str, room: int) -> str:
    """Return as much of the beginning of a text as there is room for."""
    while columns(text) > room:
        text = text[:-1]
    return text


def shortened(text: str, room: int, *, middle: bool = False) -> str:
    """Return a text that fits, with dots where something was left out.

    Args:
        text: One line.
        room: Columns.
        middle: Whether to leave out the middle, as of an address, instead of the end.
    """
    if columns(text) <= room:
        return text
    left = max(room - len(_DOTS), 1)
    if not middle:
        return fitted(text, left) + _DOTS
    tail = fitted(text[::-1], left // 3)[::-1]
    return fitted(text, left - columns(tail)) + _DOTS + tail


def padded(text: str, room: int) -> str:
    """Return a text filled up with spaces."""
    return text + " " * (room - columns(text))
