"""What the token endpoint answers: tokens, or why there are none. RFC 6749 sections 5.1 and 5.2, RFC 9449 section 5."""

from __future__ import annotations

import re

import attrs

from ..exceptions import OAuthError, RefreshRejectedError, TokenExchangeError, TokenRefreshError, printable
from ..models.client import ClientRegistration
from ..models.document import Document, MalformedDocument, required_text, text
from ..models.tokens import OAuthTokens
from ..urls import without_query
from .dpop import NONCE_WANTED, PROOF_REFUSED
from .proofs import NO_PROOFS, Proofs
from .remedies import refuses_resource, remedy
from .reply import Reply

Failure = type[TokenExchangeError] | type[TokenRefreshError]

#: Errors after which the same refresh token will never work again.
DEFINITIVE = frozenset({"invalid_grant", "invalid_client", "unauthorized_client", "invalid_refresh_token"})
_PASSING = frozenset({"temporarily_unavailable", "server_error", "slow_down", NONCE_WANTED, PROOF_REFUSED})
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


_CLOCK = "The server does not accept proofs of this machine (DPoP): compare its clock with the server's."

# RFC 6749 section 3.3, without insisting on single spaces.
_SCOPE = re.compile(r"[ !#-\[\]-~]*[!#-\[\]-~][ !#-\[\]-~]*")


def parse_token_response(
    document: Document, *, requested_scope: str | None, now: float, bound: bool = False
) -> OAuthTokens:
    """Read a successful token response. RFC 6749 section 5.1.

    Args:
        document: The JSON object or form.
        requested_scope: What an absent ``scope`` means.
        now: Wall-clock seconds when the request was sent: the lifetime starts no later.
        bound: Whether the tokens were asked to be bound to a key; only then may they be (RFC 9449 section 5).

    Raises:
        MalformedDocument: There is no token, or of a kind that cannot be presented.
    """
    token_type = text(document, "token_type") or "Bearer"
    if token_type.lower() not in ("bearer", *(["dpop"] if bound else [])):
        raise MalformedDocument(f"the token type {printable(token_type, 40)!r} is not Bearer")
    scope = document.get("scope")
    if isinstance(scope, (list, tuple)):
        scope = " ".join(scope) if all(isinstance(item, str) for item in scope) else None
    access_token = required_text(document, "access_token")
    if not access_token.isascii() or not access_token.isprintable() or " " in access_token:
        raise MalformedDocument("'access_token' holds characters that fit in no header")
    return OAuthTokens(
        access_token=access_token,
        token_type=token_type,
        expires_in=read_expires_in(document),
        refresh_token=text(document, "refresh_token"),
        scope=scope if isinstance(scope, str) and _SCOPE.fullmatch(scope) else requested_scope or None,
        issued_at=now,
    )


@attrs.frozen(kw_only=True)
class Granted:
    """What a token request gave.

    Attributes:
        tokens: The tokens.
        registration: The client, with the authentication method that worked; None when nobody in particular asked.
    """

    tokens: OAuthTokens
    registration: ClientRegistration | None


def read_granted(
    reply: Reply,
    endpoint: str,
    registration: ClientRegistration | None,
    *,
    what: str,
    scope: str | None,
    now: float,
    failed: Failure = TokenExchangeError,
    proofs: Proofs = NO_PROOFS,
) -> Granted:
    """Return what an answer gives.

    Args:
        reply: The answer.
        endpoint: Where it came from.
        registration: Who asked; None when nobody in particular did.
        what: What the server may not have accepted, for messages ("the code").
        scope: What an answer without ``scope`` means; None when unknown.
        now: Wall-clock seconds when the request was sent.
        failed: The kind of error when it gives no tokens.
        proofs: What went with the request: whether tokens were asked to be bound to a key, and have to be.

    Raises:
        TokenExchangeError: There are no tokens in it; or, with ``failed``:
        TokenRefreshError: There are no tokens in it.
    """
    document = reply.fields()
    if reply.status not in (200, 201) or document is None or document.get("error"):
        raise refusal(reply, endpoint, failed, what=what)
    try:
        tokens = parse_token_response(document, requested_scope=scope, now=now, bound=proofs.dpop is not None)
    except MalformedDocument as defect:
        raise failed(
            f"The answer of the token endpoint {without_query(endpoint)} cannot be used: {defect}.",
            status=reply.status,
        ) from None
    if proofs.insist and not tokens.bound:
        refused = failed(
            f"The token endpoint {without_query(endpoint)} gave a token that is not bound to a key; it was not used.",
            hint="Leave out dpop=True to take what the server gives.",
            status=reply.status,
        )
        if isinstance(refused, TokenRefreshError):
            refused.transient = False
        raise refused
    return Granted(tokens=tokens, registration=registration)


def is_passing(reply: Reply) -> bool:
    """Tell whether an answer says that the same question may be answered later."""
    return reply.oauth_error()[0] in _PASSING or reply.status in _PASSING_STATUS or reply.status >= 500


def resource_refused(reply: Reply) -> bool:
    """Tell whether a refusal may be for the ``resource`` parameter alone."""
    error, description = reply.oauth_error()
    unexplained = error is None and reply.json_object() is not None
    return reply.status == 400 and (unexplained or refuses_resource(error, description))


def refusal(reply: Reply, endpoint: str, failed: Failure, *, what: str) -> OAuthError:
    """Return the error that a refusal means.

    Args:
        reply: The refusal.
        endpoint: Where it came from.
        failed: The kind of error.
        what: What was not accepted, for the message ("the code").
    """
    error, description = reply.oauth_error()
    where, said, status = f"The token endpoint {without_query(endpoint)}", reply.describe(), reply.status
    passing = error is None or is_passing(reply)
    if failed is TokenExchangeError:
        message, hint = f"{where} did not accept {what}: {said}.", _exchange_hint(error, description)
        unaccepted = TokenExchangeError(message, hint=hint, error=error, error_description=description, status=status)
        unaccepted.retry_after, unaccepted.transient = reply.retry_after(), passing
        return unaccepted
    if error in DEFINITIVE and status in (200, 400, 401, 403):
        message, hint = f"{where} rejected the refresh token: {said}.", "Sign in again."
        return RefreshRejectedError(message, hint=hint, error=error, error_description=description, status=status)
    message, hint = f"{where} did not refresh the token: {said}.", "What is stored was kept; try again."
    hint = _CLOCK if error == PROOF_REFUSED else hint
    refused = TokenRefreshError(message, hint=hint, error=error, error_description=description, status=status)
    refused.retry_after, refused.transient = reply.retry_after(), passing
    return refused


def _exchange_hint(error: str | None, description: str | None) -> str | None:
    if error in CLIENT_ERRORS and not refuses_resource(error, description):
        return "The authorization server does not know this client: check client_id, and client_secret or client_key."
    return _CLOCK if error == PROOF_REFUSED else remedy(error, description)
