"""How long a call is waited for: from the head of its answer, anew with progress, not while a person is asked."""

from __future__ import annotations

import threading

import pytest

from mcp_oauth_sync.exceptions import MCPError, MCPTimeoutError
from mcp_oauth_sync.mcp import deadline as room
from mcp_oauth_sync.mcp.deadline import Deadline
from mcp_oauth_sync.mcp.watch import Watch

from .clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_it_does_not_run_before_it_begins(clock: Clock) -> None:
    deadline = Deadline("http://s/mcp?key=1", 10, clock=clock)
    clock.now += 100
    assert deadline.left() == 10
    deadline.begin()
    clock.now += 4
    deadline.begin()
    assert deadline.left() == 6
    assert deadline.for_requests == (6, 6)
    clock.now += 6
    assert deadline.remaining() == 0
    with pytest.raises(MCPTimeoutError, match=r"http://s/mcp gave no complete answer within 10 seconds") as raised:
        deadline.left()
    assert isinstance(raised.value, MCPError)
    assert isinstance(raised.value, TimeoutError)


def test_a_connection_is_waited_for_a_little_only(clock: Clock) -> None:
    assert Deadline("http://s", 600, clock=clock).for_requests == (room.CONNECT, 600)


def test_progress_starts_it_anew_up_to_a_bound(clock: Clock) -> None:
    deadline = Deadline("http://s", 10, clock=clock)
    deadline.renew()
    deadline.begin()
    for _ in range(12):
        clock.now += 8
        deadline.renew()
        assert deadline.left() > 0
    assert deadline.left() == 4  # ten times as long in all
    clock.now += 4
    deadline.renew()
    with pytest.raises(MCPTimeoutError):
        deadline.left()


def test_it_stands_still_while_it_is_paused(clock: Clock) -> None:
    deadline = Deadline("http://s", 10, clock=clock)
    deadline.begin()
    clock.now += 4
    with deadline.paused():
        clock.now += 1000
        assert deadline.left() == 6
    assert deadline.left() == 6
    with deadline.paused():
        clock.now += 1000
        deadline.renew()
        assert deadline.left() == 10
    assert deadline.left() == 10
    clock.now += 95
    with pytest.raises(MCPTimeoutError):
        deadline.left()


def test_pauses_that_overlap_count_once(clock: Clock) -> None:
    deadline = Deadline("http://s", 10, clock=clock)
    deadline.begin()
    first, second = deadline.paused(), deadline.paused()
    with first:
        clock.now += 5
        second.__enter__()
        clock.now += 5
    clock.now += 5
    assert deadline.left() == 10
    second.__exit__(None, None, None)
    assert deadline.left() == 10
    clock.now += 3
    assert deadline.left() == 7


def test_a_pause_ends_with_whatever_happens_in_it(clock: Clock) -> None:
    deadline = Deadline("http://s", 10, clock=clock)
    deadline.begin()
    with pytest.raises(KeyboardInterrupt), deadline.paused():
        raise KeyboardInterrupt
    clock.now += 10
    assert deadline.remaining() == 0


# The watch


def begun(seconds: float) -> Deadline:
    deadline = Deadline("http://s", seconds)
    deadline.begin()
    return deadline


def test_a_wait_is_ended_when_its_deadline_has_passed_and_others_are_not() -> None:
    watch, ended, later, other = Watch(), list[int](), threading.Event(), threading.Event()
    watch.add("other", begun(60), other.set)
    watch.add("wait", begun(0.05), lambda: ended.append(1))
    watch.add("later", begun(0.2), later.set)
    assert later.wait(10)
    assert not other.is_set()
    assert ended == [1]  # once, however long it takes until it is not waited for any more
    watch.close()


def test_a_wait_that_is_over_is_not_ended() -> None:
    watch, ended, other = Watch(), threading.Event(), threading.Event()
    watch.add("over", begun(0.01), ended.set)
    watch.remove("over")
    watch.remove("unknown")
    watch.add("wait", begun(0.1), other.set)
    assert other.wait(10)
    assert not ended.is_set()
    watch.close()


def test_a_wait_is_not_ended_while_a_person_is_asked() -> None:
    watch, ended, other = Watch(), threading.Event(), threading.Event()
    deadline = begun(0.05)
    with deadline.paused():
        watch.add("paused", deadline, ended.set)
        watch.add("wait", begun(0.2), other.set)
        assert other.wait(10)
        assert not ended.is_set()
    assert ended.wait(10)
    watch.close()


def test_a_closed_watch_begins_no_thread() -> None:
    watch = Watch()
    watch.close()
    watch.add("wait", begun(0.001), pytest.fail)
    assert not any(thread.name == "mcp-oauth-sync watch" for thread in threading.enumerate())
