"""How a client authenticates at the token endpoint. RFC 6749 section 2.3, RFC 7591 section 2, RFC 7523 section 2.2."""

from __future__ import annotations

import base64
from urllib.parse import quote_plus

import attrs

from ..exceptions import RegistrationError, printable
from ..models.client import ClientRegistration
from ..models.client_key import ClientKey
from ..models.metadata import AuthorizationServerMetadata
from ..models.secret import Secret
from .proofs import NO_PROOFS, Proofs

NONE, POST, BASIC, KEY = "none", "client_secret_post", "client_secret_basic", "private_key_jwt"
#: As ``private_key_jwt``, for servers that insist on a ``client_id`` beside the assertion that names the client.
KEY_AND_ID = "private_key_jwt with client_id"
KEY_METHODS = (KEY, KEY_AND_ID)
_SECRET_METHODS = (POST, BASIC)


def select_requested_method(server: AuthorizationServerMetadata) -> str:
    """Choose the method to ask for when registering: a public client wherever that is possible."""
    offered = server.token_endpoint_auth_methods_supported
    if not offered or NONE in offered:
        return NONE
    return next((method for method in _SECRET_METHODS if method in offered), NONE)


def select_method(
    registration: ClientRegistration, server: AuthorizationServerMetadata, client_key: ClientKey | None = None
) -> str:
    """Choose the method to use: what the registration says, else what fits the key or secret and the server.

    A secret that came with the method "none", or with none named, is used if the server lists a method
    for it: some servers hand one out and then insist on it.

    Args:
        registration: What we are.
        server: What the server offers; nothing listed means basic (RFC 8414 section 2).
        client_key: Our private key; None when there is none.
    """
    said, secret = registration.token_endpoint_auth_method, registration.client_secret
    offered = server.token_endpoint_auth_methods_supported
    if said in KEY_METHODS:
        return said
    if client_key is not None and said in (None, NONE) and (not secret or KEY in (offered or ())):
        return next((method for method in KEY_METHODS if method in (offered or ())), KEY)
    if not secret:
        return NONE
    if said and said != NONE:
        return said
    if offered is None:
        return NONE if said == NONE else BASIC
    return next((method for method in _SECRET_METHODS if method in offered), NONE)


def select_other_method(
    registration: ClientRegistration, error: str | None = "invalid_client", description: str | None = None
) -> str | None:
    """Return the method to try once after a refusal; None when there is no sensible other one.

    Args:
        registration: What we are, with the method that was refused.
        error: The error code of the refusal.
        description: What the server said about it; None when it said nothing.
    """
    method = registration.token_endpoint_auth_method or NONE
    if method == KEY:
        named = error in ("invalid_client", "invalid_request") and "client_id" in (description or "")
        return KEY_AND_ID if named else None
    if error != "invalid_client" or not registration.client_secret:
        return None
    return {NONE: POST, POST: BASIC, BASIC: POST}.get(method)


def settle_method(
    client: ClientRegistration,
    server: AuthorizationServerMetadata,
    client_key: ClientKey | None,
    *,
    saved: ClientRegistration | None = None,
) -> ClientRegistration:
    """Return a client that the caller brings, bound to a server, with the method it will use there.

    A private key is tried out, before anybody is asked for anything.

    Args:
        client: The client.
        server: The authorization server.
        client_key: Its private key; None when there is none.
        saved: What was settled earlier, for a server whose metadata are not at hand; None when nothing was.

    Raises:
        RegistrationError: The key is missing or cannot be used there.
    """
    method = select_method(client, server, client_key)
    settled = attrs.evolve(client, issuer=server.issuer, token_endpoint_auth_method=method)
    if method not in KEY_METHODS:
        return settled
    client_key = require_key(client, client_key)
    known = saved.token_endpoint_auth_signing_alg if saved and saved.client_id == client.client_id else None
    if server.published or known is None:
        from .assertions import settle_algorithm  # what only such a client needs

        offered = server.token_endpoint_auth_signing_alg_values_supported
        known = settle_algorithm(client_key, offered, server=server.issuer)
    return attrs.evolve(settled, token_endpoint_auth_signing_alg=known)


def build_client_authentication(
    registration: ClientRegistration | None, proofs: Proofs = NO_PROOFS, *, ahead: float = 0.0
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the (headers, form fields) that identify the client, by exactly one method.

    Args:
        registration: What we are; its ``token_endpoint_auth_method`` decides. None identifies nobody.
        proofs: The key for ``private_key_jwt``, and whom its assertions are for. It is read for each request.
        ahead: Seconds by which the clock of the server is ahead of ours, for assertions.

    Raises:
        RegistrationError: The key is missing or cannot be used.
    """
    if registration is None:
        return {}, {}
    method, secret = registration.token_endpoint_auth_method or NONE, registration.client_secret
    if method == BASIC and secret:
        pair = f"{quote_plus(registration.client_id)}:{quote_plus(secret)}"
        return {"Authorization": Secret("Basic " + base64.b64encode(pair.encode()).decode())}, {}
    if method == POST and secret:
        return {}, {"client_id": registration.client_id, "client_secret": secret}
    if method in KEY_METHODS:
        beside = {"client_id": registration.client_id} if method == KEY_AND_ID else {}
        return {}, {**beside, **_assertion_of(registration, proofs, ahead)}
    return {}, {"client_id": registration.client_id}


def require_key(registration: ClientRegistration, client_key: ClientKey | None) -> ClientKey:
    """Return the key of a client that authenticates with one.

    Raises:
        RegistrationError: There is none.
    """
    if client_key is None:
        raise RegistrationError(
            f"The client {printable(registration.client_id)!r} authenticates with its private key, which is not here.",
            hint="Pass client_key=.",
            issuer=registration.issuer,
        )
    return client_key


def _assertion_of(registration: ClientRegistration, proofs: Proofs, ahead: float) -> dict[str, str]:
    client_key = require_key(registration, proofs.client_key)
    from .assertions import ASSERTION_TYPE, build_client_assertion  # what only such a client needs

    assertion = build_client_assertion(
        client_key,
        client_id=registration.client_id,
        issuer=proofs.issuer or registration.issuer or "",
        algorithm=registration.token_endpoint_auth_signing_alg,
        ahead=ahead,
    )
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
