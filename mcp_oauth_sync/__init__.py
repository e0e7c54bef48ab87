"""OAuth 2.1 for MCP servers, in blocking Python, on top of requests.

Example::

    import requests
    from mcp_oauth_sync import OAuth

    session = requests.Session()
    session.auth = OAuth("https://mcp.example.com/mcp")
    session.post("https://mcp.example.com/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import exceptions
from .auth import OAuth
from .client import MCPOAuthClient
from .exceptions import OAuthError
from .flow import OAuthFlow
from .handler import OAuthHandler
from .models import (
    AuthorizationServerMetadata,
    ClientMetadata,
    ClientRegistration,
    OAuthConfig,
    OAuthTokens,
    ProtectedResourceMetadata,
    ServerRecord,
    SignInOptions,
)
from .prompts import Listener, NoPrompt, Prompt
from .stores import SecureTokenStore, TokenManager, TokenStoreBackend, TokenStoreFactory
from .version import __version__

if TYPE_CHECKING:
    from .prompts import BrowserPrompt, CallbackPrompt

#: Names of the async original.
MCPAuthorizationMetadata = AuthorizationServerMetadata
DynamicClientRegistration = ClientRegistration

__all__ = [
    "AuthorizationServerMetadata",
    "BrowserPrompt",
    "CallbackPrompt",
    "ClientMetadata",
    "ClientRegistration",
    "DynamicClientRegistration",
    "Listener",
    "MCPAuthorizationMetadata",
    "MCPOAuthClient",
    "NoPrompt",
    "OAuth",
    "OAuthConfig",
    "OAuthError",
    "OAuthFlow",
    "OAuthHandler",
    "OAuthTokens",
    "Prompt",
    "ProtectedResourceMetadata",
    "SecureTokenStore",
    "ServerRecord",
    "SignInOptions",
    "TokenManager",
    "TokenStoreBackend",
    "TokenStoreFactory",
    "__version__",
    "exceptions",
]


def __getattr__(name: str) -> object:
    """Load the prompts that need a web server when they are first named."""
    if name in ("BrowserPrompt", "CallbackPrompt"):
        from . import prompts

        return getattr(prompts, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
