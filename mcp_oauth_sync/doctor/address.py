"""Step 1: the URL itself, and whether the server sends its callers elsewhere. OAuth 2.1 section 1.5."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from ..exceptions import InsecureURLError, NotPublicError, printable
from ..protocol.public_addresses import require_public
from ..protocol.reply import Reply
from ..urls import is_loopback, require_secure, same_origin, without_query
from .finding import Finding, Level, Step

REDIRECTS = (301, 302, 303, 307, 308)


def check_address(url: str, *, public_only: bool = False) -> Iterator[Finding]:
    """Yield what can be told of a URL without asking anybody.

    Args:
        url: The URL of the MCP server, as the user gave it.
        public_only: Whether only public addresses may be contacted.
    """
    try:
        parts = require_secure(url, "MCP server URL")
        if public_only:
            require_public(url, "MCP server URL")
    except NotPublicError as refused:
        yield check_not_public(refused)
        return
    except InsecureURLError as refused:
        remedy = refused.hint
        if url.lower().startswith("http://"):
            remedy = "Use https. A server on this machine is reached by http://127.0.0.1 or http://localhost."
        yield Finding(
            step=Step.ADDRESS,
            level=Level.PROBLEM,
            code="url-refused",
            what="the URL is not one that a token may be sent to",
            why=refused.message,
            remedy=remedy,
        )
        return
    where = f"{parts.scheme}, on this machine" if is_loopback(parts.hostname) else parts.scheme
    query = ", with a query that is sent to the server and shown nowhere" if parts.query else ""
    yield Finding(
        step=Step.ADDRESS, level=Level.OK, code="url", what=f"{printable(without_query(url), 120)} ({where}{query})"
    )


def check_not_public(refused: NotPublicError) -> Finding:
    """Return what follows from a server that is at no public address where only these may be contacted."""
    return Finding(
        step=Step.ADDRESS,
        level=Level.PROBLEM,
        code="not-public",
        what="the server is at no public address, and only these are to be contacted",
        why=refused.message,
        remedy="If it is meant to be reached from here, leave public_only off.",
    )


def check_redirect(url: str, reply: Reply) -> Iterator[Finding]:
    """Yield what follows from a redirect; nothing where there is none.

    Args:
        url: What was asked.
        reply: What came back.
    """
    target = redirect_target(url, reply)
    if target is None:
        return
    shown = printable(without_query(target), 120)
    if same_origin(target, url):
        yield Finding(
            step=Step.ADDRESS,
            level=Level.WARNING,
            code="redirect-same-origin",
            what=f"the server sends its callers to {shown} (HTTP {reply.status})",
            why="Each call takes two requests, and one that cannot be sent again fails.",
            remedy=f"Use {shown} instead.",
        )
        return
    tokens = "Tokens go to the origin of the URL you give and to no other: they would never reach that server."
    yield Finding(
        step=Step.ADDRESS,
        level=Level.PROBLEM,
        code="redirect-elsewhere",
        what=f"the server sends its callers to another place: {shown} (HTTP {reply.status})",
        why=tokens,
        remedy=f"If you trust it, use that URL: examine {shown}",
    )


def redirect_target(url: str, reply: Reply) -> str | None:
    """Return where an answer sends its reader; None when nowhere, or nowhere that can be read."""
    location = reply.headers.get("location")
    if reply.status not in REDIRECTS or not location:
        return None
    try:
        target = urljoin(url, location)
        host = urlsplit(target).hostname
    except ValueError:
        return None
    return target if host else None
