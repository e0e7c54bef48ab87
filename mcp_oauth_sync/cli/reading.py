"""What a person pastes or a program pipes in: one text, without what terminals and mails put in it and around it."""

from __future__ import annotations

import sys

from ..models.secret import Secret
from .output import say

_AROUND = "\"'`<>\u200b\u2018\u2019\u201c\u201d"


def read_text(question: str, *, longest: int) -> str:
    """Return what standard input holds: at a terminal one line, else all of it; empty when there is nothing.

    Line ends and spaces are dropped, wherever they are: no text that is asked for here has any.

    Args:
        question: What to show at a terminal.
        longest: Characters after which no more are read.
    """
    stream = sys.stdin
    if stream is None:
        return ""
    if stream.isatty():
        say(question)
        text = Secret(stream.readline(longest + 1))
    else:
        text = Secret(stream.buffer.read(longest + 1).decode("utf-8", "replace"))
    return Secret("".join(text.split()).strip(_AROUND))
