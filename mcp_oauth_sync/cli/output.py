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

from ..exceptions import OAuthError, printable

#: A command in a text: in quotes, else to the end.
_COMMAND = re.compile(r"(?<=')mcp-oauth-sync [^']*|(?<!')mcp-oauth-sync .*", re.DOTALL)
#: A space that no line is broken at.
_WHOLE = "\x00"


def shown(text: str) -> str:
    """Return text without characters that a terminal obeys instead of showing; line ends stay."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def data(text: str) -> None:
    """Print what was asked for."""
    print(shown(text), flush=True)


def print_painted(text: str) -> None:
    """Print a line of data that may have colours in it; everything else in it has passed :func:`shown`."""
    print(text, flush=True)


def say(text: str) -> None:
    """Print what happened."""
    print(shown(text), file=sys.stderr, flush=True)


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
    """Return the columns to fill."""
    return min(shutil.get_terminal_size((80, 24)).columns, 100)


def wrapped(text: str, indent: str = "", *, hanging: int = 0) -> str:
    """Return text in lines that fit the terminal.

    Args:
        text: One paragraph.
        indent: What each line begins with.
        hanging: Further columns to indent every line but the first.
    """
    return textwrap.fill(
        text,
        width(),
        initial_indent=indent,
        subsequent_indent=indent + " " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def complain(error: OAuthError) -> None:
    """Print an error and what to do about it, at a terminal in lines that break between words."""
    say(_in_words(f"error: {error.message}"))
    for line in getattr(error, "tried", ()):
        say(f"  tried {line}")
    if error.hint:
        say(_in_words(f"hint: {error.hint}"))


def _in_words(text: str) -> str:
    """Return a text in lines for a terminal; a command stays whole, so that it can be copied."""
    if sys.stderr is None or not sys.stderr.isatty():
        return text
    kept = _COMMAND.sub(lambda found: found[0].replace(" ", _WHOLE), shown(text).replace(_WHOLE, " "))
    return "\n".join(wrapped(line) for line in kept.split("\n")).replace(_WHOLE, " ")


def tool_line(name: object, description: object) -> str:
    """Return one line for a tool: its name and its first sentence, cut only where a terminal would break it."""
    lines = str(description or "").strip().splitlines() or [""]
    called = printable(name, 60)
    whole = "COLUMNS" not in os.environ and not (sys.stdout is not None and sys.stdout.isatty())
    room = 500 if whole else max(20, width() - max(len(called), 20) - 2)
    return f"{called:<20}  {printable(lines[0], room)}".rstrip()
