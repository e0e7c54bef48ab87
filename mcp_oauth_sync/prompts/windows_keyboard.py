"""The keys pressed in the console of Windows, which shows none of them and says when one waits."""

from __future__ import annotations

import _thread
import threading
from importlib import import_module
from typing import Protocol, cast

from .keyboard import Keyboard

#: Seconds between two looks at the console: it has nothing that could be waited for.
_LOOK = 0.05
_CONTROL_C, _BEFORE_SPECIAL = "\x03", ("\x00", "\xe0")


class _Console(Protocol):
    def kbhit(self) -> bool: ...
    def getwch(self) -> str: ...


class WindowsKeyboard(Keyboard):
    """The console's keys."""

    def __init__(self) -> None:
        """Look at nothing yet."""
        self._console = cast(_Console, import_module("msvcrt"))
        self._woken = threading.Event()

    def begin(self) -> bool:
        """There is nothing to prepare."""
        return True

    def read(self, seconds: float) -> str:
        """Look for a key until one is there or the time is over."""
        for _ in range(max(1, round(seconds / _LOOK))):
            if self._console.kbhit():
                return self._key()
            if self._woken.wait(_LOOK):
                break
        return ""

    def _key(self) -> str:
        key = self._console.getwch()
        if key in _BEFORE_SPECIAL:  # an arrow or a function key: its number follows
            self._console.getwch()
            return ""
        if key == _CONTROL_C:
            _thread.interrupt_main()
            return ""
        return key

    def wake(self) -> None:
        """End the looking."""
        self._woken.set()

    def release(self) -> None:
        """Nothing was changed."""
