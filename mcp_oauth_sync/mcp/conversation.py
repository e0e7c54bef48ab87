"""One request to an MCP server, until its answer. MCP base protocol, "Requests"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from ..exceptions import MCPError
from .channel import Channel
from .deadline import Deadline
from .jsonrpc import Message, answers, read_result


def ask(
    channel: Channel,
    message: Message,
    *,
    headers: Mapping[str, str],
    deadline: Deadline,
    heed: Callable[[Message], None] | None = None,
) -> dict[str, Any]:
    """Send a request and return its result.

    Args:
        channel: Reaches the server.
        message: The request.
        headers: What its revision of MCP says in headers.
        deadline: How long to wait.
        heed: Hears what else the server says meanwhile; None ignores it.

    Raises:
        MCPError: The answer is an error, or there is none.
        OAuthError: No good token could be got; the subclass says why.
    """
    with closing(channel.converse(message, headers=headers, deadline=deadline)) as messages:
        answer = None
        for said in messages:  # to the end, which follows the answer: the connection is used again
            if answers(said, message["id"]):
                answer = said
            elif heed is not None:
                heed(said)
    if answer is None:
        raise MCPError(f"{message['method']} was not answered.")
    return read_result(answer)
