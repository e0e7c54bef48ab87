"""A mother of processes that each have a sign-in of their own memory and call a server when they are told to.

The mother has loaded everything and done nothing; whenever she gets a socket she forks a child that talks through
it, in lines of JSON. A child is told how many threads shall call (`threads`, each `calls` times), how far ahead of
the machine's its clock is (`ahead`, in seconds) and where it shall stop for good (`stop`). It says what each call
got, how many authorization URLs it has shown, and when it was done.

"heir" is a child of another kind of mother, as worker processes of task queues have them: she has called the server
herself, and a thread of hers holds every lock there is while she forks. Her children use the object that she used.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import requests

from mcp_oauth_sync import CallbackPrompt, ClientCredentialsGrant, NoPrompt, OAuth, Prompt, TokenManager
from mcp_oauth_sync.authorizer import asking, authorizer, cool_down, held, refresh, unattended
from mcp_oauth_sync.models import client, tokens
from mcp_oauth_sync.protocol import token_endpoint
from tests.servers.person import Person

#: Shortens the leases among hosts, in seconds.
LEASE_VARIABLE = "TEST_LEASE"
#: Seconds that the one keyring of all processes has for a call: on a busy machine it serves dozens of clients by turns.
KEYRING_LIMIT = 45.0
#: What a program signs in with.
SECRET_VARIABLE = "TEST_CLIENT_SECRET"
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


class Clock:
    """The clocks as the package sees them; they can be put forward."""

    ahead = 0.0
    sleep = staticmethod(time.sleep)

    def time(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


class Child:
    """A program that uses the library.

    Args:
        url: The MCP server.
        whom: "person" or "nobody" to ask, or "program" for one that signs in as itself.
        channel: Who tells it what to do.
        inherited: What the mother used; None makes one.
    """

    def __init__(self, url: str, whom: str, channel: socket.socket, inherited: OAuth | None = None) -> None:
        self.url, self.person, self.shown = url, Person(), 0
        self.lines = channel.makefile("rw")
        self.session = requests.Session()
        prompt: Prompt = CallbackPrompt(self.show) if whom == "person" else NoPrompt()
        known: dict[str, Any] = {}
        if whom == "program":
            secret = os.environ[SECRET_VARIABLE]
            known = {"client_id": "fleet", "client_secret": secret, "grant": ClientCredentialsGrant()}
        self.session.auth = inherited or OAuth(url, prompt=prompt, **known)
        self.clock = Clock()
        for room in (asking, authorizer, cool_down, held, refresh, unattended, client, tokens, token_endpoint):
            room.time = self.clock  # type: ignore[attr-defined]

    def show(self, authorization_url: str) -> None:
        """Be shown an authorization URL, and open it."""
        self.shown += 1
        self.person.in_thread(authorization_url)

    def run(self) -> None:
        """Do as told until nobody tells anything any more."""
        self.say(os.getpid())
        for line in self.lines:
            told = json.loads(line)
            self.clock.ahead = told["ahead"]
            if told["stop"]:
                self.stop_when(told["stop"])
            with ThreadPoolExecutor(told["threads"]) as pool:
                got = list(pool.map(self.call, range(told["threads"] * told["calls"])))
            done = time.monotonic()
            self.person.join()
            self.say({"got": got, "shown": self.shown, "done": done})
        self.session.close()

    def call(self, _: int) -> int | str:
        """Call the server; return the status or what went wrong."""
        try:
            return self.session.post(self.url, json=PING, timeout=60).status_code
        except Exception as failure:
            return f"{type(failure).__name__}: {failure}"

    def say(self, what: object) -> None:
        self.lines.write(f"{json.dumps(what)}\n")
        self.lines.flush()

    def stop_when(self, moment: str) -> None:
        """Stop for good in the middle of a turn: when the sign-in is "read", or "written"."""
        name = {"read": "load_record", "written": "save_record"}[moment]
        original = getattr(TokenManager, name)

        def stop(*arguments: Any, **options: Any) -> None:
            original(*arguments, **options)
            self.say(moment)
            threading.Event().wait()

        setattr(TokenManager, name, stop)


def load() -> None:
    """Load what all of the children would load."""
    rooms = {
        "encrypted_file": ["cryptography.hazmat.primitives.ciphers.aead"],
        "secret_service": [
            "keyring.backends.SecretService",
            "secretstorage",
            "mcp_oauth_sync.stores.os_keyring.systems",
        ],
        "vault": ["hvac", "mcp_oauth_sync.stores.vault.store"],
    }
    kind = os.environ["MCP_OAUTH_SYNC_BACKEND"]
    for room in ("filelock", "mcp_oauth_sync.authorizer.refresh", *rooms[kind]):
        import_module(room)
    if kind == "secret_service":
        from mcp_oauth_sync.stores.os_keyring import calls

        calls.LIMIT = KEYRING_LIMIT


def called_by_the_mother(url: str) -> OAuth:
    """Call a server; return the object that did it."""
    auth = OAuth(url, prompt=NoPrompt())
    assert requests.post(url, json=PING, auth=auth, timeout=60).status_code == 200
    return auth


def fork_while_locked(auth: OAuth) -> int:
    """Fork while another thread holds the locks of a sign-in and the turn at its store; return as `os.fork` does."""
    taken, done = threading.Event(), threading.Event()
    sign_in = auth._authorizer.held

    def hold() -> None:
        with sign_in.manager.exclusive(sign_in.name), sign_in._gathering, sign_in._guard:
            taken.set()
            done.wait()

    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    assert taken.wait(30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forks beside threads
        child = os.fork()
    if child:
        done.set()
        holder.join()
    return child


def main(url: str, whom: str, descriptor: str) -> None:
    """Fork a child per socket received, and outlive them all."""
    load()
    if lease := os.environ.get(LEASE_VARIABLE):
        from mcp_oauth_sync.stores.vault import lease as vault_lease

        vault_lease.LEASE = float(lease)
    used = called_by_the_mother(url) if whom == "heir" else None
    with socket.socket(fileno=int(descriptor)) as orders:
        while sockets := socket.recv_fds(orders, 1, 1)[1]:
            child = os.fork() if used is None else fork_while_locked(used)
            if child == 0:
                orders.close()
                with socket.socket(fileno=sockets[0]) as channel:
                    Child(url, whom, channel, used).run()
                return
            os.close(sockets[0])
    try:
        while True:
            os.wait()
    except ChildProcessError:
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
