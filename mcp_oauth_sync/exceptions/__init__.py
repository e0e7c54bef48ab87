"""Every error this library raises, in one tree.

Catch :class:`OAuthError` for everything, or the branch you can act on::

    OAuthError
    +- InsecureURLError (also ValueError)
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

from .base import OAuthError, printable
from .mcp import MCPError, MCPTimeoutError, ToolError
from .oauth import (
    AccessDeniedError,
    AuthorizationError,
    AuthorizationTimeoutError,
    DiscoveryError,
    InsecureURLError,
    InvalidRedirectError,
    MetadataMismatchError,
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
