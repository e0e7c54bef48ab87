"""Signing in where the browser is not: in two steps, with any time and any process between them."""

from __future__ import annotations

from collections.abc import Iterable

from .models.pending import LIFETIME, StartedSignIn
from .models.tokens import OAuthTokens
from .signing import SignedRequests


class SignsInElsewhere(SignedRequests):
    """Signs requests, and signs in without asking anybody here. Made as :class:`SignedRequests`."""

    def start_sign_in(self, scopes: Iterable[str] | None = None, *, lifetime: float = LIFETIME) -> StartedSignIn:
        """Make what a person needs to sign in, and return at once; :meth:`finish_sign_in` completes it.

        Nobody is asked and nothing listens: get ``url`` to the person, and their answer back. What finishing takes is
        kept in the store of tokens, sealed as these are.

        Args:
            scopes: Scopes to ask for; None follows the server.
            lifetime: Seconds in which it can be finished; up to 30 days.

        Raises:
            ValueError: ``lifetime`` is out of range.
            TokenStorageError: It cannot be kept.
            OAuthError: It cannot be started; the subclass says why.

        Example::

            auth = OAuth(url, redirect_uri="https://app.example.com/back")
            redirect_browser_to(auth.start_sign_in().url)   # in one request
            auth.finish_sign_in(request.url)                # in another one
        """
        from .authorizer.two_step import start_sign_in

        return start_sign_in(self._authorizer, scopes, lifetime=lifetime)

    def finish_sign_in(self, redirect: str) -> OAuthTokens:
        """Complete what :meth:`start_sign_in` started, here or in another process, once.

        What was started counts: redirect, resource, scopes and client. This object supplies the transport, the
        ``token_params`` and the ``client_key``.

        Args:
            redirect: The URL the browser came back to, or its query.

        Raises:
            InvalidRedirectError: It answers nothing that was started here, or was redeemed before; what was started
                is left as it is, for the real answer may still come.
            AccessDeniedError: The person, or the server on their behalf, said no: start again.
            AuthorizationTimeoutError: It came too late: start again.
            AuthorizationError: The server reports another error, or sent no code.
            TokenExchangeError: The code was not accepted, or that is not known: start again.
            TokenStorageError: The store cannot be used now; what was started is still there.
        """
        from .authorizer.two_step import finish_sign_in

        return finish_sign_in(self._authorizer, redirect)
