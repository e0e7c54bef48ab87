"""JSON-RPC messages that another program sends, said as a server wants them. MCP base protocol, "General fields"."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ..exceptions import MCPError
from .jsonrpc import params_of
from .operations import Operations
from .wire import ACCEPT


class Dressing(Operations):
    """What a session knows about messages that it does not send itself."""

    @property
    def agreed(self) -> bool:
        """Whether it is known what the server speaks."""
        return self._agreement.agreed

    def improve(self, sent: Mapping[str, str], refusal: MCPError) -> bool:
        """Tell whether a refused message has a chance when it is dressed again, because the server is agreed with anew.

        Args:
            sent: The headers it was sent with.
            refusal: How the server refused it.

        Raises:
            MCPError: The server and we have no revision in common any more.
            OAuthError: No good token could be got; the subclass says why.
        """
        terms = self._agreement.terms()
        if terms.channel.session_id != sent.get("Mcp-Session-Id"):
            return True  # another message was refused before, and there is another session by now
        return self._agreement.improve(terms, refusal)

    def dress(self, message: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return a JSON-RPC message of your own as this server wants it, and the headers to send it with.

        For requests that something else makes. What the server speaks is found out first, if need be, and so are the
        headers that a tool wants.

        Args:
            message: The message.

        Raises:
            MCPError: The server cannot be agreed with, or the tool breaks the rules.
            OAuthError: No good token could be got; the subclass says why.
            ValueError: An argument of a tool cannot be repeated in a header.

        MCP Streamable HTTP, "Request Metadata".
        """
        terms = self._agreement.terms()
        dressed, headers = terms.dress(dict(message))
        params = params_of(dressed)
        name, arguments = params.get("name"), params.get("arguments")
        if terms.stateless and message.get("method") == "tools/call" and isinstance(name, str):
            if name not in self._annotations:
                with suppress(MCPError):
                    list(self.list_tools())
            if isinstance(arguments, dict):
                headers.update(self._param_headers(params))
        return dressed, {"Accept": ACCEPT, **headers}
