"""Signing in where the browser is not: in two steps with any time between them, or on another machine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .models.tokens import OAuthTokens
from .signing import SignedRequests

if TYPE_CHECKING:
    from .models.pending import StartedSignIn


class SignsInElsewhere(SignedRequests):
    """Signs requests, and signs in without asking anybody here. Made as :class:`SignedRequests`."""

    def start_sign_in(self, scopes: Iterable[str] | None = None, *, lifetime: float = 600.0) -> StartedSignIn:
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

    def export_sign_in(self, *, password: str | None = None, public_key: str | None = None, keep: bool = False) -> str:
        """Seal the sign-in for another machine, and stop using it here.

        See :meth:`mcp_oauth_sync.TokenManager.export_sign_in`: most servers rotate refresh tokens, so that one machine
        only may go on. Threads that hold the sign-in may use its access token until it expires.

        Args:
            password: Opens it again; None when there is a key.
            public_key: What it is sealed to; None when there is a password.
            keep: True leaves it usable here too: right only where the server does not rotate refresh tokens.

        Raises:
            ValueError: Not exactly one of password and key was given.
            TokenStorageError: There is no sign-in to take along, or it could not be marked.
        """
        held = self._authorizer.held
        sealed = held.manager.export_sign_in(held.name, password=password, public_key=public_key, keep=keep)
        held.load()
        return sealed

    def import_sign_in(
        self,
        sealed: str,
        *,
        password: str | None = None,
        private_key: str | None = None,
        replace: bool = False,
    ) -> str:
        """Take over a sign-in at this server that another machine has sealed; return what it is called here.

        Args:
            sealed: What :meth:`export_sign_in` returned.
            password: What it was sealed with.
            private_key: What it was sealed to.
            replace: Whether to give up another sign-in that is here.

        Raises:
            OAuthError: As :meth:`mcp_oauth_sync.TokenManager.import_sign_in`; nothing was changed.
        """
        held = self._authorizer.held
        name = held.manager.import_sign_in(
            sealed,
            name=held.name,
            password=password,
            private_key=private_key,
            replace=replace,
            server_url=self.server_url,
        )
        held.load_instead()
        self._authorizer.asking.forget_failures()
        return name
