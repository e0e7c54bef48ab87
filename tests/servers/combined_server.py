"""Authorization server and MCP server on one origin, as MCP of 2025-03-26 had it."""

from __future__ import annotations

from typing import Any

from .authorization_server import AuthorizationServer
from .mcp_server import McpServer
from .origin import Origin


class CombinedServer(AuthorizationServer, McpServer):
    """Both on one origin.

    Args:
        path: Where the MCP server is.
        serve_prm: Whether there is protected resource metadata.
        serve_as_metadata: Whether there is an RFC 8414 document; without it the default endpoints hold.
        options: `tls`, `port`, `paths`, as for the two servers alone.
    """

    def __init__(
        self, path: str = "/mcp", *, serve_prm: bool = False, serve_as_metadata: bool = True, **options: Any
    ) -> None:
        Origin.__init__(self, options.pop("tls", None), port=options.pop("port", 0))
        self._become_authorization_server("", ("oauth",) if serve_as_metadata else (), options.pop("paths", None))
        self._become_mcp_server(self, path)
        self.serve_prm = serve_prm
        if not serve_as_metadata:
            self.iss_mode = "absent"
        if options:
            raise TypeError(f"unknown options: {sorted(options)}")

    @property
    def serve_prm(self) -> bool:
        """Whether there is protected resource metadata, named by the challenge."""
        return bool(self.prm_at)

    @serve_prm.setter
    def serve_prm(self, value: bool) -> None:
        self.prm_at = {"path"} if value else set()

    @property
    def serve_as_metadata(self) -> bool:
        """Whether there is an RFC 8414 document; without, a client goes to the default endpoints."""
        return bool(self.serve_at)

    @serve_as_metadata.setter
    def serve_as_metadata(self, value: bool) -> None:
        self.serve_at = {"oauth"} if value else set()
