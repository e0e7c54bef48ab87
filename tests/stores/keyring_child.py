"""Child processes that use the keyring of the session: ``python -m tests.stores.keyring_child COMMAND ...``."""

from __future__ import annotations

import json
import os
import sys
import threading

from mcp_oauth_sync.exceptions import OAuthError
from mcp_oauth_sync.stores.manager import TokenManager
from mcp_oauth_sync.stores.os_keyring.systems import SecretServiceStore


def say(what: object) -> None:
    print(json.dumps(what), flush=True)


def save(key: str, value: str, times: str) -> None:
    """Keep a value again and again, a letter longer each time."""
    for number in range(int(times)):
        SecretServiceStore().store_generic(key, value + "." * number)
    say("done")


def save_or_tell(key: str, value: str) -> None:
    """Keep a value, and end with 3 where that gives one of our errors."""
    try:
        SecretServiceStore().store_generic(key, value)
    except OAuthError:
        sys.exit(3)


def count(rounds: str) -> None:
    """Read, add one and write, turn by turn."""
    manager = TokenManager(store=SecretServiceStore())
    for _ in range(int(rounds)):
        with manager.exclusive("counter", timeout=60):
            value = int(manager.store.retrieve_generic("counter") or 0)
            manager.store.store_generic("counter", str(value + 1))
    say("done")


def fork(key: str) -> None:
    """Fork while other threads use the keyring; the child uses it too."""
    store, stop = SecretServiceStore(), threading.Event()
    store.retrieve_generic(key)  # who forks while a module is imported has half a module, whatever the module

    def read() -> None:
        while not stop.is_set():
            store.retrieve_generic(key)

    others = [threading.Thread(target=read) for _ in range(3)]
    for other in others:
        other.start()
    codes = []
    for number in range(5):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                store.store_generic(f"child {number}", "of a child")
                status = 0 if store.retrieve_generic(key) == "of the parent" else 2
            finally:
                os._exit(status)
        codes.append(os.waitpid(child, 0)[1])
    stop.set()
    for other in others:
        other.join()
    say([codes, sorted(key for _, key in store.list_generic())])


def sign_ins() -> None:
    """Tell what the default store holds, or why it cannot be told."""
    try:
        say(TokenManager().names())
    except OAuthError as failure:
        say([type(failure).__name__, failure.message, failure.hint])


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
