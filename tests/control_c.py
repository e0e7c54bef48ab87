"""Control-C in the process of the tests."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest


def press() -> None:
    """Press it, as a terminal or a notebook's stop button does: the main thread hears of it."""
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


@contextmanager
def pressed_after(event: threading.Event, then: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Press it once an event has come to pass, within the block.

    Args:
        event: The event.
        then: Called right after that.
    """

    def wait() -> None:
        if event.wait(30):
            press()
            then()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextmanager
def interrupting() -> Iterator[pytest.ExceptionInfo[KeyboardInterrupt]]:
    """Expect the block to be interrupted, wherever in it."""
    with pytest.raises(KeyboardInterrupt) as caught:
        yield caught
