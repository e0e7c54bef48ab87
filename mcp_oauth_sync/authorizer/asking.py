"""Asking a person, once for everybody who waits. MCP authorization (step-up)."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable

from ..client import MCPOAuthClient
from ..exceptions import (
    AuthorizationError,
    OAuthError,
    ScopeRequiredError,
    SignInRequiredError,
    TokenExchangeError,
)
from ..models.options import SignInOptions
from ..prompts import Prompt, choose_prompt
from ..protocol.challenge import Challenge
from ..protocol.transport import Transport
from ..urls import without_query
from .held import Held

#: Seconds after a failed sign-in in which nobody is asked again by itself.
COOL_DOWN = 30.0


class Asking:
    """Gets a person to sign in.

    Args:
        held: The sign-in.
        options: The caller's choices.
        prompt: How a person is asked; None chooses by what this process is when one is needed.
    """

    def __init__(self, held: Held, options: SignInOptions, prompt: Prompt | None) -> None:
        """Ask nobody yet."""
        self.held, self.options, self._prompt = held, options, prompt
        self._failed: tuple[float, OAuthError] | None = None

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
        """Ask the person, unless somebody else was asked while we waited: then share how that ended.

        Args:
            http: The transport.
            challenge: The challenge to answer; None asks the server for one.
            rejected: The ``Authorization`` value that was not enough; None when none was sent.
            scopes: Scopes to ask for; None follows the server.
            step_up: Scopes asked for and granted before, when more are needed now.
            force: Ask even when there are good tokens, or when the person has just declined.

        Raises:
            SignInRequiredError: There is nobody to ask.
            ScopeRequiredError: There is nobody to ask for more scopes.
            OAuthError: The sign-in failed; the subclass says why.
        """
        held, prompt = self.held, self._prompt or choose_prompt()
        if not prompt.interactive:
            raise self._nobody(challenge, step_up)
        since, began = time.monotonic(), time.time()
        patience = self.options.sign_in_timeout + 60
        with held.manager.exclusive(held.name, purpose="sign-in", timeout=patience):
            needed = challenge.scopes if challenge and step_up else tuple(scopes or ())
            if self._done_meanwhile(None if force else rejected, needed, issued_after=began if force else None):
                return
            if not force:
                self._share_failure(since)
            record = held.load()
            client = MCPOAuthClient(held.server_url, options=self.options, prompt=prompt, http=http, record=record)
            try:
                client.authorize(scopes, challenge=challenge, held=step_up)
            except (AuthorizationError, TokenExchangeError) as failure:
                self._failed = (time.monotonic(), failure)
                raise
            self._failed = None
            with held.manager.exclusive(held.name):
                held.save(client.record)
            held.link()

    def _done_meanwhile(self, rejected: str | None, needed: tuple[str, ...], *, issued_after: float | None) -> bool:
        self.held.load()
        tokens = self.held.tokens
        if tokens is None or tokens.is_expired() or self.held.header == rejected:
            return False
        if issued_after is not None and tokens.issued_at <= issued_after:
            return False
        return set(needed) <= set(tokens.scopes)

    def _share_failure(self, since: float) -> None:
        if self._failed is None:
            return
        at, failure = self._failed
        age = time.monotonic() - at
        if at >= since or age < COOL_DOWN:
            again = copy.copy(failure)
            again.hint = f"That was {age:.0f} s ago. Call sign_in() to be asked again at once."
            raise again

    def _nobody(self, challenge: Challenge | None, step_up: tuple[str, ...]) -> OAuthError:
        server, wanted = without_query(self.held.server_url), challenge.scopes if challenge else ()
        command = f"mcp-oauth-sync auth {self.held.name} {self.held.server_url}"
        if step_up and wanted:
            scopes = " ".join(dict.fromkeys((*step_up, *wanted)))
            return ScopeRequiredError(
                f"{server} asks for more scopes ({' '.join(wanted)}), and nobody is there to grant them.",
                hint=f"Run: {command} --scopes '{scopes}'",
                scopes=wanted,
            )
        return SignInRequiredError(
            f"A person has to sign in to {server}, and nobody is there to ask (no terminal, no notebook).",
            hint=f"Run: {command}",
        )
