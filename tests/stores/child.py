"""Child processes that use a store: ``python -m tests.stores.child COMMAND FOLDER ...``.

They say on standard output how far they are, and go on when they get a line on standard input.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from mcp_oauth_sync import OAuthTokens
from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.stores import sealing
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from mcp_oauth_sync.stores.manager import TokenManager

NOBODY = 65534


def say(what: object) -> None:
    print(json.dumps(what), flush=True)


def wait() -> None:
    sys.stdin.readline()


def outcome(act: Callable[[], object]) -> str:
    """Return what came of it: the value, or the kind of error."""
    try:
        return str(act())
    except TokenStorageError as failure:
        return type(failure).__name__


def store(folder: str, key: str, value: str) -> None:
    """Keep one value, with nothing but the store itself to keep modes tight."""
    os.umask(0)
    EncryptedFileStore(Path(folder)).store_generic(key, value, namespace="oauth")


def take_turn(folder: str, namespace: str) -> None:
    """Take a turn before anything was stored."""
    os.umask(0)
    with TokenManager(folder, namespace=namespace).exclusive("x"):
        pass


def make_everything(folder: str) -> None:
    """Make every file that is ever made below a folder, which holds the home, too."""
    from mcp_oauth_sync.stores.choosing import remember
    from mcp_oauth_sync.stores.vault.lease import this_host

    from .stock import fill, opened

    os.umask(0)
    sealing.ITERATIONS = 10
    for password in (None, "a password"):
        place = fill(Path(folder) / f"store of {password}", password)
        store = opened(place, password).store
        assert isinstance(store, EncryptedFileStore)
        for new in ("another password", None):
            assert store.change_password(new) == []
    remember("encrypted_file")
    this_host(Path(folder) / "home" / "locks of a vault")
    TokenManager(folder, "encrypted_file", profile="work").save_tokens("n", OAuthTokens(access_token="acc"))


def first(folder: str, key: str) -> None:
    """Be one of several that use a new folder at the same time."""
    say("ready")
    wait()
    EncryptedFileStore(Path(folder)).store_generic(key, f"value of {key}")
    say("done")


def first_with(folder: str, key: str, password: str) -> None:
    """Be one of several that use a new folder at the same time, not all with the same password."""
    say("ready")
    wait()
    say(outcome(lambda: EncryptedFileStore(Path(folder), password=password).store_generic(key, "v") or "done"))


def hold(folder: str, name: str) -> None:
    """Hold a turn until told to leave."""
    with TokenManager(folder).exclusive(name):
        say("held")
        wait()
    say("left")


def hold_and_fork(folder: str, name: str) -> None:
    """Hold a turn with a forked child that lives on."""
    with TokenManager(folder).exclusive(name):
        say("held")
        if os.fork() == 0:
            say(os.getpid())
            threading.Event().wait()
        wait()


def count(folder: str, rounds: str) -> None:
    """Read, add one and write, turn by turn."""
    manager = TokenManager(folder)
    say("ready")
    wait()
    for _ in range(int(rounds)):
        with manager.exclusive("counter", timeout=60):
            value = int(manager.store.retrieve_generic("counter") or 0)
            manager.store.store_generic("counter", str(value + 1))
    say("done")


def fork(folder: str) -> None:
    """Fork while another thread holds turns, and let the child try to take them."""
    in_memory, on_disk = TokenManager(backend="memory"), TokenManager(folder)
    held, go = threading.Event(), threading.Event()

    def hold_both() -> None:
        with in_memory.exclusive("x"), on_disk.exclusive("x"):
            held.set()
            go.wait()

    thread = threading.Thread(target=hold_both)
    thread.start()
    held.wait()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with in_memory.exclusive("x", timeout=5):  # the holder is not here
                pass
            held_elsewhere = outcome(lambda: on_disk.exclusive("x", timeout=0.05).__enter__())
            os.write(write_end, held_elsewhere.encode())
            with on_disk.exclusive("x", timeout=30):
                status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    said = os.read(read_end, 100).decode()
    go.set()
    thread.join()
    say([said, os.waitpid(child, 0)[1]])


def use_read_only(folder: str, key: str) -> None:
    """Use a store in a folder that this user may read but not change."""
    from cryptography.hazmat.primitives.ciphers import aead  # noqa: F401
    from cryptography.hazmat.primitives.kdf import hkdf  # noqa: F401
    from filelock import FileLock  # noqa: F401

    os.chdir(folder)
    if os.geteuid() == 0:  # who may do everything
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    manager = TokenManager(Path())
    held = manager.store
    say(
        {
            "read": outcome(lambda: held.retrieve_generic(key)),
            "read nothing": outcome(lambda: held.retrieve_generic("other")),
            "valid": outcome(lambda: manager.has_valid_tokens(key)),
            "write": outcome(lambda: held.store_generic(key, "new")),
            "write another": outcome(lambda: held.store_generic("other", "new")),
            "delete": outcome(lambda: held.delete_generic(key)),
            "turn": outcome(lambda: manager.exclusive("other").__enter__()),
        }
    )


def use_of_others(folder: str, key: str) -> None:
    """Use a folder of another user that everybody may write in."""
    from filelock import FileLock  # noqa: F401

    os.chdir(folder)
    Path().chmod(0o777)  # whatever the umask
    held = EncryptedFileStore(Path())
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    say([outcome(lambda: held.store_generic(key, "v")), outcome(lambda: held.retrieve_generic(key))])


def write_slowly(folder: str, key: str) -> None:
    """Write to a disk that takes its time."""
    sync = os.fsync

    def synced(descriptor: int) -> None:
        if not waited and stat.S_ISREG(os.fstat(descriptor).st_mode):
            waited.append(descriptor)
            say("writing")
            wait()
        sync(descriptor)

    waited: list[int] = []
    os.fsync = synced
    manager = TokenManager(folder)
    with manager.exclusive(key):
        manager.store.store_generic(key, "new value")
    say("done")


def mounted(folder: str, *options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", folder], check=True)


def fill_up(folder: str) -> None:
    """Write into a file system that is full."""
    mounted(folder, "-o", "size=64k")
    held = EncryptedFileStore(Path(folder) / "store")
    held.store_generic("k", "old value")
    try:
        with (Path(folder) / "filler").open("wb", buffering=0) as filler:
            while filler.write(b"x" * 512):
                pass
    except OSError:
        pass
    before = sorted(held.directory.iterdir())
    try:
        held.store_generic("k", "new value")
    except TokenStorageError as failure:
        say(["refused", failure.message, failure.name])
    say([held.retrieve_generic("k"), sorted(held.directory.iterdir()) == before])
    (Path(folder) / "filler").unlink()
    held.store_generic("k", "new value")
    say(EncryptedFileStore(held.directory).retrieve_generic("k"))


def read_only_mount(folder: str) -> None:
    """Use a store with loose modes on a file system that became read-only."""
    mounted(folder)
    held = EncryptedFileStore(Path(folder) / "store")
    held.store_generic("k", "old value")
    held.path("k", "generic").chmod(0o644)
    held.directory.chmod(0o755)
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    again = EncryptedFileStore(held.directory)
    say([outcome(lambda: again.retrieve_generic("k")), outcome(lambda: again.store_generic("k", "new"))])


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
