"""Which other libraries are installed in the running environment, and are to stand beside this one."""

from __future__ import annotations

import importlib.metadata

CHUK, MCP = "chuk-mcp-client-oauth", "mcp"
OTHERS = (CHUK, MCP, "httpx-sse", "sseclient-py", "requests-sse", "google-auth", "Authlib", "requests-oauthlib")
#: Who is not to, although it may be there.
left_out: set[str] = set()


def version_of(name: str) -> str | None:
    """Return the version of a distribution; None where it is not installed or left out."""
    if name in left_out:
        return None
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
