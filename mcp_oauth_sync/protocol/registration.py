"""Dynamic client registration. RFC 7591 section 3; OpenID Connect Registration (``application_type``)."""

from __future__ import annotations

import json
from collections.abc import Sequence

import attrs

from ..exceptions import RegistrationError, RegistrationRequiredError, printable
from ..models.client import ClientRegistration
from ..models.client_metadata import ClientMetadata
from ..models.document import MalformedDocument
from ..models.metadata import AuthorizationServerMetadata
from ..models.secret import Secret
from ..urls import portless, without_query
from .client_auth import BASIC, NONE, POST, select_method, select_requested_method
from .remedies import UNPUBLISHED
from .reply import Reply, TransportFailure
from .transport import Transport

#: Answers of an endpoint that is closed to us, or is not there: waiting and other values change nothing.
_CLOSED = frozenset({401, 403, 404, 405})


def build_registration_request(
    metadata: ClientMetadata,
    *,
    redirect_uris: Sequence[str],
    scopes: Sequence[str],
    server: AuthorizationServerMetadata,
) -> dict[str, object]:
    """Return the JSON document to post. RFC 7591 section 3.1.

    Args:
        metadata: What the caller wants to be.
        redirect_uris: The redirect URIs, with the port that is really bound.
        scopes: The scopes about to be requested; left out when empty.
        server: Decides the authentication method when the caller left it open.
    """
    method = metadata.token_endpoint_auth_method or select_requested_method(server)
    request: dict[str, object] = {
        "client_name": metadata.client_name,
        "redirect_uris": list(redirect_uris),
        "grant_types": list(metadata.grant_types),
        "response_types": list(metadata.response_types),
        "application_type": metadata.application_type or select_application_type(redirect_uris),
        "token_endpoint_auth_method": method,
    }
    if metadata.client_uri:
        request["client_uri"] = metadata.client_uri
    if scope := metadata.scope or " ".join(scopes):
        request["scope"] = scope
    return {**request, **metadata.extra}


def select_application_type(redirect_uris: Sequence[str]) -> str:
    """Return "web" for redirects by https alone, which no native client may have. OpenID Connect Registration s2."""
    return "web" if redirect_uris and all(uri.lower().startswith("https:") for uri in redirect_uris) else "native"


def read_registration_response(
    reply: Reply, *, server: AuthorizationServerMetadata, endpoint: str, redirect_uris: Sequence[str]
) -> ClientRegistration:
    """Judge the answer, substituted values included. RFC 7591 section 3.2.1.

    Args:
        reply: The answer.
        server: Where we registered.
        endpoint: The registration endpoint.
        redirect_uris: What we asked for; an answer that leaves them out means them.

    Raises:
        RegistrationRequiredError: This server does not register everybody, or nobody.
        RegistrationError: It was refused, or what came back cannot be used.
    """
    where = without_query(endpoint)
    document = reply.json_object()
    error, description = reply.oauth_error()
    if reply.status not in (200, 201) or document is None or error:
        wait = reply.retry_after()
        kind = RegistrationRequiredError if reply.status in _CLOSED else RegistrationError
        raise kind(
            f"Registering at {where} was refused: {reply.describe()}.",
            hint=_refusal_hint(reply.status, error, wait, redirect_uris, guessed=server.guessed),
            issuer=server.issuer,
            error=error,
            error_description=description,
            status=reply.status,
        )
    try:
        registration = ClientRegistration.from_response(document, issuer=server.issuer)
    except MalformedDocument as defect:
        raise RegistrationError(
            f"The registration answer of {where} is malformed: {defect}.",
            issuer=server.issuer,
            status=reply.status,
        ) from None
    method = registration.token_endpoint_auth_method
    unusable = None
    if method and method not in (NONE, POST, BASIC):
        unusable = f"it demands the authentication method {printable(method, 40)!r}"
    elif method in (POST, BASIC) and not registration.client_secret:
        unusable = f"it demands {method} but gave no secret"
    elif registration.is_expired():
        unusable = "the secret it gave is already expired"
    elif registration.redirect_uris and not _known(redirect_uris, registration.redirect_uris):
        unusable = "it is for other redirect URIs than ours"
    if unusable:
        raise RegistrationError(f"The registration at {where} cannot be used: {unusable}.", issuer=server.issuer)
    method = select_method(registration, server)
    return attrs.evolve(registration, token_endpoint_auth_method=method, registered_at=endpoint)


def _known(ours: Sequence[str], registered: Sequence[str]) -> bool:
    """Tell whether all of ours are registered; the port of a loopback address does not count. RFC 8252 section 7.3."""
    return {portless(uri) for uri in ours} <= {portless(uri) for uri in registered}


def _refusal_hint(
    status: int, error: str | None, wait: float | None, redirect_uris: Sequence[str], *, guessed: bool
) -> str:
    if status == 429:
        return "Too many registrations; try again " + (f"in {wait:.0f} seconds." if wait else "later.")
    if status in _CLOSED and guessed:
        return f"This endpoint is a guess: {UNPUBLISHED} Else register a client by hand and pass client_id=."
    if status in _CLOSED:
        shown = " ".join(uri if portless(uri) == uri else f"{portless(uri)} (any port)" for uri in redirect_uris)
        return (
            f"This server does not register everybody. Register one by hand with the redirect URI {shown} and pass "
            "client_id= (and client_secret=), or pass initial_access_token= if the operator gave you one."
        )
    if error == "invalid_redirect_uri":
        return "Some servers want another spelling of this machine: pass callback_host='localhost'."
    return "Pass client_metadata= to register with other values, or client_id= to use a client registered by hand."


def register_client(
    http: Transport,
    server: AuthorizationServerMetadata,
    metadata: ClientMetadata,
    *,
    redirect_uris: Sequence[str],
    scopes: Sequence[str] = (),
    initial_access_token: str | None = None,
) -> ClientRegistration:
    """Register a client. RFC 7591 section 3.

    Args:
        http: The transport.
        server: A server with a registration endpoint.
        metadata: What to register as.
        redirect_uris: The redirect URIs.
        scopes: The scopes about to be requested.
        initial_access_token: Credential for a protected endpoint; None for an open one.

    Raises:
        InsecureURLError: The endpoint may not be contacted.
        RegistrationRequiredError: This server does not register everybody, or nobody.
        RegistrationError: No usable registration came of it.
    """
    endpoint = server.registration_endpoint or ""
    request = build_registration_request(metadata, redirect_uris=redirect_uris, scopes=scopes, server=server)
    headers = {"Authorization": Secret(f"Bearer {initial_access_token}")} if initial_access_token else {}
    try:
        reply = http.post_json(endpoint, json.dumps(request), what="registration endpoint", headers=headers)
    except TransportFailure as failure:
        raise RegistrationError(
            f"Registering at {without_query(endpoint)} failed: {failure.message}.",
            hint=failure.hint or "This is a fault of the network or the server; try again.",
            issuer=server.issuer,
        ) from None
    return read_registration_response(reply, server=server, endpoint=endpoint, redirect_uris=redirect_uris)
