"""Rules for crowds: other objects and threads see and spoil nothing, and a turn is one thread's alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from ..exceptions import TokenStorageError
from ..stores.base import OAUTH, SecureTokenStore
from .base import Rules, require, require_equal, typed_error

#: Seconds to wait for a turn that is held, and for one that is free.
SHORT, LONG = 0.3, 30.0
_THREADS, _EACH = 4, 8


class TurnRules(Rules):
    """Rules for crowds."""

    def test_another_object_sees_what_was_kept(self) -> None:
        """At once, in both directions; a store that is not persistent is a place of its own."""
        one, other, space = self.open_store(), self.open_store(), self.space()
        one.store_generic("key", "value", namespace=space)
        if not self.persistent:
            found = other.retrieve_generic("key", namespace=space)
            require_equal(found, None, "another object of a store that is not persistent")
            require(one.identity != other.identity, "two places must not have the same identity")
            return
        require_equal(one.identity, other.identity, "the identity of the same place")
        require_equal(other.retrieve_generic("key", namespace=space), "value", "another object, after storing")
        require_equal(other.list_generic(namespace=space), [(space, "key")], "another object's list")
        other.store_generic("key", "newer", namespace=space)
        require_equal(one.retrieve_generic("key", namespace=space), "newer", "the first object, after replacing")
        require(other.delete_generic("key", namespace=space) is True, "another object did not find it to remove it")
        require_equal(one.retrieve_generic("key", namespace=space), None, "the first object, after removing")

    def test_threads_that_write_at_once_lose_nothing_of_each_other(self) -> None:
        """With one object and with several."""
        store, space = self.open_store(), self.space()

        def write(me: int) -> None:
            mine = store if me % 2 else self.second_store(store)
            for number in range(_EACH):
                mine.store_generic(f"{me}-{number}", f"value {me}-{number}", namespace=space)
                require_equal(
                    mine.retrieve_generic(f"{me}-{number}", namespace=space), f"value {me}-{number}", "a thread's own"
                )
                if number % 2:
                    mine.delete_generic(f"{me}-{number}", namespace=space)

        _in_threads(*(lambda me=me: write(me) for me in range(_THREADS)))
        left = {f"{me}-{number}" for me in range(_THREADS) for number in range(0, _EACH, 2)}
        require_equal({key for _, key in store.list_generic(namespace=space)}, left, "the keys that threads have left")
        for key in left:
            require_equal(store.retrieve_generic(key, namespace=space), f"value {key}", f"the value of {key!r}")

    def test_a_reader_sees_the_old_value_or_the_new_one(self) -> None:
        """Never none and never parts of both, while a thread replaces it."""
        store, space = self.open_store(), self.space()
        values = ("a" * 4000, "b" * 40, "c" * 3000)
        store.store_generic("key", values[0], namespace=space)
        done = threading.Event()

        def write() -> None:
            try:
                for number in range(4 * _EACH):
                    store.store_generic("key", values[number % 3], namespace=space)
            finally:
                done.set()

        def read() -> None:
            mine = self.second_store(store)
            while not done.is_set():
                found = mine.retrieve_generic("key", namespace=space)
                require(found is not None, "a value was missing while it was being replaced")
                require(found in values, "a value was torn while it was being replaced")
                require_equal(mine.list_generic(namespace=space), [(space, "key")], "the list while it was replaced")

        _in_threads(write, read, read)

    def test_a_turn_is_one_threads_alone_until_it_ends(self) -> None:
        """Whichever object it was taken through; also after entering it twice and leaving it once."""
        store, space = self.open_store(), self.space()
        others = self.second_store(store)
        with store.exclusive("key", namespace=space, timeout=LONG):
            require(not _gets(others, space), "a second thread got the turn while the first one held it")
            with store.exclusive("key", namespace=space, timeout=10 * SHORT):
                require(not _gets(store, space), "a second thread got the turn while the first one held it twice")
            require(not _gets(others, space), "leaving the inner of two turns let a second thread in")
        require(_gets(others, space, timeout=LONG), "the turn was over, but a second thread did not get it")

    def test_a_turn_that_does_not_come_in_time_is_a_typed_error(self) -> None:
        """In about the time that was asked for."""
        store, space = self.open_store(), self.space()
        waited: list[float] = []

        def wait() -> None:
            began = time.monotonic()
            with (
                typed_error("waiting for a turn that does not come"),
                store.exclusive("key", namespace=space, timeout=SHORT),
            ):
                pass
            waited.append(time.monotonic() - began)

        with store.exclusive("key", namespace=space, timeout=LONG):
            _in_threads(wait)
        require(SHORT * 0.5 <= waited[0] <= SHORT + LONG / 2, f"waited {waited[0]:.1f} seconds instead of {SHORT}")

    def test_turns_for_other_entries_and_purposes_do_not_wait(self) -> None:
        """Another key, another namespace, and the purposes "refresh" and "sign-in"."""
        store, space, other = self.open_store(), self.space("a"), self.space("A")
        with store.exclusive("key", namespace=space, purpose="refresh", timeout=LONG):
            require(_gets(store, space, key="KEY"), "the turn for one key keeps others of another key waiting")
            require(_gets(store, other), "the turn in one namespace keeps others of another namespace waiting")
            require(_gets(store, space, purpose="sign-in"), "the turn to refresh keeps those who sign in waiting")
            require(
                not _gets(store, space, purpose="refresh"), 'the purpose of a turn is "refresh" unless another is named'
            )

    def test_the_turn_is_for_a_refresh_of_a_sign_in_unless_said_otherwise(self) -> None:
        """The defaults of ``exclusive``."""
        store, key = self.open_store(), self.space()
        with store.exclusive(key, timeout=LONG):
            taken = not _gets(store, OAUTH, key=key, purpose="refresh")
        require(taken, 'the default of a turn has to be the namespace of sign-ins and the purpose "refresh"')

    def test_a_turn_ends_with_its_block_however_that_ends(self) -> None:
        """An error within it reaches the caller, and the next one gets the turn."""
        store, space = self.open_store(), self.space()
        try:
            with store.exclusive("key", namespace=space, timeout=LONG):
                raise LookupError("of the caller")
        except LookupError:
            pass
        else:
            raise AssertionError("an error of the caller did not come through the turn")
        require(_gets(store, space, timeout=LONG), "a turn that ended with an error was not given back")

    def test_the_holder_of_a_turn_reads_writes_and_removes(self) -> None:
        """The turn does not stand in its own way, also for odd names."""
        store, space = self.open_store(), self.space()
        for key in ("key", "../a/b", "x" * 3000, "\u00e9\0"):
            with store.exclusive(key, namespace=space, timeout=LONG):
                store.store_generic(key, "one", namespace=space)
                require_equal(store.retrieve_generic(key, namespace=space), "one", "a value kept within a turn")
                store.store_generic(key, "two", namespace=space)
                require_equal(store.list_generic(namespace=space), [(space, key)], "the list within a turn")
                require(store.delete_generic(key, namespace=space) is True, "a value was not removed within a turn")

    def test_threads_that_count_together_lose_no_step(self) -> None:
        """Read, change and write within a turn: what a refresh does."""
        store, space = self.open_store(), self.space()
        store.store_generic("count", "0", namespace=space)

        def count() -> None:
            mine = self.second_store(store)
            for _ in range(3):
                with mine.exclusive("count", namespace=space, timeout=LONG):
                    found = mine.retrieve_generic("count", namespace=space)
                    mine.store_generic("count", str(int(found or "0") + 1), namespace=space)

        _in_threads(*[count] * _THREADS)
        require_equal(store.retrieve_generic("count", namespace=space), str(3 * _THREADS), "the sum of all steps")


def gets_turn(store: SecureTokenStore, key: str, timeout: float, **where: str) -> bool:
    """Tell whether this thread gets a turn within the time."""
    try:
        with store.exclusive(key, timeout=timeout, **where):
            return True
    except TokenStorageError:
        return False


def _gets(
    store: SecureTokenStore, namespace: str, *, key: str = "key", purpose: str = "refresh", timeout: float = SHORT
) -> bool:
    """Tell whether another thread gets a turn within the time."""
    got: list[bool] = []
    _in_threads(lambda: got.append(gets_turn(store, key, timeout, namespace=namespace, purpose=purpose)))
    return got[0]


def _in_threads(*acts: Callable[[], Any]) -> None:
    """Act in a thread each, at once; raise the first error."""
    failures: list[BaseException] = []
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> None:
        try:
            start.wait(LONG)
            act()
        except BaseException as failure:  # noqa: BLE001  (it is raised again in the thread that waits)
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(act,), daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(4 * LONG)
    if failures:
        raise failures[0]
    require(not any(thread.is_alive() for thread in threads), "a thread waits and waits, whatever the timeout")
