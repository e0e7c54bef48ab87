"""Who we are to an authorization server: pre-registered, client-id document, saved, newly registered, or an error.

MCP client registration (order of ways, binding to the issuer); RFC 7591.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Sequence

import attrs

from .exceptions import RegistrationError, RegistrationRequiredError, printable
from .models.callback import Callback
from .models.client import DOCUMENT, DYNAMIC, PREREGISTERED, ClientRegistration
from .models.metadata import AuthorizationServerMetadata
from .models.options import SignInOptions
from .protocol.client_auth import settle_method
from .protocol.client_id_document import build_document_registration
from .protocol.registration import register_client
from .protocol.remedies import argument
from .protocol.server_metadata import same_issuer
from .protocol.transport import Transport
from .urls import portless

logger = logging.getLogger(__name__)


class Way(enum.Enum):
    """How we come to be known."""

    PREREGISTERED = enum.auto()
    DOCUMENT = enum.auto()
    SAVED = enum.auto()
    DYNAMIC = enum.auto()


def choose_way(
    options: SignInOptions,
    server: AuthorizationServerMetadata,
    saved: ClientRegistration | None,
    *,
    scopes: Sequence[str] = (),
) -> Way:
    """Choose the way, before anything is bound or opened.

    Args:
        options: The caller's choices.
        server: The authorization server.
        saved: What an earlier sign-in left; None when there was none.
        scopes: The scopes about to be requested.

    Raises:
        RegistrationError: The client given by the caller belongs to another authorization server.
        RegistrationRequiredError: There is no way; the message says what to register.
    """
    if options.client_id is not None:
        _require_same_issuer(options, server, saved)
        return Way.PREREGISTERED
    reads = server.client_id_metadata_document_supported
    if options.client_id_metadata_url and reads:
        return Way.DOCUMENT
    if saved is not None and saved.source != DYNAMIC:
        if same_issuer(saved.issuer or "", server.issuer):
            return Way.SAVED
        if saved.source == DOCUMENT and reads:  # whoever reads such documents can read this one
            return Way.DOCUMENT
        if saved.source == PREREGISTERED and not server.registration_endpoint:
            raise wrong_issuer(saved.client_id, saved.issuer or "", server.issuer)
    if saved is not None and is_usable(saved, server, scopes=scopes):
        return Way.SAVED
    if server.registration_endpoint:
        return Way.DYNAMIC
    document = " Or host a document that 'mcp-oauth-sync client-document' writes: client_id_metadata_url= is its URL."
    raise RegistrationRequiredError(
        f"The authorization server {printable(server.issuer)} registers no clients by itself.",
        hint=f"Register a native (public) client there by hand with the redirect URI {_shown(options)} and pass its "
        f"client_id= (and client_secret= if it has one).{document if reads else ''}",
        issuer=server.issuer,
    )


def _shown(options: SignInOptions) -> str:
    callback = options.callback
    if callback.exact or callback.fixed:
        return " or ".join(callback.uris(callback.unbound))
    return f"{callback.unbound}, any port (or choose one with callback_port=)"


def _require_same_issuer(
    options: SignInOptions, server: AuthorizationServerMetadata, saved: ClientRegistration | None
) -> None:
    bound = options.issuer
    if bound is None and saved is not None and saved.client_id == options.client_id:
        bound = saved.issuer
    if bound is not None and not same_issuer(bound, server.issuer):
        raise wrong_issuer(options.client_id or "", bound, server.issuer)


def wrong_issuer(client_id: str, bound: str, now: str) -> RegistrationError:
    """Return the error of a client that belongs to another authorization server.

    Args:
        client_id: The client.
        bound: The authorization server it belongs to.
        now: The one that is in use now.
    """
    new = argument("issuer", now)
    return RegistrationError(
        f"The client {printable(client_id)!r} belongs to {printable(bound)}, but the server now uses "
        f"{printable(now)}; it was not used there.",
        hint=f"Register a client at the new authorization server and pass its client_id= and {new}.",
        issuer=now,
    )


def is_usable(
    saved: ClientRegistration,
    server: AuthorizationServerMetadata,
    *,
    scopes: Sequence[str] = (),
    redirect_uri: str | None = None,
) -> bool:
    """Tell whether a saved registration still fits: issuer, secret, scopes, redirect URI.

    Args:
        saved: The registration.
        server: The authorization server.
        scopes: The scopes about to be requested.
        redirect_uri: The redirect that is really bound; None while it is not known yet.
    """
    if not same_issuer(saved.issuer or "", server.issuer) or saved.is_expired():
        return False
    if saved.source != DYNAMIC:
        return True
    if saved.scope is not None and not set(scopes) <= set(saved.scope.split()):
        return False
    return redirect_uri is None or not saved.redirect_uris or redirect_uri in saved.redirect_uris


def identify(
    way: Way,
    http: Transport,
    options: SignInOptions,
    server: AuthorizationServerMetadata,
    saved: ClientRegistration | None,
    *,
    redirect_uri: str | None,
    scopes: Sequence[str],
    redirect_uris: Sequence[str] = (),
    grant_types: Sequence[str] = (),
) -> ClientRegistration:
    """Return who we are, registering if need be.

    Args:
        way: From :func:`choose_way`.
        http: The transport.
        options: The caller's choices.
        server: The authorization server.
        saved: What an earlier sign-in left; None when there was none.
        redirect_uri: The redirect that is really bound; None for grants without one.
        scopes: The scopes about to be requested.
        redirect_uris: Every redirect to register; none registers the bound one.
        grant_types: What the grant has to be registered for.

    Raises:
        InsecureURLError: The registration endpoint may not be contacted.
        RegistrationError: No registration came of it.
        RegistrationRequiredError: A new one is needed, and the server makes none.
    """
    if way is Way.PREREGISTERED and (given := options.preregistered):
        return settle_method(given, server, options.client_key, saved=saved)
    document = options.client_id_metadata_url or (saved.client_id if saved and saved.source == DOCUMENT else None)
    if way is Way.DOCUMENT and document:
        documented = redirect_uris or ((redirect_uri,) if redirect_uri else ())
        ours = build_document_registration(document, server, redirect_uris=documented)
        return settle_method(ours, server, options.client_key, saved=saved)
    if way is Way.SAVED and saved and is_usable(saved, server, scopes=scopes, redirect_uri=redirect_uri):
        return saved
    if not server.registration_endpoint:
        raise RegistrationRequiredError(
            f"The saved registration at {printable(server.issuer)} no longer fits, and no new one can be made.",
            hint=f"Register a client there with the redirect URI {redirect_uri or 'of your choice'} and pass its "
            "client_id=.",
            issuer=server.issuer,
        )
    uris = tuple(redirect_uris) or ((redirect_uri,) if redirect_uri else (options.callback.unbound,))
    metadata = options.client_metadata
    kinds = tuple(dict.fromkeys((*metadata.grant_types, *grant_types)))
    return _register(
        http, attrs.evolve(options, client_metadata=attrs.evolve(metadata, grant_types=kinds)), server, uris, scopes
    )


def require_known(way: Way, saved: ClientRegistration | None, server: AuthorizationServerMetadata) -> None:
    """Refuse to be anybody that the caller did not bring.

    Raises:
        RegistrationRequiredError: It would take a registration, or one that was made for people.
    """
    if way is Way.DYNAMIC or (way is Way.SAVED and saved is not None and saved.source == DYNAMIC):
        raise RegistrationRequiredError(
            f"Nobody registers by itself at {printable(server.issuer)} for a sign-in without a person.",
            hint="Register a client there by hand and pass its client_id=.",
            issuer=server.issuer,
        )


def _register(
    http: Transport,
    options: SignInOptions,
    server: AuthorizationServerMetadata,
    redirect_uris: Sequence[str],
    scopes: Sequence[str],
) -> ClientRegistration:
    logger.debug("registering at %s", printable(server.issuer))
    registration = register_client(
        http,
        server,
        options.client_metadata,
        redirect_uris=redirect_uris,
        scopes=scopes,
        initial_access_token=options.initial_access_token,
    )
    # What the server did not repeat is what we asked for: the redirect decides whether it can be used again.
    return registration if registration.redirect_uris else attrs.evolve(registration, redirect_uris=redirect_uris)


def wished_callback(options: SignInOptions, saved: ClientRegistration | None) -> Callback:
    """Return where to listen: where the caller said, else where the saved registration comes back to while it is free.

    Args:
        options: The caller's choices.
        saved: What an earlier sign-in left of a registration; None when there was none, or it will not be used.
    """
    wanted, other = options.callback, options.at_localhost
    if saved is None or saved.source == PREREGISTERED:
        return wanted
    known = {portless(uri) for uri in saved.redirect_uris}
    if other is not None and portless(wanted.redirect_uri) not in known:
        wanted = other.callback if portless(other.callback.redirect_uri) in known else wanted
    return wanted.preferring(saved.redirect_uris)
