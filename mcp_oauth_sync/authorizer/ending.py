"""Ending a sign-in: tokens revoked, then the client removed where nobody else is it. RFC 7009 section 2, RFC 7592."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from ..exceptions import InsecureURLError, RegistrationError, TokenStorageError
from ..models.client import DYNAMIC, ClientRegistration
from ..models.options import SignInOptions
from ..models.record import ServerRecord
from ..protocol.transport import Transport
from ..stores import TokenManager
from .held import Held
from .moved import warn_not_revoked


@attrs.frozen(kw_only=True)
class Ending:
    """What became of a sign-in that is gone here.

    Attributes:
        revoked: Whether the server confirmed that everything is revoked; False also where there was nothing.
        removed: Whether the server confirmed that the client is removed there; None where it was not asked.
        why: Why the client is still there though it could be removed; None where there is nothing to say.
    """

    revoked: bool = False
    removed: bool | None = None
    why: str | None = None

    @property
    def confirmed(self) -> bool:
        """Whether the server confirmed all that it was asked for."""
        return self.revoked and self.removed is not False


def end_sign_in(held: Held, options: SignInOptions, http: Transport, *, forget: bool) -> Ending:
    """Remove a sign-in here, then tell the server; it is gone here even if that fails.

    Args:
        held: The sign-in.
        options: The caller's choices.
        http: Reaches the server.
        forget: Whether the registration is removed too.

    Raises:
        TokenStorageError: It could not be removed here.
    """
    record = held.drop(forget=forget)
    if record is None:
        return Ending()
    if record.moved_on:
        warn_not_revoked(held.name, record)
        return Ending()
    revoked = _revoke(held.server_url, record, options, http)
    registration = record.registration
    if not forget or registration is None or not _is_ours_to_remove(registration):
        return Ending(revoked=revoked)
    try:
        others = _others_of(held.manager, registration)
    except TokenStorageError as failure:
        return Ending(
            revoked=revoked, why=f"Whether other sign-ins are the same client cannot be told. {failure.message}"
        )
    if others:
        return Ending(revoked=revoked, why="Other sign-ins are the same client.")
    try:
        _remove(record, registration, http)
    except (RegistrationError, InsecureURLError) as failure:
        return Ending(revoked=revoked, removed=False, why=failure.message)
    return Ending(revoked=revoked, removed=True)


def _revoke(server_url: str, record: ServerRecord, options: SignInOptions, http: Transport) -> bool:
    """Revoke the refresh token first: at many servers that ends the access token too. RFC 7009 section 2."""
    if record.tokens is None:
        return False
    from ..client import MCPOAuthClient

    client = MCPOAuthClient(server_url, options=options, http=http, record=record)
    pairs = ((record.tokens.refresh_token, "refresh_token"), (record.tokens.access_token, "access_token"))
    return all([client.revoke_token(token, hint) for token, hint in pairs if token])


def _is_ours_to_remove(registration: ClientRegistration) -> bool:
    """Tell whether we made a registration, and got what removes it."""
    managed = registration.registration_client_uri and registration.registration_access_token
    return registration.source == DYNAMIC and bool(managed)


def _others_of(manager: TokenManager, registration: ClientRegistration) -> bool:
    """Tell whether another sign-in, of any profile, is the same client: taken along with its tokens, or put there."""
    from ..protocol.server_metadata import same_issuer

    def same() -> Iterator[bool]:
        for record in manager.records_of_all_profiles():
            other = record.registration
            if other is not None and other.client_id == registration.client_id:
                yield same_issuer(other.issuer or record.issuer, registration.issuer or "")

    return any(same())


def _remove(record: ServerRecord, registration: ClientRegistration, http: Transport) -> None:
    from ..protocol.deregistration import delete_client

    known = (registration.registered_at, record.issuer, record.token_endpoint, record.revocation_endpoint)
    delete_client(http, registration, known=[url for url in known if url])
