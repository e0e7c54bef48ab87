"""What an authorization server made of a client. RFC 7591 section 3.2."""

from __future__ import annotations

import time
from collections.abc import Iterable

import attrs

from ..urls import shown_url
from .document import Document, MalformedDocument, number, required_text, text, texts
from .secret import secret_or_none

#: How a registration came about.
PREREGISTERED, DOCUMENT, DYNAMIC = "pre-registered", "client-id document", "dynamic"


def as_texts(value: Iterable[str]) -> tuple[str, ...]:
    """Return strings as a tuple."""
    return tuple(value)


@attrs.frozen(kw_only=True)
class ClientRegistration:
    """What we are to one authorization server; never used at another.

    Attributes:
        client_id: The client identifier.
        issuer: The authorization server it belongs to; None binds it to the first one it is used at.
        client_secret: None for public clients; never shown by ``repr``.
        client_secret_expires_at: Seconds since the epoch; None means it does not expire.
        token_endpoint_auth_method: The method in use; None until one is settled.
        token_endpoint_auth_signing_alg: What its assertions are signed by; None for other methods.
        redirect_uris: Registered redirect URIs; empty when not said.
        scope: Scopes the client is registered for, as on the wire; None when not said.
        client_name: Registered name; None when not said.
        registration_client_uri: Where to manage the registration (RFC 7592); None when not offered.
        registration_access_token: The credential for that; never shown by ``repr``.
        registered_at: The endpoint it was registered at; None when not known.
        source: How the registration came about.

    RFC 7591 section 3.2.1; OpenID Connect Registration section 2 (``token_endpoint_auth_signing_alg``).
    """

    client_id: str = attrs.field()
    issuer: str | None = None
    client_secret: str | None = attrs.field(default=None, repr=False, converter=secret_or_none)
    client_secret_expires_at: float | None = None
    token_endpoint_auth_method: str | None = None
    token_endpoint_auth_signing_alg: str | None = None
    redirect_uris: tuple[str, ...] = attrs.field(default=(), converter=as_texts)
    scope: str | None = None
    client_name: str | None = None
    registration_client_uri: str | None = None
    registration_access_token: str | None = attrs.field(default=None, repr=False, converter=secret_or_none)
    registered_at: str | None = attrs.field(default=None, repr=shown_url)
    source: str = PREREGISTERED

    @client_id.validator
    def _not_empty(self, _: object, value: object) -> None:
        if not isinstance(value, str) or not value.strip():
            raise MalformedDocument("'client_id' must not be empty")

    def is_expired(self, *, now: float | None = None) -> bool:
        """Tell whether the client secret is past its time.

        Args:
            now: Wall-clock seconds since the epoch; None means the present.
        """
        if not self.client_secret_expires_at:
            return False
        return self.client_secret_expires_at <= (time.time() if now is None else now)

    @classmethod
    def from_response(cls, document: Document, *, issuer: str) -> ClientRegistration:
        """Check the types of a registration response; only ``client_id`` has to be there.

        Args:
            document: The response.
            issuer: The authorization server that gave it.

        Raises:
            MalformedDocument: ``client_id`` is missing or holds control characters, or a member has a wrong type.
        """
        registration = cls._read(document, issuer=issuer, source=DYNAMIC)
        if not registration.client_id.isprintable():  # RFC 6749 appendix A.1
            raise MalformedDocument("'client_id' holds control characters")
        return registration

    @classmethod
    def _read(cls, document: Document, *, issuer: str | None, source: str) -> ClientRegistration:
        return cls(
            client_id=required_text(document, "client_id"),
            issuer=issuer,
            client_secret=text(document, "client_secret"),
            client_secret_expires_at=number(document, "client_secret_expires_at") or None,
            token_endpoint_auth_method=text(document, "token_endpoint_auth_method"),
            redirect_uris=texts(document, "redirect_uris") or (),
            scope=text(document, "scope"),
            client_name=text(document, "client_name"),
            registration_client_uri=text(document, "registration_client_uri"),
            registration_access_token=text(document, "registration_access_token"),
            source=source,
        )

    def to_record(self) -> dict[str, object]:
        """Return every field by name, secrets included; None is left out."""
        return attrs.asdict(self, filter=lambda _, value: value is not None)

    @classmethod
    def from_record(cls, document: Document) -> ClientRegistration:
        """Rebuild from :meth:`to_record`.

        Raises:
            MalformedDocument: A member is missing or of a wrong type.
        """
        read = cls._read(document, issuer=text(document, "issuer"), source=text(document, "source") or PREREGISTERED)
        return attrs.evolve(
            read,
            token_endpoint_auth_signing_alg=text(document, "token_endpoint_auth_signing_alg"),
            registered_at=text(document, "registered_at"),
        )
