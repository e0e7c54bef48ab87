"""Sessions with servers that others wrote: at the server itself, or through OAuth in front of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from mcp_oauth_sync import MCPSession, TokenManager, TokenStoreBackend
from mcp_oauth_sync.mcp.elicitation import Elicitation, ElicitationReply
from tests.real.jsonrpc import HANDSHAKE, MODERN
from tests.scene import Scene

#: Both eras, and the two ways in.
ERAS, WAYS = (MODERN, HANDSHAKE), ("open", "protected")
SECONDS = 20.0
T = TypeVar("T")


class Door:
    """One way to a server.

    Attributes:
        url: The endpoint.
        scene: OAuth in front of it; None where there is none.
        asked: What the person was asked by the sessions made here, who agrees to everything.
        manager: Keeps the sign-in.
        logged: The log lines that the sessions heard.
    """

    def __init__(self, url: str, scene: Scene | None = None) -> None:
        self.url, self.scene = url, scene
        self.manager = TokenManager(backend=TokenStoreBackend.MEMORY)
        self.asked: list[Elicitation] = []
        self.logged: list[Any] = []

    def session(self, version: str | None = None, **options: Any) -> MCPSession:
        """Make a session; the first one signs in."""
        auth = None if self.scene is None else self.scene.oauth(token_manager=self.manager)
        given = {"auth": auth, "elicit": self.agree, "on_log": self.logged.append, "timeout": SECONDS, **options}
        return MCPSession(self.url, version=version, **given)

    def agree(self, asked: Elicitation) -> ElicitationReply:
        """Agree, and fill in "x" or true where something is required."""
        self.asked.append(asked)
        if asked.mode == "url":
            return True
        needed = [field for field in asked.fields if field.required and field.default is None]
        return {field.name: "x" if field.kind == "string" else True for field in needed}


@contextmanager
def opened(way: str, upstream: str) -> Iterator[Door]:
    """Give one way to a server.

    Args:
        way: One of ``WAYS``.
        upstream: The server.
    """
    if way == "open":
        yield Door(upstream)
        return
    with Scene(upstream=upstream) as scene:
        door = Door(scene.url, scene)
        yield door
        assert len(scene.shown) == 1, "the person signs in once"


@contextmanager
def counted(upstream: str) -> Iterator[Scene]:
    """Give a way to a server that lets everybody pass, and counts."""
    with Scene(upstream=upstream) as scene:
        scene.mcp.open = True
        yield scene


def in_background(work: Callable[[], T]) -> Callable[[], T]:
    """Work in a thread; what is returned waits for the end, and gives what came of it."""
    came: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            came.append(work())
        except BaseException as failure:
            failed.append(failure)

    thread = threading.Thread(target=run, name="in background")
    thread.start()

    def wait() -> T:
        thread.join(SECONDS)
        assert not thread.is_alive(), "it goes on and on"
        if failed:
            raise failed[0]
        return came[0]

    return wait
