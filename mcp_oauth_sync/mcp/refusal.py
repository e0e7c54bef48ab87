"""What an HTTP answer says that is no result. MCP Streamable HTTP, "Sending Messages" and "Server Validation"."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import requests

from ..exceptions import MCPError, printable
from ..urls import without_query
from .deadline import Deadline
from .jsonrpc import (
    HEADER_MISMATCH,
    METHOD_NOT_FOUND,
    MISSING_CAPABILITY,
    UNSUPPORTED_VERSION,
    URL_ELICITATION_REQUIRED,
    Message,
    read_messages,
    read_result,
)
from .terms import Terms
from .wire import BrokenOff, Wire

_NO_MCP = "Check that the URL is the one of an MCP server."
_LATER = "Try again later."
_HINTS = {
    401: "The server wants a sign-in, or another one: see auth=, or sign in again.",
    403: "This account may not do that at the server.",
    429: "The server is asked too often. Try again later.",
    **dict.fromkeys((500, 502, 503, 504), _LATER),
}
#: Errors that only a server of the stateless revisions gives.
MODERN = (HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION)
#: Answers that say nothing about what a server speaks.
_NO_SIGN = (401, 403, 408, 425, 429)
#: Answers of a server that did not act on what it does not understand, and codes that go with them.
_NOT_UNDERSTOOD = (400, 404, 405, 406, 415, 422, 501)
#: Revisions of a server that a message names, and characters of each.
_LISTED, _NAMED = 20, 40
#: Characters of what a refusal adds that are looked through.
_LOOKED_THROUGH = 10_000
_INVALID_REQUEST, _INVALID_PARAMS, _INTERNAL_ERROR = -32600, -32602, -32603


def is_event_stream(response: requests.Response) -> bool:
    """Tell whether an answer is a stream of events."""
    return response.headers.get("Content-Type", "").strip().lower().startswith("text/event-stream")


def read_refusal(wire: Wire, response: requests.Response, deadline: Deadline) -> MCPError:
    """Return the error that an answer with an error status stands for.

    Whatever id a JSON-RPC error in it has: many servers invent one where they read no further than the headers.

    Args:
        wire: Reads the answer.
        response: The answer.
        deadline: How long to wait for it.

    Raises:
        MCPError: It could not be read.
    """
    for said in read_messages(wire.read_text(response, deadline)):
        if isinstance(said.get("error"), dict):
            try:
                read_result(said, status=response.status_code)
            except MCPError as refusal:
                return refusal
    return MCPError(
        f"{without_query(response.url)} refused the request: {_describe(response)}.",
        hint=_HINTS.get(response.status_code, _NO_MCP),
        status=response.status_code,
    )


def unanswered(message: Message, response: requests.Response) -> MCPError:
    """Return the error for an answer that holds none."""
    return MCPError(
        f"{without_query(response.url)} did not answer {message['method']}: {_describe(response)}.",
        hint=_NO_MCP,
        status=response.status_code,
    )


def ended_early(message: Message, response: requests.Response) -> BrokenOff:
    """Return the error for a stream that ended before the answer, and that cannot be taken up again."""
    return BrokenOff(
        f"The stream of {without_query(response.url)} ended before it answered {message['method']}.",
        hint="Try again.",
        status=response.status_code,
    )


def tells_the_era(refusal: MCPError) -> bool:
    """Tell whether a refusal comes from a server that may not know what it was asked."""
    if refusal.status is None:
        return refusal.code is not None
    return refusal.status not in _NO_SIGN and not 300 <= refusal.status < 400 and refusal.status <= 501


def era_may_have_changed(used: Terms, refusal: MCPError) -> bool:
    """Tell whether a refusal may come from a server that speaks another era by now, and did not act on the request."""
    if not used.stateless:
        return refusal.code in MODERN
    if refusal.code in MODERN or refusal.code == _INTERNAL_ERROR:
        return False
    if not used.proven:
        telling = (_INVALID_REQUEST, METHOD_NOT_FOUND, _INVALID_PARAMS)
        return refusal.code in telling if refusal.status is None else refusal.status in _NOT_UNDERSTOOD
    # A server known to be stateless says these two of a method it does not have, or of parameters it does not like.
    return refusal.status in _NOT_UNDERSTOOD and refusal.code not in (METHOD_NOT_FOUND, _INVALID_PARAMS)


def session_is_gone(session_id: str | None, refusal: MCPError) -> bool:
    """Tell whether a server has ended a session: 404 by the specification, 400 and some words by many servers."""
    if session_id is None:
        return False
    if refusal.status == 404:
        return refusal.code != METHOD_NOT_FOUND
    said = refusal.message.lower()
    return refusal.status == 400 and refusal.code is not None and ("session" in said or "not initialized" in said)


def may_be_older(refusal: MCPError) -> bool:
    """Tell whether a server that refuses a handshake so may want the transport of 2024-11-05.

    MCP Streamable HTTP, "HTTP+SSE Transport (2024-11-05)".
    """
    understood = (*MODERN, METHOD_NOT_FOUND, _INVALID_PARAMS)
    return refusal.status in (400, 404, 405) and refusal.code not in understood


def wants_asking(refusal: MCPError) -> bool:
    """Tell whether only somebody who asks the person can help."""
    wants = refusal.code in (MISSING_CAPABILITY, URL_ELICITATION_REQUIRED)
    return wants and "elicitation" in printable(refusal.data, _LOOKED_THROUGH)


def select_version(refusal: MCPError, ours: Iterable[str]) -> str | None:
    """Return the first of our revisions that a refusal names as supported; None when it names none of them."""
    theirs = supported_by(refusal)
    return next((version for version in ours if version in theirs), None)


def nothing_in_common(
    url: str, *, theirs: Iterable[object], ours: Iterable[str], refusal: MCPError | None = None
) -> MCPError:
    """Return the error that names the revisions of both sides.

    Args:
        url: The server.
        theirs: What it names.
        ours: What we offer.
        refusal: What it refused a request with; None when it did not.
    """
    listed = (printable(version, _NAMED) for version in islice(theirs, _LISTED))
    named = printable(", ".join(listed) or "no revision that it names")
    return MCPError(
        f"{without_query(url)} speaks MCP {named}; we offer {', '.join(ours)}.",
        hint="See whether there is a newer version of this library or of the server.",
        code=refusal.code if refusal else None,
        data=refusal.data if refusal else None,
        status=refusal.status if refusal else None,
    )


def supported_by(refusal: MCPError) -> list[object]:
    """Return the revisions that a refusal names as supported; none where it names none."""
    supported = refusal.data.get("supported") if isinstance(refusal.data, dict) else None
    return supported if isinstance(supported, list) else []


def _describe(response: requests.Response) -> str:
    """Return status and kind of an answer for a message; never its body."""
    kind = printable(response.headers.get("Content-Type", "").partition(";")[0], 40)
    return f"HTTP {response.status_code} {printable(response.reason or '', 40)}".rstrip() + (
        f", {kind}" if kind else ""
    )
