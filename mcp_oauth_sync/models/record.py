"""Everything one sign-in leaves behind, so that a later process needs no discovery."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import attrs

from .client import ClientRegistration
from .document import Document, number, require_schema, section, stored_document, text
from .secret import secret_or_none
from .switches import Switches
from .tokens import OAuthTokens

#: Newest version of the stored form. Older ones are read; newer ones are refused and left alone. A record is written
#: in the oldest version that can hold it, so that an older installation beside this one loses nothing but, perhaps, a
#: choice of scopes.
SCHEMA = 2


@attrs.frozen(kw_only=True)
class ServerRecord:
    """One server, one sign-in.

    Attributes:
        server_url: The MCP server; empty for a sign-in from explicit endpoints.
        issuer: The authorization server that issued the tokens; empty when unknown.
        resource: The ``resource`` sent in every request; None when none was sent.
        token_endpoint: Where to refresh; None until known.
        revocation_endpoint: Where to revoke; None when not offered.
        registration: Who we are to the issuer; None until known.
        tokens: What we hold; None when signed out.
        requested_scope: The scope last asked for, as on the wire; None when none was.
        redirect_uri: The redirect of the last sign-in; None until known.
        grant: What obtained the tokens without a person; None where a person took part.
        switches: Where the issuer was met halfway.
        dpop_key: Private key in PEM that the tokens are bound to (RFC 9449); None for bearer tokens.
        moved_at: When the sign-in was taken to another machine, in seconds since the epoch; None while it is used here.
    """

    server_url: str = ""
    issuer: str = ""
    resource: str | None = None
    token_endpoint: str | None = None
    revocation_endpoint: str | None = None
    registration: ClientRegistration | None = None
    tokens: OAuthTokens | None = None
    requested_scope: str | None = None
    redirect_uri: str | None = None
    grant: str | None = None
    switches: Switches = attrs.field(factory=Switches)
    dpop_key: str | None = attrs.field(default=None, repr=False, converter=secret_or_none)
    moved_at: float | None = None

    def can_refresh(self) -> bool:
        """Tell whether the record holds all a refresh needs."""
        return bool(
            self.tokens
            and self.tokens.refresh_token
            and self.token_endpoint
            and self.registration
            and not self.registration.is_expired()
        )

    def moved(self, at: float) -> ServerRecord:
        """Return what stays behind when the sign-in is taken to another machine: who we are, and when it was.

        Args:
            at: Seconds since the epoch.
        """
        return attrs.evolve(self, tokens=None, dpop_key=None, moved_at=at)

    @property
    def moved_on(self) -> str | None:
        """The day it was taken to another machine, as the clock here tells it; None while it is used here."""
        if self.moved_at is None:
            return None
        try:
            return datetime.fromtimestamp(self.moved_at, timezone.utc).astimezone().strftime("%Y-%m-%d")
        except (OverflowError, OSError, ValueError):
            return "an unknown day"

    def to_record(self) -> dict[str, object]:
        """Return the record as plain values for a store, secrets included."""
        plain = {
            name: getattr(self, name)
            for name in (
                "server_url",
                "issuer",
                "resource",
                "token_endpoint",
                "revocation_endpoint",
                "requested_scope",
                "redirect_uri",
                "grant",
                "dpop_key",
                "moved_at",
            )
        }
        plain["registration"] = self.registration.to_record() if self.registration else None
        plain["tokens"] = self.tokens.to_record() if self.tokens else None
        plain["switches"] = self.switches.to_record() or None
        signs = self.registration is not None and self.registration.token_endpoint_auth_signing_alg is not None
        newer = self.switches.relaxations or self.dpop_key or self.moved_at or self.grant or signs
        schema = SCHEMA if newer else 1
        return {"schema": schema, **{name: value for name, value in plain.items() if value is not None}}

    @classmethod
    def from_record(cls, document: Document) -> ServerRecord:
        """Rebuild from :meth:`to_record`; members this version does not know are dropped.

        Raises:
            NewerSchema: A newer version wrote it.
            MalformedDocument: A member is missing or of a wrong type.
        """
        require_schema(document, SCHEMA)
        sections = (section(document, member) for member in ("registration", "tokens", "switches"))
        registration, tokens, switches = sections
        return cls(
            server_url=text(document, "server_url") or "",
            issuer=text(document, "issuer") or "",
            resource=text(document, "resource"),
            token_endpoint=text(document, "token_endpoint"),
            revocation_endpoint=text(document, "revocation_endpoint"),
            registration=None if registration is None else ClientRegistration.from_record(registration),
            tokens=None if tokens is None else OAuthTokens.from_record(tokens),
            requested_scope=text(document, "requested_scope"),
            redirect_uri=text(document, "redirect_uri"),
            grant=text(document, "grant"),
            switches=Switches() if switches is None else Switches.from_record(switches),
            dpop_key=text(document, "dpop_key"),
            moved_at=number(document, "moved_at"),
        )

    def to_json(self) -> str:
        """Return the stored form."""
        return json.dumps(self.to_record(), separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, stored: str) -> ServerRecord:
        """Rebuild from :meth:`to_json`.

        Raises:
            MalformedDocument: It is not a record.
        """
        return cls.from_record(stored_document(stored))
