"""Step 8: the sign-in that is kept, how it stands, and whether it still is one at the authorization server in use."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator

from ..exceptions import TokenStorageError, printable
from ..models.record import ServerRecord
from ..protocol.server_metadata import same_issuer
from ..urls import without_query
from .finding import Finding, Level, Step


def check_stored(
    name: str, record: ServerRecord, *, store: str, profile: str, now: float | None = None
) -> Iterator[Finding]:
    """Yield how a sign-in stands.

    Args:
        name: The sign-in.
        record: What is kept of it.
        store: What the store is called.
        profile: The account.
        now: Seconds since the epoch; None means the present.
    """
    place = f"Kept in {printable(store)}; profile {printable(profile)!r}."  # no part of what a trace shows
    tokens, again = record.tokens, f"Run: {sign_in_command(name, record)}"
    if record.moved_on and tokens is None:
        why = "It is used there; going on with it here would end it there where refresh tokens are rotated."
        what = f"moved to another machine on {record.moved_on}"
        yield _found(
            Level.WARNING, "moved", what, why=why, remedy=f"To sign in here anew: {again.removeprefix('Run: ')}"
        )
        return
    if tokens is None:
        yield _found(Level.WARNING, "signed-out", "signed out", why=place, remedy=again)
        return
    left, refreshable = tokens.seconds_left(now=time.time() if now is None else now), record.can_refresh()
    good = left > 0
    life = "no end known" if left == float("inf") else f"good for {_duration(left)}" if good else "expired"
    renewal = "renewed by itself" if refreshable else "obtained anew by its program" if record.grant else None
    bound = "bound to a key (DPoP)" if tokens.bound else None
    state = ", ".join(part for part in (life, renewal or "no refresh token", bound) if part)
    if good or renewal:
        yield _found(Level.OK, "signed-in", state, why=place)
    else:
        yield _found(Level.WARNING, "expired", state, why=place, remedy=again)
    if tokens.refresh_token and not refreshable:
        why = "The record lacks the token endpoint or the client, or the client's secret has expired."
        yield _found(Level.WARNING, "cannot-refresh", "it has a refresh token that cannot be used", why=why)
    if record.switches:
        what = f"remembered for {printable(record.issuer, 100)} alone: {record.switches}"
        yield _found(Level.OK, "switches", what)


def needs_person(record: ServerRecord | None, *, now: float | None = None) -> bool:
    """Tell whether a person has to sign in before the sign-in can be used.

    Args:
        record: What is kept; None when nothing is.
        now: Seconds since the epoch; None means the present.
    """
    if record is None or record.tokens is None:
        return True
    moment = time.time() if now is None else now
    return record.tokens.seconds_left(now=moment) <= 0 and not record.can_refresh() and not record.grant


def check_absent(name: str) -> Finding:
    """Return what there is to say of a name that nothing is kept under."""
    remedy = f"Run: mcp-oauth-sync auth {shlex.quote(name)} URL"
    if "." in name or "/" in name or ":" in name:
        remedy = "If that is a host, write its URL: https://..."
    return _found(Level.WARNING, "no-such-sign-in", f"there is none called {printable(name, 60)!r}", remedy=remedy)


def check_unreadable(error: TokenStorageError, *, named: bool) -> Finding:
    """Return what there is to say of a store or an entry that cannot be read.

    Args:
        error: What the library says of it.
        named: Whether the user asked for this sign-in, or it is only looked for.
    """
    return Finding(
        step=Step.STORED,
        level=Level.PROBLEM if named else Level.WARNING,
        code="unreadable",
        what="what is kept cannot be read",
        why=error.message,
        remedy=error.hint,
    )


def check_issuer(name: str, record: ServerRecord, issuer: str) -> Iterator[Finding]:
    """Yield that a sign-in is one at another authorization server than the one in use now.

    Args:
        name: The sign-in.
        record: What is kept of it.
        issuer: The authorization server in use now.
    """
    if record.issuer and record.tokens is not None and not same_issuer(record.issuer, issuer):
        what = f"it is one at {printable(record.issuer, 100)}, and the server now uses {printable(issuer, 100)}"
        why = "Its tokens go nowhere else, and will not be renewed once the server refuses them."
        yield _found(Level.WARNING, "other-issuer", what, why=why, remedy=f"Run: {sign_in_command(name, record)}")


def sign_in_command(name: str, record: ServerRecord) -> str:
    """Return the command that signs in anew, without the query of the URL."""
    return shlex.join(
        ["mcp-oauth-sync", "auth", name, without_query(record.server_url) if record.server_url else "URL"]
    )


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _found(level: Level, code: str, what: str, *, why: str | None = None, remedy: str | None = None) -> Finding:
    return Finding(step=Step.STORED, level=level, code=code, what=what, why=why, remedy=remedy)
