"""Removing a registration of ours. RFC 7592 section 2.3."""

from __future__ import annotations

from collections.abc import Iterable

from ..exceptions import RegistrationError
from ..models.client import ClientRegistration
from ..models.secret import Secret
from ..urls import same_origin, without_query
from .reply import TransportFailure
from .transport import Transport

_LEFT = "The client stays there; unused ones do no harm, and most run out."


def delete_client(http: Transport, registration: ClientRegistration, *, known: Iterable[str]) -> None:
    """Remove a client at its authorization server.

    Args:
        http: The transport.
        registration: A registration that says where it is managed, and by which token.
        known: URLs of the authorization server. The token goes to their origins only, wherever the answer to the
            registration wanted it to go.

    Raises:
        InsecureURLError: The place may not be contacted.
        RegistrationError: The server did not confirm it; or the place is not the server's, and nothing was sent.
    """
    uri, token = registration.registration_client_uri or "", registration.registration_access_token
    where = without_query(uri)
    if not any([same_origin(uri, url) for url in known]):
        raise RegistrationError(
            f"The client is said to be managed at {where}, which is not where it was registered; nothing was sent.",
            hint=_LEFT,
            issuer=registration.issuer,
        )
    headers = {"Authorization": Secret(f"Bearer {token}")}
    try:
        reply = http.send("DELETE", uri, what="client configuration endpoint", headers=headers)
    except TransportFailure as failure:
        raise RegistrationError(
            f"The client could not be removed at {where}: {failure.message}.",
            hint=failure.hint or _LEFT,
            issuer=registration.issuer,
        ) from failure.with_traceback(None)
    if reply.status in (200, 204):
        return
    why = {
        401: "the server does not know it, or not by this token",
        403: "the server does not let clients remove themselves",
        404: "the server does not know it",
        405: "the server does not let clients be removed",
    }
    error, description = reply.oauth_error()
    raise RegistrationError(
        f"The client was not removed at {where}: {why.get(reply.status, 'it did not confirm')} ({reply.describe()}).",
        hint=_LEFT,
        issuer=registration.issuer,
        error=error,
        error_description=description,
        status=reply.status,
    )
