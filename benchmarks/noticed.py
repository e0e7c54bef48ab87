"""How long after the browser has come back the token request arrives at the authorization server.

    python -m benchmarks.noticed

Wall clock, from the browser's request to the loopback redirect, median of RUNS sign-ins.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator

import requests

from mcp_oauth_sync import CallbackPrompt

from .figure import Figure, show
from .peers import noticed
from .stage import Scene, fresh_home

RUNS, GOAL = 15, 50.0


def milliseconds(scene: Scene) -> float:
    """Sign in, and return how long the redirect was on its way."""
    came_back: list[float] = []

    def browse(url: str) -> None:
        landed = scene.person.redirect_only(url)
        came_back.append(time.monotonic())
        requests.get(landed or "", timeout=10)

    threads: list[threading.Thread] = []

    def show_url(url: str) -> None:
        threads.append(threading.Thread(target=browse, args=(url,)))
        threads[-1].start()

    auth = scene.oauth(prompt=CallbackPrompt(show_url))
    auth.sign_in()
    for thread in threads:
        thread.join()
    return (scene.asked("/token")[-1].at - came_back[0]) * 1000


def figures() -> Iterator[Figure]:
    """Measure."""
    with fresh_home(), Scene() as scene:
        taken = statistics.median(milliseconds(scene) for _ in range(RUNS))
    yield Figure(
        what="from the browser's return to the token request",
        ours=f"{taken:.1f}",
        peers=noticed(),
        unit="ms",
        goal=f"<= {GOAL:.0f}",
        bound=GOAL,
        met=taken <= GOAL,
    )


if __name__ == "__main__":
    show(figures())
