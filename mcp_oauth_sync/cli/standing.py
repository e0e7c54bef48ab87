"""How a sign-in stands, as far as what is kept tells: nobody is asked."""

from __future__ import annotations

import enum

import attrs

from ..exceptions import TokenStorageError, printable
from ..models.record import ServerRecord
from ..stores import TokenManager
from .moments import short
from .paint import BAD, DOUBTFUL, GOOD

DONE, FAILED, SIGN_IN_NEEDED = 0, 1, 3


class State(enum.Enum):
    """The states, as JSON names them."""

    SIGNED_IN = "signed-in"
    RENEWED_NEXT = "renewed-at-next-call"
    EXPIRED = "expired"
    SIGNED_OUT = "signed-out"
    MOVED = "moved"
    UNREADABLE = "unreadable"


@attrs.frozen(kw_only=True)
class Standing:
    """How a sign-in stands.

    Attributes:
        state: In one word.
        said: In a few words.
        why: What is missing or wrong; None when nothing is.
        status: The exit status it stands for: 0, 1, or 3 when a person has to sign in.
    """

    state: State
    said: str
    why: str | None = None
    status: int = DONE

    @property
    def told(self) -> str:
        """All of it in one line."""
        return f"{self.said}: {self.why}" if self.why else self.said

    @property
    def paint(self) -> str:
        """What it is painted as."""
        return DOUBTFUL if self.why and self.status == DONE else self.paint_without_why

    @property
    def paint_without_why(self) -> str:
        """What it is painted as where the reason is not told."""
        return {DONE: GOOD, FAILED: BAD}.get(self.status, DOUBTFUL)


def look_up(manager: TokenManager, name: str) -> tuple[ServerRecord | None, Standing]:
    """Return (what is kept of a sign-in, how it stands); None for what cannot be read or is not there."""
    try:
        record = manager.load_record(name)
    except TokenStorageError as failure:
        why = printable(failure.message, 400)
        return None, Standing(state=State.UNREADABLE, said="cannot be read", why=why, status=FAILED)
    if record is None:
        return None, Standing(state=State.SIGNED_OUT, said="removed just now", status=SIGN_IN_NEEDED)
    return record, stand(record)


def stand(record: ServerRecord) -> Standing:
    """Return how a sign-in stands."""
    tokens = record.tokens
    if tokens is None:
        if record.moved_on:
            said = f"moved on {record.moved_on}"
            return Standing(state=State.MOVED, said=said, why="it is used on another machine", status=SIGN_IN_NEEDED)
        why = "no token is left: revoked here, or refused by the server"
        return Standing(state=State.SIGNED_OUT, said="signed out", why=why, status=SIGN_IN_NEEDED)
    left = tokens.seconds_left()
    if left > 0:
        said = "signed in" if left == float("inf") else f"signed in, good for {short(left)}"
        return Standing(state=State.SIGNED_IN, said=said, why=_not_granted(record))
    if record.can_refresh():
        said = "signed in, renewed at the next call"
        return Standing(state=State.RENEWED_NEXT, said=said, why=_not_granted(record))
    if record.grant:
        return Standing(state=State.RENEWED_NEXT, said="expired, obtained anew by its program")
    return Standing(state=State.EXPIRED, said="expired", why=_not_renewable(record), status=SIGN_IN_NEEDED)


def _not_renewable(record: ServerRecord) -> str:
    if not (record.tokens and record.tokens.refresh_token):
        return "the server gave nothing to renew it with"
    if record.registration is not None and record.registration.is_expired():
        return "the client's secret has expired, too"
    return "the token endpoint or the client is not known"


def _not_granted(record: ServerRecord) -> str | None:
    """Return which scopes were asked for and not granted; ``offline_access`` is often granted without being named."""
    granted = record.tokens.scope if record.tokens else None
    if granted is None:
        return None
    missing = [scope for scope in (record.requested_scope or "").split() if scope not in granted.split()]
    missing = [scope for scope in missing if scope != "offline_access"]
    return f"not granted: {printable(' '.join(missing))}" if missing else None
