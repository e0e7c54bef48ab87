"""The decisions: what to send now, and what to do about a 401 or 403. RFC 6750 section 3.1, MCP authorization."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..exceptions import OAuthError, TokenStorageError
from ..models.options import SignInOptions
from ..models.tokens import OAuthTokens
from ..protocol.presented import Presented
from ..protocol.scopes import union
from ..protocol.transport import Transport
from ..stores import TokenManager
from .asking import Asking
from .attempts import Attempts
from .choosing import asking_for
from .held import Held

if TYPE_CHECKING:
    from ..grants.base import Grant
    from ..prompts import Prompt
    from ..protocol.challenge import Challenge
    from .ending import Ending
    from .refresh import Renewal

logger = logging.getLogger(__name__)

#: Seconds after a failed early refresh until the next one.
RETRY_EARLY = 10.0


class Authorizer:
    """Keeps one sign-in usable.

    Args:
        server_url: The MCP server.
        manager: Where the sign-in is kept.
        name: Its name there; None takes the one linked to the server, else its URL.
        options: The caller's choices.
        prompt: How a person is asked; None chooses by what this process is when one is needed.
        grant: How tokens are obtained; None sends a person to the authorization server.
        http: Reaches servers before a request of the caller has shown how to.
    """

    def __init__(
        self,
        server_url: str,
        *,
        manager: TokenManager,
        name: str | None = None,
        options: SignInOptions,
        prompt: Prompt | None = None,
        grant: Grant | None = None,
        http: Transport,
    ) -> None:
        """Read and send nothing yet."""
        self.server_url, self.options, self.http = server_url, options, http
        self.held = Held(manager, server_url, name, client_id=options.client_id, issuer=options.issuer, grant=grant)
        self.held.bound_only = options.dpop is True
        self._asking = asking_for(self.held, options, prompt, grant)
        self._stepped_up: set[frozenset[str]] = set()

    def current(self) -> Presented | None:
        """Return the ``Authorization`` value to send now, renewed when it is about to expire; None without one.

        Raises:
            TokenStorageError: The store cannot be used.
        """
        if self.held.good_until > time.monotonic():
            return self.held.header
        return self._current_after_all()

    def _current_after_all(self) -> Presented | None:
        held = self.held
        try:
            record = held.load()
        except TokenStorageError as failure:
            if held.header is None:
                raise
            logger.warning("%s", failure.message)  # a store that is away costs nothing as long as there is a token
            held.good_until = time.monotonic() + RETRY_EARLY
            return held.header
        renewable = record is not None and (record.can_refresh() or self._asking.can_obtain_again(record))
        if record is not None and record.tokens is not None and record.tokens.is_expired() and renewable:
            try:
                self._renew_early()
            except OAuthError as failure:
                # The request goes out with what there is: the server's challenge, and the way the caller's own
                # request reaches servers, decide what comes next.
                logger.warning("%s", failure.message)
            held.good_until = max(held.good_until, time.monotonic() + RETRY_EARLY)
        return held.header

    def _renew_early(self) -> None:
        from .refresh import refresh  # what only a refresh needs is loaded for one

        refresh(self.held, None, self.http, backoff=(), options=self.options, again=self._asking.again)

    def answer(
        self, challenge: Challenge, *, rejected: str | None, attempts: Attempts, http: Transport
    ) -> Presented | None:
        """Return a better ``Authorization`` value after a 401 or 403, or None when nothing is left to do.

        Args:
            challenge: What the server asks for.
            rejected: The value it did not accept; None when none was sent.
            attempts: What was tried for this request so far.
            http: Reaches servers the way the caller's request did.

        Raises:
            TokenRefreshError: The tokens cannot be renewed for now; everything is kept.
            RegistrationError: The server no longer accepts the client that the caller registered.
            SignInRequiredError: A person has to sign in, and nobody is there.
            ScopeRequiredError: More scopes are needed, and nobody is there.
            OAuthError: The sign-in failed; the subclass says why.
        """
        if challenge.insufficient_scope:
            return self._step_up(challenge, rejected, attempts, http)
        if attempts.may_refresh(self.held, rejected):
            renewal = self._refreshed_or_dead(rejected, http)
            attempts.refreshed = not renewal.adopted  # what somebody else got may be refused too, and then be renewed
            if renewal.header is not None:
                return renewal.header
        if attempts.signed_in:
            self._asking.in_vain()
            return None
        if self._asking.useless():
            return None
        attempts.signed_in = True
        self._stepped_up.clear()
        self._asking.ask(http, challenge=challenge, rejected=rejected)
        return self.held.header

    def _step_up(
        self, challenge: Challenge, rejected: str | None, attempts: Attempts, http: Transport
    ) -> Presented | None:
        self.held.load()
        needed = frozenset(union(self.held.scopes, challenge.scopes))
        if not challenge.scopes or needed in attempts.asked_for:
            return None
        attempts.asked_for.add(needed)
        tokens = self.held.tokens
        if self.held.header != rejected and tokens is not None and set(challenge.scopes) <= set(tokens.scopes):
            return self.held.header
        if needed in self._stepped_up:
            return None  # asked for before, and it did not help
        step_up = self.held.scopes or challenge.scopes
        self._asking.ask(http, challenge=challenge, rejected=rejected, step_up=step_up)
        self._stepped_up.add(needed)
        return self.held.header

    def sign_in(self, scopes: Iterable[str] | None = None) -> OAuthTokens:
        """Ask the person now, whatever is stored, and keep what comes of it.

        Args:
            scopes: Scopes to ask for; None follows the server.

        Raises:
            OAuthError: The sign-in failed; the subclass says why.
        """
        self._asking.ask(self.http, scopes=None if scopes is None else tuple(scopes), force=True)
        return self.signed_in()

    def ensure(self, scopes: Iterable[str] | None = None) -> OAuthTokens:
        """Return good tokens: those at hand, renewed ones, or new ones from the person.

        Args:
            scopes: Scopes they have to cover; None asks for nothing in particular.

        Raises:
            OAuthError: As :meth:`answer`.
        """
        wanted = union(scopes or ())
        self.current()
        for _ in range(2):  # what somebody else got may have expired, too
            tokens = self.held.tokens
            if tokens is None or tokens.seconds_left() > 0 or not self._refreshed_or_dead(None, self.http).header:
                break
        tokens = self.held.tokens
        if tokens is None or tokens.seconds_left() <= 0:
            self._asking.ask(self.http, rejected=self.held.header, scopes=wanted or None)
        elif not set(wanted) <= set(self.held.scopes):
            self._asking.ask(self.http, rejected=self.held.header, scopes=union(self.held.scopes, wanted))
        return self.signed_in()

    def ensure_presented(self, scopes: Iterable[str] | None = None) -> Presented:
        """Do as :meth:`ensure`, and return the tokens as requests carry them."""
        self.ensure(scopes)
        header = self.held.header
        assert header is not None  # noqa: S101  (what is ensured is held)
        return header

    def sign_out(self, *, forget: bool = False) -> bool:
        """Do as :meth:`end`; tell whether the server confirmed all that it was asked for."""
        ending = self.end(forget=forget)
        if ending.why:
            logger.warning("%s is still registered: %s", self.held.name, ending.why)
        return ending.confirmed

    def end(self, *, forget: bool = False) -> Ending:
        """Remove the tokens here, then revoke them at the server; they are gone here even if that fails.

        Args:
            forget: Remove the registration too, here and, where it was made here and the server lets it, there.

        Raises:
            TokenStorageError: They could not be removed here.
        """
        from .ending import end_sign_in  # what only ending one needs

        return end_sign_in(self.held, self.options, self.http, forget=forget)

    def _refreshed_or_dead(self, rejected: str | None, http: Transport) -> Renewal:
        from .refresh import refresh_with_patience

        return refresh_with_patience(self.held, rejected, http, options=self.options, again=self._asking.again)

    @property
    def asking(self) -> Asking:
        """What asks the person."""
        return self._asking

    def signed_in(self) -> OAuthTokens:
        """Return the tokens that a sign-in has just brought."""
        tokens = self.held.tokens
        assert tokens is not None  # noqa: S101  (asking raises unless it ends with tokens)
        return tokens
