"""Ctrl-C at a bad moment: held back while something is under way that must not be torn in two.

Python raises :class:`KeyboardInterrupt` in the main thread between any two steps of it, be it in a terminal or by a
notebook's stop button. Where that would cost a sign-in, :func:`held_back` lets the steps come to their end first:
soon, because who waits in :func:`wait` meanwhile waits no longer than :data:`GRACE`. Python never interrupts other
threads, so that there is nothing to hold back in them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import ClassVar

#: Seconds from Ctrl-C until a wait that was begun before ends.
GRACE = 2.0
#: The longest wait in one piece: on Windows, Ctrl-C is seen between two of them only.
_PIECE = 0.5


class HeldBack:
    """Takes the place of the handler of SIGINT for a while, and hands over to it in the end.

    Attributes:
        now: What holds back at present.
    """

    now: ClassVar[HeldBack | None] = None

    def __init__(self) -> None:
        """Leave the handler that there is in its place."""
        self._handler: Callable[[int, FrameType | None], object] | None = None
        self._thread, self._process = threading.get_ident(), os.getpid()
        self._pressed: float | None = None
        self._depth = 0

    def begin(self) -> None:
        """Hold back from here on; does nothing where Ctrl-C raises nothing."""
        if threading.current_thread() is not threading.main_thread():
            return
        import signal  # most programs never come here

        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            self._handler, HeldBack.now = handler, self
            signal.signal(signal.SIGINT, self)

    def end(self) -> None:
        """Hold back no more; what was held back is raised now."""
        handler, pressed, self._pressed = self._give_back(), self._pressed, None
        if handler is not None and pressed is not None:
            import signal

            handler(signal.SIGINT, None)

    def sleep(self, seconds: float) -> None:
        """Sleep where nothing is under way, so that Ctrl-C ends it at once, as does one that was held back."""
        self.end()
        time.sleep(seconds)
        self.begin()

    def gives_up(self) -> bool:
        """Tell whether to stop waiting for others: Ctrl-C was pressed; in a block within another one, too long ago."""
        return self._pressed is not None and (not self._depth or self.is_over())

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Be held back by a block within the first one."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def is_here(self) -> bool:
        """Tell whether it is the thread that asks which is not to be interrupted."""
        return self._thread == threading.get_ident()

    def is_over(self) -> bool:
        """Tell whether Ctrl-C was pressed too long ago to go on waiting."""
        return self._pressed is not None and self._pressed + GRACE <= time.monotonic()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Note that Ctrl-C was pressed. Long after the first time, and in a process that was forked meanwhile, obey."""
        if self._process == os.getpid() and not self.is_over():
            self._pressed = self._pressed or time.monotonic()
        elif (handler := self._give_back()) is not None:
            handler(number, frame)

    def _give_back(self) -> Callable[[int, FrameType | None], object] | None:
        handler, self._handler = self._handler, None
        if handler is not None:
            import signal

            HeldBack.now = None
            signal.signal(signal.SIGINT, handler)
        return handler


@contextmanager
def held_back() -> Iterator[HeldBack]:
    """Hold Ctrl-C back until the block ends, in whatever way; of blocks within each other, until the outer one does."""
    held = HeldBack()
    if (outer := HeldBack.now) is not None and outer.is_here():
        with outer.deeper():
            yield outer
        return
    try:
        held.begin()
        yield held
    finally:
        held.end()


def wait(event: threading.Event, seconds: float) -> bool:
    """Wait for an event, and tell whether it came to pass. Ctrl-C ends it, on Windows too.

    Args:
        event: The event.
        seconds: How long at most.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; while it is held back, :data:`GRACE` ago.
    """
    end = time.monotonic() + seconds
    while not _wait_a_little(event, end - time.monotonic()):
        if (held := HeldBack.now) is not None and held.is_here() and held.is_over():
            held.end()
        if time.monotonic() >= end:
            return event.is_set()
    return True


def _wait_a_little(event: threading.Event, seconds: float) -> bool:
    try:
        return event.wait(max(0.0, min(_PIECE, seconds)))
    except RuntimeError as failure:
        if not isinstance(failure.__context__, KeyboardInterrupt):
            raise
        raise failure.__context__ from None  # it came while the event's lock was changing hands
