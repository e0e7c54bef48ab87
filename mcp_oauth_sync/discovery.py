"""From one challenge to the two metadata documents, with fallbacks in the order of the MCP specification.

RFC 9728 section 5, RFC 8414 section 3; MCP 2025-03-26 for servers without protected resource metadata.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from .exceptions import DiscoveryError
from .models.metadata import AuthorizationServerMetadata, ProtectedResourceMetadata
from .protocol.challenge import Challenge, select_challenge
from .protocol.documents import Trace
from .protocol.reply import TransportFailure
from .protocol.resource_metadata import fetch_resource_metadata
from .protocol.server_metadata import fetch_server_metadata
from .protocol.transport import Transport
from .urls import canonical_resource, origin, without_query

logger = logging.getLogger(__name__)


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
    http: Transport, server_url: str, *, named: str | None, trace: Trace
) -> ProtectedResourceMetadata | None:
    """Find what the MCP server says about itself.

    Args:
        http: The transport.
        server_url: The MCP server.
        named: The challenge's ``resource_metadata``; None when it named none.
        trace: Gets a line per URL tried.

    Returns:
        The document, or None when the server publishes none.

    Raises:
        InsecureURLError: A URL may not be contacted.
        DiscoveryError: A document is missing where one was promised, malformed, or out of reach.
        MetadataMismatchError: A document describes another resource.
    """
    metadata = fetch_resource_metadata(http, server_url, named=named, trace=trace)
    if metadata is None:
        logger.warning("%s publishes no protected resource metadata", without_query(server_url))
    return metadata


def find_server(
    http: Transport,
    server_url: str,
    resource_metadata: ProtectedResourceMetadata | None,
    *,
    prefer: Sequence[str] = (),
    trace: Trace,
) -> AuthorizationServerMetadata:
    """Find the authorization server and what it says about itself.

    Args:
        http: The transport.
        server_url: The MCP server.
        resource_metadata: What the server says about itself; None falls back to its own origin.
        prefer: Issuers we are known to; one of them is taken where the resource names it.
        trace: Gets a line per URL tried.

    Raises:
        InsecureURLError: A URL may not be contacted.
        DiscoveryError: The resource names no authorization server, or one that publishes no metadata or is out of
            reach.
        MetadataMismatchError: A document belongs to another issuer.
    """
    issuers = resource_metadata.authorization_servers if resource_metadata else ()
    if resource_metadata and not issuers:
        raise DiscoveryError(
            f"The protected resource metadata of {without_query(server_url)} names no authorization server.",
            hint="This is a fault of the server; report it to its operator.",
            url=server_url,
            tried=trace.lines,
        )
    issuer = next((known for known in prefer if known in issuers), issuers[0] if issuers else None)
    if issuer is not None:
        server = fetch_server_metadata(http, issuer, trace=trace)
        if server is None:
            raise DiscoveryError(
                f"{without_query(server_url)} is protected by {without_query(issuer)}, which publishes no "
                "authorization server metadata.",
                hint="Report it to the server's operator, or check the server's URL.",
                url=issuer,
                tried=trace.lines,
            )
        return server
    base = origin(server_url)
    logger.warning("taking %s itself as the authorization server, as MCP 2025-03-26 does", base)
    return fetch_server_metadata(http, base, trace=trace) or AuthorizationServerMetadata.default_endpoints(base)


def choose_resource(server_url: str, resource_metadata: ProtectedResourceMetadata | None) -> str:
    """Return the ``resource`` to send everywhere: as published, to the letter, else the server's own URL.

    RFC 8707 section 2.
    """
    return resource_metadata.resource if resource_metadata else canonical_resource(server_url)
