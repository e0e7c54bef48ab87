"""How long a person at a terminal has left, in one line that is written over. RFC 8628 section 3.3 asks for as much."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .output import PromptOutput

_TURNING = "|/-\\"


class Countdown:
    """Tells how long a person has left, while somebody waits for them.

    It says nothing where there is no terminal, and while the person types.

    Args:
        interval: Seconds between two lines.
        clock: Seconds that go by.
    """

    def __init__(self, *, interval: float = 0.5, clock: Callable[[], float] = time.monotonic) -> None:
        """Say nothing yet."""
        self._interval, self._clock = interval, clock
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, output: PromptOutput, seconds: float) -> None:
        """Begin to count.

        Args:
            output: Where to.
            seconds: How long there is.
        """
        self.end()
        if not output.can_wait():
            return
        self._over.clear()
        until = self._clock() + seconds
        self._thread = threading.Thread(
            target=self._count, args=(output, until), name="mcp-oauth-sync countdown", daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """Count no more, and leave nothing of it on the screen."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._over.set()
            thread.join()

    def _count(self, output: PromptOutput, until: float) -> None:
        turn = 0
        while not self._over.wait(self._interval):
            left = max(0, round(until - self._clock()))
            output.waiting(f"{_TURNING[turn % len(_TURNING)]} {left // 60}:{left % 60:02} left to sign in")
            turn += 1
        output.waiting("")
