"""The keyboards by themselves: a terminal's mode, a turn lost and won back, a terminal that goes, Windows' console."""

from __future__ import annotations

import os
import signal
import sys
import termios
import threading
import time
import types
from collections.abc import Callable, Iterator

import pytest

from mcp_oauth_sync.prompts import paste, posix_keyboard, windows_keyboard
from mcp_oauth_sync.prompts.posix_keyboard import PosixKeyboard
from mcp_oauth_sync.prompts.windows_keyboard import WindowsKeyboard

from .wire import PATIENCE

COOKED = termios.ICANON | termios.ECHO


class Desk:
    """A terminal and its keyboard, whose turn it is when we say so."""

    def __init__(self) -> None:
        self.ours, self.theirs = os.openpty()
        self.keyboard = PosixKeyboard(self.theirs)
        self.turn = True
        self.keyboard.in_foreground = lambda: self.turn  # type: ignore[method-assign]

    @property
    def mode(self) -> int:
        mode = termios.tcgetattr(self.theirs)[3]
        assert isinstance(mode, int)
        return mode

    def press(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def read(self, length: int) -> str:
        deadline, text = time.monotonic() + PATIENCE, ""
        while len(text) < length and time.monotonic() < deadline:
            text += self.keyboard.read(PATIENCE)
        return text

    def hang_up(self) -> None:
        os.close(self.ours)
        self.ours = -1


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.keyboard.wake()
    made.keyboard.release()
    made.keyboard.close()
    for end in (made.ours, made.theirs):
        if end >= 0:
            os.close(end)


def test_the_mode_is_changed_while_keys_are_read_and_is_as_before_afterwards(desk: Desk) -> None:
    before = termios.tcgetattr(desk.theirs)
    assert desk.keyboard.begin()
    assert desk.mode & COOKED == 0
    assert desk.mode & termios.ISIG
    desk.keyboard.release()
    assert termios.tcgetattr(desk.theirs) == before
    desk.keyboard.release()
    assert termios.tcgetattr(desk.theirs) == before


def test_keys_come_one_by_one_with_their_accents_and_the_rest_stays_for_the_program(desk: Desk) -> None:
    desk.keyboard.begin()
    desk.press("hé\rrest\r".encode())
    assert desk.read(3) == "hé\n"
    desk.keyboard.release()
    assert os.read(desk.theirs, 100) == b"rest\n"


def test_nothing_pressed_is_nothing_read(desk: Desk) -> None:
    desk.keyboard.begin()
    assert desk.keyboard.read(0.01) == ""


def test_a_wait_ends_when_another_thread_says_so(desk: Desk) -> None:
    desk.keyboard.begin()
    got: list[str] = []
    thread = threading.Thread(target=lambda: got.append(desk.keyboard.read(PATIENCE)))
    thread.start()
    desk.keyboard.wake()
    thread.join(PATIENCE / 2)
    assert got == [""]


def test_while_it_is_another_programs_turn_the_terminal_is_neither_read_nor_changed(desk: Desk) -> None:
    desk.turn = False
    assert not desk.keyboard.begin()
    assert desk.mode & COOKED == COOKED
    desk.turn = True
    assert desk.keyboard.begin()
    termios.tcsetattr(desk.theirs, termios.TCSANOW, _cooked(desk))  # a shell that has its turn
    desk.turn = False
    desk.press(b"for the shell\r")
    assert desk.keyboard.read(0.01) == ""
    desk.keyboard.release()
    assert desk.mode & COOKED == COOKED
    assert os.read(desk.theirs, 100) == b"for the shell\n"


def test_a_turn_won_back_takes_the_terminal_anew(desk: Desk) -> None:
    desk.keyboard.begin()
    usual = _cooked(desk)
    termios.tcsetattr(desk.theirs, termios.TCSANOW, usual)
    assert desk.keyboard.read(0.01) == ""
    assert desk.mode & COOKED == 0
    desk.keyboard.release()
    assert desk.mode == usual[3]


def _cooked(desk: Desk) -> list[object]:
    mode = termios.tcgetattr(desk.theirs)
    mode[3] |= COOKED
    return mode


def test_a_terminal_that_has_gone_gives_nothing_and_is_not_asked_all_the_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.keyboard.begin()
    pauses: list[float] = []
    select = desk.keyboard._wake_only.select
    monkeypatch.setattr(desk.keyboard._wake_only, "select", lambda seconds: pauses.append(seconds) or select(0))
    desk.hang_up()
    assert desk.keyboard.read(PATIENCE) == ""
    assert pauses, "it went on at once"
    desk.keyboard.release()


def test_a_terminal_that_cannot_be_changed_is_not_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise termios.error(5, "Input/output error")

    monkeypatch.setattr(posix_keyboard.termios, "tcgetattr", gone)
    assert not desk.keyboard.begin()


def test_reading_leaves_the_signals_of_the_thread_as_they_were(desk: Desk) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    desk.keyboard.begin()
    desk.press(b"x")
    assert desk.read(1) == "x"
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_a_key_without_a_meaning_stops_nothing(desk: Desk) -> None:
    mode = termios.tcgetattr(desk.theirs)
    mode[6][termios.VSUSP] = b"\x00"
    termios.tcsetattr(desk.theirs, termios.TCSANOW, mode)
    desk.keyboard.begin()
    desk.press(b"\x1a")
    assert desk.read(1) == "\x1a"


# Windows


class Console(types.ModuleType):
    """Stands for the module msvcrt."""

    def __init__(self, keys: str) -> None:
        super().__init__("msvcrt")
        self.keys = list(keys)

    def kbhit(self) -> bool:
        return bool(self.keys)

    def getwch(self) -> str:
        return self.keys.pop(0)


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], WindowsKeyboard]:
    """Stand at the console of a Windows, at which keys were pressed."""

    def make(keys: str) -> WindowsKeyboard:
        monkeypatch.setitem(sys.modules, "msvcrt", Console(keys))
        monkeypatch.setattr(windows_keyboard, "_LOOK", 0.001)
        return WindowsKeyboard()

    return make


def test_the_console_of_windows_gives_its_keys_without_the_special_ones(
    console: Callable[[str], WindowsKeyboard],
) -> None:
    keyboard = console("a\xe0Hb\x00;\r")
    assert keyboard.begin()
    assert [keyboard.read(0.01) for _ in range(6)] == ["a", "", "b", "", "\r", ""]
    keyboard.release()
    keyboard.close()


def test_ctrl_c_at_the_console_of_windows_interrupts_the_program(
    console: Callable[[str], WindowsKeyboard], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted: list[bool] = []
    monkeypatch.setattr(windows_keyboard._thread, "interrupt_main", lambda: interrupted.append(True))
    assert console("\x03").read(0.01) == ""
    assert interrupted == [True]


def test_a_look_at_the_console_of_windows_ends_when_another_thread_says_so(
    console: Callable[[str], WindowsKeyboard],
) -> None:
    keyboard = console("")
    keyboard.wake()
    began = time.monotonic()
    assert keyboard.read(PATIENCE) == ""
    assert time.monotonic() - began < PATIENCE / 2


def test_windows_gets_its_own_keyboard(
    console: Callable[[str], WindowsKeyboard], monkeypatch: pytest.MonkeyPatch
) -> None:
    console("")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(fileno=lambda: 0, isatty=lambda: True))
    with paste.one_keyboard(True) as keyboard:
        assert isinstance(keyboard, WindowsKeyboard)
