"""The box below a notebook's cell in which something is pasted, and how it is closed from another thread.

The kernel asks its frontend for a line and waits for it on the main thread, looking for signals a hundred times a
second. Another thread ends the wait through a signal that nothing else uses here and whose handler raises only while
a box is open. The stop button is a signal of its own: it is never made here, and never taken for the other.
"""

from __future__ import annotations

import _thread
import getpass
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any

from ..interrupts import held_back
from ..models.secret import Secret

# Simulated, never sent. Real ones mean nothing to a kernel, which has neither a window nor a keyboard.
if sys.platform == "win32":
    _CLOSING = signal.SIGBREAK
else:
    _CLOSING = signal.SIGWINCH


class _Closed(BaseException):
    """Ends the wait. No ``Exception``, which the kernel would take for a broken message."""


class PasteBox:
    """Asks for lines, one at a time, until it is closed. For the main thread, in a ``with`` block.

    The frontend is told that the line is a password: what is pasted holds a code, and is neither shown nor kept in
    the notebook or in the history of what was typed.
    """

    def __init__(self) -> None:
        """Ask for nothing yet."""
        self._closed = self._open = False
        self._settled = threading.Event()
        self._settled.set()
        self._before: dict[signal.Signals, Any] = {}

    @staticmethod
    def possible() -> bool:
        """Tell whether lines can be asked for: in a running cell, on the main thread."""
        forwarded = hasattr(getpass.getpass, "__self__")  # the kernel's own while a cell runs
        return forwarded and threading.current_thread() is threading.main_thread()

    def __enter__(self) -> PasteBox:
        """Take the two signals over."""
        for number, handler in ((_CLOSING, self._on_closing), (signal.SIGINT, self._on_stop)):
            self._before[number] = signal.signal(number, handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the two signals back."""
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def ask(self, prompt: str) -> str | None:
        """Ask for one line.

        Args:
            prompt: What the box is called.

        Returns:
            The line; None when the box is closed.

        Raises:
            NotImplementedError: The frontend cannot be asked.
            EOFError: The person ended the input.
            KeyboardInterrupt: The stop button was pressed.
        """
        with held_back():  # an event that is torn in two would never let go who waits for it
            self._settled.clear()
        try:
            try:
                self._open = True
                return None if self._closed else Secret(getpass.getpass(prompt))
            finally:
                self._open = False
        except _Closed:  # even when it comes between the line and the end of the inner block
            return None
        finally:
            with held_back():
                self._settled.set()

    @property
    def open(self) -> bool:
        """Whether a line is being waited for."""
        return not self._settled.is_set()

    def close(self, patience: float) -> None:
        """Ask for nothing more, from any thread.

        Args:
            patience: Seconds the frontend has to answer an open box of its own accord.
        """
        self._closed = True
        if not self._settled.wait(patience):
            _thread.interrupt_main(_CLOSING)

    def _on_closing(self, number: int, frame: FrameType | None) -> None:
        if self._open and self._closed:
            self._open = False
            raise _Closed
        if callable(before := self._before.get(_CLOSING)):
            before(number, frame)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._open = False
        raise KeyboardInterrupt
