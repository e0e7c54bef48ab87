"""The other process of the rules for processes: opens a store and does what standard input says, line by line.

The first line holds what the store is opened with: a command line can be read by everybody on the machine.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from importlib import import_module

from ..exceptions import TokenStorageError
from ..stores.base import SecureTokenStore


class Worker:
    """Does one thing after the other with a store.

    Args:
        store: The store.
    """

    def __init__(self, store: SecureTokenStore) -> None:
        """Hold no turn yet."""
        self.store = store
        self._turns = ExitStack()

    def read(self, space: str, key: str) -> str:
        """Return a value."""
        return str(self.store.retrieve_generic(key, namespace=space))

    def list(self, space: str) -> str:
        """Return the keys of a namespace."""
        return " ".join(sorted(key for _, key in self.store.list_generic(namespace=space)))

    def write(self, space: str, key: str, value: str) -> str:
        """Keep a value."""
        self.store.store_generic(key, value, namespace=space)
        return "done"

    def delete(self, space: str, key: str) -> str:
        """Remove a value."""
        return str(self.store.delete_generic(key, namespace=space))

    def turn(self, space: str, key: str, timeout: str) -> str:
        """Take a turn and keep it; return "mine", or the name of the error."""
        try:
            self._turns.enter_context(self.store.exclusive(key, namespace=space, timeout=float(timeout)))
        except TokenStorageError:
            return TokenStorageError.__name__
        return "mine"

    def over(self) -> str:
        """Give all turns back."""
        self._turns.close()
        return "done"

    def many(self, space: str, name: str, number: str) -> str:
        """Keep many entries, and count one up with each."""
        for step in range(int(number)):
            self.store.store_generic(f"{name}-{step}", name, namespace=space)
            with self.store.exclusive("count", namespace=space):
                found = self.store.retrieve_generic("count", namespace=space)
                self.store.store_generic("count", str(int(found or "0") + 1), namespace=space)
        return "done"


def main(arguments: Sequence[str]) -> None:
    """Open a store and work.

    Args:
        arguments: "module:function"; what to call the function with is the first line, as a JSON array of texts.
    """
    room, _, function = arguments[0].partition(":")
    worker = Worker(getattr(import_module(room), function)(*json.loads(sys.stdin.readline())))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        verb, *words = line.split()
        sys.stdout.write(f"{getattr(worker, verb)(*words)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
