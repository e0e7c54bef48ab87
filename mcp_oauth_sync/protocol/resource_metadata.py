"""Protected resource metadata: where it is, and whether it is about our server. RFC 9728 sections 3 and 5."""

from __future__ import annotations

from collections.abc import Callable

from ..exceptions import DiscoveryError, MetadataMismatchError, printable
from ..models.document import MalformedDocument
from ..models.metadata import ProtectedResourceMetadata
from ..urls import covers, origin, well_known, without_query
from .documents import Trace, fetch_document
from .remedies import argument
from .transport import Transport

_WHAT = "protected resource metadata"
_SUFFIX = "oauth-protected-resource"
_MARKS = ("resource", "authorization_servers")

#: Gives the resource that a document may be about although it is another one than the server's URL; None: none may.
Accept = Callable[[ProtectedResourceMetadata], str | None]


def accept_none(_: ProtectedResourceMetadata) -> None:
    """Accept no resource but those that cover the server's URL."""


def build_resource_metadata_urls(server_url: str) -> tuple[str, ...]:
    """Return where the document may be: at the server's path, then at its root. RFC 9728 section 3.1."""
    at_path, at_root = well_known(server_url, _SUFFIX), well_known(origin(server_url), _SUFFIX)
    return (at_path,) if at_path == at_root else (at_path, at_root)


def read_resource_metadata(
    document: object, *, server_url: str, url: str, trace: Trace, accept: Accept = accept_none
) -> ProtectedResourceMetadata:
    """Check a fetched document against the server it should describe. RFC 9728 section 3.3.

    Args:
        document: The JSON object.
        server_url: The MCP server.
        url: Where the document came from.
        trace: For the message.
        accept: Gives the resource that is accepted for having been named by the caller.

    Raises:
        DiscoveryError: A member has a wrong type.
        MetadataMismatchError: It describes another resource.
    """
    try:
        metadata = ProtectedResourceMetadata.from_document(document)  # type: ignore[arg-type]
    except MalformedDocument as defect:
        raise DiscoveryError(
            f"The {_WHAT} at {without_query(url)} is malformed: {defect}.", url=url, tried=trace.lines
        ) from None
    if not covers(metadata.resource, server_url) and metadata.resource != accept(metadata):
        received, named = printable(metadata.resource), argument("expected_resource", metadata.resource)
        raise MetadataMismatchError(
            f"The {_WHAT} at {without_query(url)} is about {received!r}, not about {without_query(server_url)!r}.",
            hint="Use the server URL that the document names, or report the mismatch to the server's operator. If "
            f"tokens for the other one are meant for this server, pass {named}.",
            url=url,
            tried=trace.lines,
            expected=without_query(server_url),
            received=received,
        )
    return metadata


def fetch_resource_metadata(
    http: Transport,
    server_url: str,
    *,
    named: str | None,
    trace: Trace,
    accept: Accept = accept_none,
    needed: bool = True,
) -> ProtectedResourceMetadata | None:
    """Fetch the document from where the challenge says, else from the well-known places in order.

    Args:
        http: The transport.
        server_url: The MCP server.
        named: The challenge's ``resource_metadata``; None when it named none.
        trace: Gets a line per URL.
        accept: Gives the resource that is accepted for having been named by the caller.
        needed: Whether a document named by the challenge has to be there.

    Returns:
        The document, or None when the server publishes none.

    Raises:
        InsecureURLError: The challenge names a URL that may not be contacted.
        DiscoveryError: The document named by the challenge is absent, or one is malformed or out of reach.
        MetadataMismatchError: A document describes another resource.
    """
    for url in (named,) if named else build_resource_metadata_urls(server_url):
        document = fetch_document(http, url, what=_WHAT, marks=_MARKS, trace=trace)
        if document is not None:
            return read_resource_metadata(document, server_url=server_url, url=url, trace=trace, accept=accept)
    if named and needed:
        raise DiscoveryError(
            f"{without_query(server_url)} names its {_WHAT} at {without_query(named)}, but there is none.",
            hint="This is a fault of the server; report it to its operator. If you know its authorization server, pass "
            "issuer=.",
            url=named,
            tried=trace.lines,
        )
    return None
