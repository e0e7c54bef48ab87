"""Ends waits whose deadline has passed, where the time limit of a socket cannot: it knows no pauses.

MCP cancellation, "Timeouts".
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .deadline import Deadline

#: Seconds between two looks at least: a deadline that stands still has little left for a long time.
_PATIENCE = 0.05


class Watch:
    """Looks at deadlines in a thread of its own, which begins with the first of them."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self._changed = threading.Condition()
        self._waits: dict[object, tuple[Deadline, Callable[[], object]]] = {}
        self._thread: threading.Thread | None = None
        self._wakes, self._over = float("inf"), False

    def add(self, wait: object, deadline: Deadline, end: Callable[[], object]) -> None:
        """Watch a wait.

        Args:
            wait: What it is known by.
            deadline: How long it may take.
            end: Ends it. Called in another thread, at most once.
        """
        with self._changed:
            self._waits[wait] = deadline, end
            if self._over:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="mcp-oauth-sync watch", daemon=True)
                self._thread.start()
            elif time.monotonic() + deadline.remaining() < self._wakes:
                self._changed.notify()

    def remove(self, wait: object) -> None:
        """Watch a wait no more."""
        with self._changed:
            self._waits.pop(wait, None)

    def close(self) -> None:
        """Watch nothing any more."""
        with self._changed:
            self._over = True
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._over:
                soon = float("inf")
                for wait, (deadline, end) in list(self._waits.items()):
                    left = deadline.remaining()
                    if left <= 0:
                        del self._waits[wait]
                        end()
                    soon = min(soon, max(left, _PATIENCE))
                self._wakes = time.monotonic() + soon
                self._changed.wait(None if soon == float("inf") else soon)
