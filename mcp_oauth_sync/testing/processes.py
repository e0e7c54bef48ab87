"""Rules for several processes: they see each other's entries, take turns, and nobody's end keeps a turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, cast

from .base import NOT_SAID, Rules, require, require_equal
from .turns import LONG, SHORT, gets_turn


class _Child:
    """A process that opens the store and does what it is told, line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def told(self, *words: str) -> str:
        """Tell it something and return its answer."""
        self.tell(*words)
        return self.answer()

    def tell(self, *words: str) -> None:
        pipe = cast("IO[str]", self.process.stdin)
        with suppress(BrokenPipeError):  # answer() says that it has ended
            pipe.write(" ".join(words) + "\n")
            pipe.flush()

    def answer(self) -> str:
        """Return what it says next."""
        line = cast("IO[str]", self.process.stdout).readline()
        require(line, "the other process has ended; its standard error says why")
        return line.strip()

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        self.process.kill()
        self.process.wait()


class ProcessRules(Rules):
    """Rules for several processes."""

    def _promised(self) -> bool:
        """Tell whether other processes see this store.

        Raises:
            AssertionError: Nobody has said so.
        """
        if not self.persistent:
            return False
        require(
            self.process_opener != NOT_SAID,
            "set process_opener to 'module:function', which opens the store in another process, "
            "or to None if no other process uses this store",
        )
        return self.process_opener is not None

    @contextmanager
    def _other_process(self) -> Iterator[_Child]:
        process = subprocess.Popen(
            [sys.executable, "-m", "mcp_oauth_sync.testing.child", str(self.process_opener)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        child = _Child(process)
        try:
            child.tell(json.dumps(list(self.process_arguments)))
            require_equal(child.answer(), "ready", "the first word of the other process")
            yield child
        finally:
            process.kill()
            process.communicate()

    def test_another_process_sees_what_was_kept(self) -> None:
        """At once, in both directions."""
        if not self._promised():
            return
        store, space = self.open_store(), self.space()
        store.store_generic("ours", "value", namespace=space)
        with self._other_process() as other:
            require_equal(other.told("read", space, "ours"), "value", "what another process reads")
            require_equal(other.told("list", space), "ours", "what another process lists")
            require_equal(other.told("write", space, "theirs", "newer"), "done", "the answer of the other process")
            require_equal(store.retrieve_generic("theirs", namespace=space), "newer", "what another process kept")
            require_equal(sorted(key for _, key in store.list_generic(namespace=space)), ["ours", "theirs"], "the list")
            require_equal(other.told("delete", space, "ours"), "True", "whether another process has removed it")
            require_equal(store.retrieve_generic("ours", namespace=space), None, "what another process removed")

    def test_a_turn_of_another_process_is_waited_for(self) -> None:
        """In both directions."""
        if not self._promised():
            return
        store, space = self.open_store(), self.space()
        with self._other_process() as other:
            with store.exclusive("key", namespace=space, timeout=LONG):
                answer = other.told("turn", space, "key", str(SHORT))
                require_equal(answer, "TokenStorageError", "what another process got while the turn was held here")
            require_equal(other.told("turn", space, "key", str(LONG)), "mine", "what another process got afterwards")
            got = gets_turn(store, "key", SHORT, namespace=space)
            require(not got, "the turn was got here while another process held it")
            require(gets_turn(store, "other", LONG, namespace=space), "the turn for another key was not to be had")
            require_equal(other.told("over"), "done", "the answer of the other process")
            require(gets_turn(store, "key", LONG, namespace=space), "the turn was not got after the other process")

    def test_a_process_that_is_killed_leaves_no_turn_behind(self) -> None:
        """Whoever waits gets it within ``freed_within`` seconds."""
        if not self._promised():
            return
        store, space = self.open_store(), self.space()
        store.store_generic("key", "value", namespace=space)
        with self._other_process() as other:
            require_equal(other.told("turn", space, "key", str(LONG)), "mine", "what another process got")
            other.kill()
        freed = gets_turn(store, "key", self.freed_within, namespace=space)
        require(freed, f"the turn of a killed process was not to be had for {self.freed_within:g} seconds")
        require_equal(store.retrieve_generic("key", namespace=space), "value", "the value after that")

    def test_processes_that_write_at_once_lose_nothing_of_each_other(self) -> None:
        """Each keeps its own entries, and all count one up together."""
        if not self._promised():
            return
        store, space = self.open_store(), self.space()
        store.store_generic("count", "0", namespace=space)
        with self._other_process() as one, self._other_process() as another:
            for name, child in (("one", one), ("another", another)):
                child.tell("many", space, name, "8")
            for child in (one, another):
                require_equal(child.answer(), "done", "the answer of the other process")
        wanted = {"count", *(f"{name}-{number}" for name in ("one", "another") for number in range(8))}
        require_equal({key for _, key in store.list_generic(namespace=space)}, wanted, "the keys of two processes")
        require_equal(store.retrieve_generic("count", namespace=space), "16", "the sum of all steps")
