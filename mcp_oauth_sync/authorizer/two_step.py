"""Signing in in two steps, perhaps by two processes: what was started is kept in the store until its answer comes.

RFC 6749 section 4.1, RFC 9207 section 2.4. What became of an answer decides whether the sign-in stays open:

- An answer that is not its own (unknown state, missing or wrong issuer, nothing in it) changes nothing: the real one
  may still come, and whoever can make up answers must not be able to end a sign-in.
- A refusal, an answer that comes too late, and a code end it. It is removed before the code is sent, so that nobody
  else can send it, and is not put back when no tokens came: the code may be used up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs

from ..exceptions import (
    AuthorizationError,
    AuthorizationTimeoutError,
    InsecureURLError,
    InvalidRedirectError,
    RegistrationError,
    TokenExchangeError,
)
from ..models.pending import LIFETIME, PendingSignIn, StartedSignIn, require_lifetime
from ..models.redirect import parse_redirect
from ..models.secret import Secret
from ..models.tokens import OAuthTokens
from ..stores import TokenManager
from ..urls import canonical_resource, without_query
from .keeping import forget_last_try, keep_for_next_try, with_last_try

if TYPE_CHECKING:
    from .authorizer import Authorizer
    from .held import Held

logger = logging.getLogger(__name__)

_WHOLE = "Give the whole address that the browser ended on, or all of its query."
_AGAIN = "Start the sign-in again: a code is good for one attempt."


def start_sign_in(
    authorizer: Authorizer, scopes: Iterable[str] | None = None, *, lifetime: float = LIFETIME
) -> StartedSignIn:
    """Make what a person needs to sign in, and keep what finishing it takes.

    Args:
        authorizer: The sign-in.
        scopes: Scopes to ask for; None follows the server.
        lifetime: Seconds in which it can be finished.

    Raises:
        ValueError: ``lifetime`` is out of range.
        TokenStorageError: It cannot be kept.
        OAuthError: It cannot be started; the subclass says why.
    """
    require_lifetime(lifetime)
    authorizer.asking.require_code_grant()
    from ..client import MCPOAuthClient  # what only a sign-in needs is loaded for one

    held = authorizer.held
    record = with_last_try(held.manager, held.name, held.load(), held.server_url)
    client = MCPOAuthClient(
        held.server_url, options=authorizer.options, http=authorizer.http, record=record, issuers=held.manager.issuers
    )
    started, pending = client.start(scopes, lifetime=lifetime)
    pendings = held.manager.pending
    pendings.sweep()
    pendings.save(attrs.evolve(pending, name=held.name, named=held.named))
    keep_for_next_try(held.manager, held.name, pending.registration, record)
    return started


def find_pending(manager: TokenManager, redirect: str) -> PendingSignIn:
    """Return the sign-in that a redirect answers.

    Args:
        manager: Where it was kept.
        redirect: The URL the browser came back to, or its query.

    Raises:
        InvalidRedirectError: It answers none of ours.
        TokenStorageError: The store cannot be used now, or what was kept cannot be read.
    """
    try:
        state = parse_redirect(redirect).get("state")
    except InvalidRedirectError as odd:
        odd.hint = odd.hint or _WHOLE
        raise
    pending = manager.pending.find(state) if state else None
    if pending is None:
        raise _nobodys()
    return pending


def finish_sign_in(authorizer: Authorizer, redirect: str) -> OAuthTokens:
    """Redeem the code of a redirect, and keep what comes of it as after any other sign-in.

    Args:
        authorizer: The sign-in, perhaps in another process than the one that started it.
        redirect: The URL the browser came back to, or its query.

    Raises:
        InvalidRedirectError: It answers none of ours, or was redeemed before; nothing was removed.
        AccessDeniedError: The person, or the server on their behalf, said no.
        AuthorizationTimeoutError: It came too late.
        AuthorizationError: The server reports another error, or sent no code.
        TokenExchangeError: The code was not accepted, or that is not known.
        TokenStorageError: The store cannot be used now; what was started is still there.
    """
    redirect, held = Secret(redirect), authorizer.held
    pendings = held.manager.pending
    pending = find_pending(held.manager, redirect)
    _require_ours(pending, held)
    from ..protocol.authorization import read_response
    from ..protocol.remedies import remedy
    from ..two_step import redeem

    with held.manager.exclusive(pending.name):
        if pending.is_expired():
            pendings.take(pending)
            raise AuthorizationTimeoutError(
                f"The sign-in to {without_query(pending.server_url)} was not finished in time; nothing was sent.",
                hint="Start the sign-in again.",
            )
        try:
            code = read_response(redirect, pending)
        except AuthorizationError as refusal:
            if refusal.error is not None:
                pendings.take(pending)
            refusal.hint = refusal.hint or ("Start the sign-in again." if refusal.error else _WHOLE)
            raise
        if not pendings.take(pending):
            raise _nobodys()
        try:
            record = redeem(pending, code, http=authorizer.http, options=authorizer.options)
        except (InsecureURLError, RegistrationError):  # nothing was sent
            pendings.save(pending)
            raise
        except TokenExchangeError as failure:
            if pending.issuer:
                held.manager.issuers.doubt(pending.issuer)
            helpful = remedy(failure.error, failure.error_description)
            failure.hint = f"{helpful} {_AGAIN}" if helpful else _AGAIN
            raise
        held.stay_with(pending.name, named=pending.named)
        held.save(record)
        forget_last_try(held.manager, held.name)
    held.link()
    authorizer.asking.forget_failures()
    return authorizer.signed_in()


def _require_ours(pending: PendingSignIn, held: Held) -> None:
    """Refuse the answer to a sign-in at another server, or under another name; it stays as it is.

    Raises:
        InvalidRedirectError: It is one.
    """
    started, ours = pending.server_url, held.server_url
    if canonical_resource(started) != canonical_resource(ours):
        raise InvalidRedirectError(
            f"The redirect belongs to a sign-in at {without_query(started)}, not at {without_query(ours)}; "
            "it was not used.",
            hint="Finish it with the URL it was started with.",
        )
    if held.named and held.name != pending.name:
        raise InvalidRedirectError(
            f"The redirect belongs to the sign-in {pending.name!r}, not to {held.name!r}; it was not used.",
            hint="Finish it under the name it was started with.",
        )


def _nobodys() -> InvalidRedirectError:
    return InvalidRedirectError(
        "The redirect belongs to no sign-in that is under way here; it was not used.",
        hint="It may be finished already, or too old, or started in another profile or store. Start the sign-in again.",
    )
