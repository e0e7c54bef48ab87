"""What goes wrong, as a seed says: at the servers request by request, and to the processes every now and then.

The seed decides what the weather does; when processes call is theirs, so that no two runs are the same.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from tests.servers import AuthorizationServer, Fault, McpServer, bom_of_normal, cut, gzip_of_normal, html, reply, reset
from tests.servers.faults import lose_answer
from tests.servers.messages import Exchange, Reply, Reset

#: Faults by their names; each is made for the most seconds that a slow answer takes.
Kinds = dict[str, Callable[[float], Fault]]

#: The server has not acted, and says so or nothing.
TOKEN_TROUBLE: Kinds = {
    "reset": lambda _: reset(),
    "503": lambda _: reply(503, {"error": "temporarily_unavailable"}),
    "500": lambda _: reply(500, {"error": "server_error"}),
    "502 html": lambda _: html(502),
    "200 html": lambda _: html(200),
    "429": lambda _: reply(429, {"error": "slow_down"}, [("Retry-After", "1")]),
    "silent": lambda most: _silent(5 * most),
    "slow": lambda most: _slow(most),
}
#: The server has acted, and its answer does not arrive.
TOKEN_LOST: Kinds = {"lost": lambda _: lose_answer(), "cut": lambda _: cut(20)}
#: The answer is right and looks odd, or comes late.
TOKEN_ODD: Kinds = {
    "gzip": lambda _: gzip_of_normal(),
    "bom": lambda _: bom_of_normal(),
    "late": lambda most: _late(most),
}
MCP_TROUBLE: Kinds = {
    "reset": lambda _: reset(),
    "503": lambda _: reply(503, b"busy", content_type="text/plain"),
    "502 html": lambda _: html(502),
    "200 html": lambda _: html(200),
    "429": lambda _: reply(429, {"error": "too many"}, [("Retry-After", "1")]),
    "lost": lambda _: lose_answer(),
    "cut": lambda _: cut(10),
    "slow": lambda most: _slow(most),
    "late": lambda most: _late(most),
    "silent": lambda most: _silent(most),
}


def _slow(most: float) -> Fault:
    def wait(wire: Any, exchange: Exchange) -> None:
        wire.stopping.wait(random.uniform(0, most))

    return Fault("slow", before=wait)


def _late(most: float) -> Fault:
    def wait(wire: Any, answer: Reply) -> Reply:
        wire.stopping.wait(random.uniform(0, most))
        return answer

    return Fault("late", change=wait)


def _silent(seconds: float) -> Fault:
    """Do not act, and break off after a while."""

    def wait(wire: Any, exchange: Exchange) -> None:
        wire.stopping.wait(seconds)
        raise Reset

    return Fault("silent", before=wait)


class Weather:
    """The faults of one path of a server, chosen anew for each request.

    Args:
        dice: Decides.
        counts: Counts what happened, by the name of the server and of the fault.
        server: Its name.
        most: Most seconds that a slow answer takes.
        share: How many of the requests go wrong, from 0 to 1.
        kinds: What may go wrong, in groups of which each is as likely.
    """

    def __init__(
        self,
        dice: random.Random,
        counts: Counter[str],
        server: str,
        *,
        most: float,
        share: float,
        kinds: Sequence[Kinds],
    ) -> None:
        self.dice, self.counts, self.server, self.most = dice, counts, server, most
        self.share, self.kinds = share, kinds
        self._turn = threading.Lock()

    @property
    def fault(self) -> Fault:
        """What the server is given once and for all."""
        return Fault("weather", before=self._before, change=self._change, send=self._send)

    def _before(self, wire: Any, exchange: Exchange) -> Reply | None:
        with self._turn:
            wire.weather = None
            if self.dice.random() < self.share:
                group = self.dice.choice(self.kinds)
                name = self.dice.choice(sorted(group))
                wire.weather = group[name](self.most)
                self.counts[f"{self.server} {name}"] += 1
        chosen = wire.weather
        return chosen.before(wire, exchange) if chosen is not None and chosen.before is not None else None

    def _change(self, wire: Any, answer: Reply) -> Reply:
        chosen = wire.weather
        return answer if chosen is None or chosen.change is None else chosen.change(wire, answer)

    def _send(self, wire: Any, head: bytes, body: bytes) -> None:
        chosen = wire.weather
        if chosen is None or chosen.send is None:
            wire.write(head + body)
        else:
            chosen.send(wire, head, body)


def withdraw_tokens(az: AuthorizationServer, *, older_than: float) -> None:
    """End the life of the access tokens that are not quite new.

    A server that withdraws a token as soon as it has given it looks like one that takes no token at all.
    """
    with az.lock:
        now, life = az.ledger.now(), az.access_ttl or 0.0
        for entry in az.ledger.access.values():
            if entry.expires_at is not None and now < entry.expires_at < now + life - older_than:
                entry.expires_at = now


def forget(az: AuthorizationServer, *servers: McpServer) -> None:
    """Drop what only a short run can keep: the logs."""
    az.clear()
    for server in servers:
        server.clear()
        with server.lock:
            server.tokens_seen.clear()
