"""What the command line prints: data on standard output, everything else on standard error.

Every line passes :func:`shown`: nothing that a server sent can move the cursor, change colours or hide text.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
import textwrap
import unicodedata
from typing import TextIO

from ..exceptions import OAuthError

#: Columns of prose, however wide the terminal is, and however narrow.
_WIDEST, _NARROWEST = 100, 20
#: What is copied from a text: a command in quotes, else up to where the sentence goes on.
_COMMAND = re.compile(
    r"(?<=')mcp-oauth-sync [a-z][^']*|(?<!')mcp-oauth-sync [a-z](?:(?!, or | in a terminal|[.;] ).)*|pip install \S+"
)
#: Before each line that others wrote there is a bar, so that none can be taken for one of ours.
_BAR = "| "
#: Stands for a space that no line is broken at, and for the second column of a wide character.
_WHOLE, _SECOND = "\x00", "\x01"


def shown(text: str) -> str:
    """Return text without characters that a terminal obeys instead of showing; line ends stay."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def data(text: str) -> None:
    """Print what was asked for."""
    print(shown(text), flush=True)


def paragraph(text: str, indent: str = "", *, hanging: int = 0) -> None:
    """Print a paragraph of what was asked for: in lines that fit a terminal, whole in a pipe.

    Args:
        text: The paragraph.
        indent: What each line begins with.
        hanging: Further columns to indent every line but the first.
    """
    data(wrapped(text, indent, hanging=hanging) if is_terminal(sys.stdout) else indent + text)


def print_script(text: str) -> None:
    """Print a program of ours for a shell, every character of it."""
    print(text, flush=True)


def say(text: str) -> None:
    """Print what happened: in lines that fit a terminal and break between words, else as it is."""
    if is_terminal(sys.stderr):
        text = "\n".join(wrapped(line) for line in shown(text).split("\n"))
    print(shown(text), file=sys.stderr, flush=True)


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether people see what is printed there."""
    return stream is not None and stream.isatty()


def accept_all_characters() -> None:
    """Let a stream whose encoding lacks a character show ``?`` instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def finish_output() -> bool:
    """Write out what is still held back; tell whether that was possible.

    What is not, because the reader has gone or the disk is full, is dropped: the interpreter would complain
    about it when it ends.
    """
    done = True
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            try:
                stream.flush()
            except OSError:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
                done = False
    return done


def width() -> int:
    """Return the columns to fill with prose."""
    return min(shutil.get_terminal_size().columns, _WIDEST)


def wrapped(text: str, indent: str = "", *, hanging: int = 0) -> str:
    """Return text in lines that fit the terminal.

    A line is broken between words. A word that is longer than a line stays whole, and so does a command: what a person
    copies has no line end in it.

    Args:
        text: One paragraph; spaces at its beginning indent all of it, and a bar after them marks all of it.
        indent: What each line begins with.
        hanging: Further columns to indent every line but the first.
    """
    clean = shown(text)
    words = clean.lstrip(" ").removeprefix(_BAR)
    indent += clean[: len(clean) - len(words)]
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", _WHOLE), words)
    wide = "".join(c + _SECOND if unicodedata.east_asian_width(c) in "WF" else c for c in whole)
    room = max(width(), len(indent) + hanging + _NARROWEST)
    if len(indent + wide) <= room:
        return indent + words
    filled = textwrap.fill(
        wide,
        room,
        initial_indent=indent,
        subsequent_indent=indent + " " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return filled.replace(_WHOLE, " ").replace(_SECOND, "")


def complain(error: OAuthError) -> None:
    """Print an error, what was tried, and what to do about it."""
    say(f"error: {error.message}")
    for line in getattr(error, "tried", ()):
        say(f"  tried {line}")
    if error.hint:
        say(f"hint: {error.hint}")
