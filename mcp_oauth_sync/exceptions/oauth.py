"""Errors of signing in, of tokens, and of the stores they are kept in."""

from __future__ import annotations

from collections.abc import Sequence

from .base import OAuthError


class InsecureURLError(OAuthError, ValueError):
    """An endpoint is neither https nor http on the loopback interface, or is not a plain URL."""


class NotPublicError(InsecureURLError):
    """``public_only`` is on, and a request would go elsewhere than to a public address, or not by https.

    Attributes:
        host: The host it would have gone to, printable; empty when there is none.
    """

    def __init__(self, message: str, *, hint: str | None = None, host: str = "") -> None:
        super().__init__(message, hint=hint)
        self.host = host


class DiscoveryError(OAuthError):
    """The authorization server of an MCP server could not be found out.

    Attributes:
        url: The document that failed, or the MCP server.
        tried: One line per URL tried, in order, with what came back.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, url: str | None = None, tried: Sequence[str] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.url = url
        self.tried = tuple(tried)

    def __str__(self) -> str:
        lines = [self.message, *(f"  tried {line}" for line in self.tried)]
        return "\n".join([*lines, f"Hint: {self.hint}"] if self.hint else lines)


class MetadataMismatchError(DiscoveryError):
    """A metadata document names another issuer or resource than the one it was fetched for.

    Attributes:
        expected: The value the document had to carry.
        received: The value it carried.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        url: str | None = None,
        tried: Sequence[str] = (),
        expected: str | None = None,
        received: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, url=url, tried=tried)
        self.expected = expected
        self.received = received


class _ServerError(OAuthError):
    """What an OAuth error response says.

    Attributes:
        issuer: The authorization server, or None when unknown.
        error: The OAuth error code, or None when the answer carried none.
        error_description: The server's own words, made printable, or None.
        status: The HTTP status, or None when no answer came.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        issuer: str | None = None,
        error: str | None = None,
        error_description: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.issuer = issuer
        self.error = error
        self.error_description = error_description
        self.status = status


class RegistrationError(_ServerError):
    """Registering a client failed."""


class RegistrationRequiredError(RegistrationError):
    """There is no way to register by itself: a client has to be registered by hand."""


class AuthorizationError(_ServerError):
    """The authorization step failed."""


class AccessDeniedError(AuthorizationError):
    """The person, or the authorization server on their behalf, said no."""


class AuthorizationTimeoutError(AuthorizationError, TimeoutError):
    """Nobody answered in time."""


class InvalidRedirectError(AuthorizationError):
    """The redirect is not an answer to our request; nothing in it was used."""


class SignInRequiredError(AuthorizationError):
    """A person has to sign in and nobody is there to ask."""


class ScopeRequiredError(AuthorizationError):
    """The server asks for scopes that this sign-in cannot get.

    Attributes:
        scopes: The scopes the server asked for.
    """

    def __init__(self, message: str, *, hint: str | None = None, scopes: Sequence[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.scopes = tuple(scopes)


class _TokenError(_ServerError):
    """No tokens came; ``transient`` tells whether waiting may help, ``retry_after`` the seconds asked for, or None."""

    retry_after: float | None = None
    transient: bool = False


class TokenExchangeError(_TokenError):
    """The token endpoint did not give tokens for what was shown to it: a code, an assertion, a secret."""


class TokenRefreshError(_TokenError):
    """A refresh failed for now; everything stored is kept."""

    transient = True


class RefreshRejectedError(TokenRefreshError):
    """The refresh token is definitively no longer good: sign in again."""

    transient = False


class RevocationError(_ServerError):
    """The authorization server did not confirm a revocation."""


class RequestNotRepeatedError(OAuthError):
    """The sign-in is good now, but the request's body cannot be sent a second time: send it again.

    Attributes:
        response: The server's answer to the first attempt, a ``requests.Response``, or None.
    """

    response: object = None


class TokenStorageError(OAuthError):
    """A store failed.

    Attributes:
        store: The store's name, or None.
        name: The entry's name, or None when the store as a whole failed.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, store: str | None = None, name: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.store = store
        self.name = name


class StoreUnavailableError(TokenStorageError):
    """This store cannot be used here; the message says why."""


class StoreCorruptError(TokenStorageError):
    """A stored entry cannot be read: damaged, swapped, or sealed with another key."""


class UnsavedTokensWarning(UserWarning):
    """Fresh tokens could not be stored; they are used until the process ends."""
