"""A secret of any kind, ready for a store."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from typing import Any

import attrs

from .document import Document, MalformedDocument, require_schema, stored_document
from .secret import Secret
from .shown import bare, plain_metadata
from .tokens import OAuthTokens

#: Version of the stored form. Older ones are read; newer ones are refused and left alone.
SCHEMA = 1


class TokenType(str, enum.Enum):
    """The kinds of secrets.

    Attributes:
        OAUTH: A sign-in.
        BEARER: A token made elsewhere.
        API_KEY: The key of a provider.
        BASIC_AUTH: A user name and a password.
    """

    OAUTH = "oauth"
    BEARER = "bearer"
    API_KEY = "api_key"
    BASIC_AUTH = "basic_auth"


def _sealed(value: Any) -> Any:
    """Return a copy with every text a :class:`Secret`."""
    if isinstance(value, Mapping):
        return {name: _sealed(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_sealed(part) for part in value]
    return Secret(value) if isinstance(value, str) else value


@attrs.frozen(kw_only=True)
class StoredToken:
    """A secret of any kind, as a store keeps it.

    Attributes:
        token_type: Its kind.
        name: What it is called.
        data: Its members, as the kind has them; never shown by ``repr``.
        metadata: What may be shown of it, plain JSON; None for nothing.

    Example::

        stored = APIKeyToken(provider="weather", key=key).to_stored_token("weather")
        store.store_generic("weather", stored.to_json())
    """

    token_type: TokenType = attrs.field(converter=TokenType)
    name: str
    data: Mapping[str, Any] = attrs.field(repr=False, converter=_sealed)
    metadata: Mapping[str, Any] = attrs.field(default=None, converter=plain_metadata)

    def get_display_info(self) -> dict[str, Any]:
        """Return what may be shown: its name and kind, and what is known to be no secret.

        A text that holds eight characters of a secret in a row is shown as None, whatever it is.
        """
        data, kind = self.data, self.token_type
        info: dict[str, Any] = {"expires_at": _number(data, "expires_at")}
        hidden = ["token", "key", "password", "access_token", "refresh_token"]
        if kind is TokenType.OAUTH:
            issued, lifetime = _number(data, "issued_at"), _number(data, "expires_in")
            info = {
                "expires_at": None if issued is None or lifetime is None else issued + lifetime,
                "has_refresh_token": bool(data.get("refresh_token")),
                "scope": data.get("scope"),
            }
        elif kind is TokenType.API_KEY:
            info = {member: data.get(member) for member in ("provider", "organization_id", "project_id")}
        elif kind is TokenType.BASIC_AUTH:
            info = {"username": data.get("username")}
            if not data.get("password"):  # then the user name is the key
                hidden.append("username")
        secrets = [str(data[member]) for member in hidden if data.get(member)]
        shown = {member: bare(value, secrets) for member, value in {**info, "metadata": self.metadata}.items()}
        return {"name": self.name, "type": kind.value, **shown}

    def to_json(self) -> str:
        """Return the stored form.

        Raises:
            ValueError: The data is not plain JSON.
        """
        document = {
            "schema": SCHEMA,
            "token_type": self.token_type.value,
            "name": self.name,
            "data": self.data,
            "metadata": self.metadata,
        }
        try:
            # Escapes would turn two halves of a character into one character, which is another text.
            return Secret(json.dumps(document, separators=(",", ":"), allow_nan=False, ensure_ascii=False))
        except (TypeError, ValueError, RecursionError):
            raise ValueError(f"the data of {self.name!r} is not plain JSON") from None

    @classmethod
    def from_json(cls, stored: str) -> StoredToken:
        """Rebuild from :meth:`to_json`; members this version does not know are dropped.

        Raises:
            NewerSchema: A newer version wrote it.
            MalformedDocument: It is something else.
        """
        document = stored_document(stored)
        require_schema(document, SCHEMA)
        name, kind, data, metadata = (document.get(member) for member in ("name", "token_type", "data", "metadata"))
        if not isinstance(name, str) or not isinstance(data, dict) or not isinstance(metadata or {}, dict):
            raise MalformedDocument("'name', 'data' or 'metadata' has a wrong type")
        try:
            return cls(token_type=TokenType(kind), name=name, data=data, metadata=metadata)
        except ValueError as defect:
            raise MalformedDocument(f"'token_type' or 'metadata' is not ours: {defect}") from None

    def expect_kind(self, kind: TokenType) -> Document:
        """Return the data.

        Raises:
            ValueError: It is a secret of another kind.
        """
        if self.token_type is not kind:
            raise ValueError(f"{self.name!r} is of the kind {self.token_type.value!r}, not {kind.value!r}")
        return self.data


def _number(data: Document, member: str) -> float | None:
    value = data.get(member)
    return value if isinstance(value, (int, float)) else None


def oauth_to_stored_token(tokens: OAuthTokens, name: str) -> StoredToken:
    """Return the tokens of a sign-in in the form of any other secret, to hand them to another program."""
    return StoredToken(token_type=TokenType.OAUTH, name=name, data=tokens.to_dict())


def oauth_from_stored_token(stored: StoredToken) -> OAuthTokens:
    """Rebuild from :func:`oauth_to_stored_token`.

    Raises:
        ValueError: It is a secret of another kind, or a member is missing or of a wrong type.
    """
    return OAuthTokens.from_record(stored.expect_kind(TokenType.OAUTH))
