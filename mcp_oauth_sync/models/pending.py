"""A sign-in whose person is on the way: what its starter may show, and what finishing it takes. RFC 6749 section 4.1.

Nothing of the second ever leaves the store of tokens; the first may go anywhere the address may.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time

import attrs

from ..urls import without_query
from .client import ClientRegistration, as_texts
from .document import (
    Document,
    MalformedDocument,
    flag,
    number,
    require_schema,
    required_text,
    stored_document,
    text,
    texts,
)
from .secret import Secret, secret_or_none
from .switches import Switches

#: Newest version of the stored form.
SCHEMA = 1
#: Seconds for which a sign-in can be finished unless the caller says otherwise, and the most that can be said.
LIFETIME, LONGEST_LIFETIME = 600.0, 30 * 86400.0


def require_lifetime(seconds: float) -> float:
    """Return a time to finish a sign-in in, if it is one.

    Raises:
        ValueError: It is not a number of seconds above 0 and up to 30 days.
    """
    if not 0 < seconds <= LONGEST_LIFETIME:
        raise ValueError(f"lifetime must be a number of seconds up to {LONGEST_LIFETIME:.0f}, not {seconds!r}")
    return seconds


@attrs.frozen(kw_only=True)
class StartedSignIn:
    """What a person needs to sign in, and nothing that would let anybody else finish it.

    Attributes:
        url: What the person opens in a browser, any browser.
        server_url: The MCP server.
        expires_at: Until when it can be finished, in seconds since the epoch.

    Example::

        started = OAuth(url).start_sign_in()
        send_mail(started.url)
    """

    url: str = attrs.field(repr=False, converter=Secret)
    server_url: str = attrs.field(repr=without_query)
    expires_at: float

    def to_dict(self) -> dict[str, object]:
        """Return every field by name, fit for JSON."""
        return attrs.asdict(self)

    @classmethod
    def from_dict(cls, document: Document) -> StartedSignIn:
        """Rebuild from :meth:`to_dict`.

        Raises:
            MalformedDocument: A member is missing or of a wrong type; it is a ``ValueError``.
        """
        return cls(
            url=required_text(document, "url"),
            server_url=required_text(document, "server_url"),
            expires_at=_required_number(document, "expires_at"),
        )


@attrs.frozen(kw_only=True)
class PendingSignIn:
    """What was asked for on a person's behalf: what the answer is checked against and redeemed with.

    Attributes:
        server_url: The MCP server.
        name: What the sign-in is to be called; empty where nothing is stored.
        named: Whether the caller chose that name: the sign-in is then found by the server's URL too.
        issuer: The issuer of the validated metadata; None when unknown.
        issuer_advertised: The answer has to carry ``iss`` (RFC 9207).
        redirect_uri: Where the browser comes back to.
        state: Ties the answer to this sign-in.
        verifier: The PKCE verifier.
        token_endpoint: Where the code is redeemed.
        revocation_endpoint: Where the tokens can be revoked; None when not offered.
        resource: RFC 8707 resource that was asked for; None sends none.
        scopes: Scopes that were asked for.
        registration: Who asked.
        switches: Where the issuer is met halfway.
        dpop_key: What the tokens are to be bound to, in PEM; None for bearer tokens.
        expires_at: Until when it can be finished, in seconds since the epoch.
    """

    server_url: str
    name: str = ""
    named: bool = False
    issuer: str | None
    issuer_advertised: bool
    redirect_uri: str
    state: str = attrs.field(repr=False, converter=Secret)
    verifier: str = attrs.field(repr=False, converter=Secret)
    token_endpoint: str
    revocation_endpoint: str | None = None
    resource: str | None = None
    scopes: tuple[str, ...] = attrs.field(default=(), converter=as_texts)
    registration: ClientRegistration
    switches: Switches = attrs.field(factory=Switches)
    dpop_key: str | None = attrs.field(default=None, repr=False, converter=secret_or_none)
    expires_at: float

    @property
    def key(self) -> str:
        """What it is kept under, nothing to be learned from, and found by the state of a redirect."""
        return f"{key_part(self.state)}.{math.ceil(self.expires_at)}"

    def is_expired(self, *, now: float | None = None) -> bool:
        """Tell whether it is too late to finish it.

        Args:
            now: Wall-clock seconds since the epoch; None means the present.
        """
        return self.expires_at <= (time.time() if now is None else now)

    def to_record(self) -> dict[str, object]:
        """Return the record as plain values for a store, secrets included."""
        plain = {field.name: getattr(self, field.name) for field in attrs.fields(type(self))}
        plain |= {"registration": self.registration.to_record(), "switches": self.switches.to_record() or None}
        return {"schema": SCHEMA, **{name: value for name, value in plain.items() if value is not None}}

    @classmethod
    def from_record(cls, document: Document) -> PendingSignIn:
        """Rebuild from :meth:`to_record`; members this version does not know are dropped.

        Raises:
            NewerSchema: A newer version wrote it.
            MalformedDocument: A member is missing or of a wrong type.
        """
        require_schema(document, SCHEMA)
        registration, switches = document.get("registration"), document.get("switches", {})
        if not isinstance(registration, dict) or not isinstance(switches, dict):
            raise MalformedDocument("'registration' or 'switches' is not an object")
        return cls(
            server_url=required_text(document, "server_url"),
            name=text(document, "name") or "",
            named=flag(document, "named"),
            issuer=text(document, "issuer"),
            issuer_advertised=flag(document, "issuer_advertised"),
            redirect_uri=required_text(document, "redirect_uri"),
            state=required_text(document, "state"),
            verifier=required_text(document, "verifier"),
            token_endpoint=required_text(document, "token_endpoint"),
            revocation_endpoint=text(document, "revocation_endpoint"),
            resource=text(document, "resource"),
            scopes=texts(document, "scopes") or (),
            registration=ClientRegistration.from_record(registration),
            switches=Switches.from_record(switches),
            dpop_key=text(document, "dpop_key"),
            expires_at=_required_number(document, "expires_at"),
        )

    def to_json(self) -> str:
        """Return the stored form."""
        return json.dumps(self.to_record(), separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, stored: str) -> PendingSignIn:
        """Rebuild from :meth:`to_json`.

        Raises:
            MalformedDocument: It is not such a record.
        """
        return cls.from_record(stored_document(stored))


def key_part(state: str) -> str:
    """Return what the key of a sign-in with this state begins with: a digest, which tells nobody the state."""
    return hashlib.sha256(state.encode("utf-8", "surrogatepass")).hexdigest()


def expiry_of(key: str) -> float:
    """Return until when what is kept under a key can be finished, from the key alone; any other text never ends."""
    digits = re.fullmatch(r"[0-9a-f]{64}\.([0-9]{1,15})", key)
    return float(digits[1]) if digits else math.inf


def _required_number(document: Document, member: str) -> float:
    value = number(document, member)
    if value is None:
        raise MalformedDocument(f"{member!r} is missing")
    return value
