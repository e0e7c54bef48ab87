"""What every transport can do. MCP "Transports"."""

from __future__ import annotations

import queue
from collections.abc import Callable, Generator, Mapping
from typing import Protocol

from .deadline import Deadline
from .jsonrpc import Message
from .wire import IDLE

Messages = Generator[Message, None, None]
#: What one thread hears of another; None is the end of it.
Heard = queue.SimpleQueue[Message | None]


class Channel(Protocol):
    """Carries messages to a server and back."""

    session_id: str | None

    def with_session(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return headers that name the session as well, if there is one."""

    def converse(self, message: Message, *, headers: Mapping[str, str], deadline: Deadline) -> Messages:
        """Send a request and yield what the server says about it; the answer is the last."""

    def tell(self, message: Message, *, headers: Mapping[str, str], deadline: Deadline, ask: bool = True) -> None:
        """Send what wants no answer; ``ask`` says whether a person may be asked to sign in for it."""

    def listen(self, *, headers: Mapping[str, str], ready: Callable[[], object]) -> Messages:
        """Yield what the server says of its own accord, until it says that it will not."""

    def end(self, headers: Mapping[str, str]) -> None:
        """End the session, if there is one."""


def all_in(heard: Heard) -> Messages:
    """Yield what is heard until the end of it, however long nothing is said."""
    while True:
        try:
            said = heard.get(timeout=IDLE)
        except queue.Empty:
            continue
        if said is None:
            return
        yield said
