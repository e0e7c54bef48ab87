"""Two hosts that share a store but no locks, and refresh at the same time: one of them loses.

So it is where a network drive keeps no locks between hosts. The authorization server takes each refresh token once,
and refuses the second use of one without further ado.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import requests

from mcp_oauth_sync import NoPrompt, OAuth, TokenManager
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from tests.scene import PING, Scene
from tests.servers import Exchange, Fault, Reply, json_reply

#: Seconds within which both begin, and that the server takes: long enough for every order of what they do.
SPREAD = 0.02


class WithoutTurns(EncryptedFileStore):
    """Encrypted files where nobody can wait for anybody."""

    def exclusive(self, key: str, **options: Any) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


class Races(NamedTuple):
    """What so many races came to.

    Attributes:
        races: How many there were.
        lost: In how many of them the server refused one of the two.
        unserved: How many of the calls got anything but 200.
        deleted: After how many of them no good sign-in was stored.
        questions: How many sign-ins a person was asked for.
    """

    races: int
    lost: int
    unserved: int
    deleted: int
    questions: int

    @property
    def is_harmless(self) -> bool:
        """Whether everybody was served and the winner's tokens were there after every race."""
        return not (self.unserved or self.deleted or self.questions)

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"{self.races} races, {self.lost} with a loser: {self.unserved} calls not served, the winner's tokens "
            f"deleted in {self.deleted}, {self.questions} sign-ins asked for"
        )


def refuse_used(scene: Scene, dice: random.Random) -> Fault:
    """Refuse a used refresh token after a while, and leave the family alone; what is granted is late as well."""

    def before(wire: Any, exchange: Exchange) -> Reply | None:
        wire.stopping.wait(dice.uniform(0, SPREAD))
        with scene.az.lock:
            used = exchange.param("refresh_token") in scene.az.ledger.used
        return json_reply({"error": "invalid_grant"}, 400) if used else None

    def late(wire: Any, answer: Reply) -> Reply:
        wire.stopping.wait(dice.uniform(0, SPREAD))
        return answer

    return Fault("used once", before=before, change=late)


def run(scene: Scene, *, races: int, seed: int) -> Races:
    """Let two who cannot wait for each other refresh at nearly the same time, again and again.

    Args:
        scene: Signed in.
        races: How often.
        seed: Decides who begins when, and how long the server takes.
    """
    dice = random.Random(seed)
    scene.forget_log()
    asked_before = scene.az.authorizations
    scene.az.fault("/token", refuse_used(scene, dice))
    hosts = [requests.Session(), requests.Session()]
    lost = unserved = deleted = 0
    for host in hosts:
        host.auth = without_turns(scene)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(races):
            scene.az.clear()
            scene.az.expire_all_access_tokens()
            waits = [dice.uniform(0, SPREAD), dice.uniform(0, SPREAD)]
            together = threading.Barrier(2, timeout=30)
            got = list(pool.map(call, hosts, waits, [scene.url] * 2, [together] * 2))
            unserved += sum(one != 200 for one in got)
            lost += any(exchange.status == 400 for exchange in scene.asked("/token"))
            record = scene.manager.load_record(scene.url)
            tokens = record.tokens if record is not None else None
            if tokens is None or tokens.refresh_token in scene.az.ledger.used:
                deleted += 1
                scene.oauth().sign_in()
                for host in hosts:
                    host.auth = without_turns(scene)
    for host in hosts:
        host.close()
    scene.az.clear_faults("/token")
    return Races(races, lost, unserved, deleted, scene.az.authorizations - asked_before)


def without_turns(scene: Scene) -> OAuth:
    """Return the auth object of a host that waits for nobody."""
    store = WithoutTurns(os.environ["MCP_OAUTH_SYNC_HOME"])
    return OAuth(scene.url, prompt=NoPrompt(), token_manager=TokenManager(store=store))


def call(session: requests.Session, wait: float, url: str, together: threading.Barrier) -> int | str:
    """Call the server a little later; return the status or what went wrong."""
    together.wait()
    time.sleep(wait)
    try:
        return session.post(url, json=PING, timeout=30).status_code
    except Exception as failure:
        return f"{type(failure).__name__}: {failure}"
