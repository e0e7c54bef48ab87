"""Signing in in two steps, by the name of a server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..authorizer import Authorizer
from ..models.tokens import OAuthTokens
from ..stores import TokenManager

if TYPE_CHECKING:
    from ..models.pending import StartedSignIn


class SignsInElsewhere:
    """What a handler can do without asking anybody here.

    Attributes:
        token_manager: Where sign-ins are kept.
    """

    token_manager: TokenManager

    def start_sign_in(
        self, server_name: str, server_url: str, scopes: Iterable[str] | None = None, *, lifetime: float = 600.0
    ) -> StartedSignIn:
        """Make what a person needs to sign in, and return at once.

        Args:
            server_name: Name of the sign-in.
            server_url: The MCP server.
            scopes: Scopes to ask for; None follows the server.
            lifetime: Seconds in which it can be finished; up to 30 days.

        Raises:
            ValueError: ``lifetime`` is out of range.
            TokenStorageError: It cannot be kept.
            OAuthError: It cannot be started; the subclass says why.
        """
        from ..authorizer.two_step import start_sign_in

        return start_sign_in(self._authorizer(server_name, server_url), scopes, lifetime=lifetime)

    def finish_sign_in(self, server_name: str, redirect: str) -> OAuthTokens:
        """Complete what :meth:`start_sign_in` started, here or in another process, once.

        Args:
            server_name: Name of the sign-in.
            redirect: The URL the browser came back to, or its query.

        Raises:
            OAuthError: As :meth:`mcp_oauth_sync.OAuth.finish_sign_in`.
        """
        from ..authorizer.two_step import find_pending, finish_sign_in

        pending = find_pending(self.token_manager, redirect)
        return finish_sign_in(self._authorizer(server_name, pending.server_url), redirect)

    def _authorizer(self, server_name: str, server_url: str) -> Authorizer:
        """Return what keeps a sign-in usable."""
        raise NotImplementedError
