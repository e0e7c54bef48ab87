"""What an HTTP answer says that is no result. MCP Streamable HTTP, "Sending Messages" and "Server Validation"."""

from __future__ import annotations

from collections.abc import Iterable

import requests

from ..exceptions import MCPError
from ..urls import without_query
from .deadline import Deadline
from .jsonrpc import (
    HEADER_MISMATCH,
    MISSING_CAPABILITY,
    UNSUPPORTED_VERSION,
    Message,
    answers,
    read_messages,
    read_result,
)
from .wire import Wire, describe

_NO_MCP = "Check that the URL is the one of an MCP server."
_HINTS = {
    401: "The server wants a sign-in, or another one: see auth=, or sign in again.",
    403: "This account may not do that at the server.",
    429: "The server is asked too often. Try again later.",
    500: "Try again later.",
    502: "Try again later.",
    503: "Try again later.",
    504: "Try again later.",
}


#: Errors that only a server of the stateless revisions gives.
MODERN = (HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION)
#: Answers that say nothing about what a server speaks.
_NO_SIGN = (401, 403, 429, 502, 503, 504)


def read_refusal(wire: Wire, response: requests.Response, number: object, deadline: Deadline) -> MCPError:
    """Return the error that an answer with an error status stands for.

    Args:
        wire: Reads the answer.
        response: The answer.
        number: The id of the request; None for what has none.
        deadline: How long to wait for it.

    Raises:
        MCPError: It could not be read.
    """
    for said in read_messages(wire.read_text(response, deadline)):
        if isinstance(said.get("error"), dict) and (number is None or answers(said, number)):
            try:
                read_result(said, status=response.status_code)
            except MCPError as refusal:
                return refusal
    return MCPError(
        f"{without_query(response.url)} refused the request: {describe(response)}.",
        hint=_HINTS.get(response.status_code, _NO_MCP),
        status=response.status_code,
    )


def unanswered(message: Message, response: requests.Response) -> MCPError:
    """Return the error for an answer that holds none."""
    return MCPError(
        f"{without_query(response.url)} did not answer {message['method']}: {describe(response)}.",
        hint=_NO_MCP,
        status=response.status_code,
    )


def tells_the_era(refusal: MCPError) -> bool:
    """Tell whether a refusal comes from a server that may not know what it was asked."""
    if refusal.status is None:
        return refusal.code is not None
    return refusal.status not in _NO_SIGN and not 300 <= refusal.status < 400


def session_is_gone(session_id: str | None, refusal: MCPError) -> bool:
    """Tell whether a server has ended a session: 404 by the specification, 400 by many servers."""
    if session_id is None:
        return False
    return refusal.status == 404 or (refusal.status == 400 and "session" in refusal.message.lower())


def select_version(refusal: MCPError, ours: Iterable[str]) -> str | None:
    """Return the first of our revisions that a refusal names as supported; None when it names none of them."""
    supported = refusal.data.get("supported") if isinstance(refusal.data, dict) else None
    return next((version for version in ours if isinstance(supported, list) and version in supported), None)
