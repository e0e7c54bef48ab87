"""The token endpoint: exchange, refresh, and one parser for both. RFC 6749 sections 4.1.3, 5, 6; RFC 8707."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping

import attrs

from ..exceptions import OAuthError, RefreshRejectedError, TokenExchangeError, TokenRefreshError, printable
from ..models.client import ClientRegistration
from ..models.document import Document, MalformedDocument, required_text, text
from ..models.tokens import OAuthTokens
from ..urls import without_query
from .client_auth import build_client_authentication, select_other_method
from .reply import Reply, TransportFailure
from .transport import Transport

logger = logging.getLogger(__name__)

Failure = type[TokenExchangeError] | type[TokenRefreshError]

#: Errors after which the same refresh token will never work again.
DEFINITIVE = frozenset({"invalid_grant", "invalid_client", "unauthorized_client", "invalid_refresh_token"})
_PASSING = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
_PASSING_STATUS = frozenset({408, 425, 429})
#: Errors that say the client itself is unknown or not allowed.
CLIENT_ERRORS = frozenset({"invalid_client", "unauthorized_client"})


def read_expires_in(document: Document) -> float | None:
    """Return the lifetime in seconds; None when absent, not positive or not a number.

    A lifetime that makes no sense is treated as unknown: the token is used until the server says 401.
    """
    value = document.get("expires_in")
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds < 1e11 else None


# RFC 6749 section 3.3, without insisting on single spaces.
_SCOPE = re.compile(r"[ !#-\[\]-~]*[!#-\[\]-~][ !#-\[\]-~]*")


def parse_token_response(document: Document, *, requested_scope: str | None, now: float) -> OAuthTokens:
    """Read a successful token response. RFC 6749 section 5.1.

    Args:
        document: The JSON object or form.
        requested_scope: What an absent ``scope`` means.
        now: Wall-clock seconds when the request was sent: the lifetime starts no later.

    Raises:
        MalformedDocument: There is no token, or of a kind that cannot be presented.
    """
    token_type = text(document, "token_type") or "Bearer"
    if token_type.lower() != "bearer":
        raise MalformedDocument(f"the token type {printable(token_type, 40)!r} is not Bearer")
    scope = document.get("scope")
    if isinstance(scope, (list, tuple)):
        scope = " ".join(str(item) for item in scope)
    access_token = required_text(document, "access_token")
    if not access_token.isascii() or not access_token.isprintable() or " " in access_token:
        raise MalformedDocument("'access_token' holds characters that fit in no header")
    return OAuthTokens(
        access_token=access_token,
        token_type=token_type,
        expires_in=read_expires_in(document),
        refresh_token=text(document, "refresh_token"),
        scope=scope if isinstance(scope, str) and _SCOPE.fullmatch(scope) else requested_scope,
        issued_at=now,
    )


@attrs.frozen(kw_only=True)
class Granted:
    """What a token request gave.

    Attributes:
        tokens: The tokens.
        registration: The client, with the authentication method that worked.
    """

    tokens: OAuthTokens
    registration: ClientRegistration


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
    return _request_tokens(
        http, endpoint, registration, fields, resource=resource, scope=requested_scope, failed=TokenExchangeError
    )


def refresh_tokens(
    http: Transport,
    endpoint: str,
    registration: ClientRegistration,
    tokens: OAuthTokens,
    *,
    resource: str | None,
    extra: Mapping[str, str] | None = None,
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

    Raises:
        InsecureURLError: The endpoint may not be contacted.
        RefreshRejectedError: The refresh token will never work again.
        TokenRefreshError: It did not work now.
    """
    fields = {**(extra or {}), "grant_type": "refresh_token", "refresh_token": tokens.refresh_token or ""}
    granted = _request_tokens(
        http, endpoint, registration, fields, resource=resource, scope=tokens.scope, failed=TokenRefreshError
    )
    if granted.tokens.refresh_token is None:
        kept = attrs.evolve(granted.tokens, refresh_token=tokens.refresh_token)
        return attrs.evolve(granted, tokens=kept)
    return granted


def _request_tokens(
    http: Transport,
    endpoint: str,
    registration: ClientRegistration,
    fields: Mapping[str, str],
    *,
    resource: str | None,
    scope: str | None,
    failed: Failure,
) -> Granted:
    now = time.time()
    with_resource = fields if resource is None else {**fields, "resource": resource}
    reply = _post(http, endpoint, registration, with_resource, failed)
    if reply.oauth_error()[0] == "invalid_client" and (other := select_other_method(registration)):
        logger.warning("%s refused the client authentication; trying %s once", without_query(endpoint), other)
        changed = attrs.evolve(registration, token_endpoint_auth_method=other)
        second = _post(http, endpoint, changed, with_resource, failed)
        if second.oauth_error()[0] != "invalid_client":
            reply, registration = second, changed
    if failed is TokenRefreshError and resource is not None and _resource_refused(reply):
        logger.warning("%s refused the resource parameter; refreshing once without it", without_query(endpoint))
        reply = _post(http, endpoint, registration, fields, failed)
    document = reply.fields()
    if reply.status not in (200, 201) or document is None or document.get("error"):
        raise _refusal(reply, endpoint, failed)
    try:
        tokens = parse_token_response(document, requested_scope=scope, now=now)
    except MalformedDocument as defect:
        raise failed(
            f"The answer of the token endpoint {without_query(endpoint)} cannot be used: {defect}.",
            status=reply.status,
        ) from None
    return Granted(tokens=tokens, registration=registration)


def _post(
    http: Transport,
    endpoint: str,
    registration: ClientRegistration,
    fields: Mapping[str, str],
    failed: Failure,
) -> Reply:
    headers, identity = build_client_authentication(registration)
    try:
        return http.post_form(endpoint, {**fields, **identity}, what="token endpoint", headers=headers)
    except TransportFailure as failure:
        raise failed(
            f"The token endpoint {without_query(endpoint)} could not be used: {failure.message}.",
            hint=failure.hint or "This is a fault of the network or the server; try again.",
        ) from failure.with_traceback(None)


def _resource_refused(reply: Reply) -> bool:
    error = reply.oauth_error()[0]
    return reply.status == 400 and (error == "invalid_target" or (error is None and reply.json_object() is not None))


def _refusal(reply: Reply, endpoint: str, failed: Failure) -> OAuthError:
    error, description = reply.oauth_error()
    where, said, status = f"The token endpoint {without_query(endpoint)}", reply.describe(), reply.status
    if failed is TokenExchangeError:
        message, hint = f"{where} did not accept the code: {said}.", _exchange_hint(error, description)
        return TokenExchangeError(message, hint=hint, error=error, error_description=description, status=status)
    if error in DEFINITIVE and status in (200, 400, 401, 403):
        message, hint = f"{where} rejected the refresh token: {said}.", "Sign in again."
        return RefreshRejectedError(message, hint=hint, error=error, error_description=description, status=status)
    message, hint = f"{where} did not refresh the token: {said}.", "What is stored was kept; try again."
    refused = TokenRefreshError(message, hint=hint, error=error, error_description=description, status=status)
    refused.retry_after = reply.retry_after()
    refused.transient = error is None or error in _PASSING or status in _PASSING_STATUS or status >= 500
    return refused


def _exchange_hint(error: str | None, description: str | None) -> str | None:
    if error == "invalid_target" or "AADSTS901" in (description or ""):
        return "The authorization server does not accept the resource parameter for this MCP server."
    if error in CLIENT_ERRORS:
        return "The authorization server does not know this client or its secret: check client_id and client_secret."
    return None
