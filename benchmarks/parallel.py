"""How long fifty requests at once take that a server answers after 100 ms, and fifty threads whose token is expired.

    python -m benchmarks.parallel

The floor is the same with a preset header. What is refreshed is counted at the authorization server.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from tests.servers import delay

from .figure import Figure, show
from .peers import of_calls
from .stage import PING, Scene, fresh_home

THREADS, DELAY, RUNS = 50, 0.1, 30
GOAL = 0.35


class Preset(AuthBase):
    """Sets a header."""

    def __init__(self, value: str) -> None:
        """Keep it."""
        self.value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set it."""
        request.headers["Authorization"] = self.value
        return request


def seconds(scene: Scene, auth: AuthBase) -> tuple[float, int]:
    """Make all requests at once; return how long that took, and how many failed."""
    with requests.Session() as session, ThreadPoolExecutor(THREADS) as pool:
        session.auth = auth
        session.mount("http://", HTTPAdapter(pool_maxsize=THREADS))
        began = time.perf_counter()
        got = list(pool.map(lambda _: session.post(scene.url, json=PING, timeout=30).status_code, range(THREADS)))
        return time.perf_counter() - began, sum(status != 200 for status in got)


def figures() -> Iterator[Figure]:
    """Measure and count."""
    with fresh_home(), Scene() as scene:
        auth = scene.sign_in()
        scene.mcp.fault("/mcp", delay(DELAY))
        preset = Preset(f"Bearer {scene.access_token}")
        pairs = [(seconds(scene, preset)[0], seconds(scene, auth)[0]) for _ in range(RUNS)]
        floor, ours = (min(times) for times in zip(*pairs, strict=True))
        yield Figure(
            what=f"{THREADS} requests at once, each answered after {DELAY * 1000:.0f} ms",
            ours=f"{ours:.2f}",
            floor=f"{floor:.2f}",
            ratio=ours / floor,
            peers=of_calls("at once"),
            unit="s",
            goal=f"<= {GOAL}",
            bound=GOAL,
            met=ours <= GOAL,
        )
        scene.mcp.clear_faults()
        scene.forget_log()
        scene.expire()
        refreshed = scene.az.refreshes
        _, failed = seconds(scene, scene.oauth())
        counted = (scene.az.refreshes - refreshed, failed, len(scene.shown))
        yield Figure(
            what=f"{THREADS} threads, expired token",
            ours="/".join(map(str, counted)),
            unit="refreshes / failures / questions",
            goal="1/0/0",
            bound=1,
            met=counted == (1, 0, 0) and not scene.az.reuses,
        )


if __name__ == "__main__":
    show(figures())
