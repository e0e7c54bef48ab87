"""What is kept of an authorization server beside any sign-in: its metadata and who we are there."""

from __future__ import annotations

import json
import time

import attrs

from .client import ClientRegistration
from .document import number, require_schema, section, stored_document, text
from .metadata import AuthorizationServerMetadata

SCHEMA = 1
#: Seconds for which what a server said is taken to be so still, and a registration to be known there.
FRESH = 3600.0


@attrs.frozen(kw_only=True)
class KnownIssuer:
    """An authorization server that a person has just signed in at, for the next MCP server that it protects.

    Attributes:
        server: Its metadata, checked when it was fetched.
        fetched_at: When that was, in seconds since the epoch.
        registration: Who we became there; None where that is not for others to share.
        asked: Stands for what we asked to be; None without a registration.

    RFC 8414 section 3; RFC 7591 section 3.2.
    """

    server: AuthorizationServerMetadata
    fetched_at: float
    registration: ClientRegistration | None = None
    asked: str | None = None

    def is_fresh(self, *, now: float | None = None) -> bool:
        """Tell whether it can be relied on without asking.

        Args:
            now: Seconds since the epoch; None means the present.
        """
        return 0 <= (time.time() if now is None else now) - self.fetched_at < FRESH

    def to_json(self) -> str:
        """Return the stored form, secrets included."""
        document = {
            "schema": SCHEMA,
            "server": attrs.asdict(self.server, filter=lambda _, value: value is not None),
            "fetched_at": self.fetched_at,
            "registration": self.registration.to_record() if self.registration else None,
            "asked": self.asked,
        }
        return json.dumps(document, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, stored: str) -> KnownIssuer:
        """Rebuild from :meth:`to_json`.

        Raises:
            NewerSchema: A newer version wrote it.
            MalformedDocument: It is no such record.
        """
        document = stored_document(stored)
        require_schema(document, SCHEMA)
        registration = section(document, "registration")
        return cls(
            server=AuthorizationServerMetadata.from_document(section(document, "server") or {}),
            fetched_at=number(document, "fetched_at") or 0.0,
            registration=None if registration is None else ClientRegistration.from_record(registration),
            asked=text(document, "asked"),
        )
