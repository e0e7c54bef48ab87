"""The box in a cell: whoever closes it, the stop button is always heard, and never heard when nobody pressed it."""

from __future__ import annotations

import _thread
import getpass
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mcp_oauth_sync.prompts.paste_box import PasteBox

from .wire import PATIENCE


class Frontend:
    """Asks as a kernel does: looks again and again whether a line has come, and lets interrupts through."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.asks = threading.Event()

    def getpass(self, prompt: str = "") -> str:
        """Wait for a line."""
        deadline = time.monotonic() + PATIENCE
        self.asks.set()
        while not self.lines:
            assert time.monotonic() < deadline, "it was neither answered nor closed"
            try:
                time.sleep(0.0005)
            except KeyboardInterrupt:
                raise KeyboardInterrupt("Interrupted by user") from None
            except Exception:  # as the kernel: a broken message is no reason to stop waiting
                continue
        return self.lines.pop()


@pytest.fixture
def frontend(monkeypatch: pytest.MonkeyPatch) -> Frontend:
    frontend = Frontend()
    monkeypatch.setattr(getpass, "getpass", frontend.getpass)
    return frontend


@contextmanager
def beside(*steps: object) -> Iterator[None]:
    """Run functions in a thread, one after the other."""

    def run() -> None:
        for step in steps:
            step()  # type: ignore[operator]

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE)


def press_stop() -> None:
    _thread.interrupt_main()


def test_a_line_is_returned_and_hidden(frontend: Frontend) -> None:
    frontend.lines.append("the line")
    with PasteBox() as box:
        line = box.ask("Paste:")
    assert line == "the line"
    assert "line" not in repr(line)


def test_it_is_possible_on_the_main_thread_of_a_running_cell_only(
    frontend: Frontend, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[bool] = [PasteBox.possible()]
    with beside(lambda: told.append(PasteBox.possible())):
        pass
    monkeypatch.undo()
    told.append(PasteBox.possible())  # getpass is Python's own: no cell runs
    assert told == [True, False, False]


def test_another_thread_closes_it_at_once(frontend: Frontend) -> None:
    with PasteBox() as box, beside(frontend.asks.wait, lambda: box.close(0)):
        began = time.monotonic()
        assert box.ask("Paste:") is None
        assert time.monotonic() - began < 3
        assert box.ask("Paste:") is None  # closed for good
    assert frontend.lines == []


def test_a_frontend_that_answers_of_its_own_accord_is_not_interrupted(frontend: Frontend) -> None:
    def answer() -> None:
        threading.Timer(0.02, frontend.lines.append, ("",)).start()
        box.close(PATIENCE)

    with PasteBox() as box, beside(frontend.asks.wait, answer):
        assert box.ask("Paste:") == ""


def test_closing_it_before_it_is_opened_opens_none(frontend: Frontend) -> None:
    with PasteBox() as box:
        box.close(0)
        assert box.ask("Paste:") is None
    assert not frontend.asks.is_set()


def test_it_tells_whether_a_line_is_waited_for(frontend: Frontend) -> None:
    told: list[bool] = []
    with PasteBox() as box:
        told.append(box.open)
        with beside(frontend.asks.wait, lambda: told.append(box.open), lambda: box.close(0)):
            box.ask("Paste:")
        told.append(box.open)
    assert told == [False, True, False]


def test_the_stop_button_is_a_keyboard_interrupt(frontend: Frontend) -> None:
    with PasteBox() as box, beside(frontend.asks.wait, press_stop), pytest.raises(KeyboardInterrupt):
        box.ask("Paste:")


def test_the_stop_button_counts_even_when_the_box_is_closed_at_the_same_moment(frontend: Frontend) -> None:
    def both() -> None:
        frontend.asks.wait()
        press_stop()
        box.close(0)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(5)  # both are there before the main thread sees either
    try:
        with PasteBox() as box, beside(both), pytest.raises(KeyboardInterrupt):
            box.ask("Paste:")
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize("failure", [EOFError, NotImplementedError])
def test_what_the_frontend_raises_goes_through(
    frontend: Frontend, monkeypatch: pytest.MonkeyPatch, failure: type[Exception]
) -> None:
    def fail(prompt: str) -> str:
        raise failure

    monkeypatch.setattr(frontend, "getpass", fail)
    monkeypatch.setattr(getpass, "getpass", frontend.getpass)
    with PasteBox() as box, pytest.raises(failure):
        box.ask("Paste:")
    assert not box.open


def test_signals_go_to_whom_they_went_before(frontend: Frontend) -> None:
    resized: list[int] = []
    before = signal.signal(signal.SIGWINCH, lambda number, frame: resized.append(number))
    try:
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGWINCH)]
        with PasteBox() as box:
            signal.raise_signal(signal.SIGWINCH)  # a real one, which closes nothing
            frontend.lines.append("line")
            assert box.ask("Paste:") == "line"
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGWINCH)] == handlers
    finally:
        signal.signal(signal.SIGWINCH, before)
    assert resized == [signal.SIGWINCH]


def test_a_signal_that_nobody_handled_is_harmless(frontend: Frontend) -> None:
    with PasteBox() as box:
        signal.raise_signal(signal.SIGWINCH)
        frontend.lines.append("line")
        assert box.ask("Paste:") == "line"
    assert signal.getsignal(signal.SIGWINCH) is signal.SIG_DFL


def test_five_hundred_lines_closings_and_stops_at_nearly_the_same_moment(frontend: Frontend) -> None:
    chance = random.Random(8252)
    for turn in range(500):
        stops = chance.random() < 0.5
        acts = [lambda: frontend.lines.append("line"), lambda: box.close(chance.choice((0, 0.0005)))]
        acts += [press_stop] if stops else []
        chance.shuffle(acts)
        pauses = [chance.choice((0.0, 0.0, 0.0003, 0.001)) for _ in acts]
        steps = [step for act, pause in zip(acts, pauses, strict=True) for step in (act, lambda p=pause: time.sleep(p))]
        heard = 0
        try:
            with PasteBox() as box, beside(*steps):
                assert box.ask("Paste:") in ("line", None)
                for _ in range(3):
                    time.sleep(0.001)
        except KeyboardInterrupt:
            heard += 1
        assert heard == stops, turn
        frontend.lines.clear()
        frontend.asks.clear()
