"""Many at one listener, and the questions of a sign-in by code: what is measured by the clock on the wall."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import NamedTuple

from mcp_oauth_sync import DeviceCodeGrant
from mcp_oauth_sync.models.callback import Callback
from mcp_oauth_sync.prompts.loopback import loopback_listener
from tests.grants.by_code import Screen
from tests.prompts.wire import STATE, answer_target, dial, get, request_for
from tests.scene import Scene
from tests.servers import Person

#: How slow connections begin and then say no more: nothing, half a line, all but the end of a stolen answer.
HALVES = ("", "GET /call", "GET {answer} HTTP/1.1\r\nHost: {host}\r\n")
#: What the hostile ask for, again and again.
GUESSES = ("/favicon.ico", "/callback?code=x&state=wrong", "/callback?error=access_denied", "/callback", "/")


class Siege(NamedTuple):
    """What a listener did with a crowd at its door.

    Attributes:
        seconds: From sending the answer to having its page.
        status: The status of that page.
        slow_left: How many of the slow connections were still open then.
        turned_away: How many requests of the hostile were answered so far, each with an error.
        taken: How many of the hostile got what only the answer gets.
    """

    seconds: float
    status: int
    slow_left: int
    turned_away: int
    taken: int

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"the page came with {self.status} after {self.seconds * 1000:.0f} ms, {self.slow_left} slow connections "
            f"still open, {self.turned_away} hostile requests turned away until then, {self.taken} taken"
        )


def besiege(*, slow: int, hostile: int) -> Siege:
    """Bring the answer while slow connections are open and hostile ones come without a pause.

    Args:
        slow: How many connections say little or nothing, and stay.
        hostile: How many at any time ask for something else, each anew as soon as it is answered.
    """
    statuses: list[int] = []
    over, under_way = threading.Event(), threading.Barrier(hostile + 1, timeout=60)
    with ExitStack() as stack:
        listener = stack.enter_context(loopback_listener(Callback.at("http://127.0.0.1/callback"), state=STATE))
        listener.conclude(None)
        host = listener.redirect_uri.split("/")[2]
        waiting = [stack.enter_context(dial(listener)) for _ in range(slow)]
        for number, connection in enumerate(waiting):
            text = HALVES[number % len(HALVES)].format(answer=answer_target("stolen"), host=host)
            connection.sendall(text.encode())

        def attack(number: int) -> None:
            guesses = itertools.cycle(GUESSES[number % len(GUESSES) :] + GUESSES)
            under_way.wait()
            while not over.is_set():
                with contextlib.suppress(OSError):  # pushed out by others of its kind
                    statuses.append(get(listener, next(guesses)).status)

        pool = stack.enter_context(ThreadPoolExecutor(hostile))
        stack.callback(over.set)
        for number in range(hostile):
            pool.submit(attack, number)
        under_way.wait()
        began = time.monotonic()
        with dial(listener) as browser:
            browser.sendall(request_for(listener, answer_target()))
            head = browser.recv(4096)
        seconds = time.monotonic() - began
        over.set()
        left = sum(is_open(connection) for connection in waiting)
        listener.wait(10)
    return Siege(seconds, int(head.split()[1]) if head else 0, left, len(statuses), statuses.count(200))


def is_open(connection: socket.socket) -> bool:
    """Tell whether the other side has left a connection alone."""
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def questions(scene: Scene, *, interval: float, slow_downs: int, entered_after: int) -> list[float]:
    """Sign in by a code on the real clock; return the seconds before each question that the server was asked.

    Args:
        scene: Nobody has signed in there.
        interval: The server's interval in seconds.
        slow_downs: How often it says that this is too fast, from the first question on.
        entered_after: After how many questions the person enters the code.
    """
    scene.az.offer_device_codes, scene.az.auto_consent = True, False
    scene.az.device_interval, scene.az.device_slow_downs = interval, slow_downs
    screen, person, times = Screen(), Person(), list[float]()

    def enter() -> None:
        times.append(scene.az.ledger.now())
        while len(scene.az.device_questions) < entered_after:
            time.sleep(0.05)
        person.enter(screen.codes[-1].verification_uri, screen.codes[-1].user_code)

    typing = threading.Thread(target=enter)
    screen.when_shown = typing.start
    scene.oauth(prompt=screen, grant=DeviceCodeGrant()).sign_in()
    typing.join()
    return [later - earlier for earlier, later in itertools.pairwise(times + scene.az.device_questions)]
