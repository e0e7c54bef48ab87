"""What signing in and calling cost: round trips, connections, and how often a person was asked.

    python -m benchmarks.round_trips

Counted at the tests' servers, whose person says yes at once. The floor is the same flow written by hand on one
``requests.Session``. Needs what the tests need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import requests

from mcp_oauth_sync import OAuth
from tests.auth.stage import PAGES
from tests.servers import McpServer, Origin

from .figure import Figure, show
from .peers import beside
from .stage import PING, ByHand, Scene, another_process, fresh_home

UNIT = "round trips / connections / questions"
HUNDRED = 100
#: What may be reached at most.


@attrs.frozen
class Count:
    """What something cost."""

    trips: int
    connections: int
    asked: int

    def __str__(self) -> str:
        """Write it as the table does."""
        return f"{self.trips}/{self.connections}/{self.asked}"

    def fits(self, goal: Count) -> bool:
        """Tell whether it is no more than that in any respect."""
        return all(mine <= most for mine, most in zip(attrs.astuple(self), attrs.astuple(goal), strict=True))


class Bench:
    """The servers, with somebody before them: this library, or a hand."""

    def __init__(self, scene: Scene, *, by_hand: bool, client_id: str | None = None) -> None:
        """Stand before them; nothing is sent yet."""
        self.scene, self.client_id = scene, client_id
        self.other = McpServer(scene.az)
        self.hand = ByHand(scene.url, client_id) if by_hand else None
        self.session = requests.Session()
        if not by_hand:
            self.session.auth = scene.oauth(client_id=client_id)

    @property
    def origins(self) -> tuple[Origin, ...]:
        """All servers."""
        return self.scene.az, self.scene.mcp, self.other

    def call(self) -> None:
        """Make one call."""
        status = self.hand.call() if self.hand else self.session.post(self.scene.url, json=PING, timeout=10).status_code
        assert status == 200, status

    def call_another_server(self) -> None:
        """Make a call at another server of the same authorization server."""
        if self.hand:
            self.hand.url, self.hand.refresh_token, self.hand.bearer = self.other.mcp_url, "", {}
            assert self.hand.call() == 200
        else:
            auth = OAuth(self.other.mcp_url, prompt=self.scene.prompt)
            assert self.session.post(self.other.mcp_url, json=PING, auth=auth, timeout=10).status_code == 200

    def start_anew(self) -> None:
        """Go on as another process would."""
        if self.hand:
            self.hand.as_in_another_process()
            return
        another_process()
        self.session.close()
        self.session = requests.Session()
        self.session.auth = self.scene.oauth(client_id=self.client_id)

    def expire(self) -> None:
        """End the life of every access token, by the server's clock and ours."""
        if self.hand:
            self.scene.az.expire_all_access_tokens()
            self.hand.is_over = True
        else:
            self.scene.expire()

    def cost_of(self, act: Callable[[], object]) -> Count:
        """Do something and count."""
        asked = self.hand.asked if self.hand else 0
        self.scene.forget_log()
        self.other.clear()
        act()
        self.scene.person.join()
        sent = [(origin, x) for origin in self.origins for x in origin.requests() if x.path not in PAGES]
        lines = {(origin.url, exchange.connection) for origin, exchange in sent}
        return Count(len(sent), len(lines), self.hand.asked - asked if self.hand else len(self.scene.shown))

    def close(self) -> None:
        """Leave."""
        self.session.close()
        if self.hand:
            self.hand.http.close()


def costs(*, by_hand: bool) -> Iterator[tuple[str, Count]]:
    """Go through all situations."""
    with fresh_home(), Scene() as scene:
        scene.az.add_client("known-client")
        bench = Bench(scene, by_hand=by_hand, client_id="known-client")
        yield "a first sign-in with a client id of one's own", bench.cost_of(bench.call)
        bench.close()
    with fresh_home(), Scene() as scene:
        bench = Bench(scene, by_hand=by_hand)
        with bench.other:
            yield "a first sign-in", bench.cost_of(bench.call)
            bench.start_anew()
            yield "a later process, good token", bench.cost_of(bench.call)
            yield "a hundred calls", bench.cost_of(lambda: [bench.call() for _ in range(HUNDRED)])
            scene.az.expire_all_access_tokens()
            yield "a token refused in mid-session", bench.cost_of(bench.call)
            bench.expire()
            bench.start_anew()
            yield "a later process, expired token", bench.cost_of(bench.call)
            yield "a second server, same authorization server", bench.cost_of(bench.call_another_server)
        bench.close()


GOALS = {
    "a first sign-in": Count(6, 2, 1),
    "a first sign-in with a client id of one's own": Count(5, 2, 1),
    "a second server, same authorization server": Count(4, 2, 1),
    "a later process, good token": Count(1, 1, 0),
    "a later process, expired token": Count(2, 2, 0),
    "a token refused in mid-session": Count(3, 2, 0),
    "a hundred calls": Count(HUNDRED, 1, 0),
}


def figures() -> Iterator[Figure]:
    """Count."""
    floor = dict(costs(by_hand=True))
    others = beside()
    for what, count in costs(by_hand=False):
        goal = GOALS[what]
        yield Figure(
            what=what,
            ours=str(count),
            floor=str(floor[what]),
            peers=others.get(what, {}),
            unit=UNIT,
            goal=str(goal),
            bound=goal.trips,
            met=count.fits(goal),
        )


if __name__ == "__main__":
    show(figures())
