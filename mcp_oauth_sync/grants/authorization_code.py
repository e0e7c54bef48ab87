"""The authorization code grant with PKCE, through a person's browser. RFC 6749 section 4.1, RFC 7636, RFC 8252."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import attrs

from ..exceptions import AuthorizationError, OAuthError, printable
from ..models.asker import Asker
from ..models.client import ClientRegistration
from ..models.metadata import AuthorizationServerMetadata
from ..models.redirect import parse_redirect
from ..models.switches import NO_SWITCHES, Switches
from ..protocol.authorization import (
    Asked,
    AuthorizationRequest,
    build_authorization_request,
    build_state,
    read_response,
)
from ..protocol.pkce import require_pkce
from ..protocol.reply import TransportFailure
from ..protocol.token_endpoint import exchange_code
from ..protocol.token_response import CLIENT_ERRORS
from ..protocol.transport import Transport
from ..urls import origin, require_secure
from .advice import advise
from .base import Grant, GrantContext, Obtained

logger = logging.getLogger(__name__)

#: Answers of an authorization endpoint that mean it does not know the client; a login page is 200 or a redirect.
_UNKNOWN_CLIENT = frozenset({400, 404, 410, 422, 500})
_GOOGLE = "https://accounts.google.com"


def require_endpoints(server: AuthorizationServerMetadata, http: Transport, switches: Switches = NO_SWITCHES) -> str:
    """Check all that can be checked before anything is bound, registered or opened.

    Args:
        server: The authorization server.
        http: Knows whether endpoints on this machine are allowed.
        switches: Where the server is met halfway.

    Returns:
        The token endpoint.

    Raises:
        InsecureURLError: An endpoint may not be contacted or opened.
        AuthorizationError: The server lacks PKCE or an endpoint.
    """
    if not server.authorization_endpoint or not server.token_endpoint:
        missing = "token" if server.authorization_endpoint else "authorization"
        by_code = server.token_endpoint and server.device_authorization_endpoint
        raise AuthorizationError(
            f"The authorization server {printable(server.issuer)} has no {missing} endpoint.",
            hint="It offers a sign-in by a code entered on another device: pass grant=DeviceCodeGrant()."
            if by_code
            else "If it publishes more elsewhere, pass metadata_url= with the address.",
        )
    require_pkce(server, assumed=switches.assume_pkce)
    require_secure(server.authorization_endpoint, "authorization endpoint", allow_loopback=http.allow_loopback)
    require_secure(server.token_endpoint, "token endpoint", allow_loopback=http.allow_loopback)
    return server.token_endpoint


def build_request(
    context: GrantContext, registration: ClientRegistration, redirect_uri: str, state: str
) -> AuthorizationRequest:
    """Build the request of one sign-in. Raises as :func:`build_authorization_request`."""
    prover = context.proofs.dpop if context.server.dpop_signing_alg_values_supported else None
    return build_authorization_request(
        context.server,
        client_id=registration.client_id,
        redirect_uri=redirect_uri,
        state=state,
        scopes=context.scopes,
        resource=context.resource,
        extra=context.options.authorize_params,
        allow_loopback=context.http.allow_loopback,
        iss_may_be_missing=context.switches.allow_missing_iss,
        dpop_jkt=None if prover is None else prover.thumbprint,
    )


def redeem_code(context: GrantContext, registration: ClientRegistration, request: Asked, code: str) -> Obtained:
    """Exchange the code that answered a request, and say what is missing from what came.

    Raises:
        InsecureURLError: The token endpoint may not be contacted.
        TokenExchangeError: It was not accepted.
    """
    granted = exchange_code(
        context.http,
        context.token_endpoint,
        registration,
        code=code,
        verifier=request.verifier,
        redirect_uri=request.redirect_uri,
        resource=context.resource,
        requested_scope=" ".join(context.scopes) or None,
        extra=context.options.token_params,
        proofs=context.proofs,
    )
    if missing := set(context.scopes) - set(granted.tokens.scopes):
        logger.warning("granted without: %s", printable(" ".join(sorted(missing))))
    asked_google = origin(context.server.issuer) == _GOOGLE and "access_type" not in context.options.authorize_params
    if asked_google and granted.tokens.refresh_token is None:
        logger.warning(
            "Google gave no refresh token: it does so only with "
            "authorize_params={'access_type': 'offline', 'prompt': 'consent'}"
        )
    return Obtained(tokens=granted.tokens, registration=granted.registration, redirect_uri=request.redirect_uri)


def known_client(context: GrantContext, redirect_uri: str) -> ClientRegistration:
    """Return our registration; one from an earlier process is shown to the server first.

    A server that has forgotten a client says so in the browser only, where we never hear of it. So the
    address is asked once without a browser, with a state and challenge of its own.

    Raises:
        RegistrationError: We could not be registered.
    """
    registration = context.identify(redirect_uri)
    if context.doubtful is None or registration != context.doubtful:
        return registration
    probe = build_request(context, registration, redirect_uri, build_state())
    try:
        reply = context.http.send("GET", probe.url, what="authorization endpoint")
    except TransportFailure:
        return registration
    forgotten = reply.status in _UNKNOWN_CLIENT
    location = reply.headers.get("location", "")
    if location.startswith(redirect_uri) and urlsplit(location).query:
        forgotten = parse_redirect(location).get("error") in CLIENT_ERRORS
    if not forgotten:
        return registration
    logger.warning("%s no longer knows us (%s); registering anew", context.server.issuer, reply.describe())
    return context.identify(redirect_uri, fresh=True)


def _asker(context: GrantContext) -> Asker:
    """Return who asks, by the name that we give ourselves: a client registered by hand may have another one."""
    options = context.options
    named = options.client_id is None and options.client_id_metadata_url is None
    return Asker(program=options.client_metadata.client_name if named else "", server_url=context.server_url)


class AuthorizationCodeGrant(Grant):
    """Sends the person to the authorization server and redeems the code they come back with."""

    name = "authorization_code"

    def obtain(self, context: GrantContext) -> Obtained:
        """Obtain tokens.

        Raises:
            InsecureURLError: An endpoint may not be contacted or opened.
            AuthorizationError: The server lacks PKCE or an endpoint, the person declined or did not answer,
                or the answer is not ours.
            RegistrationError: We could not be registered.
            TokenExchangeError: The code was not accepted.
        """
        require_endpoints(context.server, context.http, context.switches)
        state = build_state()
        callback = attrs.evolve(context.callback, asker=_asker(context))
        with context.prompt.listen(callback, state=state) as listener:
            listener.code_offered = bool(context.server.device_authorization_endpoint)
            registration = None
            try:
                registration = known_client(context, listener.redirect_uri)
                request = build_request(context, registration, listener.redirect_uri, state)
                context.prompt.show(request.url, listener=listener, server_url=context.server_url)
                code = read_response(listener.wait(context.options.sign_in_timeout), request)
                obtained = redeem_code(context, registration, request, code)
            except OAuthError as error:
                advise(error, context.server, registration, listener.redirect_uri)
                listener.conclude(error)
                raise
            listener.conclude(None)
            return obtained
