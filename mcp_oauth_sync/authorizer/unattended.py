"""Obtaining tokens without a person, once for everybody who waits, whenever those at hand have run out.

RFC 6749 section 4.4, RFC 7523 section 2.1; MCP authorization (step-up).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..exceptions import OAuthError, ScopeRequiredError, TokenExchangeError, printable
from ..grants.base import Grant
from ..grants.patience import BACKOFF
from ..models.options import SignInOptions
from ..models.record import ServerRecord
from ..prompts import NoPrompt
from ..protocol.challenge import Challenge
from ..protocol.scopes import union
from ..protocol.transport import Transport
from ..urls import without_query
from .asking import Asking
from .cool_down import CoolDown
from .held import Held
from .refresh import Again

if TYPE_CHECKING:
    from ..client import MCPOAuthClient

#: What an authorization server says that does not give a scope to this program.
_NOT_GIVEN = frozenset({"invalid_scope", "access_denied"})


class Unattended(Asking):
    """Obtains tokens by a grant that needs no person; who else waits takes what it got, or shares how it failed.

    Args:
        held: The sign-in.
        options: The caller's choices.
        grant: The grant.
    """

    def __init__(self, held: Held, options: SignInOptions, grant: Grant) -> None:
        """Send nothing yet."""
        super().__init__(held, options, NoPrompt(), grant)
        self._by_itself = grant
        self._cool_down = CoolDown(unattended=True)
        self._step_ups = CoolDown(unattended=True)

    def ask(
        self,
        http: Transport,
        *,
        challenge: Challenge | None = None,
        rejected: str | None = None,
        scopes: Iterable[str] | None = None,
        step_up: tuple[str, ...] = (),
        force: bool = False,
    ) -> None:
        """Obtain tokens, unless somebody else did while we waited. Arguments as :meth:`Asking.ask`.

        More scopes are asked for at the server that is known. Otherwise it is found out anew which one that is: the
        tokens of the one that was known did not help.

        Raises:
            ScopeRequiredError: The authorization server does not give the scopes that are needed.
            OAuthError: No tokens came; the subclass says why.
        """
        cool_down = self._step_ups if step_up else self._cool_down
        if force:
            self._cool_down.forget()
            self._step_ups.forget()
        held = self.held
        held.settle_name()
        since, began = time.monotonic(), time.time()
        with held.manager.exclusive(held.name):
            needed = challenge.scopes if challenge and step_up else tuple(scopes or ())
            if self._done_meanwhile(None if force else rejected, needed, issued_after=began if force else None):
                return
            cool_down.share(since)
            record = held.load()
            client = self._client(http, record)
            try:
                if record is not None and (step_up or scopes is not None) and self.can_obtain_again(record):
                    wanted = union(step_up, needed)
                    client.obtain_again(self._by_itself, scopes=wanted, backoff=BACKOFF)
                else:
                    client.authorize(scopes, challenge=challenge, held=step_up, backoff=BACKOFF)
            except OAuthError as failure:
                told = self._in_scopes(failure, needed) if step_up else failure
                cool_down.note(told)
                if told is failure:
                    raise
                raise told from failure
            cool_down.succeeded()
            held.save(client.record)

    def can_obtain_again(self, record: ServerRecord) -> bool:
        """Tell whether one request brings new tokens."""
        return bool(record.token_endpoint and record.issuer)

    @property
    def again(self) -> Again | None:
        """What obtains tokens once more; None while the server refuses whatever it brings."""
        return None if self.useless() else self._again

    def _again(
        self, http: Transport, record: ServerRecord, *, backoff: tuple[float, ...], since: float
    ) -> ServerRecord:
        self._cool_down.share(since, patient=bool(backoff))
        client = self._client(http, record)
        try:
            client.obtain_again(self._by_itself, backoff=backoff)
        except OAuthError as failure:
            self._cool_down.note(failure, patient=bool(backoff))
            raise
        self._cool_down.succeeded()
        return client.record

    def _client(self, http: Transport, record: ServerRecord | None) -> MCPOAuthClient:
        from ..client import MCPOAuthClient  # what only obtaining needs is loaded for it

        return MCPOAuthClient(
            self.held.server_url, options=self.options, grant=self._by_itself, http=http, record=record
        )

    def _in_scopes(self, failure: OAuthError, wanted: tuple[str, ...]) -> OAuthError:
        """Return what a refused step-up means to the caller."""
        if not isinstance(failure, TokenExchangeError) or failure.error not in _NOT_GIVEN:
            return failure
        server, scopes = without_query(self.held.server_url), printable(" ".join(wanted))
        told = ScopeRequiredError(
            f"{server} asks for more scopes ({scopes}), and this program is not given them: {failure.message}",
            hint=f"Let it have them at {printable(failure.issuer or 'the authorization server')}.",
            scopes=wanted,
        )
        told.issuer, told.error, told.status = failure.issuer, failure.error, failure.status
        told.error_description = failure.error_description
        return told
