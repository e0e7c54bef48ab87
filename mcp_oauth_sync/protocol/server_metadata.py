"""Authorization server metadata: where it is, and whether its issuer is the one we asked for.

RFC 8414 section 3, OpenID Connect Discovery 1.0 section 4, in the order of the MCP specification.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from ..exceptions import DiscoveryError, MetadataMismatchError, printable
from ..models.document import Document, MalformedDocument
from ..models.metadata import AuthorizationServerMetadata
from ..urls import origin, require_secure, well_known, without_query
from .documents import Trace, fetch_document
from .transport import Transport

_WHAT = "authorization server metadata"
_MARKS = ("issuer", "authorization_endpoint", "token_endpoint")
_ELSEWHERE = "If its metadata is elsewhere, pass metadata_url= with the address."


def build_server_metadata_urls(issuer: str) -> tuple[str, ...]:
    """Return where the document may be, in MCP order: OAuth inserted, OpenID inserted, OpenID appended."""
    inserted = (well_known(issuer, "oauth-authorization-server"), well_known(issuer, "openid-configuration"))
    path = urlsplit(issuer).path.rstrip("/")
    return (*inserted, f"{origin(issuer)}{path}/.well-known/openid-configuration") if path else inserted


def same_issuer(published: str, expected: str) -> bool:
    """Tell whether two issuer identifiers are identical, a slash as the whole path making no difference.

    RFC 8414 section 3.3 asks for identity. The one concession: large providers publish their root issuer
    with and without the slash that RFC 3986 section 6.2.3 calls equivalent.
    """
    if published == expected:
        return True
    shorter, longer = sorted((published, expected), key=len)
    try:
        return longer == shorter + "/" and not any(urlsplit(shorter)[2:])
    except ValueError:
        return False


def read_server_metadata(
    document: Document, *, issuers: Sequence[str], url: str, trace: Trace
) -> AuthorizationServerMetadata:
    """Check a fetched document against the issuer it was fetched for. RFC 8414 section 3.3.

    Args:
        document: The JSON object.
        issuers: The issuer identifier the URL was built from, or several of which it may be; none takes any.
        url: Where the document came from.
        trace: For the message.

    Raises:
        DiscoveryError: A member has a wrong type.
        MetadataMismatchError: The document belongs to another issuer.
    """
    try:
        metadata = AuthorizationServerMetadata.from_document(document)
    except MalformedDocument as defect:
        raise DiscoveryError(
            f"The {_WHAT} at {without_query(url)} is malformed: {defect}.",
            hint=f"Report it to the server's operator. {_ELSEWHERE}",
            url=url,
            tried=trace.lines,
        ) from None
    if issuers and not any(same_issuer(metadata.issuer, issuer) for issuer in issuers):
        received, expected = printable(metadata.issuer), printable(" or ".join(issuers))
        raise MetadataMismatchError(
            f"The {_WHAT} at {without_query(url)} is of the issuer {received!r}, but {expected!r} was asked.",
            hint=f"Nothing in it was used. Report the mismatch to the server's operator. {_ELSEWHERE}",
            url=url,
            tried=trace.lines,
            expected=expected,
            received=received,
        )
    return metadata


def fetch_server_metadata(http: Transport, issuer: str, *, trace: Trace) -> AuthorizationServerMetadata | None:
    """Fetch an issuer's metadata from the first place that has it.

    Args:
        http: The transport.
        issuer: The issuer identifier.
        trace: Gets a line per URL.

    Returns:
        The document, or None when the issuer publishes none.

    Raises:
        InsecureURLError: The issuer is not a URL that may be contacted.
        DiscoveryError: A document is malformed or out of reach.
        MetadataMismatchError: A document belongs to another issuer.
    """
    require_secure(issuer, "issuer", allow_loopback=http.allow_loopback)
    for url in build_server_metadata_urls(issuer):
        document = fetch_document(http, url, what=_WHAT, marks=_MARKS, trace=trace, advice=_ELSEWHERE)
        if document is not None:
            return read_server_metadata(document, issuers=(issuer,), url=url, trace=trace)
    return None


def fetch_server_metadata_at(
    http: Transport, url: str, issuers: Sequence[str], *, trace: Trace
) -> AuthorizationServerMetadata | None:
    """Fetch metadata from where the caller says it is.

    Args:
        http: The transport.
        url: Where it is.
        issuers: The issuers of which it may be; none takes any.
        trace: Gets a line.

    Returns:
        The document, or None when there is none.

    Raises:
        InsecureURLError: The URL, or the issuer in the document, is not one that may be contacted.
        DiscoveryError: The document is malformed or out of reach.
        MetadataMismatchError: It belongs to another issuer.
    """
    document = fetch_document(http, url, what=_WHAT, marks=_MARKS, trace=trace)
    if document is None:
        return None
    metadata = read_server_metadata(document, issuers=issuers, url=url, trace=trace)
    require_secure(metadata.issuer, "issuer", allow_loopback=http.allow_loopback)
    return metadata
