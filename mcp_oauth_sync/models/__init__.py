"""What we know: frozen attrs records, no I/O. RFC 6749, RFC 7591, RFC 8414, RFC 9728."""

from .client import ClientMetadata, ClientRegistration
from .config import OAuthConfig
from .document import MalformedDocument
from .metadata import AuthorizationServerMetadata, ProtectedResourceMetadata
from .options import SignInOptions
from .record import NewerSchema, ServerRecord
from .secret import Secret
from .tokens import OAuthTokens

__all__ = [
    "AuthorizationServerMetadata",
    "ClientMetadata",
    "ClientRegistration",
    "MalformedDocument",
    "NewerSchema",
    "OAuthConfig",
    "OAuthTokens",
    "ProtectedResourceMetadata",
    "Secret",
    "ServerRecord",
    "SignInOptions",
]
