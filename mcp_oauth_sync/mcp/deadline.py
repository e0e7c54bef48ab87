"""How long a call is waited for. MCP cancellation, "Timeouts"."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..exceptions import MCPTimeoutError
from ..urls import without_query

#: Seconds to wait for a connection, at most.
CONNECT = 10.0
#: How many times its patience a call may take in all, however much progress its server reports.
MOST = 10


class Deadline:
    """Runs from the moment an answer begins; progress starts it anew, and a person's time does not count.

    Args:
        url: The MCP server, for the message.
        seconds: How long to wait.
        clock: Seconds that only go forward.
    """

    def __init__(self, url: str, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Let it not run yet."""
        self.seconds = seconds
        self._url, self._clock, self._lock = url, clock, threading.Lock()
        self._ends: list[float] = []  # of the wait, and of all waits together
        self._pauses, self._stands = 0, 0.0

    def begin(self) -> None:
        """Let it run from now; once it runs, nothing changes."""
        if not self._ends:
            now = self._now()
            self._ends = [now + self.seconds, now + self.seconds * MOST]

    def renew(self) -> None:
        """Start anew: the server is at work."""
        with self._lock:
            if self._ends:
                self._ends[0] = self._now() + self.seconds

    def remaining(self) -> float:
        """Return the seconds that are left; none or fewer when it has passed."""
        with self._lock:
            return min(self._ends) - self._now() if self._ends else self.seconds

    def left(self) -> float:
        """Return the seconds that are left.

        Raises:
            MCPTimeoutError: None are left.
        """
        left = self.remaining()
        if left <= 0:
            raise self.missed()
        return left

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let the time of the block not count, whichever threads have such a block at once."""
        with self._lock:
            self._stands = self._now()
            self._pauses += 1
        try:
            yield
        finally:
            with self._lock:
                self._pauses -= 1
                if not self._pauses:
                    stood = self._clock() - self._stands
                    self._ends = [end + stood for end in self._ends]

    def _now(self) -> float:
        return self._stands if self._pauses else self._clock()

    @property
    def for_requests(self) -> tuple[float, float]:
        """The time limits of one HTTP request, as requests takes them."""
        left = self.left()
        return min(CONNECT, left), left

    def missed(self) -> MCPTimeoutError:
        """Return the error that says so."""
        return MCPTimeoutError(
            f"{without_query(self._url)} gave no complete answer within {self.seconds:g} seconds.",
            hint="Try again later, or wait longer with timeout=.",
        )
