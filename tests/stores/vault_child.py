"""Child processes that use a Vault: ``python -m tests.stores.vault_child COMMAND MOUNT ...``.

Address and token come by the environment. They say on standard output how far they are, and go on when they get a
line on standard input.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import hvac

from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.stores.vault import access as vault_access
from mcp_oauth_sync.stores.vault import lease as vault_lease
from mcp_oauth_sync.stores.vault import turn as vault_turn
from mcp_oauth_sync.stores.vault.store import VaultStore

from .child import outcome, say
from .processes import Child, environment

#: For Linux with the Yama module: who may trace this process.
PR_SET_PTRACER, ANYBODY = 0x59616D61, ctypes.c_ulong(-1)
#: How a child ends: it did what it should, or the store raised one of its errors.
DONE, REFUSED = 0, 3


def store(mount: str) -> VaultStore:
    if lease := os.environ.get("LEASE"):
        vault_lease.LEASE = float(lease)
    return VaultStore(mount_point=mount, timeout=20.0)


def obey(mount: str) -> None:
    """Do what standard input says, line by line."""
    held, turns = store(mount), ExitStack()
    say("ready")
    for line in sys.stdin:
        verb, *words = line.split()
        if verb == "take":
            purpose, timeout = words
            say(outcome(lambda p=purpose, t=timeout: turns.enter_context(taken(held, p, float(t)))))
        elif verb == "leave":
            turns.close()
            say("left")
        elif verb == "store":
            say(outcome(lambda w=words[0]: held.store_generic("k", w)))
        elif verb == "read":
            say(outcome(lambda: held.retrieve_generic("k")))
        elif verb == "delete":
            say(outcome(lambda: held.delete_generic("k")))


@contextmanager
def taken(held: VaultStore, purpose: str, timeout: float) -> Iterator[str]:
    with held.exclusive("k", namespace="generic", purpose=purpose, timeout=timeout):
        yield "mine"


def count(mount: str, rounds: str) -> None:
    """Read, add one and write, turn by turn."""
    held = store(mount)
    say("ready")
    sys.stdin.readline()
    for _ in range(int(rounds)):
        with held.exclusive("k", namespace="generic"):
            held.store_generic("k", str(int(held.retrieve_generic("k") or 0) + 1))
    say("done")


def fork(mount: str) -> None:
    """Fork within a turn: the child has no share in it, and its end takes nothing away."""
    held = store(mount)
    with held.exclusive("k", namespace="generic"):
        held.store_generic("k", "parent")
        child = os.fork()
        if child == 0:
            try:
                in_turn = vault_turn.current((held.identity, "generic", "k")) is not None
                status = 0 if held.retrieve_generic("k") == "parent" and not in_turn else 1
                held.store_generic("other", "child")
            except BaseException:
                os._exit(2)
        else:
            say(os.waitpid(child, 0)[1])
            held.delete_generic("k")  # which makes sure that the turn is ours
            held.store_generic("k", "still mine")
    if child == 0:  # it has left the block too
        os._exit(status)
    say(held.retrieve_generic("k"))


def fork_clients(mount: str, role_id: str) -> None:
    """Fork while connections are open: parent and child each say who they are in what they ask."""
    own = VaultStore(mount_point=mount, role_id=role_id, secret_id=sys.stdin.readline().strip(), timeout=20.0)
    theirs = VaultStore(mount_point=mount, client=hvac.Client(), timeout=20.0)
    for held, kind in ((own, "own"), (theirs, "theirs")):
        held.retrieve_generic(f"{kind} parent")
        child = os.fork()
        if child == 0:
            try:
                held.store_generic(f"{kind} child", "v")
            except BaseException:
                os._exit(1)
            os._exit(0)
        say(os.waitpid(child, 0)[1])
        held.retrieve_generic(f"{kind} parent")


def prepare(mount: str) -> None:
    """Load everything, then fork a child for each save: it waits for a signal, so that strace can attach to it."""
    vault_access.within = lambda seconds, call, **_: call()  # type: ignore[assignment]  # strace counts by threads
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    save(mount, "warm")
    say("ready")
    for line in sys.stdin:
        verb, value = line.split()
        if verb == "wait":
            say(os.waitstatus_to_exitcode(os.waitpid(int(value), 0)[1]))
        elif child := os.fork():
            say(child)
        else:
            status = 1
            try:
                ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANYBODY, 0, 0, 0)
                signal.sigwait([signal.SIGUSR1])
                save(mount, value)
                status = DONE
            except TokenStorageError:
                status = REFUSED
            finally:
                os._exit(status)


def save(mount: str, value: str) -> None:
    """Do as a refresh does."""
    held = store(mount)
    with held.exclusive("k", namespace="generic"):
        held.retrieve_generic("k")
        held.store_generic("k", value)


class Host(Child):
    """A child process with a home of its own, as on another host.

    Args:
        home: Its home.
        vault: Address and token.
        lease: Seconds after which an abandoned lease is taken over.
        arguments: What it does.
    """

    def __init__(self, home: Path, vault: tuple[str, str], *arguments: object, lease: float = 60.0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.stores.vault_child", *map(str, arguments)],
            env={
                **environment(),
                "HOME": str(home),
                "MCP_OAUTH_SYNC_HOME": str(home),
                "VAULT_ADDR": vault[0],
                "VAULT_TOKEN": vault[1],
                "LEASE": str(lease),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, *words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()

    def told(self, *words: str) -> str:
        """Tell it something and return its answer."""
        self.tell(*words)
        return str(self.hears())

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
