"""Many who need a refresh at once, again and again: how often it happens, and what everybody gets."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import requests

from mcp_oauth_sync import NoPrompt
from tests.scene import PING, Scene
from tests.servers import delay
from tests.stories.child import LEASE_VARIABLE
from tests.stories.fleet import Fleet

HOUR = 3600.0
#: Seconds that the authorization server takes for a refresh, about as long as one that is far away.
FAR_AWAY = 0.1


class Flight(NamedTuple):
    """What so many rounds came to.

    Attributes:
        rounds: How often all access tokens ended.
        callers: How many called in each round.
        refreshes: How many refreshes the server granted.
        asked: How many requests for tokens it got.
        reuses: How many used a refresh token that was used up.
        unserved: How many calls got anything but 200.
        questions: How many sign-ins a person was asked for.
        slowest: Seconds from the end of the tokens until the last caller was served, at most.
    """

    rounds: int
    callers: int
    refreshes: int
    asked: int
    reuses: int
    unserved: int
    questions: int
    slowest: float

    @property
    def is_single(self) -> bool:
        """Whether each round cost exactly one refresh and everybody was served."""
        return self.refreshes == self.asked == self.rounds and not (self.reuses or self.unserved or self.questions)

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"{self.callers} callers x {self.rounds} rounds: {self.refreshes} refreshes, {self.asked} asked for, "
            f"{self.reuses} reuses, {self.unserved} not served, {self.questions} sign-ins asked for; "
            f"slowest round {self.slowest * 1000:.0f} ms"
        )


class _Count:
    """Counts over the rounds of a flight."""

    def __init__(self, scene: Scene, refresh_takes: float) -> None:
        self.scene, self.unserved, self.slowest, self.hours = scene, 0, 0.0, 0
        scene.forget_log()
        self.before = (scene.az.refreshes, scene.az.reuses, scene.az.authorizations)
        scene.az.clear_faults("/token")
        if refresh_takes:
            scene.az.fault("/token", delay(refresh_takes))

    def end_tokens(self, number: int, *, by_clock: bool) -> float:
        """End the life of all tokens; by the clock in every other round, which is then as far ahead as returned."""
        self.scene.mcp.clear()
        if by_clock and number % 2:
            self.hours += 2
            self.scene.az.advance(2 * HOUR)
        else:
            self.scene.az.expire_all_access_tokens()
        self._began = time.monotonic()
        return self.hours * HOUR

    def served(self, got: Sequence[int | str]) -> None:
        """Note what everybody got in a round."""
        self.unserved += sum(one != 200 for one in got)
        self.slowest = max(self.slowest, time.monotonic() - self._began)

    def flight(self, rounds: int, callers: int) -> Flight:
        """Return what it came to."""
        az = self.scene.az
        refreshes, reuses, questions = (
            now - then for now, then in zip((az.refreshes, az.reuses, az.authorizations), self.before, strict=True)
        )
        asked = len(self.scene.asked("/token"))
        return Flight(rounds, callers, refreshes, asked, reuses, self.unserved, questions, self.slowest)


def of_threads(scene: Scene, *, threads: int, rounds: int, refresh_takes: float = 0.0) -> Flight:
    """Let threads of one process that share a session call at once, each time that the server takes no token any more.

    Args:
        scene: Signed in.
        threads: How many.
        rounds: How often.
        refresh_takes: Seconds that the server takes for a refresh.
    """
    count = _Count(scene, refresh_takes)
    together = threading.Barrier(threads, timeout=60)
    with requests.Session() as session, ThreadPoolExecutor(threads) as pool:
        session.auth = scene.oauth(prompt=NoPrompt())

        def call(_: int) -> int | str:
            together.wait()
            try:
                return session.post(scene.url, json=PING, timeout=60).status_code
            except Exception as failure:
                return f"{type(failure).__name__}: {failure}"

        for number in range(rounds):
            count.end_tokens(number, by_clock=False)
            count.served(list(pool.map(call, range(threads))))
    return count.flight(rounds, threads)


def of_fleets(
    scene: Scene, fleets: Sequence[Fleet], *, rounds: int, threads: int = 1, refresh_takes: float = 0.0
) -> Flight:
    """Let all processes call at once, each time that their tokens are over: by the clock and by the server, in turns.

    Args:
        scene: Signed in.
        fleets: The processes.
        rounds: How often.
        threads: How many threads of each process call.
        refresh_takes: Seconds that the server takes for a refresh.
    """
    for fleet in fleets:  # everything is loaded, and the sign-in read
        fleet.tell(threads)
    warm = [got for fleet in fleets for answer in fleet.answers() for got in answer.got]
    assert set(warm) == {200}, warm
    count = _Count(scene, refresh_takes)
    for number in range(rounds):
        ahead = count.end_tokens(number, by_clock=True)
        for fleet in fleets:
            fleet.tell(threads, ahead=ahead)
        count.served([got for fleet in fleets for answer in fleet.answers() for got in answer.got])
    return count.flight(rounds, threads * sum(fleet.size for fleet in fleets))


@contextmanager
def homes(scene: Scene, folder: Path, size: int, *, count: int = 2, lease: float = 10.0) -> Iterator[list[Fleet]]:
    """Run processes on several hosts that share a Vault and nothing else.

    Args:
        scene: Signed in, in that Vault.
        folder: Holds a home for each.
        size: How many processes on each.
        count: How many hosts.
        lease: Seconds that a turn is taken for.
    """
    with ExitStack() as stack:
        fleets = []
        for number in range(count):
            home = folder / f"host {number}"
            home.mkdir(parents=True)
            elsewhere = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"), str(home))
            elsewhere |= {"MCP_OAUTH_SYNC_HOME": str(home / "store"), LEASE_VARIABLE: str(lease)}
            fleets.append(stack.enter_context(Fleet(scene.url, size, environment=elsewhere)))
        yield fleets


class Deaths(NamedTuple):
    """What killing processes at random moments came to.

    Attributes:
        killed: How many were.
        unserved: How many calls of the others got anything but 200.
        forgiven: How many answers were lost with a process, and asked for again.
        reuses: How many refresh tokens were used that were used up for good.
        questions: How many sign-ins a person was asked for.
    """

    killed: int
    unserved: int
    forgiven: int
    reuses: int
    questions: int

    @property
    def is_harmless(self) -> bool:
        """Whether nobody else noticed."""
        return not (self.unserved or self.reuses or self.questions) and self.forgiven <= self.killed

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"{self.killed} killed: {self.unserved} calls of others not served, {self.forgiven} refreshes again "
            f"because an answer was lost, {self.reuses} reuses, {self.questions} sign-ins asked for"
        )


def killed(scene: Scene, fleet: Fleet, *, threads: int, victims: int) -> Deaths:
    """Kill two processes per round at random moments of it, and replace them, until so many are dead.

    Args:
        scene: Signed in.
        fleet: The processes, six or more.
        threads: How many threads of each call.
        victims: How many are killed.
    """
    scene.az.forgive_lost_answers = True
    before = (scene.az.forgiven, scene.az.reuses, scene.az.authorizations)
    unserved = dead = 0
    while dead < victims:
        scene.az.expire_all_access_tokens()
        fleet.tell(threads)
        for victim in random.sample(fleet.members, 2):
            time.sleep(random.uniform(0, 0.1))
            fleet.kill(victim)
            dead += 1
        unserved += sum(got != 200 for answer in fleet.answers() for got in answer.got)
        fleet.grow(2)
    after = (scene.az.forgiven, scene.az.reuses, scene.az.authorizations)
    forgiven, reuses, questions = (now - then for now, then in zip(after, before, strict=True))
    return Deaths(dead, unserved, forgiven, reuses, questions)
