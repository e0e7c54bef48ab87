"""A sign-in in two steps: what the person needs is made now, and whoever gets the answer finishes it.

RFC 6749 section 4.1, with nobody listening: what is between the steps can be kept, and finished by another process.
"""

from __future__ import annotations

import time

import attrs

from .exceptions import RegistrationError
from .grants.authorization_code import build_request, known_client, redeem_code, require_endpoints
from .grants.base import GrantContext
from .models.callback import Callback
from .models.client import ClientRegistration
from .models.metadata import AuthorizationServerMetadata
from .models.options import SignInOptions
from .models.pending import LIFETIME, PendingSignIn, StartedSignIn, require_lifetime
from .models.record import ServerRecord
from .prompts import NoPrompt
from .protocol.authorization import build_state
from .protocol.transport import Transport
from .sign_in import SignIn
from .urls import require_redirect, without_query


def start(
    step: SignIn, redirect_uri: str | None = None, *, lifetime: float = LIFETIME
) -> tuple[StartedSignIn, PendingSignIn]:
    """Build the request for a person whom the caller gets to the browser.

    Args:
        step: The sign-in.
        redirect_uri: Where the browser is to come back to; None takes the caller's choice, with a port that the saved
            registration knows.
        lifetime: Seconds in which it can be finished.

    Returns:
        What the person needs, and what :func:`redeem` needs.

    Raises:
        AuthorizationError: The server lacks PKCE or an endpoint.
        RegistrationError: We could not be registered.
        InsecureURLError: An endpoint may not be opened, or the redirect is neither https, loopback nor the caller's.
        ValueError: ``lifetime`` is out of range.
    """
    expires_at = time.time() + require_lifetime(lifetime)
    token_endpoint = require_endpoints(step.server, step.http, step.switches)
    require_redirect(redirect_uri or step.options.callback.unbound)
    context, redirect_uri, registration = _become_known(attrs.evolve(step, prompt=NoPrompt()), redirect_uri)
    request = build_request(context, registration, redirect_uri, build_state())
    pending = PendingSignIn(
        server_url=step.server_url,
        issuer=request.issuer,
        issuer_advertised=request.issuer_advertised,
        redirect_uri=redirect_uri,
        state=request.state,
        verifier=request.verifier,
        token_endpoint=token_endpoint,
        revocation_endpoint=step.server.revocation_endpoint,
        resource=step.resource,
        scopes=step.scopes,
        registration=registration,
        switches=step.switches,
        dpop_key=step.dpop_key,
        expires_at=expires_at,
    )
    return StartedSignIn(url=request.url, server_url=step.server_url, expires_at=expires_at), pending


def _become_known(step: SignIn, redirect_uri: str | None) -> tuple[GrantContext, str, ClientRegistration]:
    context = step.context(step.saved, [])
    chosen = redirect_uri or context.callback.unbound
    try:
        return context, chosen, known_client(context, chosen)
    except RegistrationError as refusal:
        other = step.at_localhost(refusal) if redirect_uri is None else None
        if other is None:
            raise
    context = other.context(step.saved, [])
    return context, context.callback.unbound, known_client(context, context.callback.unbound)


def redeem(pending: PendingSignIn, code: str, *, http: Transport, options: SignInOptions) -> ServerRecord:
    """Exchange the code that answered what :func:`start` built, and return everything to keep.

    Args:
        pending: What was kept; it counts, whatever the options say of redirect, resource, scopes and client.
        code: The code.
        http: The transport.
        options: Supply what goes with every token request.

    Raises:
        InsecureURLError: The token endpoint may not be contacted.
        RegistrationError: The client's key is missing or cannot be used; nothing was sent.
        TokenExchangeError: It was not accepted.
    """
    server = AuthorizationServerMetadata(
        issuer=pending.issuer or "",
        token_endpoint=pending.token_endpoint,
        revocation_endpoint=pending.revocation_endpoint,
        published=False,
    )
    step = SignIn(
        http=http,
        server=server,
        server_url=pending.server_url,
        resource=pending.resource,
        scopes=pending.scopes,
        options=options,
        switches=pending.switches,
        dpop_key=pending.dpop_key,
    )

    def identified(redirect_uri: str | None, *, fresh: bool = False, known: bool = False) -> ClientRegistration:
        return pending.registration

    context = GrantContext(
        http=http,
        server=server,
        server_url=without_query(pending.server_url),
        resource=pending.resource,
        scopes=pending.scopes,
        prompt=NoPrompt(),
        callback=Callback(redirect_uri=pending.redirect_uri),
        identify=identified,
        proofs=step.proofs,
        switches=pending.switches,
        options=options,
    )
    return step.keep(redeem_code(context, context.identify(pending.redirect_uri), pending, code))
