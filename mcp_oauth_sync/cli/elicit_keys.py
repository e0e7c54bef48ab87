"""Lines typed at this terminal, in plain sight, in answer to a question."""

from __future__ import annotations

import sys
from contextlib import suppress

from .output import say, shown

_WORDS = {"yes": "y", "no": "n", "decline": "d"}


class NobodyAnswers(Exception):
    """The person ended the input, or the terminal has gone."""


def ask_line(question: str) -> str:
    """Return the line that is typed in answer to a question, without the spaces around it.

    Args:
        question: What to ask, on the same line.

    Raises:
        NobodyAnswers: The person ended the input, or the terminal has gone.
    """
    while True:
        print(shown(question), end=" ", file=sys.stderr, flush=True)
        try:
            line = sys.stdin.readline()
        except UnicodeDecodeError:
            line = "\0\n"
        except OSError:
            raise NobodyAnswers from None
        if not line.endswith("\n"):
            raise NobodyAnswers
        # Arrows and other keys without a character arrive as control characters.
        if (text := line.strip()).isprintable():
            return text
        say("That holds characters that cannot be shown. Type it again.")


def choose(question: str, letters: str, *, default: str) -> str:
    """Return the letter that a person chooses.

    Args:
        question: What to ask; it names the letters.
        letters: Those that can be chosen; the words yes, no and decline stand for theirs.
        default: What Enter alone means.

    Raises:
        NobodyAnswers: The person ended the input, or the terminal has gone.
    """
    while True:
        said = ask_line(question).lower() or default
        letter = _WORDS.get(said, said)
        if len(letter) == 1 and letter in letters:
            return letter
        say(f"Type one of: {', '.join(letters)}.")


def wait_for_enter(question: str) -> None:
    """Wait until Enter is pressed. Raises as :func:`choose`."""
    ask_line(question)


def forget_typed() -> None:
    """Drop what was typed before there was a question: it is no answer."""
    if sys.platform == "win32":
        import msvcrt

        while msvcrt.kbhit():
            msvcrt.getwch()
        return
    import termios

    with suppress(termios.error, OSError, ValueError):
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
