"""Step 3: what the MCP server says about itself. RFC 9728 sections 2, 3 and 5; RFC 9449 section 5.1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from ..exceptions import (
    AuthorizationError,
    DiscoveryError,
    InsecureURLError,
    MetadataMismatchError,
    OAuthError,
    printable,
)
from ..models.document import Document
from ..models.metadata import ProtectedResourceMetadata
from ..urls import canonical_resource, covers, same_origin, without_query
from .finding import Finding, Level, Step


def check_no_resource(error: DiscoveryError | InsecureURLError) -> Finding:
    """Return the problem of metadata that could not be had, or not be used.

    Args:
        error: What the library says of it.
    """
    if isinstance(error, MetadataMismatchError):
        code, what = "resource-mismatch", "its metadata is about another resource than this URL"
    elif isinstance(error, InsecureURLError):
        code, what = "resource-metadata-url", "its metadata is where nobody may be sent"
    elif "malformed" in error.message:
        code, what = "resource-metadata-malformed", "its metadata is malformed"
    elif error.tried and "there is none" in error.message:
        code, what = "resource-metadata-missing", "its challenge names metadata that are not there"
    else:
        code, what = "resource-metadata-unknown", "whether it publishes metadata could not be found out"
    return Finding.of(error, Step.RESOURCE, code, what)


def check_resource(
    url: str, metadata: ProtectedResourceMetadata | None, *, place: str | None, raw: Document | None
) -> Iterator[Finding]:
    """Yield what follows from the metadata.

    Args:
        url: The URL of the MCP server.
        metadata: What it says; None when it says nothing.
        place: Where that was found; None when nothing was.
        raw: The document as it came; None when there is none.
    """
    if metadata is None:
        yield _found(
            Level.WARNING,
            "no-resource-metadata",
            "it publishes none",
            why="Its own origin is taken for its authorization server, as MCP 2025-03-26 has it.",
            remedy="If its authorization server is elsewhere, pass issuer= with it.",
        )
        return
    told = [_place(url, place), _about(url, metadata.resource)]
    if metadata.scopes_supported is not None:
        told.append(f"scopes {printable(' '.join(metadata.scopes_supported) or 'none', 100)!r}")
    if metadata.dpop_signing_alg_values_supported:
        told.append("takes tokens bound to a key (DPoP)")
    yield _found(Level.OK, "resource-metadata", ", ".join(part for part in told if part))
    yield from _check_accepted(url, metadata)
    yield from _check_servers(metadata.authorization_servers)
    yield from _check_methods((raw or {}).get("bearer_methods_supported"))


def _place(url: str, place: str | None) -> str:
    if place is None:
        return ""
    return f"at {printable(urlsplit(place).path if same_origin(place, url) else without_query(place), 100)}"


def _about(url: str, resource: str) -> str:
    if canonical_resource(url) == resource:
        return "about this URL"
    if not covers(resource, url):
        return f"about {printable(without_query(resource), 100)}"
    slash = resource.rstrip("/") == canonical_resource(url)
    return "about this URL, with a slash" if slash else f"about a parent of this URL, {printable(resource, 100)}"


def _check_accepted(url: str, metadata: ProtectedResourceMetadata) -> Iterator[Finding]:
    if not covers(metadata.resource, url):
        yield _found(
            Level.WARNING,
            "expected-resource",
            "it is about another resource, which you accept",
            why="Tokens are asked for that other resource.",
            remedy=f"In force: expected_resource={printable(metadata.resource)!r}",
        )


def _check_servers(issuers: Sequence[str]) -> Iterator[Finding]:
    if len(issuers) > 1:
        first = printable(issuers[0], 100)
        yield _found(
            Level.WARNING,
            "several-authorization-servers",
            f"it names {len(issuers)} authorization servers; the first is taken, {first}",
            why=f"The others are {printable(', '.join(issuers[1:]), 300)}.",
            remedy=f"To take another one, pass issuer={printable(issuers[1])!r}.",
        )


def _check_methods(methods: object) -> Iterator[Finding]:
    if isinstance(methods, list) and methods and "header" not in methods:
        yield _found(
            Level.WARNING,
            "no-header-method",
            "it says that it takes tokens in no header",
            why="Tokens are sent in the Authorization header and nowhere else (MCP authorization).",
            remedy="Sign in all the same: what MCP demands, most servers do. Report it to its operator.",
        )


def check_binding(bound: bool | OAuthError, *, required: bool) -> Iterator[Finding]:
    """Yield whether tokens are bound to a key.

    Args:
        bound: Whether they would be, or why they cannot be though they have to.
        required: Whether the server takes no others.
    """
    if isinstance(bound, AuthorizationError):
        code, what = "dpop-impossible", "it takes only tokens that are bound to a key, and none can be made"
        yield Finding.of(bound, Step.RESOURCE, code, what)
    elif bound is True:
        yield _found(Level.OK, "dpop", "tokens are going to be bound to a key (DPoP)")
    elif required:
        yield _found(
            Level.PROBLEM,
            "dpop-declined",
            "it takes only tokens that are bound to a key, which dpop=False declines",
            remedy="Leave out dpop=False.",
        )


def _found(level: Level, code: str, what: str, *, why: str | None = None, remedy: str | None = None) -> Finding:
    return Finding(step=Step.RESOURCE, level=level, code=code, what=what, why=why, remedy=remedy)
