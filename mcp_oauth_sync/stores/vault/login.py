"""The token for a Vault: where it comes from, how long it is good, and what to do when it is not."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import attrs

from ...exceptions import StoreUnavailableError, TokenStorageError
from ...models.secret import Secret
from .address import TOKEN_VARIABLE, checked_token
from .answer import Answer
from .clock import seconds

logger = logging.getLogger(__name__)

_LOOK = "auth/token/lookup-self"
_RENEW = "auth/token/renew-self"
_APPROLE = "auth/approle/login"


class Send(Protocol):
    """Sends one request and returns whatever answer comes."""

    def __call__(self, method: str, path: str, *, token: str, body: Mapping[str, object] | None = None) -> Answer:
        """Send it."""


@attrs.frozen
class Pass:
    """A token that the Vault has taken.

    Attributes:
        token: The token.
        expires: When it ends, by :func:`clock.seconds`; None means never, or unknown.
        renew_at: When to have it prolonged; None means not at all.
    """

    token: Secret = attrs.field(repr=False)
    expires: float | None = None
    renew_at: float | None = None

    @classmethod
    def lasting(cls, token: Secret, told: Mapping[str, Any], ttl: object) -> Pass:
        """Return a pass as a Vault describes it: prolonged when a third of its time is left."""
        if not isinstance(ttl, int) or ttl <= 0:
            return cls(token)
        now = seconds()
        return cls(token, now + ttl, now + ttl * 2 / 3 if told.get("renewable") is True else None)


@attrs.frozen(kw_only=True)
class Means:
    """What a caller gave to log in with.

    Attributes:
        token: A token; None looks for one in VAULT_TOKEN and ``~/.vault-token`` unless there is another way.
        role_id: The role of an AppRole.
        secret_id: Its secret; None when the role needs none.
        again: Logs in, with a function of the caller's; returns the new token.
        theirs: Returns the token of the caller's own client.
    """

    token: Secret | None = attrs.field(default=None, repr=False)
    role_id: Secret | None = attrs.field(default=None, repr=False)
    secret_id: Secret | None = attrs.field(default=None, repr=False)
    again: Callable[[], str | None] | None = None
    theirs: Callable[[], str | None] | None = None

    def given(self) -> Secret | None:
        """Return the token there is without logging in."""
        if self.theirs is not None:
            return checked_token(self.theirs())
        if self.token is not None:
            return self.token
        return _found() if self.role_id is None and self.again is None else None


class Login:
    """Has a good token at hand for every request.

    Args:
        means: What to log in with.
        send: Sends a request.
        vault: What messages call the Vault.
    """

    def __init__(self, means: Means, send: Send, vault: str) -> None:
        """Send nothing yet."""
        self._means, self._send, self._vault = means, send, vault
        self._pass: Pass | None = None
        self._locks: dict[int, threading.RLock] = {}  # by process: a forked child cannot wait for its parent's threads

    @property
    def _lock(self) -> threading.RLock:
        return self._locks.setdefault(os.getpid(), threading.RLock())

    def token(self) -> Secret:
        """Return the token to send now; log in on first use, and have it prolonged before it ends.

        Raises:
            StoreUnavailableError: There is no token that the Vault takes.
            TokenStorageError: The Vault cannot be asked now.
        """
        held = self._current()
        if held is None:
            with self._lock:
                held = self._current() or self._enter()
        elif held.renew_at is not None and seconds() >= held.renew_at and self._lock.acquire(blocking=False):
            try:  # one thread does, the others go on with what is still good
                held = self._pass = self._prolonged(held)
            finally:
                self._lock.release()
        return held.token

    def is_good(self, token: str) -> bool:
        """Ask the Vault whether a token is one of its.

        Raises:
            TokenStorageError: The Vault cannot be asked now.
        """
        return self._looked_up(Secret(token)) is not None

    def another(self, dead: str) -> Secret:
        """Return a token to use instead of one that the Vault does not take any more.

        Raises:
            StoreUnavailableError: There is no way to get one.
            TokenStorageError: The Vault cannot be asked now.
        """
        with self._lock:
            held = self._current()
            if held is None or held.token == dead:  # otherwise another thread has logged in meanwhile
                held = self._pass = self._anew(dead)
            return held.token

    def _current(self) -> Pass | None:
        """Return the pass at hand, unless the caller has given their client another token since."""
        held = self._pass
        if held is not None and self._means.theirs is not None and self._means.theirs() != held.token:
            return None
        return held

    def _enter(self) -> Pass:
        token = self._means.given()
        held = None if token is None else self._looked_up(token)
        self._pass = held or self._anew(token)
        return self._pass

    def _looked_up(self, token: Secret) -> Pass | None:
        """Return what the Vault knows of a token; None when it knows nothing."""
        answer = self._send("GET", _LOOK, token=token)
        if answer.token_is_dead:
            return None
        if answer.forbidden:  # alive, but not allowed to ask
            return Pass(token)
        told = answer.judge(self._vault, "GET", _LOOK).member("data")
        return Pass.lasting(token, told, told.get("ttl"))

    def _prolonged(self, held: Pass) -> Pass:
        """Return a pass with more time; the same one, not to be prolonged again, when it gets none."""
        kept = attrs.evolve(held, renew_at=None)
        try:
            answer = self._send("POST", _RENEW, token=held.token, body={})
        except TokenStorageError as failure:
            logger.debug("the Vault token could not be renewed: %s", failure.message)
            left = (held.expires or 0) - seconds()
            return attrs.evolve(held, renew_at=seconds() + left / 4) if left > 1 else kept
        told = answer.member("auth")
        longer = Pass.lasting(held.token, told, told.get("lease_duration"))
        if not answer.good or (longer.expires or 0) <= (held.expires or 0) + 1:
            logger.debug("the Vault token is not renewed any more: HTTP %d", answer.status)
            return kept
        return longer

    def _anew(self, dead: str | None) -> Pass:
        if self._means.role_id is not None:
            return self._by_role()
        if self._means.again is not None:
            token = checked_token(self._means.again())
        elif self._means.token is None and self._means.theirs is None:
            token = _found()  # somebody may have logged in meanwhile
        else:
            token = None
        held = None if token is None or token == dead else self._looked_up(token)
        if held is not None:
            return held
        if dead is None and token is None:
            raise StoreUnavailableError(
                f"There is no token for {self._vault}.",
                hint=f"Set {TOKEN_VARIABLE}, run 'vault login', or give a token or the role_id of an AppRole.",
                store=self._vault,
            )
        raise StoreUnavailableError(
            f"The Vault token for {self._vault} has expired or was revoked.",
            hint="Nothing stored is lost. Give a new token; an AppRole or login= gets one by itself.",
            store=self._vault,
        )

    def _by_role(self) -> Pass:
        """Log in as an AppRole."""
        secret_id = self._means.secret_id
        body = {"role_id": self._means.role_id, **({} if secret_id is None else {"secret_id": secret_id})}
        answer = self._send("POST", _APPROLE, token="", body=body)
        told = answer.member("auth")
        if answer.good and isinstance(told.get("client_token"), str):
            return Pass.lasting(Secret(told["client_token"]), told, told.get("lease_duration"))
        if answer.status in (400, 403):
            raise StoreUnavailableError(
                f"The AppRole is not taken by {self._vault}: role_id or secret_id is wrong, expired or used up.",
                hint="Nothing stored is lost. Give a new secret_id; check the namespace, and that AppRole is enabled.",
                store=self._vault,
            )
        answer.judge(self._vault, "POST", _APPROLE)
        raise StoreUnavailableError(
            f"There is no token in what {self._vault} answers to the AppRole.", store=self._vault
        )


def _found() -> Secret | None:
    """Return the token that the command line of the Vault would use."""
    token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        try:
            token = (Path.home() / ".vault-token").read_text(encoding="utf-8")
        except (OSError, RuntimeError, UnicodeDecodeError):
            return None
    return checked_token(token)
