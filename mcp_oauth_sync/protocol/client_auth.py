"""How a client authenticates at the token endpoint. RFC 6749 section 2.3, RFC 7591 section 2."""

from __future__ import annotations

import base64
from urllib.parse import quote_plus

from ..models.client import ClientRegistration
from ..models.metadata import AuthorizationServerMetadata
from ..models.secret import Secret
from .proofs import NO_PROOFS, Proofs

NONE, POST, BASIC = "none", "client_secret_post", "client_secret_basic"
_SECRET_METHODS = (POST, BASIC)


def select_requested_method(server: AuthorizationServerMetadata) -> str:
    """Choose the method to ask for when registering: a public client wherever that is possible."""
    offered = server.token_endpoint_auth_methods_supported
    if not offered or NONE in offered:
        return NONE
    return next((method for method in _SECRET_METHODS if method in offered), NONE)


def select_method(registration: ClientRegistration, server: AuthorizationServerMetadata) -> str:
    """Choose the method to use: what the registration says, else what fits the secret and the server.

    A secret that came with the method "none", or with none named, is used if the server lists a method
    for it: some servers hand one out and then insist on it.

    Args:
        registration: What we are.
        server: What the server offers; nothing listed means basic (RFC 8414 section 2).
    """
    said = registration.token_endpoint_auth_method
    if not registration.client_secret:
        return NONE
    if said and said != NONE:
        return said
    offered = server.token_endpoint_auth_methods_supported
    if offered is None:
        return NONE if said == NONE else BASIC
    return next((method for method in _SECRET_METHODS if method in offered), NONE)


def select_other_method(registration: ClientRegistration) -> str | None:
    """Return the method to try once after ``invalid_client``; None when there is no sensible other one."""
    if not registration.client_secret:
        return None
    return {NONE: POST, POST: BASIC, BASIC: POST}.get(registration.token_endpoint_auth_method or NONE)


def build_client_authentication(
    registration: ClientRegistration | None, proofs: Proofs = NO_PROOFS
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the (headers, form fields) that identify the client, by exactly one method.

    Args:
        registration: What we are; its ``token_endpoint_auth_method`` decides. None identifies nobody.
        proofs: The key for ``private_key_jwt``, and whom its assertions are for.
    """
    if registration is None:
        return {}, {}
    method, secret = registration.token_endpoint_auth_method or NONE, registration.client_secret
    if method == BASIC and secret:
        pair = f"{quote_plus(registration.client_id)}:{quote_plus(secret)}"
        return {"Authorization": Secret("Basic " + base64.b64encode(pair.encode()).decode())}, {}
    if method == POST and secret:
        return {}, {"client_id": registration.client_id, "client_secret": secret}
    return {}, {"client_id": registration.client_id}
