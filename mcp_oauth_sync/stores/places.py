"""Where this library keeps its files, and the environment variables that choose a store."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

HOME_VARIABLE = "MCP_OAUTH_SYNC_HOME"
PASSWORD_VARIABLE = "MCP_OAUTH_SYNC_PASSWORD"
BACKEND_VARIABLE = "MCP_OAUTH_SYNC_BACKEND"
PROFILE_VARIABLE = "MCP_OAUTH_SYNC_PROFILE"


def default_directory() -> Path:
    """Return the folder of the default store: MCP_OAUTH_SYNC_HOME, else the user's data folder."""
    if configured := os.environ.get(HOME_VARIABLE):
        return Path(configured)
    from platformdirs import user_data_path

    return user_data_path("mcp-oauth-sync", appauthor=False)


def place_of(identity: str, kind: str) -> Path:
    """Return a folder beside the default store, for what belongs to a store that has no folder of its own.

    Args:
        identity: The store's :attr:`SecureTokenStore.identity`.
        kind: What lies there: "locks" or "registry".
    """
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
    return default_directory() / kind / digest[:32]
