"""Signals at a bad moment: held back while something is under way that must not be torn in two.

Python raises :class:`KeyboardInterrupt` in the main thread between any two steps of it, be it in a terminal or by a
notebook's stop button, and a program that is told to end does so at once. Where that would cost a sign-in,
:func:`held_back` lets the steps come to their end first: soon, because who waits in :func:`wait` meanwhile waits no
longer than :data:`GRACE`. Python never interrupts other threads, so that in those there is nothing to hold back.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, ClassVar

#: Seconds from a signal until a wait that was begun before ends.
GRACE = 2.0
#: What ends a program, as far as this system has it. All but the first end it at once if nothing else was said.
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
#: The longest wait in one piece: on Windows, Ctrl-C is seen between two of them only; elsewhere too if it comes just
#: before one begins.
_PIECE = 0.5


class HeldBack:
    """Takes the place of the handlers of signals for a while, and hands over to them in the end.

    Attributes:
        now: What holds back at present.
    """

    now: ClassVar[HeldBack | None] = None

    def __init__(self) -> None:
        """Leave the handlers that there are in their places."""
        self._handlers: dict[int, Any] = {}
        self._thread = threading.get_ident()
        self._came: list[int] = []
        self._since: float | None = None
        self._depth = 0

    def begin(self) -> None:
        """Hold back from here on; does nothing about signals that are ignored."""
        if threading.current_thread() is not threading.main_thread():
            return
        import signal  # most programs never come here

        HeldBack.now = self
        for number in [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]:
            handler = signal.getsignal(number)
            if callable(handler) or handler is signal.SIG_DFL:
                with suppress(ValueError):  # of a thread that is the main one of its interpreter only
                    self._handlers[number] = handler
                    signal.signal(number, self)

    def end(self) -> None:
        """Hold back no more; what was held back takes effect now."""
        handlers = self._give_back()
        came, self._came, self._since = self._came, [], None
        _obey([(number, handlers[number]) for number in came if number in handlers])

    def sleep(self, seconds: float) -> None:
        """Sleep where nothing is under way, so that a signal ends it at once, as does one that was held back."""
        self.end()
        sleep(seconds)
        self.begin()

    def gives_up(self) -> bool:
        """Tell whether to stop waiting for others: a signal came; in a block within another one, too long ago."""
        return self._since is not None and (not self._depth or self.is_over())

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
        """Tell whether a signal came too long ago to go on waiting."""
        return self._since is not None and self._since + GRACE <= time.monotonic()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Note that a signal came; long after the first one, let it take effect."""
        if number not in self._came:
            self._came.append(number)
        if self.is_over():
            self.end()
        else:
            self._since = self._since or time.monotonic()

    def forget(self) -> None:
        """Hold back no more, in a process that was forked meanwhile: what came was not for it."""
        self._came.clear()
        self._give_back()

    def _give_back(self) -> dict[int, Any]:
        handlers, self._handlers = self._handlers, {}
        if HeldBack.now is self:
            import signal

            HeldBack.now = None
            for number, handler in handlers.items():
                with suppress(ValueError):
                    signal.signal(number, handler)
        return handlers


def _forget() -> None:
    if HeldBack.now is not None:
        HeldBack.now.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _obey(effects: Sequence[tuple[int, Any]]) -> None:
    """Do what signals do where nothing is held back: all of them, whatever one raises."""
    if not effects:
        return
    import signal

    (number, handler), *others = effects
    try:
        if callable(handler):
            handler(number, None)
        else:
            signal.raise_signal(number)
    finally:
        _obey(others)


@contextmanager
def held_back() -> Iterator[HeldBack]:
    """Hold signals back until the block ends, in whatever way; within another such block, until that one does."""
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


def sleep(seconds: float) -> None:
    """Sleep. Ctrl-C ends it, on Windows too.

    Args:
        seconds: How long.
    """
    wait(threading.Event(), seconds)


def _wait_a_little(event: threading.Event, seconds: float) -> bool:
    try:
        return event.wait(max(0.0, min(_PIECE, seconds)))
    except RuntimeError as failure:
        if not isinstance(failure.__context__, KeyboardInterrupt):
            raise
        raise failure.__context__ from None  # it came while the event's lock was changing hands
