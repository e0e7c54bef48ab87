"""What carries the requests of a session that may go to public addresses only. MCP security, "SSRF"."""

from __future__ import annotations

import requests

from ..protocol.public_addresses import require_public
from ..protocol.public_only import guarded


def public_carrier(server_url: str, session: requests.Session | None, auth: object) -> requests.Session:
    """Return the session that carries the requests.

    Args:
        server_url: The MCP server.
        session: The caller's session; None makes one.
        auth: What signs the requests.

    Raises:
        NotPublicError: The server certainly is at no public address, or not https.
        ValueError: The caller's session makes other requests too, or what signs reaches OAuth endpoints anywhere.
    """
    require_public(server_url, "MCP server URL")
    if getattr(auth, "public_only", None) is False:
        raise ValueError("public_only needs an auth that says so, too: pass auth=OAuth(..., public_only=True)")
    return guarded(session)
