"""What a prompt says to the person: on standard error unless told otherwise, and never in the way of the sign-in."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TextIO


class PromptOutput:
    """Paragraphs, and one line about what is going on, which is written over until it is left.

    Args:
        stream: Where to print; None takes what is standard error at that moment.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        """Print nothing yet."""
        self._stream = stream
        self._line = 0

    @property
    def stream(self) -> TextIO | None:
        """Where it goes now; None nowhere, as in a windowed program on Windows."""
        return self._stream or sys.stderr

    def say(self, text: str) -> None:
        """Print a text, over the line about what is going on if there is one."""
        self._print("\r" + text.ljust(self._line) if self._line else text)
        self._line = 0

    def progress(self, text: str) -> None:
        """Print what is going on, where it can be written over: at a terminal."""
        with suppress(AttributeError, ValueError):  # a stand-in for a stream, or a closed one
            if self.stream is not None and self.stream.isatty():
                self._print("\r" + text.ljust(self._line), end="")
                self._line = len(text)

    def leave(self) -> None:
        """Let what is printed next begin a new line."""
        if self._line:
            self._print("")
            self._line = 0

    def _print(self, text: str, end: str = "\n") -> None:
        if self.stream is None:
            return
        with suppress(OSError, ValueError):  # closed, or its reader has gone: the browser may come back all the same
            print(text, file=self.stream, end=end, flush=True)
