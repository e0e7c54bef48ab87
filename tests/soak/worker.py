"""One process of the soak: calls servers from several threads for as long as nobody tells it to end.

It is told what to do in lines of JSON on standard input, and says in the same way how it fares. Nothing it meets in
bad weather may reach the caller but the errors that are documented for it; any other is said at once.
"""

from __future__ import annotations

import itertools
import json
import logging
import random
import resource
import signal
import sys
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import requests

from mcp_oauth_sync import CallbackPrompt, MCPSession, OAuth
from mcp_oauth_sync.authorizer import asking, authorizer, cool_down, held, refresh, unattended
from mcp_oauth_sync.exceptions import (
    MCPError,
    RefreshRejectedError,
    TokenRefreshError,
    TokenStorageError,
    UnsavedTokensWarning,
)
from mcp_oauth_sync.models import client, tokens
from mcp_oauth_sync.protocol import token_endpoint
from mcp_oauth_sync.stores import default_manager
from tests.servers.person import Person

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
#: Seconds that a call waits for an answer.
TIMEOUT = 5.0
#: Seconds between two reports.
REPORT = 0.25
#: Where every process counts what it has stored.
TALLY, NAMESPACE = "tally", "soak"
#: Of so many calls, about one is made by objects that are new.
NEW_OBJECTS = 200
CALLS_OF_A_SESSION = 60


class WallClock:
    """The clocks as the package sees them; the one on the wall can be wrong."""

    ahead = 0.0
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)

    def time(self) -> float:
        return time.time() + self.ahead


class Worker:
    """A program that uses the library.

    Args:
        number: Which of the processes it is.
        urls: The MCP servers.
        pause: Most seconds between two calls of a thread.
        patience: What the pauses between repetitions are multiplied by.
        threads: How many call by plain requests; one more speaks MCP.
    """

    def __init__(self, *, number: int, urls: list[str], pause: float, patience: float, threads: int) -> None:
        self.number, self.urls, self.pause, self.threads = number, urls, pause, threads
        self.clock, self.person = WallClock(), Person()
        for room in (asking, authorizer, cool_down, held, refresh, unattended, client, tokens, token_endpoint):
            room.time = self.clock  # type: ignore[attr-defined]
        for patient in (refresh, unattended):
            patient.BACKOFF = tuple(wait * patience for wait in patient.BACKOFF)  # type: ignore[attr-defined]
        self.auths = {url: self.auth(url) for url in urls}
        self.got, self.prompts, self.tally, self.unsaved = Counter[str](), 0, 0, 0
        self.disk_is_full, self.ending, self.turn = False, threading.Event(), threading.Lock()

    def auth(self, url: str) -> OAuth:
        return OAuth(url, prompt=CallbackPrompt(self.show))

    def show(self, url: str) -> None:
        self.prompts += 1
        lives = [(one.record.tokens, one.good_until - time.monotonic()) for one in held._all if one.record is not None]
        told = [f"{tokens.seconds_left():.1f} s left, good for {good:.1f} s" for tokens, good in lives if tokens]
        self.say(unexpected=f"process {self.number} was asked to sign in; tokens: {told}")
        self.person.in_thread(url)

    # What it does all the time

    def call_plainly(self, number: int) -> None:
        """Call by plain requests until the end; a thread of its own does so."""
        dice, session = random.Random(), requests.Session()
        while not self.ending.wait(dice.uniform(0, self.pause)):
            url = dice.choice(self.urls)
            self.attempt(partial(self.post, session, url))
            if dice.randrange(NEW_OBJECTS) == 0 and not (self.disk_is_full or self.pending):
                session.close()
                session, self.auths[url] = requests.Session(), self.auth(url)
        session.close()

    def post(self, session: requests.Session, url: str) -> str:
        return str(session.post(url, json=PING, auth=self.auths[url], timeout=TIMEOUT).status_code)

    def speak(self) -> None:
        """Speak MCP until the end, in one session after the other."""
        dice = random.Random()
        while not self.ending.is_set():
            url = dice.choice(self.urls)
            with MCPSession(url, auth=self.auths[url], timeout=TIMEOUT) as mcp:
                for number in itertools.count():
                    enough = number >= CALLS_OF_A_SESSION and not self.pending  # what it holds is not to be lost
                    if self.ending.wait(dice.uniform(0, self.pause)) or enough:
                        break
                    self.attempt(partial(self.use, mcp, number))

    def use(self, mcp: MCPSession, number: int) -> str:
        if number % 2:
            return f"{len(list(mcp.list_tools()))} tools"
        return mcp.call_tool("echo", {"number": number}).raise_for_error().text and "echo"

    def count(self) -> None:
        """Read, change and write what all processes share, every now and then until the end."""
        while not self.ending.wait(2 * self.pause):
            self.attempt(self.count_once)

    def count_once(self) -> str:
        store = default_manager().store
        with store.exclusive(TALLY, namespace=NAMESPACE):
            counts = json.loads(store.retrieve_generic(TALLY, namespace=NAMESPACE) or "{}")
            counts[str(self.number)] = counts.get(str(self.number), 0) + 1
            store.store_generic(TALLY, json.dumps(counts), namespace=NAMESPACE)
        self.tally += 1
        return "counted"

    def attempt(self, act: Callable[[], str]) -> None:
        """Do one thing, and note what came of it."""
        trace = ""
        try:
            outcome = act()
            unexpected = outcome in ("401", "403")
        except Exception as failure:
            outcome, unexpected = self.judged(failure)
            trace = traceback.format_exc()
        with self.turn:
            self.got[outcome] += 1
        if unexpected:
            self.say(unexpected=f"process {self.number}: {outcome}\n{trace}")

    def judged(self, failure: Exception) -> tuple[str, bool]:
        """Return what to call a failure, and whether it should not have reached a caller."""
        name = type(failure).__name__
        if isinstance(failure, TokenRefreshError):
            return "no tokens for now", isinstance(failure, RefreshRejectedError) or not failure.transient
        if isinstance(failure, TokenStorageError):
            return "store failed", not self.disk_is_full
        if isinstance(failure, MCPError):
            return f"{name} {failure.status}", failure.status in (401, 403)
        return name, not isinstance(failure, requests.RequestException)

    # What it is told

    def run(self) -> None:
        """Do all of it until standard input ends."""
        rounds: list[tuple[Callable[..., None], tuple[Any, ...]]]
        rounds = [(self.call_plainly, (number,)) for number in range(self.threads)]
        rounds += [(self.speak, ()), (self.count, ()), (self.report, ())]
        threads = [threading.Thread(target=target, args=arguments, daemon=True) for target, arguments in rounds]
        for thread in threads:
            thread.start()
        for line in sys.stdin:
            told = json.loads(line)
            if "ahead" in told:
                self.clock.ahead = told["ahead"]
            if "full" in told:
                self.fill_disk(told["full"])
            if "last_calls" in told:
                self.ending.set()
                for thread in threads:
                    thread.join(60)
                alive = [thread.name for thread in threads if thread.is_alive()]
                last = alive or self.last_calls(told["last_calls"])
                self.say(**self.fares(), last=last)
        self.ending.set()

    def fill_disk(self, full: bool) -> None:
        """Let no file of this process grow, or all again. The kernel refuses, as it does on a full disk."""
        self.disk_is_full = self.disk_is_full or full
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0 if full else hard, hard))
        if not full:
            threading.Timer(1.0, self.note_room).start()  # what was under way has ended by then

    def note_room(self) -> None:
        self.disk_is_full = False

    def last_calls(self, times: int) -> list[str]:
        """Call when the weather is fine again: each call has to succeed."""
        got = []
        with requests.Session() as session:
            for number in range(times):
                try:
                    got.append(self.post(session, self.urls[number % len(self.urls)]))
                except Exception as failure:
                    got.append(f"{type(failure).__name__}: {failure}")
        return got

    def report(self) -> None:
        """Say every now and then how it goes."""
        while not self.ending.wait(REPORT):
            self.say(**self.fares())

    def fares(self) -> dict[str, Any]:
        with self.turn:
            return {
                "got": dict(self.got),
                "prompts": self.prompts,
                "tally": self.tally,
                "unsaved": self.unsaved,
                "pending": self.pending,
            }

    @property
    def pending(self) -> bool:
        """Whether it holds tokens that could not be stored."""
        return any(one._unsaved for one in list(held._all))

    def say(self, **what: Any) -> None:
        line = f"{json.dumps(what)}\n"
        with OUTPUT:
            sys.stdout.write(line)
            sys.stdout.flush()


OUTPUT = threading.Lock()


def main() -> None:
    logging.disable()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it all decides when it ends
    worker = Worker(**json.loads(sys.argv[1]))

    def note(message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
        if issubclass(category, UnsavedTokensWarning):
            worker.unsaved += 1
        else:
            worker.say(unexpected=f"process {worker.number} was warned: {message}")

    warnings.simplefilter("always")
    warnings.showwarning = note
    worker.run()


if __name__ == "__main__":
    main()
