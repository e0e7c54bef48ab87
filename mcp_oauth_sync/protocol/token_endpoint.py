"""The token endpoint: every way to ask it for tokens. RFC 6749 sections 4.1.3 and 6; RFC 8707; RFC 9449 section 5."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

import attrs

from ..exceptions import AuthorizationError, TokenExchangeError, TokenRefreshError
from ..models.client import ClientRegistration
from ..models.tokens import OAuthTokens
from ..urls import without_query
from .client_auth import build_client_authentication, select_other_method
from .proofs import NO_PROOFS, Proofs
from .reply import Reply, TransportFailure
from .token_response import Failure, Granted, read_granted, resource_refused
from .transport import Transport

logger = logging.getLogger(__name__)


def exchange_code(
    http: Transport,
    endpoint: str,
    registration: ClientRegistration,
    *,
    code: str,
    verifier: str,
    redirect_uri: str,
    resource: str | None,
    requested_scope: str | None = None,
    extra: Mapping[str, str] | None = None,
    proofs: Proofs = NO_PROOFS,
) -> Granted:
    """Redeem an authorization code. RFC 6749 section 4.1.3, RFC 7636 section 4.5.

    Args:
        http: The transport.
        endpoint: The token endpoint.
        registration: Who we are.
        code: The code.
        verifier: The PKCE verifier of the same request.
        redirect_uri: The redirect URI of the same request.
        resource: RFC 8707 resource; None leaves it out.
        requested_scope: What was asked for.
        extra: Further form fields.
        proofs: What goes with the request beyond the registration.

    Raises:
        InsecureURLError: The endpoint may not be contacted.
        TokenExchangeError: No tokens came.
    """
    fields = {
        **(extra or {}),
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    return request_tokens(
        http, endpoint, registration, fields, what="the code", resource=resource, scope=requested_scope, proofs=proofs
    )


def refresh_tokens(
    http: Transport,
    endpoint: str,
    registration: ClientRegistration,
    tokens: OAuthTokens,
    *,
    resource: str | None,
    extra: Mapping[str, str] | None = None,
    proofs: Proofs = NO_PROOFS,
) -> Granted:
    """Renew an access token once. RFC 6749 section 6.

    What the answer leaves out (refresh token, scope) stays as it was.

    Args:
        http: The transport.
        endpoint: The token endpoint.
        registration: Who we are.
        tokens: The tokens to renew; they hold a refresh token.
        resource: RFC 8707 resource; None leaves it out.
        extra: Further form fields.
        proofs: What goes with the request beyond the registration.

    Raises:
        InsecureURLError: The endpoint may not be contacted.
        RefreshRejectedError: The refresh token will never work again.
        TokenRefreshError: It did not work now.
    """
    fields = {**(extra or {}), "grant_type": "refresh_token", "refresh_token": tokens.refresh_token or ""}
    granted = request_tokens(
        http,
        endpoint,
        registration,
        fields,
        what="the refresh token",
        resource=resource,
        scope=tokens.scope,
        failed=TokenRefreshError,
        proofs=proofs,
    )
    if granted.tokens.refresh_token is None:
        kept = attrs.evolve(granted.tokens, refresh_token=tokens.refresh_token)
        return attrs.evolve(granted, tokens=kept)
    return granted


def request_tokens(
    http: Transport,
    endpoint: str,
    registration: ClientRegistration | None,
    fields: Mapping[str, str],
    *,
    what: str,
    resource: str | None,
    scope: str | None = None,
    failed: Failure = TokenExchangeError,
    proofs: Proofs = NO_PROOFS,
) -> Granted:
    """Ask for tokens by any grant. RFC 6749 section 5.

    Another method of client authentication is tried once where the first one is refused; so is a refresh without the
    ``resource`` that made it fail.

    Args:
        http: The transport.
        endpoint: The token endpoint.
        registration: Who we are; None identifies nobody.
        fields: The form: ``grant_type`` and what belongs to it.
        what: What the server may not accept, for messages ("the code").
        resource: RFC 8707 resource; None leaves it out.
        scope: What an answer without ``scope`` means; None when unknown.
        failed: The kind of error when no tokens come.
        proofs: What goes with the request beyond the registration.

    Raises:
        InsecureURLError: The endpoint may not be contacted.
        TokenExchangeError: No tokens came; or, with ``failed``:
        TokenRefreshError: No tokens came.
        RegistrationError: The client's key cannot be used.
    """
    now = time.time()
    with_resource = fields if resource is None else {**fields, "resource": resource}
    reply, registration = post_by_either_method(http, endpoint, registration, with_resource, failed, proofs)
    if failed is TokenRefreshError and resource is not None and resource_refused(reply):
        logger.warning("%s refused the resource parameter; refreshing once without it", without_query(endpoint))
        reply = post_to_endpoint(http, endpoint, registration, fields, failed, proofs)
    return read_granted(reply, endpoint, registration, what=what, scope=scope, now=now, failed=failed, proofs=proofs)


def post_by_either_method(
    http: Transport,
    endpoint: str,
    registration: ClientRegistration | None,
    fields: Mapping[str, str],
    failed: Failure,
    proofs: Proofs,
    *,
    what: str = "token endpoint",
) -> tuple[Reply, ClientRegistration | None]:
    """Post one form; another method of client authentication is tried once where the first one is refused.

    Returns:
        The answer, and the client with the method that brought it. Raises as :func:`post_to_endpoint`.
    """
    reply = post_to_endpoint(http, endpoint, registration, fields, failed, proofs, what=what)
    error, description = reply.oauth_error()
    if registration is None or reply.status >= 500:
        return reply, registration
    if other := select_other_method(registration, error, description):
        logger.warning("%s refused the client authentication; trying %s once", without_query(endpoint), other)
        changed = attrs.evolve(registration, token_endpoint_auth_method=other)
        second = post_to_endpoint(http, endpoint, changed, fields, failed, proofs, what=what)
        if second.oauth_error()[0] != error:
            return second, changed
    return reply, registration


def post_to_endpoint(
    http: Transport,
    endpoint: str,
    registration: ClientRegistration | None,
    fields: Mapping[str, str],
    failed: Failure | type[AuthorizationError],
    proofs: Proofs,
    *,
    what: str = "token endpoint",
) -> Reply:
    """Post one form as the client that we are, with a proof of the key that tokens are bound to.

    A proof that is refused is made again once for each reason that another one can help with: the server's nonce, the
    server's clock. So is an assertion of the client, for the server's clock.

    Raises:
        InsecureURLError: The endpoint may not be contacted.
        TokenExchangeError: No usable answer came; or, with ``failed``:
        TokenRefreshError: No usable answer came.
        AuthorizationError: No usable answer came.
        RegistrationError: The client's key cannot be used.
        AuthorizationError: The extra that makes proofs is not installed.
    """
    prover, corrected, ahead = proofs.dpop, set[str](), 0.0
    while True:
        headers, identity = build_client_authentication(registration, proofs, ahead=ahead)  # an assertion serves once
        sign = None if prover is None else prover.sign
        try:
            reply = http.post_form(endpoint, {**fields, **identity}, what=what, headers=headers, sign=sign)
        except TransportFailure as failure:
            unreached = failed(
                f"The {what} {without_query(endpoint)} could not be used: {failure.message}.",
                hint=failure.hint or "This is a fault of the network or the server; try again.",
            )
            if isinstance(unreached, TokenExchangeError):
                unreached.transient = True
            raise unreached from failure.with_traceback(None)
        error = reply.oauth_error()[0] if reply.status in (400, 401) else None
        if error == "invalid_client" and "client_assertion" in identity and not ahead:
            from .assertions import clock_ahead  # loaded by now

            if ahead := clock_ahead(reply.headers) or 0.0:
                continue
        if prover is None or not prover.can_do_better(reply.url, reply.headers, error=error, corrected=corrected):
            return reply
