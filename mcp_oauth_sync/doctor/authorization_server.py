"""Step 4: what the authorization server says about itself. RFC 8414 sections 2 and 3, RFC 7636, RFC 9207, RFC 7009."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import attrs

from ..exceptions import (
    AuthorizationError,
    InsecureURLError,
    MetadataMismatchError,
    OAuthError,
    RegistrationError,
    printable,
)
from ..models.metadata import AuthorizationServerMetadata
from ..models.switches import Switches
from ..protocol.client_auth import BASIC, KEY, NONE, POST
from ..protocol.device import GRANT_TYPE as DEVICE_CODE
from ..protocol.pkce import require_pkce
from ..protocol.scopes import OFFLINE_ACCESS
from ..urls import origin, require_secure, same_origin, without_query
from .finding import Finding, Level, Step

#: The endpoints that we may be sent to, by what they are.
ENDPOINTS = {
    "authorization endpoint": "authorization_endpoint",
    "token endpoint": "token_endpoint",
    "registration endpoint": "registration_endpoint",
    "revocation endpoint": "revocation_endpoint",
    "device authorization endpoint": "device_authorization_endpoint",
}


def check_no_server(error: OAuthError, url: str) -> Finding:
    """Return the problem of an authorization server that could not be found, or not be believed.

    Args:
        error: What the library says of it.
        url: The MCP server.
    """
    if isinstance(error, RegistrationError):
        code, what = "client-of-another-issuer", "the client that is given belongs to another one"
    elif isinstance(error, MetadataMismatchError) and error.url == url:
        code, what = "issuer-not-named", "the MCP server names another one than the caller"
    elif isinstance(error, MetadataMismatchError):
        code, what = "issuer-mismatch", "its metadata belongs to another issuer than the one asked for"
    elif isinstance(error, InsecureURLError):
        code, what = "issuer-refused", "it is named by a URL that nobody may be sent to"
    elif "names no authorization server" in error.message:
        code, what = "no-authorization-server", "the MCP server names none"
    elif "publishes no" in error.message or "There is no" in error.message:
        code, what = "no-server-metadata", "it publishes no metadata at any of the known places"
    elif "malformed" in error.message:
        code, what = "server-metadata-malformed", "its metadata is malformed"
    else:
        code, what = "server-metadata-unknown", "what it says about itself could not be found out"
    return Finding.of(error, Step.SERVER, code, what)


def check_server(
    server: AuthorizationServerMetadata, switches: Switches, *, place: str | None, allow_loopback: bool
) -> Iterator[Finding]:
    """Yield what follows from the metadata.

    Args:
        server: What it says.
        switches: Where it is met halfway.
        place: Where that was found; None for the default endpoints of a server that publishes nothing.
        allow_loopback: Whether it may be on this machine.
    """
    issuer = printable(server.issuer, 100)
    if server.guessed:
        yield _found(
            Level.WARNING,
            "guessed-endpoints",
            f"nothing is published at {issuer}: /authorize, /token and /register there are a guess",
            why="That is what MCP 2025-03-26 has clients do; a server of today publishes its metadata.",
            remedy="If its authorization server is elsewhere, pass issuer= with it.",
        )
    else:
        yield _found(Level.OK, "authorization-server", f"{issuer} ({', '.join(_told(server, place))})")
    yield from _check_pkce(server, switches)
    if switches.allow_missing_iss and server.authorization_response_iss_parameter_supported:
        yield _in_force("missing-iss-allowed", "an answer without its name (iss) is taken", "allow_missing_iss=True")
    if switches.no_resource:
        yield _in_force("no-resource", "the resource parameter is not sent", "resource=None")
    yield from _check_endpoints(server, allow_loopback=allow_loopback)
    yield from _check_methods(server)
    yield from _check_staying(server)


def _told(server: AuthorizationServerMetadata, place: str | None) -> Iterator[str]:
    if place is not None:
        well_known = urlsplit(place).path.partition("/.well-known/")[2].split("/")[0]
        yield {"oauth-authorization-server": "RFC 8414", "openid-configuration": "OpenID"}.get(
            well_known, f"at {printable(without_query(place), 80)}"
        )
    if "S256" in (server.code_challenge_methods_supported or ()):
        yield "PKCE"
    if server.authorization_response_iss_parameter_supported:
        yield "iss"
    if server.revocation_endpoint:
        yield "revocation"
    if server.dpop_signing_alg_values_supported:
        yield "DPoP"
    if OFFLINE_ACCESS in (server.scopes_supported or ()):
        yield OFFLINE_ACCESS
    hosts = {origin(url) for url in _endpoints(server).values() if not same_origin(url, server.issuer) and _whole(url)}
    if hosts:
        yield f"endpoints at {printable(', '.join(sorted(hosts)), 120)}"


def _endpoints(server: AuthorizationServerMetadata) -> dict[str, str]:
    return {what: url for what, name in ENDPOINTS.items() if (url := getattr(server, name))}


def _whole(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname) and urlsplit(url).port != 0
    except ValueError:
        return False


def _check_pkce(server: AuthorizationServerMetadata, switches: Switches) -> Iterator[Finding]:
    try:
        require_pkce(server, assumed=switches.assume_pkce)
    except AuthorizationError as refused:
        silent = server.code_challenge_methods_supported is None
        code = "pkce-not-promised" if silent else "pkce-without-s256"
        said = "it does not say that it supports PKCE" if silent else "it supports PKCE, but not S256"
        problem = Finding.of(refused, Step.SERVER, code, said, why="Without it a stolen code could be used.")
        other_way = bool(server.device_authorization_endpoint)  # a code entered elsewhere needs none
        yield attrs.evolve(problem, level=Level.WARNING) if other_way else problem
        return
    if server.code_challenge_methods_supported is None:
        yield _in_force("pkce-assumed", "PKCE is used though it is not promised", "assume_pkce=True")


def _in_force(code: str, what: str, argument: str) -> Finding:
    return _found(Level.WARNING, code, what, remedy=f"In force: {argument}")


def _check_endpoints(server: AuthorizationServerMetadata, *, allow_loopback: bool) -> Iterator[Finding]:
    for what, url in _endpoints(server).items():
        try:
            require_secure(url, what, allow_loopback=allow_loopback)
        except InsecureURLError as refused:
            needed = what in ("authorization endpoint", "token endpoint")
            yield Finding(
                step=Step.SERVER,
                level=Level.PROBLEM if needed else Level.WARNING,
                code="endpoint-refused",
                what=f"its {what} is at a URL that nobody may be sent to",
                why=refused.message,
                remedy="Report it to its operator.",
            )
    if not server.token_endpoint:
        yield _found(
            Level.PROBLEM,
            "no-token-endpoint",
            "it names no token endpoint",
            why="There is nowhere to get a token.",
            remedy="If it publishes more elsewhere, pass metadata_url= with the address.",
        )


def _check_methods(server: AuthorizationServerMetadata) -> Iterator[Finding]:
    offered = server.token_endpoint_auth_methods_supported
    if offered is not None and not {NONE, POST, BASIC, KEY} & set(offered):
        yield _found(
            Level.WARNING,
            "client-authentication",
            "it lists no way for clients to authenticate that is known here",
            why=f"It lists {printable(', '.join(offered) or 'none', 100)}.",
            remedy="A sign-in tries all the same, as a public client. Report it to its operator if that fails.",
        )


def _check_staying(server: AuthorizationServerMetadata) -> Iterator[Finding]:
    """Yield what keeps a sign-in from lasting. RFC 6749 section 6."""
    kinds = server.grant_types_supported
    offered = OFFLINE_ACCESS in (server.scopes_supported or ())
    for_people = {"authorization_code", DEVICE_CODE} & set(kinds or ())
    if kinds is not None and for_people and "refresh_token" not in kinds and not offered:
        yield _found(
            Level.WARNING,
            "no-refresh",
            "it does not say that it gives refresh tokens",
            why="If it gives none, a person signs in again whenever the access token has run out.",
        )


def _found(level: Level, code: str, what: str, *, why: str | None = None, remedy: str | None = None) -> Finding:
    return Finding(step=Step.SERVER, level=level, code=code, what=what, why=why, remedy=remedy)
