"""From one challenge to the two metadata documents, with fallbacks in the order of the MCP specification.

RFC 9728 section 5, RFC 8414 section 3; MCP 2025-03-26 for servers without protected resource metadata.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from .concessions import NO_DIRECTIONS, Directions
from .exceptions import DiscoveryError, MetadataMismatchError, printable
from .models.metadata import AuthorizationServerMetadata, ProtectedResourceMetadata
from .protocol.challenge import Challenge, select_challenge
from .protocol.documents import Trace
from .protocol.remedies import argument
from .protocol.reply import TransportFailure
from .protocol.resource_metadata import Accept, accept_none, fetch_resource_metadata
from .protocol.server_metadata import fetch_server_metadata, fetch_server_metadata_at, same_issuer
from .protocol.transport import Transport
from .urls import canonical_resource, origin, without_query

logger = logging.getLogger(__name__)

Recall = Callable[[str], AuthorizationServerMetadata | None]


def recall_none(issuer: str) -> None:
    """Know no authorization server."""


def fetch_challenge(http: Transport, server_url: str) -> Challenge | None:
    """Ask the MCP server once without a token, to hear what it wants.

    Args:
        http: The transport.
        server_url: The MCP server.

    Returns:
        Its challenge, or None when it wants no token.

    Raises:
        DiscoveryError: It did not answer.
    """
    ping = '{"jsonrpc":"2.0","id":0,"method":"ping"}'
    accept = {"Accept": "application/json, text/event-stream"}
    try:
        reply = http.post_json(server_url, ping, what="MCP server URL", headers=accept)
    except TransportFailure as failure:
        raise DiscoveryError(
            f"The MCP server {without_query(server_url)} did not answer: {failure.message}.",
            hint=failure.hint or "Check the URL and the network.",
            url=server_url,
        ) from failure.with_traceback(None)
    if reply.status not in (401, 403):
        return None
    return select_challenge([reply.headers.get("www-authenticate", "")])


def find_resource_metadata(
    http: Transport,
    server_url: str,
    *,
    named: str | None,
    trace: Trace,
    accept: Accept = accept_none,
    needed: bool = True,
) -> ProtectedResourceMetadata | None:
    """Find what the MCP server says about itself.

    Args:
        http: The transport.
        server_url: The MCP server.
        named: The challenge's ``resource_metadata``; None when it named none.
        trace: Gets a line per URL tried.
        accept: Gives the resource that a document may be about for having been named by the caller.
        needed: Whether a document named by the challenge has to be there: the caller does not know what it would say.

    Returns:
        The document, or None when the server publishes none.

    Raises:
        InsecureURLError: A URL may not be contacted.
        DiscoveryError: A document is missing where one was promised, malformed, or out of reach.
        MetadataMismatchError: A document describes another resource.
    """
    metadata = fetch_resource_metadata(http, server_url, named=named, trace=trace, accept=accept, needed=needed)
    if metadata is None:
        logger.warning("%s publishes no protected resource metadata", without_query(server_url))
    return metadata


def find_server(
    http: Transport,
    server_url: str,
    resource_metadata: ProtectedResourceMetadata | None,
    *,
    prefer: Sequence[str] = (),
    told: Directions = NO_DIRECTIONS,
    recall: Recall = recall_none,
    trace: Trace,
) -> AuthorizationServerMetadata:
    """Find the authorization server and what it says about itself.

    Args:
        http: The transport.
        server_url: The MCP server.
        resource_metadata: What the server says about itself; None falls back to its own origin.
        prefer: Issuers we are known to; one of them is taken where the resource names it.
        told: Where the caller says it is.
        recall: Gives what an issuer has just said of itself; None has it asked.
        trace: Gets a line per URL tried.

    Raises:
        InsecureURLError: A URL may not be contacted.
        DiscoveryError: The resource names no authorization server, or one that publishes no metadata or is out of
            reach.
        MetadataMismatchError: A document belongs to another issuer, or the resource names others than the caller.
    """
    named = resource_metadata.authorization_servers if resource_metadata else ()
    if resource_metadata and not named and not (told.issuer or told.metadata_url):
        raise DiscoveryError(
            f"The protected resource metadata of {without_query(server_url)} names no authorization server.",
            hint="This is a fault of the server; report it to its operator. If you know which one it is, pass issuer=.",
            url=server_url,
            tried=trace.lines,
        )
    issuer = _choose_issuer(server_url, named, prefer, told, trace)
    if told.metadata_url is not None:
        one = told.recalled_for or (issuer if told.issuer else None)
        if server := _fetch_from(http, told, (one,) if one else named, trace):
            return server
    issuer = told.recalled_for if issuer is None else issuer
    if issuer is not None:
        server = recall(issuer) or fetch_server_metadata(http, issuer, trace=trace)
        if server is None:
            raise DiscoveryError(
                f"{without_query(server_url)} is protected by {without_query(issuer)}, which publishes no "
                "authorization server metadata.",
                hint="Report it to the server's operator, or check the server's URL. If the metadata is elsewhere, "
                "pass metadata_url= with the address.",
                url=issuer,
                tried=trace.lines,
            )
        return server
    base = origin(server_url)
    logger.warning("taking %s itself as the authorization server, as MCP 2025-03-26 does", base)
    try:
        return fetch_server_metadata(http, base, trace=trace) or AuthorizationServerMetadata.default_endpoints(base)
    except MetadataMismatchError as mismatch:
        other = argument("issuer", mismatch.received or "")
        mismatch.hint = f"Nothing in it was used. If that is the authorization server of this server, pass {other}."
        raise


def _choose_issuer(
    server_url: str, named: Sequence[str], prefer: Sequence[str], told: Directions, trace: Trace
) -> str | None:
    """Return the issuer to go to; None when nobody names one."""
    if not named or told.issuer is None:
        return next((known for known in prefer if known in named), named[0] if named else told.issuer)
    chosen = next((issuer for issuer in named if same_issuer(issuer, told.issuer)), None)
    if chosen is None:
        theirs = printable(" or ".join(named))
        raise MetadataMismatchError(
            f"{without_query(server_url)} is protected by {theirs}, not by {printable(told.issuer)}, which the caller "
            "named; nothing was sent to either.",
            hint=f"Leave issuer= out to sign in where the server says, or pass {argument('issuer', named[0])}.",
            url=server_url,
            tried=trace.lines,
            expected=printable(told.issuer),
            received=theirs,
        )
    return chosen


def _fetch_from(
    http: Transport, told: Directions, issuers: Sequence[str], trace: Trace
) -> AuthorizationServerMetadata | None:
    """Return the metadata that is where the caller said; None where only an earlier sign-in says so, and it is gone."""
    where = told.metadata_url or ""
    server = fetch_server_metadata_at(http, where, issuers, trace=trace)
    if server is None and told.recalled_for is None:
        raise DiscoveryError(
            f"There is no authorization server metadata at {without_query(where)}.",
            hint="Check metadata_url=, or leave it out to look at the well-known places.",
            url=where,
            tried=trace.lines,
        )
    if server is None:
        logger.warning("the metadata of %s is no longer at %s", told.recalled_for, without_query(where))
    return server


def choose_resource(server_url: str, resource_metadata: ProtectedResourceMetadata | None) -> str:
    """Return the ``resource`` to send everywhere: as published, to the letter, else the server's own URL.

    RFC 8707 section 2.
    """
    return resource_metadata.resource if resource_metadata else canonical_resource(server_url)
