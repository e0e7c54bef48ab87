"""Token revocation. RFC 7009 section 2."""

from __future__ import annotations

from ..exceptions import RevocationError
from ..models.client import ClientRegistration
from ..urls import without_query
from .client_auth import NONE, build_client_authentication
from .proofs import NO_PROOFS, Proofs
from .reply import TransportFailure
from .transport import Transport


def revoke_token(
    http: Transport,
    endpoint: str,
    registration: ClientRegistration | None,
    token: str,
    *,
    token_type_hint: str | None = None,
    proofs: Proofs = NO_PROOFS,
) -> None:
    """Revoke one token.

    Args:
        http: The transport.
        endpoint: The revocation endpoint of the issuer that issued the token.
        registration: Who we are there; None identifies nobody.
        token: The token.
        token_type_hint: "access_token", "refresh_token" or None.
        proofs: What goes with the request beyond the registration.

    Raises:
        InsecureURLError: The endpoint may not be contacted.
        RevocationError: The server did not confirm it.
        RegistrationError: The client's key cannot be used.
    """
    headers, identity = build_client_authentication(registration, proofs)
    fields = {"token": token, **identity}
    if token_type_hint:
        fields["token_type_hint"] = token_type_hint
    try:
        reply = http.post_form(endpoint, fields, what="revocation endpoint", headers=headers)
        if reply.status == 400 and registration is not None and registration.token_endpoint_auth_method == NONE:
            # The official Python SDK's server wants the field to be there, even of a public client.
            again = {**fields, "client_secret": ""}
            reply = http.post_form(endpoint, again, what="revocation endpoint", headers=headers)
    except TransportFailure as failure:
        raise RevocationError(
            f"The revocation endpoint {without_query(endpoint)} could not be used: {failure.message}.",
            hint=failure.hint or "The token stays valid at the server until it expires.",
        ) from failure.with_traceback(None)
    if reply.status not in (200, 204):
        error, description = reply.oauth_error()
        raise RevocationError(
            f"The revocation endpoint {without_query(endpoint)} did not confirm: {reply.describe()}.",
            hint="The token may stay valid at the server until it expires.",
            error=error,
            error_description=description,
            status=reply.status,
        )
