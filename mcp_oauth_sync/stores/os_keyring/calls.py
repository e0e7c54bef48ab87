"""Calls to a keyring: one at a time, and given up when it hangs.

No keyring has a timeout of its own: a daemon that is stopped, or a dialog that nobody answers, holds a call
for ever. So each operation runs in a thread that is left behind when it takes too long.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeVar

from ..time_limit import TimedOut, Waiting

T = TypeVar("T")

#: Seconds in which a keyring has to answer; with the time to come round, less than five.
LIMIT = 4.5
#: Seconds to wait for a keyring that hung before to come round.
_GRACE = 0.5


class GivenUp(BaseException):
    """Nobody waits for this operation any more; nothing further may be changed by it."""


class _Line:
    """Where operations queue: a keyring is asked one thing at a time, and when it hangs by one thread only."""

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self._holder: object | None = None
        self._stuck: object | None = None

    def run(self, seconds: float, work: Callable[[Callable[[], None]], T]) -> T:
        """Return what an operation returns, or raise what it raises.

        Args:
            seconds: How long it may take; waiting for others that make progress is not counted.
            work: The operation; it calls what it is given before each step, which raises when it was given up.

        Raises:
            TimedOut: It took longer, or an earlier one still hangs.
        """
        given_up = threading.Event()
        with self._moved:
            self._moved.wait_for(lambda: self._holder is None or self._stuck is not None)
            if not self._moved.wait_for(lambda: self._holder is None, _GRACE):
                raise TimedOut
            self._holder = given_up

        def go_on() -> None:
            if given_up.is_set():
                raise GivenUp

        def worked() -> T:
            try:
                return work(go_on)
            finally:
                self._leave()

        try:
            waiting = Waiting(worked, "mcp-oauth-sync keyring")
        except BaseException:  # no more threads
            self._leave()
            raise
        try:
            return waiting.result(seconds)
        except BaseException:  # also when the caller is interrupted
            given_up.set()
            with self._moved:
                if self._holder is given_up:
                    self._stuck = given_up
                    self._moved.notify_all()
            raise

    def _leave(self) -> None:
        with self._moved:
            self._holder = self._stuck = None
            self._moved.notify_all()


_lines: dict[str, _Line] = {}

if hasattr(os, "register_at_fork"):
    # A forked child starts afresh: the threads that were asking a keyring are not there.
    os.register_at_fork(after_in_child=_lines.clear)


def in_line(kind: str, seconds: float, work: Callable[[Callable[[], None]], T]) -> T:
    """Run an operation on one kind of keyring; see :meth:`_Line.run`."""
    return _lines.setdefault(kind, _Line()).run(seconds, work)
