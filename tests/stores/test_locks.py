"""Turn-taking: one holder per name among threads and processes, and none that goes stale."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import filelock
import pytest
from filelock import FileLock

from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.interrupts import held_back
from mcp_oauth_sync.stores import TokenManager, locks
from mcp_oauth_sync.stores.memory import MemoryStore

from ..control_c import interrupting, press, pressed_after
from ..rereading import read_again
from .processes import children, run


@pytest.fixture(params=["memory", "files"])
def manager(request: pytest.FixtureRequest, folder: Path) -> TokenManager:
    return TokenManager(folder, backend="memory" if request.param == "memory" else "encrypted_file")


class Holder:
    """A thread that holds a turn until it is let go."""

    def __init__(self, manager: TokenManager, name: str, **options: str) -> None:
        self.held, self._go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(manager, name, options))

    def _hold(self, manager: TokenManager, name: str, options: dict[str, str]) -> None:
        with manager.exclusive(name, **options):
            self.held.set()
            self._go.wait()

    def __enter__(self) -> Holder:
        self._thread.start()
        assert self.held.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._go.set()
        self._thread.join()


def test_only_one_thread_at_a_time_has_the_turn(manager: TokenManager) -> None:
    inside, most, start = [0], [0], threading.Barrier(6)

    def work() -> None:
        start.wait()
        for _ in range(10):
            with manager.exclusive("x"):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                seen = inside[0]
                time.sleep(0)  # let the others try
                inside[0] = seen - 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == ([0], [1])


def test_the_thread_that_has_the_turn_may_enter_again_and_leaves_only_at_the_end(manager: TokenManager) -> None:
    left = threading.Event()

    def enter() -> None:
        with manager.exclusive("x"):
            assert left.is_set()

    with manager.exclusive("x"):
        with manager.exclusive("x", timeout=0.01), manager.exclusive("x", timeout=0.01):
            pass
        other = threading.Thread(target=enter)
        other.start()
        left.set()
    other.join()


def test_a_turn_that_does_not_come_in_time_is_told(manager: TokenManager) -> None:
    with Holder(manager, "notion"):
        with pytest.raises(TokenStorageError, match=r"busy with 'notion' for more than 0\.05 seconds") as caught:
            manager.exclusive("notion", timeout=0.05).__enter__()
        assert type(caught.value) is TokenStorageError
        assert caught.value.name == "notion"
        assert "try again" in (caught.value.hint or "")
    with manager.exclusive("notion", timeout=5):
        pass


def test_other_names_purposes_and_namespaces_do_not_wait_for_each_other(manager: TokenManager) -> None:
    with Holder(manager, "x"):
        other_space = TokenManager(store=manager.store, namespace="my app")
        with (
            manager.exclusive("y", timeout=0.05),
            manager.exclusive("X", timeout=0.05),
            manager.exclusive("x", purpose="sign-in", timeout=0.05),
            other_space.exclusive("x", timeout=0.05),
        ):
            pass
    with Holder(manager, "x", purpose="sign-in"), manager.exclusive("x", timeout=0.05):
        pass


def test_an_error_inside_gives_the_turn_back(manager: TokenManager) -> None:
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), manager.exclusive("x", timeout=5):
            raise KeyboardInterrupt
    with Holder(manager, "x"):
        pass


def test_stores_in_memory_do_not_wait_for_each_other() -> None:
    one, other = TokenManager(store=MemoryStore()), TokenManager(store=MemoryStore())
    with Holder(one, "x"), other.exclusive("x", timeout=0.05):
        pass


def test_two_managers_of_one_folder_take_turns(folder: Path) -> None:
    one, other = TokenManager(folder), TokenManager(folder)
    with Holder(one, "x"), pytest.raises(TokenStorageError, match="busy"):
        other.exclusive("x", timeout=0.05).__enter__()
    with one.exclusive("x"), other.exclusive("x", timeout=0.05):
        pass


def test_the_wait_for_a_thread_counts_for_the_wait_for_a_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def busy(lock: FileLock, *, timeout: float, poll_interval: float, cancel_check: Callable[[], bool]) -> None:
        waits.append(timeout)
        if len(waits) % 2:
            raise filelock.Timeout(lock.lock_file)

    monkeypatch.setattr(FileLock, "acquire", busy)
    for waited in (30.0, 119.0, 130.0):
        clock = iter([1000.0, 1000.0 + waited])
        monkeypatch.setattr(locks, "time", SimpleNamespace(monotonic=clock.__next__))
        with TokenManager(folder).exclusive("x", timeout=120):
            pass
    assert waits == [locks.REFRESH, 90.0 - locks.REFRESH, 1.0, 0.0, 0.0, 0.0]


def test_processes_take_turns(folder: Path) -> None:
    manager = TokenManager(folder)
    with children(("hold", folder, "x")) as [child]:
        assert child.hears() == "held"
        with pytest.raises(TokenStorageError, match="busy with 'x'"):
            manager.exclusive("x", timeout=0.05).__enter__()
        with manager.exclusive("x", purpose="sign-in", timeout=0.05), manager.exclusive("y", timeout=0.05):
            pass
        child.go_on()
        with manager.exclusive("x", timeout=30):
            assert child.hears() == "left"


def test_a_killed_holder_gives_the_turn_back_at_once(folder: Path) -> None:
    manager = TokenManager(folder)
    with children(("hold", folder, "x")) as [child]:
        assert child.hears() == "held"
        child.kill()
        with manager.exclusive("x", timeout=0):
            pass


def test_control_c_ends_the_wait_for_another_process(folder: Path) -> None:
    manager, waiting = TokenManager(folder), threading.Event()
    with children(("hold", folder, "x")) as [child]:
        assert child.hears() == "held"
        with interrupting(), pressed_after(waiting):
            waiting.set()
            manager.exclusive("x", timeout=600).__enter__()
        child.go_on()
        assert child.hears() == "left"
    with manager.exclusive("x", timeout=0):
        pass


def test_what_holds_control_c_back_gets_its_turn_first(folder: Path) -> None:
    manager, waiting, had = TokenManager(folder), threading.Event(), []
    with children(("hold", folder, "x")) as [child]:
        assert child.hears() == "held"
        with interrupting(), held_back(), pressed_after(waiting, child.go_on):
            press()
            waiting.set()
            with manager.exclusive("x", timeout=600):
                had.append(child.hears())
    assert had == ["left"]


@pytest.mark.parametrize("step", ["acquire", "release"])
def test_control_c_while_a_turn_is_taken_or_given_back_leaves_it_to_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    manager, original, pressed = TokenManager(folder), getattr(FileLock, step), []

    def interrupted(lock: FileLock, *positional: object, **options: object) -> object:
        if not pressed and lock.is_locked == (step == "release"):  # not for one that is only forgotten
            pressed.append(step)
            press()
        return original(lock, *positional, **options)

    with interrupting():
        monkeypatch.setattr(FileLock, step, interrupted)
        with manager.exclusive("x", timeout=0):
            pass
    assert pressed == [step]
    with manager.exclusive("x", timeout=0), children(("hold", folder, "y")) as [child]:
        assert child.hears() == "held"
        child.go_on()
    with children(("hold", folder, "x")) as [child]:
        assert child.hears() == "held"
        child.go_on()


def test_a_lock_file_that_is_left_over_holds_nobody_up(folder: Path) -> None:
    manager = TokenManager(folder)
    lock = manager.store.lock_file("x", "oauth", "refresh")
    assert lock is not None
    lock.parent.mkdir(parents=True)
    lock.write_text("left over from long ago")
    with manager.exclusive("x", timeout=0):
        pass


def test_a_forked_child_does_not_inherit_the_turns_of_threads_it_does_not_have(folder: Path) -> None:
    assert run("fork", folder) == [["TokenStorageError", 0]]


def test_a_killed_process_holds_nothing_through_the_children_it_has_forked(folder: Path) -> None:
    manager = TokenManager(folder)
    with children(("hold_and_fork", folder, "x")) as [child]:
        assert child.hears() == "held"
        heir = child.hears()
        child.process.kill()
        child.process.wait()
        try:
            os.kill(heir, 0)
            with manager.exclusive("x", timeout=0):
                pass
        finally:
            os.kill(heir, signal.SIGKILL)


def test_a_lock_file_that_somebody_replaced_meanwhile_gives_no_turn(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, flock, others = TokenManager(folder), fcntl.flock, []
    lock = manager.store.lock_file("x", "oauth", "refresh")
    assert lock is not None

    def replaced_just_now(descriptor: int, operation: int) -> None:
        if not others:
            lock.unlink()
            others.append(os.open(lock, os.O_RDWR | os.O_CREAT, 0o600))
            flock(others[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", replaced_just_now)
    try:
        with pytest.raises(TokenStorageError, match="busy with 'x'"):
            manager.exclusive("x", timeout=0.05).__enter__()
    finally:
        os.close(others[0])
    with manager.exclusive("x", timeout=0):
        pass


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_an_error_and_not_a_lock_that_goes_stale(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    manager = TokenManager(folder)
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(fcntl, "flock", refuse)
            with pytest.raises(TokenStorageError, match="cannot be used") as caught:
                manager.exclusive("x", timeout=1).__enter__()
            assert "a file system with locks" in (caught.value.hint or "")
    with manager.exclusive("x", timeout=0):
        pass


def test_a_turn_that_cannot_be_given_back_at_once_does_not_undo_what_was_done_in_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, flock, failures = TokenManager(folder), fcntl.flock, [errno.EIO]

    def fail_once(descriptor: int, operation: int) -> None:
        if operation == fcntl.LOCK_UN and failures:
            raise OSError(failures.pop(), "broken")
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", fail_once)
    with manager.exclusive("x", timeout=0):
        manager.store.store_generic("k", "v")
    assert failures == []
    with children(("hold", folder, "x")) as [child]:
        assert child.hears() == "held"


def test_processes_that_read_change_and_write_lose_nothing_and_never_read_half_a_value(folder: Path) -> None:
    manager, rounds, seen = TokenManager(folder), 15, [0]
    with children(*[("count", folder, rounds)] * 3) as started:
        for child in started:
            assert child.hears() == "ready"
        for child in started:
            child.go_on()
        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                seen.append(int(manager.store.retrieve_generic("counter") or 0))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            for child in started:
                assert child.hears() == "done"
        finally:
            done.set()
            watcher.join()
    assert manager.store.retrieve_generic("counter") == str(3 * rounds)
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (OSError(errno.ENOSYS, "Function not implemented"), "the file system has no locks"),
        (OSError(errno.ENOLCK, "No locks available"), "No locks available"),
        (OSError("out of order"), "out of order"),
        (NotImplementedError("no flock here"), "no flock here"),
    ],
)
def test_why_a_lock_cannot_be_used_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception, reason: str
) -> None:
    def refuse(lock: filelock.BaseFileLock, **options: object) -> None:
        raise failure

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with pytest.raises(TokenStorageError, match=f"cannot be used: {reason}\\.\n") as caught:
        TokenManager(folder).exclusive("x", timeout=1).__enter__()
    assert (caught.value.name, caught.value.__cause__) == ("x", failure)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[filelock.BaseFileLock]:
    """Return the locks that are made, which nobody lets go by forgetting them."""
    kept: list[filelock.BaseFileLock] = []

    def lock(path: Path) -> filelock.BaseFileLock:
        kept.append(make(path))
        return kept[-1]

    make = locks._lock
    monkeypatch.setattr(locks, "_lock", lock)
    return kept


def test_a_turn_is_given_back_when_it_ends_and_not_when_it_is_forgotten(
    folder: Path, made: list[filelock.BaseFileLock]
) -> None:
    with TokenManager(folder).exclusive("x", timeout=0):
        assert [lock.is_locked for lock in made] == [True]
    assert [lock.is_locked for lock in made] == [False]


def test_a_turn_that_cannot_be_given_back_twice_is_told_and_no_error_of_who_had_it(
    folder: Path, made: list[filelock.BaseFileLock], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[bool] = []

    def refuse(lock: filelock.BaseFileLock, force: bool = False) -> None:
        tries.append(force)
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patch:
        patch.setattr(FileLock, "release", refuse)
        with TokenManager(folder).exclusive("x", timeout=0):
            pass
    assert tries == [True, True]
    assert [record.levelname for record in caplog.records if record.name == locks.__name__] == ["WARNING"] * 2
    made[0].release(force=True)


@pytest.mark.parametrize("older", [False, True])
def test_a_lock_file_is_private_and_never_one_that_goes_stale(
    folder: Path, monkeypatch: pytest.MonkeyPatch, older: bool
) -> None:
    asked: list[dict[str, object]] = []

    def lock(path: Path, **options: object) -> filelock.BaseFileLock:
        if older and "fallback_to_soft" in options:
            raise TypeError("got an unexpected keyword argument 'fallback_to_soft'")
        asked.append(options)
        return FileLock(path, mode=0o600)

    monkeypatch.setattr(filelock, "FileLock", lock)
    with TokenManager(folder).exclusive("x", timeout=0):
        pass
    expected = {"mode": 0o600, "thread_local": False}
    assert asked == [expected if older else {**expected, "fallback_to_soft": False}]


def test_another_process_is_looked_out_for_often_while_it_may_refresh_and_less_often_while_a_person_is_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def busy(lock: FileLock, *, timeout: float, poll_interval: float, cancel_check: Callable[[], bool]) -> None:
        waits.append(poll_interval)
        if poll_interval == locks.POLL:
            raise filelock.Timeout(lock.lock_file)

    monkeypatch.setattr(FileLock, "acquire", busy)
    with TokenManager(folder).exclusive("x", timeout=120):
        pass
    assert waits == [locks.POLL, locks.POLL_LATER]
    assert locks.POLL < locks.POLL_LATER < 0.1


def test_a_turn_that_comes_late_is_had_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "REFRESH", 0.0)
    acquire, late = FileLock.acquire, [0]

    with children(("hold", folder, "x")) as [child]:
        assert child.hears() == "held"

        def tried(lock: FileLock, **options: float) -> object:
            try:
                return acquire(lock, **options)
            except filelock.Timeout:
                late[0] += 1
                child.go_on()
                raise

        monkeypatch.setattr(FileLock, "acquire", tried)
        with TokenManager(folder).exclusive("x", timeout=30):
            assert child.hears() == "left"
    assert late == [1]


def test_a_fork_while_another_thread_has_the_turn_leaves_the_child_a_turn_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hooks: list[Callable[[], None]] = []
    monkeypatch.setattr(os, "register_at_fork", lambda *, after_in_child: hooks.append(after_in_child))
    again = read_again(locks)
    with again.exclusive("x", None, timeout=0, name="x"):
        assert list(again._turns) == ["x"]
        hooks[0]()
        assert again._turns == {}


def test_the_room_of_locks_loads_where_there_is_no_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "register_at_fork")
    with read_again(locks).exclusive("x", None, timeout=0, name="x"):
        pass


def test_the_folders_of_locks_are_private_whatever_the_umask(folder: Path) -> None:
    manager, before = TokenManager(folder), os.umask(0)
    try:
        with manager.exclusive("x", timeout=0):
            pass
    finally:
        os.umask(before)
    lock = manager.store.lock_file("x", "oauth", "refresh")
    assert lock is not None
    assert [stat.S_IMODE(place.stat().st_mode) for place in (lock, lock.parent, lock.parent.parent, folder)] == [
        0o600,
        *[0o700] * 3,
    ]
