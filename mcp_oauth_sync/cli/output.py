"""What the command line prints: data on standard output, everything else on standard error."""

from __future__ import annotations

import shutil
import sys
import textwrap

from ..exceptions import OAuthError, printable


def data(text: str) -> None:
    """Print what was asked for."""
    print(text, flush=True)


def say(text: str) -> None:
    """Print what happened."""
    print(text, file=sys.stderr, flush=True)


def width() -> int:
    """Return the columns to fill."""
    return min(shutil.get_terminal_size((80, 24)).columns, 100)


def wrapped(text: str, indent: str = "") -> str:
    """Return text in lines that fit the terminal."""
    return textwrap.fill(
        text,
        width(),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def complain(error: OAuthError) -> None:
    """Print an error and what to do about it."""
    say(f"error: {error.message}")
    for line in getattr(error, "tried", ()):
        say(f"  tried {line}")
    if error.hint:
        say(f"hint: {error.hint}")


def tool_line(name: object, description: object) -> str:
    """Return one line for a tool: its name, and as much of its first sentence as fits."""
    lines = str(description or "").strip().splitlines() or [""]
    shown = printable(name, 40)
    room = max(20, width() - max(len(shown), 20) - 2)
    return f"{shown:<20}  {printable(lines[0], room)}".rstrip()
