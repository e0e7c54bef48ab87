"""The MCP server under examination: asked as a sign-in would ask it, one step at a time, and never signed in to."""

from __future__ import annotations

from ..client.planning import PlanningClient
from ..discovery import fetch_challenge
from ..models.metadata import AuthorizationServerMetadata
from ..protocol.binding import select_binding
from ..protocol.challenge import Challenge
from ..sign_in import SignIn


class ExaminedServer(PlanningClient):
    """Finds out what a sign-in would find out, by the same rules. Made as :class:`~..client.known.KnownServer`."""

    @property
    def challenge(self) -> Challenge:
        """What the server asks for; empty while it was not asked, or when it asked for nothing usable."""
        return self._challenge or Challenge()

    def ask_without_token(self) -> None:
        """Ask once without a token, and keep the challenge.

        Raises:
            DiscoveryError: No answer came.
            InsecureURLError: The URL may not be contacted.
        """
        self._challenge = fetch_challenge(self.http, self.server_url) or Challenge()

    def plan(self) -> SignIn:
        """Return the sign-in that would follow. Raises as a sign-in would."""
        return self._plan(None)

    def would_bind(self, server: AuthorizationServerMetadata) -> bool:
        """Tell whether tokens would be bound to a key.

        Args:
            server: The authorization server.

        Raises:
            AuthorizationError: They have to be, and cannot.
        """
        return select_binding(
            self.options.dpop,
            self.server_url,
            challenge=self.challenge,
            resource=self.protected_resource,
            server=server,
        )
