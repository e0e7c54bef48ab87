"""Calls that may hang, given up after a while. No keyring has a timeout of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from ..interrupts import wait

T = TypeVar("T")


class TimedOut(Exception):
    """The call has not come back in time; it goes on in a thread that does not keep the process alive."""


class Waiting(Generic[T]):
    """A call under way in a thread of its own.

    Args:
        call: What to do.
        name: Name of the thread.
    """

    def __init__(self, call: Callable[[], T], name: str) -> None:
        """Start the call."""
        self._call = call
        self._results: list[T] = []
        self._failures: list[BaseException] = []
        self.done = threading.Event()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def result(self, seconds: float) -> T:
        """Return what it returned, or raise what it raised.

        Raises:
            TimedOut: It has not come back.
        """
        if not wait(self.done, seconds):
            raise TimedOut
        for failure in self._failures:
            raise failure
        return self._results[0]

    def _work(self) -> None:
        try:
            self._results.append(self._call())
        except BaseException as failure:  # noqa: BLE001
            self._failures.append(failure)  # raised where it is waited for
        finally:
            self.done.set()


def within(seconds: float, call: Callable[[], T], *, name: str = "mcp-oauth-sync store") -> T:
    """Return what a call returns, or raise what it raises, if that happens in time.

    Raises:
        TimedOut: It did not.
    """
    return Waiting(call, name).result(seconds)
