"""What a prompt says to the person: on standard error unless told otherwise, and never in the way of the sign-in."""

from __future__ import annotations

import os
import sys
import threading
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
        self._typing = False
        self._turn = threading.Lock()

    @property
    def stream(self) -> TextIO | None:
        """Where it goes now; None nowhere, as in a windowed program on Windows."""
        return self._stream or sys.stderr

    def say(self, text: str) -> None:
        """Print a text, over the line about what is going on if there is one."""
        with self._turn:
            if not self._typing:
                self._wipe()
            self._print("\r" + text.ljust(self._line) if self._line else text)
            self._line, self._typing = 0, False

    def progress(self, text: str) -> None:
        """Print what the person does, where it can be written over: at a terminal."""
        if self._is_terminal():
            with self._turn:
                self._print("\r" + text.ljust(self._line), end="")
                self._line, self._typing = len(text), True

    def waiting(self, text: str) -> None:
        """Print that somebody waits, unless the person is doing something; an empty text wipes it off.

        The cursor stays at the beginning of the line: what others print does not come behind it.
        """
        with self._turn:
            if self._typing or not self.can_wait():
                return
            if not text:
                self._wipe()
                return
            self._print("\r" + text.ljust(self._line) + "\r", end="")
            self._line = len(text)

    def can_wait(self) -> bool:
        """Tell whether a line can be written over again and again: at a terminal that is ours and obeys."""
        return self._is_terminal() and os.environ.get("TERM") != "dumb" and self._in_foreground()

    def leave(self) -> None:
        """Let what is printed next begin a new line."""
        with self._turn:
            if self._line and self._typing:
                self._print("")
            elif self._line:
                self._wipe()
            self._line, self._typing = 0, False

    def _wipe(self) -> None:
        if self._line:
            self._print("\r" + " " * self._line + "\r", end="")
            self._line = 0

    def _is_terminal(self) -> bool:
        with suppress(AttributeError, ValueError):  # a stand-in for a stream, or a closed one
            return self.stream is not None and self.stream.isatty()
        return False

    def _in_foreground(self) -> bool:
        """Tell whether the terminal is ours: a job in the background would write into what its user does."""
        if sys.platform == "win32":
            return True
        with suppress(AttributeError, OSError, ValueError):
            return self.stream is not None and os.tcgetpgrp(self.stream.fileno()) == os.getpgrp()
        return False

    def _print(self, text: str, end: str = "\n") -> None:
        if self.stream is None:
            return
        with suppress(OSError, ValueError):  # closed, or its reader has gone: the browser may come back all the same
            print(text, file=self.stream, end=end, flush=True)
