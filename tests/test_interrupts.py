"""Ctrl-C and what else ends a program is held back while something must not be torn in two, and no longer."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

from mcp_oauth_sync import interrupts
from mcp_oauth_sync.interrupts import HeldBack, held_back, sleep, wait

from .control_c import interrupting, press, pressed_after
from .rereading import read_again


@pytest.fixture(autouse=True)
def handler() -> Iterator[Any]:
    """Leave the handler of SIGINT as it was; pytest's own is Python's."""
    before = signal.getsignal(signal.SIGINT)
    assert before is signal.default_int_handler
    yield before
    after = signal.signal(signal.SIGINT, before)
    assert after is before
    assert HeldBack.now is None


def test_what_is_under_way_comes_to_its_end_first() -> None:
    done = []
    with interrupting(), held_back():
        press()
        done.append("rest")
    assert done == ["rest"]


def test_nothing_is_raised_where_nothing_was_pressed() -> None:
    with held_back() as interruption:
        assert not interruption.gives_up()
        assert signal.getsignal(signal.SIGINT) is interruption
    with interrupting():
        press()


def test_control_c_goes_before_an_error_of_the_block() -> None:
    with interrupting() as caught, held_back():
        press()
        raise ValueError("mine")
    assert isinstance(caught.value.__context__, ValueError)


def test_it_is_raised_once_however_often_it_was_pressed() -> None:
    with interrupting():
        with held_back() as interruption:
            press()
            press()
            assert interruption.gives_up()
        pytest.fail("it was not raised")


def test_of_blocks_within_each_other_the_outer_one_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    with interrupting(), held_back() as outer:
        with held_back() as inner:
            press()
            assert not inner.gives_up()
            monkeypatch.setattr(interrupts, "GRACE", 0.0)
            assert inner.gives_up()
        monkeypatch.undo()
        assert inner is outer
        assert outer.gives_up()
        done.append("after the inner one")
    assert done == ["after the inner one"]


def test_pressed_again_after_the_grace_it_is_obeyed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "GRACE", 0.0)
    done = []
    with interrupting(), held_back():
        press()
        done.append("first")
        press()
        done.append("second")
    assert done == ["first"]


def test_a_wait_goes_on_until_its_event_and_the_end_of_the_block() -> None:
    began, event, done = threading.Event(), threading.Event(), []
    with interrupting(), pressed_after(began, event.set), held_back():
        began.set()
        done.append(wait(event, 30))
    assert done == [True]


def test_a_wait_ends_when_the_grace_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "GRACE", 0.01)
    began, done = threading.Event(), []
    with interrupting(), pressed_after(began), held_back():
        began.set()
        wait(threading.Event(), 600)
        done.append("waited")
    assert done == []


def test_a_wait_where_nothing_is_held_back_ends_at_once() -> None:
    began = threading.Event()
    with pressed_after(began), interrupting():
        began.set()
        wait(threading.Event(), 600)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.05])
def test_a_wait_for_nothing_ends_in_time(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "_PIECE", 0.001)
    assert wait(threading.Event(), seconds) is False
    event = threading.Event()
    event.set()
    assert wait(event, seconds) is True


def test_a_wait_is_made_of_short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[float] = []

    class Noted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pieces.append(timeout or 0.0)
            return len(pieces) == 3

    monkeypatch.setattr(interrupts, "_PIECE", 0.01)
    assert wait(Noted(), 600)
    assert pieces == [0.01] * 3
    assert not wait(Noted(), 0.001)
    assert pieces[3] <= 0.001


def test_a_sleep_is_ended_at_once_and_holds_back_again_afterwards() -> None:
    began = threading.Event()
    with interrupting(), pressed_after(began), held_back() as interruption:
        began.set()
        interruption.sleep(600)
    done = []
    with interrupting(), held_back() as interruption:
        interruption.sleep(0)
        press()
        done.append("rest")
    assert done == ["rest"]


def test_a_sleep_is_as_long_as_it_has_to_be() -> None:
    began = time.monotonic()
    sleep(0.05)
    with held_back() as interruption:
        interruption.sleep(0.05)
    assert time.monotonic() - began >= 0.1


def test_a_wait_in_which_nothing_comes_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "_PIECE", 0.001)
    with held_back() as interruption:
        assert not wait(threading.Event(), 0.01)
        assert signal.getsignal(signal.SIGINT) is interruption


def test_a_program_is_interrupted_within_three_seconds() -> None:
    assert interrupts.GRACE + interrupts._PIECE <= 3.0


def test_the_grace_begins_when_it_is_pressed_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(interrupts, "time", SimpleNamespace(monotonic=lambda: now[0]))
    held = HeldBack()
    for _ in range(2):
        held(signal.SIGINT, None)
        assert not held.is_over()
        now[0] += interrupts.GRACE / 2
    assert held.is_over()


def test_nobody_sleeps_after_it_was_pressed() -> None:
    with interrupting(), held_back() as interruption:
        press()
        interruption.sleep(600)


def in_a_thread(call: Callable[[], object]) -> object:
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    thread.join()
    return results[0]


def test_in_other_threads_nothing_is_held_back(handler: Any) -> None:
    def other() -> object:
        with held_back() as interruption:
            interruption.sleep(0)
            return signal.getsignal(signal.SIGINT)

    assert in_a_thread(other) is handler


def test_other_threads_wait_on_while_it_is_held_back_in_the_main_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "GRACE", 0.0)
    monkeypatch.setattr(interrupts, "_PIECE", 0.001)
    waited = []
    with interrupting(), held_back():
        press()

        def other() -> object:
            with held_back() as interruption:
                return wait(threading.Event(), 0.05), interruption.gives_up()

        waited.append(in_a_thread(other))
    assert waited == [(False, False)]


def test_a_signal_that_is_ignored_stays_ignored(handler: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held_back() as interruption:
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            interruption.sleep(0)
    finally:
        assert signal.signal(signal.SIGINT, handler) is signal.SIG_IGN


ENDED = """
import signal, sys
from mcp_oauth_sync.interrupts import held_back
number = signal.Signals[sys.argv[1]]
signal.signal(number, signal.SIG_DFL)
with held_back():
    signal.raise_signal(number)
    print("rest", flush=True)
print("not over")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_what_ends_a_program_ends_it_when_the_block_has_ended(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", ENDED, name], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.Signals[name], "rest\n", "")


def test_what_ends_a_program_is_raised_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[tuple[int, object]] = []
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(signal, "raise_signal", lambda number: raised.append((number, signal.getsignal(number))))
            with held_back():
                signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)
                assert raised == []
    finally:
        signal.signal(signal.SIGTERM, before)
    assert raised == [(signal.SIGTERM, signal.SIG_DFL)]


def test_every_signal_that_came_takes_effect_though_one_raises() -> None:
    calls: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: calls.append(number))
    try:
        with interrupting(), held_back():
            press()
            signal.raise_signal(signal.SIGTERM)
            assert calls == []
        assert calls == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_where_handlers_cannot_be_replaced_nothing_is_held_back(handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(number: int, handler: object) -> None:
        raise ValueError("signal only works in main thread of the main interpreter")

    with monkeypatch.context() as patch:
        patch.setattr(signal, "signal", refuse)
        with held_back() as interruption:
            assert signal.getsignal(signal.SIGINT) is handler
            interruption.sleep(0)


def test_the_handler_of_a_program_is_called_in_the_end_and_need_not_raise(
    handler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[int, FrameType | None]] = []

    def note(number: int, frame: FrameType | None) -> None:
        calls.append((number, frame))

    monkeypatch.setattr(interrupts, "GRACE", 0.0)
    signal.signal(signal.SIGINT, note)
    try:
        with held_back():
            press()
            assert calls == []
            assert wait(threading.Event(), 0.05) is False
            assert calls == [(signal.SIGINT, None)]
        assert len(calls) == 1
        with held_back():
            press()
        assert len(calls) == 2
    finally:
        assert signal.signal(signal.SIGINT, handler) is note


def test_a_lock_that_changes_hands_makes_no_other_error_of_it() -> None:
    """Python lets go of an event's lock before it is ready to be interrupted."""
    event = threading.Event()

    def strike(frame: FrameType, what: str, argument: object) -> None:
        if what == "c_return" and frame.f_code.co_name == "_release_save":
            sys.setprofile(None)
            raise KeyboardInterrupt

    def struck(call: Callable[[], object]) -> type[BaseException]:
        sys.setprofile(strike)
        try:
            with pytest.raises((KeyboardInterrupt, RuntimeError)) as caught:
                call()
        finally:
            sys.setprofile(None)
        return caught.type

    assert struck(lambda: event.wait(600)) is RuntimeError
    assert struck(lambda: wait(event, 600)) is KeyboardInterrupt


def test_other_errors_of_a_wait_stay_what_they_are() -> None:
    class Broken(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            raise RuntimeError("can't start new thread")

    with pytest.raises(RuntimeError, match="new thread"):
        wait(Broken(), 1)


FORKED = """
import os, signal, sys, threading
from mcp_oauth_sync.interrupts import HeldBack, held_back

def fork():
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        return
    first = signal.getsignal(signal.SIGINT) is signal.default_int_handler and HeldBack.now is None
    for _ in range(2):
        try:
            with held_back():
                signal.raise_signal(signal.SIGINT)
                first += 1
        except KeyboardInterrupt:
            first += 10
    os._exit(first)

with held_back():
    signal.raise_signal(signal.SIGTERM) if sys.argv[1] == "signalled" else None
    if sys.argv[2] == "thread":
        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
    else:
        fork()
    sys.stdout.flush()
"""


@pytest.mark.parametrize("forking", ["thread", "main"])
@pytest.mark.parametrize("how", ["signalled", "not"])
def test_a_forked_child_begins_anew(how: str, forking: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKED, how, forking]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("23\n", "")
    assert done.returncode == (-signal.SIGTERM if how == "signalled" else 0)


def test_what_is_forgotten_takes_no_effect(handler: Any) -> None:
    interrupts._forget()
    with held_back() as interruption:
        press()
        interrupts._forget()
        assert signal.getsignal(signal.SIGINT) is handler
        interruption.sleep(0)
        assert signal.getsignal(signal.SIGINT) is interruption


def test_the_room_loads_where_there_is_no_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.register_at_fork")
    assert read_again(interrupts).GRACE == interrupts.GRACE


def test_a_call_out_of_turn_changes_nothing(handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "GRACE", 0.0)
    stray = HeldBack()
    stray(signal.SIGINT, None)
    stray(signal.SIGINT, None)
    assert signal.getsignal(signal.SIGINT) is handler
