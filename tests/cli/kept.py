"""Sign-ins in every state, kept without a server."""

from __future__ import annotations

import time

import attrs

from mcp_oauth_sync import ClientRegistration, OAuthTokens, ServerRecord, TokenManager
from mcp_oauth_sync.models.switches import Switches

ISSUER = "https://login.example.com"
SECRETS = ("at-that-is-never-shown", "rt-that-is-never-shown", "cs-that-is-never-shown", "key-that-is-never-shown")
TOKENS = OAuthTokens(access_token=SECRETS[0], refresh_token=SECRETS[1], scope="notes:read")
RECORD = ServerRecord(
    server_url="https://mcp.example.com/mcp?key=query-that-is-never-shown",
    issuer=ISSUER,
    resource="https://mcp.example.com/mcp",
    token_endpoint=f"{ISSUER}/token?key=query-that-is-never-shown",
    registration=ClientRegistration(client_id="client-7", issuer=ISSUER, client_secret=SECRETS[2], source="dynamic"),
    tokens=TOKENS,
    redirect_uri="http://127.0.0.1:8765/callback",
)


def with_tokens(**changes: object) -> ServerRecord:
    """Return a sign-in whose tokens are as told, issued now unless that is told too."""
    return attrs.evolve(RECORD, tokens=attrs.evolve(TOKENS, **{"issued_at": time.time(), **changes}))


STALE = {"expires_in": 60.0, "issued_at": 1.0}
NO_CLIENT = attrs.evolve(with_tokens(**STALE), registration=None)
OLD_SECRET = attrs.evolve(
    with_tokens(**STALE),
    registration=ClientRegistration(client_id="client-7", client_secret=SECRETS[2], client_secret_expires_at=5.0),
)
#: By name: what is kept, its state, its exit status, and why.
STATES: dict[str, tuple[ServerRecord, str, int, str | None]] = {
    "endless": (with_tokens(), "signed-in", 0, None),
    "fresh": (with_tokens(expires_in=7300.0), "signed-in", 0, None),
    "narrow": (
        attrs.evolve(with_tokens(), requested_scope="notes:read notes:write offline_access"),
        "signed-in",
        0,
        "not granted: notes:write",
    ),
    "stale": (with_tokens(**STALE), "renewed-at-next-call", 0, None),
    "program": (
        attrs.evolve(with_tokens(**STALE, refresh_token=None), grant="client_credentials"),
        "renewed-at-next-call",
        0,
        None,
    ),
    "over": (with_tokens(**STALE, refresh_token=None), "expired", 3, "the server gave nothing to renew it with"),
    "lost": (NO_CLIENT, "expired", 3, "the token endpoint or the client is not known"),
    "client": (OLD_SECRET, "expired", 3, "the client's secret has expired, too"),
    "out": (
        attrs.evolve(RECORD, tokens=None),
        "signed-out",
        3,
        "no token is left: revoked here, or refused by the server",
    ),
    "moved": (RECORD.moved(86400.0 * 3), "moved", 3, "it is used on another machine"),
}
FULL = attrs.evolve(
    with_tokens(expires_in=7300.0, token_type="DPoP"),
    requested_scope="notes:read",
    dpop_key=SECRETS[3],
    switches=Switches(assume_pkce=True),
    revocation_endpoint=f"{ISSUER}/revoke",
)


def keep(*names: str) -> TokenManager:
    """Keep sign-ins of those names, or all of them and one that is torn."""
    manager = TokenManager()
    for name in names or STATES:
        manager.save_record(name, STATES[name][0])
    if not names:
        manager.store.store_generic("torn", "{", namespace="oauth")
    return manager
