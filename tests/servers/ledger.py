"""What an authorization server has issued: consents, codes, tokens, and the family each belongs to."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass


@dataclass(repr=False)
class Grant:
    """One consent; every token that comes from it is of its family."""

    client_id: str
    redirect_uri: str
    scope: str
    resource: str | None
    challenge: str | None
    state: str | None = None
    requested_at: float = 0.0
    redeemed: bool = False
    revoked: bool = False
    requested: str = ""
    dpop_jkt: str | None = None  # the key that its code is bound to


@dataclass(repr=False)
class Access:
    """One access token."""

    grant: Grant
    scope: str
    expires_at: float | None
    revoked: bool = False


class Ledger:
    """The books. The clock can be moved with `advance`."""

    def __init__(self) -> None:
        self.codes: dict[str, Grant] = {}
        self.access: dict[str, Access] = {}
        self.refresh: dict[str, Grant] = {}
        self.used: set[str] = set()
        self.led_to: dict[str, str] = {}  # refresh token -> the one it was given for
        self.confirmed: set[str] = set()  # used ones whose answer certainly arrived: what it brought was used
        self.secrets: set[str] = set()
        self.offset = 0.0

    def now(self) -> float:
        """The time of these books, in seconds."""
        return time.monotonic() + self.offset

    def new(self, kind: str) -> str:
        """Make a secret that says what it is and holds characters that need care (RFC 6749 appendix A)."""
        return self.remember(f"{kind}-{secrets.token_urlsafe(24)}")

    def remember(self, secret: str) -> str:
        """Note a value that must never show up in a log."""
        self.secrets.add(secret)
        return secret

    def issue_code(self, grant: Grant) -> str:
        """Issue an authorization code."""
        grant.requested_at = self.now()
        code = self.new("code/+=%")
        self.codes[code] = grant
        return code

    def issue_access(self, grant: Grant, scope: str, ttl: float | None) -> str:
        """Issue an access token; a ttl of None never expires."""
        token = self.new("access")
        self.access[token] = Access(grant, scope, None if ttl is None else self.now() + ttl)
        return token

    def issue_refresh(self, grant: Grant, used: str | None = None) -> str:
        """Issue a refresh token, in exchange for one that is used up by it."""
        token = self.new("refresh")
        self.refresh[token] = grant
        if used is not None:
            self.used.add(used)
            self.led_to[token] = used
            self.confirmed.add(self.led_to.get(used, ""))
        return token

    def active(self, token: str) -> Access | None:
        """Return an access token's entry if it still opens doors."""
        entry = self.access.get(token)
        if entry is None or entry.revoked or entry.grant.revoked:
            return None
        return entry if entry.expires_at is None or self.now() < entry.expires_at else None

    def grant_of(self, token: str) -> Grant | None:
        """Return the family of an access token, refresh token or code."""
        entry = self.access.get(token)
        return entry.grant if entry else self.refresh.get(token) or self.codes.get(token)
