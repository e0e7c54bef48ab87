"""Every error this library raises, in one tree.

Catch :class:`OAuthError` for everything, or the branch you can act on::

    OAuthError
    +- InsecureURLError (also ValueError)
    |  +- NotPublicError
    +- DiscoveryError
    |  +- MetadataMismatchError
    +- RegistrationError
    |  +- RegistrationRequiredError
    +- AuthorizationError
    |  +- AccessDeniedError
    |  +- AuthorizationTimeoutError (also TimeoutError)
    |  +- InvalidRedirectError
    |  +- SignInRequiredError
    |  +- ScopeRequiredError
    +- TokenExchangeError
    +- TokenRefreshError
    |  +- RefreshRejectedError
    +- RevocationError
    +- RequestNotRepeatedError
    +- TokenStorageError
    |  +- StoreUnavailableError
    |  +- StoreCorruptError
    +- MCPError
       +- ToolError
       +- MCPTimeoutError (also TimeoutError)

A message says what failed and where; ``hint`` says what to do about it. Text that came from a server
passes :func:`printable` first, so that nothing hostile reaches a terminal.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .base import OAuthError, printable
from .oauth import (
    AccessDeniedError,
    AuthorizationError,
    AuthorizationTimeoutError,
    DiscoveryError,
    InsecureURLError,
    InvalidRedirectError,
    MetadataMismatchError,
    NotPublicError,
    RefreshRejectedError,
    RegistrationError,
    RegistrationRequiredError,
    RequestNotRepeatedError,
    RevocationError,
    ScopeRequiredError,
    SignInRequiredError,
    StoreCorruptError,
    StoreUnavailableError,
    TokenExchangeError,
    TokenRefreshError,
    TokenStorageError,
    UnsavedTokensWarning,
)

if TYPE_CHECKING:
    from .mcp import MCPError, MCPTimeoutError, ToolError

__all__ = [
    "AccessDeniedError",
    "AuthorizationError",
    "AuthorizationTimeoutError",
    "DiscoveryError",
    "InsecureURLError",
    "InvalidRedirectError",
    "MCPError",
    "MCPTimeoutError",
    "MetadataMismatchError",
    "NotPublicError",
    "OAuthError",
    "RefreshRejectedError",
    "RegistrationError",
    "RegistrationRequiredError",
    "RequestNotRepeatedError",
    "RevocationError",
    "ScopeRequiredError",
    "SignInRequiredError",
    "StoreCorruptError",
    "StoreUnavailableError",
    "TokenExchangeError",
    "TokenRefreshError",
    "TokenStorageError",
    "ToolError",
    "UnsavedTokensWarning",
    "printable",
]


def __getattr__(name: str) -> object:
    """Load the errors of MCP when one is first named: a program that only signs in needs none."""
    if name not in ("MCPError", "MCPTimeoutError", "ToolError"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(".mcp", __name__), name)
    globals()[name] = value
    return value
