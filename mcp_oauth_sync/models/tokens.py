"""What a token endpoint hands out. RFC 6749 section 5.1, RFC 6750."""

from __future__ import annotations

import time

import attrs

from .document import Document, number, required_text, text
from .secret import Secret, secret_or_none

#: Most seconds before expiry at which a token is no longer offered.
MAX_LEEWAY = 60.0


def _now_if_none(value: float | None) -> float:
    return time.time() if value is None else value


@attrs.frozen(kw_only=True)
class OAuthTokens:
    """An access token and what came with it.

    Attributes:
        access_token: The token itself; never shown by ``repr``.
        token_type: How to present it; "Bearer" or "DPoP" in any letter case.
        expires_in: Lifetime in seconds when issued; None means the server did not say.
        refresh_token: For new access tokens without a person; None when none was issued.
        scope: The granted scope as on the wire; None means unknown.
        issued_at: Wall-clock time of issue in seconds since the epoch; None becomes now.

    RFC 6749 section 5.1.
    """

    access_token: str = attrs.field(repr=False, converter=Secret)
    token_type: str = "Bearer"
    expires_in: float | None = None
    refresh_token: str | None = attrs.field(default=None, repr=False, converter=secret_or_none)
    scope: str | None = None
    issued_at: float = attrs.field(default=None, converter=_now_if_none)

    @property
    def expires_at(self) -> float | None:
        """Wall-clock time of expiry in seconds since the epoch; None when unknown."""
        return None if self.expires_in is None else self.issued_at + self.expires_in

    @property
    def leeway(self) -> float:
        """Seconds before expiry from which a refresh is worth its while, 10 % of the lifetime, at most 60."""
        return 0.0 if self.expires_in is None else min(MAX_LEEWAY, self.expires_in * 0.1)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The granted scopes, empty when unknown."""
        return tuple((self.scope or "").split())

    @property
    def bound(self) -> bool:
        """Whether the token is bound to a key, so that every request needs a proof, too. RFC 9449 section 7.1."""
        return self.token_type.lower() == "dpop"

    def is_expired(self, *, now: float | None = None) -> bool:
        """Tell whether the token is past its time, or so near that it should be renewed first.

        Args:
            now: Wall-clock seconds since the epoch; None means the present.
        """
        return self.expires_at is not None and self.seconds_left(now=now) <= self.leeway

    def seconds_left(self, *, now: float | None = None) -> float:
        """Return the seconds until expiry; infinite when unknown.

        A token cannot have more time left than it had when issued: a clock that was set back in between
        would otherwise keep a dead token alive for as long.

        Args:
            now: Wall-clock seconds since the epoch; None means the present.
        """
        if self.expires_at is None or self.expires_in is None:
            return float("inf")
        return min(self.expires_at - (time.time() if now is None else now), self.expires_in)

    def get_authorization_header(self) -> str:
        """Return the value of the ``Authorization`` header. RFC 6750 section 2.1, RFC 9449 section 7.1.

        It is all that a bearer token needs. One that is ``bound`` to a key goes with a proof of its own for each
        request: :meth:`OAuth.headers() <mcp_oauth_sync.OAuth.headers>` gives both.
        """
        return Secret(f"{'DPoP' if self.bound else 'Bearer'} {self.access_token}")

    def to_dict(self) -> dict[str, object]:
        """Return every field by name, secrets included; None is left out."""
        return attrs.asdict(self, filter=lambda _, value: value is not None)

    to_record = to_dict

    @classmethod
    def from_record(cls, document: Document) -> OAuthTokens:
        """Rebuild from :meth:`to_dict`.

        Raises:
            MalformedDocument: A member is missing or of a wrong type.
        """
        return cls(
            access_token=required_text(document, "access_token"),
            token_type=text(document, "token_type") or "Bearer",
            expires_in=number(document, "expires_in"),
            refresh_token=text(document, "refresh_token"),
            scope=text(document, "scope"),
            issued_at=number(document, "issued_at") or 0.0,
        )
