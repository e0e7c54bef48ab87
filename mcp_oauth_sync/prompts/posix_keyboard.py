"""The keys pressed at a terminal of Linux, a Mac or another Unix. POSIX.1 chapter 11, General Terminal Interface.

In its usual mode a terminal cuts a line at 4096 bytes, on a Mac at 1024, and shows it. A redirect is longer than that
and holds a code. So lines are taken apart here while somebody waits, and the mode is put back in the end, and whenever
the person stops the program.
"""

from __future__ import annotations

import atexit
import codecs
import os
import selectors
import signal
import termios
from contextlib import suppress
from typing import Any

from .keyboard import Keyboard

_INPUT, _LOCAL, _KEYS = 0, 3, 6  # of what tcgetattr gives
#: Keys that end or stop the program. The terminal has to be put back before they do.
_STOPPING = {"VSUSP": "SIGTSTP", "VDSUSP": "SIGTSTP", "VQUIT": "SIGQUIT"}
#: Seconds to leave a terminal alone that had nothing to give although it seemed so.
_PAUSE = 0.2
#: Seconds that a stop may take to reach every thread, before the terminal is taken anew.
_UNTIL_STOPPED = 1.0


class PosixKeyboard(Keyboard):
    """The keys of a terminal.

    Args:
        descriptor: The terminal, open for reading.
    """

    def __init__(self, descriptor: int) -> None:
        """Change nothing yet."""
        self._descriptor = descriptor
        self._usual: list[Any] | None = None
        self._signals: dict[bytes, signal.Signals] = {}
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pipe: tuple[int, int] | None = None

    def in_foreground(self) -> bool:
        """Tell whether it is this process's turn at the terminal, and no shell's or other program's."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:  # it is not the terminal of our session: no key would ever stop us
            return False

    def begin(self) -> bool:
        """Show nothing of what is typed, and take each key as it comes; Ctrl-C keeps its meaning."""
        if not self._hold():
            return False
        self._pipe = os.pipe()
        self._wake_only, self._both = selectors.DefaultSelector(), selectors.DefaultSelector()
        self._wake_only.register(self._pipe[0], selectors.EVENT_READ)
        self._both.register(self._pipe[0], selectors.EVENT_READ)
        self._both.register(self._descriptor, selectors.EVENT_READ)
        atexit.register(self.release)
        return True

    def _hold(self) -> bool:
        """Have the terminal in our mode; False while it is another program's.

        Who stops us with a signal, and continues us, leaves the terminal in the usual mode: then it is taken anew.
        """
        with suppress(termios.error):  # it has gone
            if not self.in_foreground():
                return False
            mode = termios.tcgetattr(self._descriptor)
            if self._usual is None or mode[_LOCAL] & termios.ICANON:
                self._usual = mode
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._for_keys())
            return True
        return False

    def _for_keys(self) -> list[Any]:
        mode = termios.tcgetattr(self._descriptor)
        mode[_INPUT] |= termios.ICRNL
        mode[_LOCAL] &= ~(termios.ICANON | termios.ECHO | termios.ECHONL | termios.IEXTEN)
        mode[_LOCAL] |= termios.ISIG
        nothing = bytes([os.fpathconf(self._descriptor, "PC_VDISABLE") & 0xFF])
        mode[_KEYS] = list(mode[_KEYS])
        for name, meaning in _STOPPING.items():
            index = getattr(termios, name, None)
            if index is not None and (key := mode[_KEYS][index]) != nothing:
                self._signals[key] = signal.Signals[meaning]
                mode[_KEYS][index] = nothing
        mode[_KEYS][termios.VMIN] = mode[_KEYS][termios.VTIME] = 0  # a read never waits
        return mode

    def read(self, seconds: float) -> str:
        """Wait for a key, and obey one that stops the program."""
        if not self._hold():
            self._wake_only.select(seconds)
            return ""
        if not any(ready.fd == self._descriptor for ready, _ in self._both.select(seconds)):
            return ""
        key = self._one_byte()
        if not key:
            self._wake_only.select(_PAUSE)
        elif key in self._signals:
            self.release()
            os.killpg(os.getpgrp(), self._signals[key])
            self._wake_only.select(_UNTIL_STOPPED)
        else:
            return self._decoder.decode(key)
        return ""

    def _one_byte(self) -> bytes:
        """Read no more than that: what comes after the answer is for the program."""
        usual = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN})  # a turn just lost must not stop the program
        try:
            return os.read(self._descriptor, 1)
        except OSError:  # it has gone, or its turn has
            return b""
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, usual)

    def wake(self) -> None:
        """End a wait."""
        if self._pipe is not None:
            os.write(self._pipe[1], b"!")

    def release(self) -> None:
        """Put the mode back, unless the terminal is another program's by now."""
        usual, self._usual = self._usual, None
        if usual is not None and self.in_foreground():
            with suppress(termios.error):
                termios.tcsetattr(self._descriptor, termios.TCSANOW, usual)

    def close(self) -> None:
        """Close what was opened; the terminal itself stays open."""
        atexit.unregister(self.release)
        if self._pipe is not None:
            self._both.close()
            self._wake_only.close()
            for end in self._pipe:
                os.close(end)
            self._pipe = None
