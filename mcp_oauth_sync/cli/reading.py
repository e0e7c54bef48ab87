"""What a person pastes or a program pipes in: one text, without what terminals and mails put in it and around it."""

from __future__ import annotations

import sys

from ..models.secret import Secret
from ..prompts.keyboard import Keyboard
from ..prompts.output import PromptOutput
from ..prompts.paste import one_keyboard
from ..prompts.pasted import PastedLine
from .output import say

_AROUND = "\"'`<>\u200b\u2018\u2019\u201c\u201d"
#: Seconds to wait for a key, and without a further one until the person is told what has arrived.
_LOOK, _BREATH = 0.5, 0.1
_END = "\x04"


def read_text(question: str, *, longest: int) -> str:
    """Return what standard input holds: at a terminal one line, else all of it; empty when there is nothing.

    Line ends and spaces are dropped, wherever they are: no text that is asked for here has any. What is pasted at a
    terminal is not shown, and is not cut where the terminal's own lines end.

    Args:
        question: What to show at a terminal.
        longest: Characters after which no more are read.
    """
    stream = sys.stdin
    if stream is None:
        return ""
    if stream.isatty():
        with one_keyboard(wanted=True) as keyboard:
            if keyboard is not None and keyboard.begin():
                text = _read_keys(keyboard, question, longest)
            else:
                say(question)
                text = Secret(stream.readline(longest + 1))
    else:
        text = Secret(stream.buffer.read(longest + 1).decode("utf-8", "replace"))
    return Secret("".join(text.split()).strip(_AROUND))


def _read_keys(keyboard: Keyboard, question: str, longest: int) -> str:
    line, output, told = PastedLine(longest), PromptOutput(), 0
    try:
        say(question)
        while True:
            key = keyboard.read(_LOOK if told == len(line) else _BREATH)
            if key == _END or (key and line.take(key)):
                return line.text
            if not key and told != len(line):
                told = len(line)
                output.progress(f"{told} characters so far. Press Enter after the last one.")
    finally:
        keyboard.release()
        keyboard.close()
        output.leave()
