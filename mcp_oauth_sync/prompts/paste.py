"""Taking the answer from a person who pastes it, while the listener waits for the browser. RFC 6749 section 4.1.2."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..exceptions import InvalidRedirectError, OAuthError
from .answer import LoopbackListener
from .countdown import Countdown
from .keyboard import Keyboard
from .listener import Listener
from .output import PromptOutput
from .pasted import BARE_HINT, PastedLine, read_pasted

#: Seconds between two looks at whose turn it is at the terminal.
_LOOK = 0.5
#: Seconds without a further key after which the person is told what has arrived.
_BREATH = 0.1
#: Who reads, if anybody does.
_readers: dict[str, object] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_readers.clear)  # it is the parent who reads


@contextmanager
def one_keyboard(wanted: bool) -> Iterator[Keyboard | None]:
    """Give the keyboard to one sign-in at a time; None to any other, and where there is none.

    Args:
        wanted: Whether it is asked for at all.
    """
    me = object()
    if not wanted or _readers.setdefault("reader", me) is not me:
        yield None
        return
    try:
        yield _keyboard_at_hand()
    finally:
        _readers.clear()


def _keyboard_at_hand() -> Keyboard | None:
    """Return the keyboard of the terminal at standard input; None without one, or while another program has it."""
    try:
        descriptor = sys.stdin.fileno()
        if not sys.stdin.isatty():
            return None
    except (AttributeError, OSError, ValueError):  # no stream, a stand-in, or a closed one
        return None
    if sys.platform == "win32":
        from .windows_keyboard import WindowsKeyboard

        return WindowsKeyboard()
    from .posix_keyboard import PosixKeyboard

    keyboard = PosixKeyboard(descriptor)
    return keyboard if keyboard.in_foreground() else None


class PasteListener(Listener):
    """A listener that a person may beat by pasting.

    Args:
        inner: Where the answer arrives by itself.
        keyboard: What to read; None reads nothing.
        state: Our state, for a code that is pasted alone.
        accept_bare_code: Whether such a code is taken.
        output: Where the person is told what was read.
        countdown: Tells the person how long they have left; None tells them nothing.
    """

    def __init__(
        self,
        inner: LoopbackListener,
        keyboard: Keyboard | None,
        *,
        state: str,
        accept_bare_code: bool,
        output: PromptOutput,
        countdown: Countdown | None = None,
    ) -> None:
        """Read nothing yet."""
        self.redirect_uri, self.listening, self.inner = inner.redirect_uri, inner.listening, inner
        self._keyboard, self._state, self._bare, self._output = keyboard, state, accept_bare_code, output
        self._begun = False
        self._countdown = countdown
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._was_bare = False

    def begin(self) -> bool:
        """Read from now on; tell whether that is possible."""
        if self._keyboard is None:
            return False
        self._begun = True
        if self._keyboard.begin():
            self._thread = threading.Thread(
                target=self._read, args=(self._keyboard,), name="mcp-oauth-sync paste", daemon=True
            )
            self._thread.start()
            return True
        return False

    def end(self) -> None:
        """Read no more, and leave the terminal as it was found."""
        if self._keyboard is None or not self._begun:
            return
        self._over.set()
        self._keyboard.wake()
        try:
            if self._thread is not None:
                self._thread.join()
        finally:
            self._keyboard.release()
        self._keyboard.close()
        self._begun = False

    def wait(self, timeout: float) -> str:
        """Wait for the answer; once it is there, what is typed is for the program again."""
        if self._countdown is not None:
            self._countdown.begin(self._output, timeout)
        try:
            return self.inner.wait(timeout)
        finally:
            if self._countdown is not None:
                self._countdown.end()
            self.end()

    def deliver(self, redirect: str) -> None:
        """Take the redirect."""
        self.inner.deliver(redirect)

    def conclude(self, error: OAuthError | None) -> None:
        """Settle the browser's page, and say what was missing when a code alone was not enough."""
        if self._was_bare and isinstance(error, InvalidRedirectError):
            error.hint = BARE_HINT
        self.inner.conclude(error)

    def _read(self, keyboard: Keyboard) -> None:
        line, told = PastedLine(), 0
        try:
            while not self._over.is_set():
                key = keyboard.read(_LOOK if told == len(line) else _BREATH)
                if not key and told != len(line):
                    told = len(line)
                    self._output.progress(f"{_counted(told)} so far. Press Enter after the last one.")
                elif key and line.take(key):
                    if self._enter(line):
                        return
                    line, told = PastedLine(), 0
        finally:
            keyboard.release()
            self._output.leave()

    def _enter(self, line: PastedLine) -> bool:
        """Judge a line; tell whether it was the answer."""
        if not len(line):
            self._output.leave()
            return False
        pasted = read_pasted(line.text, state=self._state, accept_bare_code=self._bare)
        complaint = "It is too long. Paste the address alone." if line.too_long else pasted.complaint
        self._output.say(f"Received {_counted(len(line))}. {complaint}".rstrip())
        if complaint or pasted.redirect is None:
            return False
        self._was_bare = pasted.bare
        self.deliver(pasted.redirect)
        return True


def _counted(characters: int) -> str:
    return f"{characters} character{'' if characters == 1 else 's'}"
