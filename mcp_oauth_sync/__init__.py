"""OAuth 2.1 for MCP servers, in blocking Python, on top of requests.

Example::

    import requests
    from mcp_oauth_sync import OAuth

    session = requests.Session()
    session.auth = OAuth("https://mcp.example.com/mcp")
    session.post("https://mcp.example.com/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})

Each public name is loaded when it is first named (PEP 562): the command line's ``--help`` does not wait for
requests, and nobody waits for a web server who never asks a person.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .version import __version__

if TYPE_CHECKING:
    from . import exceptions
    from .auth import OAuth
    from .client import MCPOAuthClient
    from .exceptions import OAuthError
    from .flow import OAuthFlow
    from .grants.base import Grant, GrantContext, Obtained
    from .grants.client_credentials import ClientCredentialsGrant
    from .grants.device_code import DeviceCodeGrant
    from .grants.enterprise import EnterpriseGrant
    from .grants.jwt_bearer import JWTBearerGrant
    from .handler import OAuthHandler
    from .mcp.session import MCPSession
    from .mcp.sse import iter_events, parse_sse_json, parse_sse_response
    from .models.callback import Callback
    from .models.client import ClientRegistration
    from .models.client import ClientRegistration as DynamicClientRegistration
    from .models.client_key import ClientKey
    from .models.client_metadata import ClientMetadata
    from .models.config import OAuthConfig
    from .models.credentials import APIKeyToken, BasicAuthToken, BearerToken
    from .models.device import DeviceAuthorization
    from .models.metadata import AuthorizationServerMetadata, ProtectedResourceMetadata
    from .models.metadata import AuthorizationServerMetadata as MCPAuthorizationMetadata
    from .models.options import SignInOptions
    from .models.pending import StartedSignIn
    from .models.record import ServerRecord
    from .models.stored import StoredToken, TokenType
    from .models.switches import Switches
    from .models.tokens import OAuthTokens
    from .prompts import BrowserPrompt, CallbackPrompt, ConsolePrompt, Listener, NoPrompt, NotebookPrompt, Prompt
    from .protocol.public_only import PublicOnlyAdapter
    from .stores import SecureTokenStore, TokenManager
    from .stores.factory import TokenStoreFactory
    from .stores.key_pair import ExportKeyPair
    from .stores.registry import TokenRegistry
    from .stores.table import TokenStoreBackend

__all__ = [
    "APIKeyToken",
    "AuthorizationServerMetadata",
    "BasicAuthToken",
    "BearerToken",
    "BrowserPrompt",
    "Callback",
    "CallbackPrompt",
    "ClientCredentialsGrant",
    "ClientKey",
    "ClientMetadata",
    "ClientRegistration",
    "ConsolePrompt",
    "DeviceAuthorization",
    "DeviceCodeGrant",
    "DynamicClientRegistration",
    "EnterpriseGrant",
    "ExportKeyPair",
    "Grant",
    "GrantContext",
    "JWTBearerGrant",
    "Listener",
    "MCPAuthorizationMetadata",
    "MCPOAuthClient",
    "MCPSession",
    "NoPrompt",
    "NotebookPrompt",
    "OAuth",
    "OAuthConfig",
    "OAuthError",
    "OAuthFlow",
    "OAuthHandler",
    "OAuthTokens",
    "Obtained",
    "Prompt",
    "ProtectedResourceMetadata",
    "PublicOnlyAdapter",
    "SecureTokenStore",
    "ServerRecord",
    "SignInOptions",
    "StartedSignIn",
    "StoredToken",
    "Switches",
    "TokenManager",
    "TokenRegistry",
    "TokenStoreBackend",
    "TokenStoreFactory",
    "TokenType",
    "__version__",
    "exceptions",
    "iter_events",
    "parse_sse_json",
    "parse_sse_response",
]

_ROOMS = {
    "auth": ("OAuth",),
    "client": ("MCPOAuthClient",),
    "exceptions": ("OAuthError",),
    "flow": ("OAuthFlow",),
    "grants.base": ("Grant", "GrantContext", "Obtained"),
    "grants.client_credentials": ("ClientCredentialsGrant",),
    "grants.device_code": ("DeviceCodeGrant",),
    "grants.enterprise": ("EnterpriseGrant",),
    "grants.jwt_bearer": ("JWTBearerGrant",),
    "handler": ("OAuthHandler",),
    "mcp.session": ("MCPSession",),
    "mcp.sse": ("iter_events", "parse_sse_json", "parse_sse_response"),
    "models.callback": ("Callback",),
    "models.client": ("ClientRegistration",),
    "models.client_key": ("ClientKey",),
    "models.client_metadata": ("ClientMetadata",),
    "models.config": ("OAuthConfig",),
    "models.credentials": ("APIKeyToken", "BasicAuthToken", "BearerToken"),
    "models.device": ("DeviceAuthorization",),
    "models.metadata": ("AuthorizationServerMetadata", "ProtectedResourceMetadata"),
    "models.options": ("SignInOptions",),
    "models.pending": ("StartedSignIn",),
    "models.record": ("ServerRecord",),
    "models.stored": ("StoredToken", "TokenType"),
    "models.switches": ("Switches",),
    "models.tokens": ("OAuthTokens",),
    "prompts": (
        "BrowserPrompt",
        "CallbackPrompt",
        "ConsolePrompt",
        "Listener",
        "NoPrompt",
        "NotebookPrompt",
        "Prompt",
    ),
    "protocol.public_only": ("PublicOnlyAdapter",),
    "stores": ("SecureTokenStore", "TokenManager"),
    "stores.factory": ("TokenStoreFactory",),
    "stores.key_pair": ("ExportKeyPair",),
    "stores.registry": ("TokenRegistry",),
    "stores.table": ("TokenStoreBackend",),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}
#: Names of the async original.
_ALIASES = {
    "DynamicClientRegistration": "ClientRegistration",
    "MCPAuthorizationMetadata": "AuthorizationServerMetadata",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first named, and keep it."""
    if name == "exceptions":
        return import_module(".exceptions", __name__)
    told = _ALIASES.get(name, name)
    if told not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{_HOME[told]}", __name__), told)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the names that are not loaded yet too."""
    return sorted({*globals(), *__all__})
