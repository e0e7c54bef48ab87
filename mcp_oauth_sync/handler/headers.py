"""Headers of a sign-in for requests that another program sends. RFC 6750 section 2.1, RFC 9449 section 7.1."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from ..models.config import OAuthConfig
from ..models.tokens import OAuthTokens
from ..protocol.dpop import Heard
from ..protocol.presented import Presented, require_same_origin
from ..stores import TokenManager


class HeaderGiver(ABC):
    """Gives headers with good tokens.

    Attributes:
        token_manager: Where the sign-ins are kept.
    """

    token_manager: TokenManager

    @abstractmethod
    def ensure_authenticated(self, server_name: str, oauth_config: OAuthConfig) -> OAuthTokens:
        """Return good tokens from explicit endpoints."""

    @abstractmethod
    def _presented(self, server_name: str, server_url: str, scopes: Iterable[str] | None) -> Presented:
        """Return good tokens for an MCP server as requests carry them."""

    @abstractmethod
    def _heard(self, server_name: str, server_url: str) -> Heard:
        """Return what is known of the proofs that an MCP server wants."""

    def prepare_headers_for_mcp_server(
        self,
        server_name: str,
        server_url: str,
        scopes: Iterable[str] | None = None,
        extra_headers: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        url: str | None = None,
    ) -> dict[str, str]:
        """Return headers with a good token: for SSE, for a WebSocket handshake, for another library.

        A token that is bound to a key comes with a proof for one request: ask anew for each.

        Args:
            server_name: Name of the sign-in.
            server_url: The MCP server.
            scopes: Scopes the token has to cover; None follows the server.
            extra_headers: Further headers.
            method: The method of the request they are for.
            url: Where it goes, on the server's origin; None means ``server_url``.

        Raises:
            InsecureURLError: ``url`` is on another origin than ``server_url``.
            OAuthError: As :meth:`ensure_authenticated_mcp`.
        """
        where = require_same_origin(url, server_url)
        return _joined(extra_headers, self._presented(server_name, server_url, scopes).headers(method, where))

    def prepare_headers_with_oauth_config(
        self, server_name: str, oauth_config: OAuthConfig, extra_headers: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Return headers with a good token from explicit endpoints.

        Args:
            server_name: Name of the sign-in in the store.
            oauth_config: The endpoints and the client.
            extra_headers: Further headers; None adds none.

        Raises as :meth:`ensure_authenticated`.
        """
        tokens = self.ensure_authenticated(server_name, oauth_config)
        return _joined(extra_headers, {"Authorization": tokens.get_authorization_header()})

    def prepare_server_headers(
        self,
        server_config: Mapping[str, Any],
        extra_headers: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
    ) -> dict[str, str]:
        """Return headers for a server described by a mapping.

        Args:
            server_config: ``name`` and ``url``; optional ``scopes`` and ``headers``. A server with a
                ``command`` instead of a ``url`` takes its credentials from the environment and gets none here.
            extra_headers: Further headers.
            method: The method of the request they are for.

        Raises:
            ValueError: ``name`` or ``url`` is missing.
            OAuthError: As :meth:`ensure_authenticated_mcp`.
        """
        headers = {**(server_config.get("headers") or {}), **(extra_headers or {})}
        if "command" in server_config:
            return headers
        name, url = server_config.get("name"), server_config.get("url")
        if not name or not url:
            raise ValueError("a server is described by its 'name' and 'url'")
        return self.prepare_headers_for_mcp_server(name, url, server_config.get("scopes"), headers, method=method)

    def take_nonce(self, server_name: str, server_url: str, headers: Mapping[str, str]) -> bool:
        """Take the nonce of an answer that the other program got, for the next headers. RFC 9449 section 8.2.

        Args:
            server_name: Name of the sign-in.
            server_url: The MCP server.
            headers: The headers of the answer, such as a 401 with the error ``use_dpop_nonce``.

        Returns:
            Whether a nonce was among them.
        """
        return self._heard(server_name, server_url).hear_nonce(server_url, headers)

    def get_authorization_header(self, server_name: str) -> str | None:
        """Return the ``Authorization`` value stored under a name; None without one that is good now.

        A token that is bound to a key (its value begins with ``DPoP``) needs a proof for each request, too:
        :meth:`prepare_headers_for_mcp_server` gives both.

        Raises:
            TokenStorageError: The store cannot be read.
        """
        tokens = self.token_manager.load_tokens(server_name)
        return None if tokens is None or tokens.is_expired() else tokens.get_authorization_header()


def _joined(extra: Mapping[str, str] | None, ours: Mapping[str, str]) -> dict[str, str]:
    """Return further headers and ours, which stand in the place of any of the same name."""
    taken = {name.lower() for name in ours}
    return {**{name: value for name, value in (extra or {}).items() if name.lower() not in taken}, **ours}
