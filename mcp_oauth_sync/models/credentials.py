"""Secrets of other kinds than sign-ins. RFC 6750 section 2.1, RFC 7617 section 2."""

from __future__ import annotations

import base64
import math
import time
import unicodedata

import attrs

from .document import Document, MalformedDocument, number
from .secret import Secret
from .stored import StoredToken, TokenType


def _text(value: object) -> Secret:
    if not isinstance(value, str):
        raise ValueError("a secret has to be a text")  # noqa: TRY004  (callers catch one kind of error)
    return Secret(value)


def _filled(value: str) -> str:
    if not _text(value):
        raise ValueError("a token or key must not be empty")
    return Secret(value)


def _bearer(value: str) -> str:
    if not all("!" <= character <= "~" for character in _filled(value)):
        raise ValueError("a bearer token has visible ASCII characters only (RFC 6750 section 2.1)")
    return Secret(value)


def _moment(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise ValueError("the time of expiry is not a number of seconds")
    return value


def _printable(value: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in _text(value)):
        raise ValueError("user name and password must not hold control characters (RFC 7617 section 2)")
    return Secret(value)


def _user(value: str) -> str:
    if ":" in _printable(value):
        raise ValueError("a user name must not hold a colon (RFC 7617 section 2)")
    return Secret(value)


def _member(data: Document, name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise MalformedDocument(f"{name!r} is missing or not a text")
    return value


def _optional(data: Document, name: str) -> str | None:
    return None if data.get(name) is None else str(_member(data, name))


@attrs.frozen(kw_only=True)
class BearerToken:
    """A bearer token made elsewhere, such as a personal access token.

    Attributes:
        token: The token itself; never shown by ``repr``.
        expires_at: Wall-clock time of expiry in seconds since the epoch; None when unknown.

    RFC 6750 section 2.1.
    """

    token: str = attrs.field(repr=False, converter=_bearer)
    expires_at: float | None = attrs.field(default=None, converter=_moment)

    def is_expired(self, *, now: float | None = None, leeway: float = 0.0) -> bool:
        """Tell whether the token is past its time; one without a time never is.

        Args:
            now: Wall-clock seconds since the epoch; None means the present.
            leeway: Seconds before its time from which it counts as expired.
        """
        return self.expires_at is not None and self.expires_at - (time.time() if now is None else now) <= leeway

    def get_authorization_header(self) -> str:
        """Return the value of the ``Authorization`` header."""
        return Secret(f"Bearer {self.token}")

    def to_stored_token(self, name: str) -> StoredToken:
        """Return it as a store keeps it."""
        return StoredToken(token_type=TokenType.BEARER, name=name, data=attrs.asdict(self))

    @classmethod
    def from_stored_token(cls, stored: StoredToken) -> BearerToken:
        """Rebuild from :meth:`to_stored_token`.

        Raises:
            ValueError: It is a secret of another kind, or a member is missing or of a wrong type.
        """
        data = stored.expect_kind(TokenType.BEARER)
        return cls(token=_member(data, "token"), expires_at=number(data, "expires_at"))


@attrs.frozen(kw_only=True)
class APIKeyToken:
    """The key of a provider.

    Attributes:
        provider: Whose key it is.
        key: The key itself; never shown by ``repr``.
        organization_id: The organization it counts for; None when the provider knows none.
        project_id: The project it counts for; None when the provider knows none.
    """

    provider: str
    key: str = attrs.field(repr=False, converter=_filled)
    organization_id: str | None = None
    project_id: str | None = None

    def to_stored_token(self, name: str) -> StoredToken:
        """Return it as a store keeps it."""
        return StoredToken(token_type=TokenType.API_KEY, name=name, data=attrs.asdict(self))

    @classmethod
    def from_stored_token(cls, stored: StoredToken) -> APIKeyToken:
        """Rebuild from :meth:`to_stored_token`.

        Raises:
            ValueError: It is a secret of another kind, or a member is missing or of a wrong type.
        """
        data = stored.expect_kind(TokenType.API_KEY)
        return cls(
            provider=str(_member(data, "provider")),
            key=_member(data, "key"),
            organization_id=_optional(data, "organization_id"),
            project_id=_optional(data, "project_id"),
        )


@attrs.frozen(kw_only=True)
class BasicAuthToken:
    """A user name and a password.

    Attributes:
        username: The user name; not shown by ``repr``, for some providers take a key for it.
        password: The password; never shown by ``repr``. It may be empty.

    RFC 7617 section 2.
    """

    username: str = attrs.field(repr=False, converter=_user)
    password: str = attrs.field(repr=False, converter=_printable)

    def get_auth_header(self) -> str:
        """Return the value of the ``Authorization`` header, in UTF-8 and normal form C. RFC 7617 section 2.1."""
        pair = unicodedata.normalize("NFC", f"{self.username}:{self.password}")
        return Secret(f"Basic {base64.b64encode(pair.encode()).decode()}")

    def to_stored_token(self, name: str) -> StoredToken:
        """Return it as a store keeps it."""
        return StoredToken(token_type=TokenType.BASIC_AUTH, name=name, data=attrs.asdict(self))

    @classmethod
    def from_stored_token(cls, stored: StoredToken) -> BasicAuthToken:
        """Rebuild from :meth:`to_stored_token`.

        Raises:
            ValueError: It is a secret of another kind, or a member is missing or of a wrong type.
        """
        data = stored.expect_kind(TokenType.BASIC_AUTH)
        return cls(username=_member(data, "username"), password=_member(data, "password"))
