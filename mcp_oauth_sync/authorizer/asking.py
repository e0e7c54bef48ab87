"""Asking a person, once for everybody who waits. MCP authorization (step-up)."""

from __future__ import annotations

import copy
import logging
import shlex
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..exceptions import (
    AuthorizationError,
    OAuthError,
    ScopeRequiredError,
    SignInRequiredError,
    TokenExchangeError,
    printable,
)
from ..models.options import SignInOptions
from ..models.profile import DEFAULT_PROFILE
from ..models.record import ServerRecord
from ..prompts import Prompt, choose_prompt
from ..protocol.challenge import Challenge
from ..protocol.transport import Transport
from ..urls import without_query
from .command import flags_for
from .held import Held
from .moved import moved_away

if TYPE_CHECKING:
    from ..grants.base import Grant

logger = logging.getLogger(__name__)

#: Seconds after a failed sign-in in which nobody is asked again by itself; they double with each further one.
COOL_DOWN = 30.0
LONGEST_COOL_DOWN = 3600.0


class Asking:
    """Gets a person to sign in.

    Args:
        held: The sign-in.
        options: The caller's choices.
        prompt: How a person is asked; None chooses by what this process is when one is needed.
        grant: How tokens are obtained; None sends a person to the authorization server.
    """

    def __init__(self, held: Held, options: SignInOptions, prompt: Prompt | None, grant: Grant | None = None) -> None:
        """Ask nobody yet."""
        self.held, self.options, self._prompt, self._grant = held, options, prompt, grant
        self._failed: tuple[float, OAuthError] | None = None
        self._failures = 0
        self._useless_since: float | None = None

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
        if force:
            self._failures, self._useless_since = 0, None
        held, prompt = self.held, self._prompt or choose_prompt()
        if not prompt.interactive and not self._unattended:
            raise self._nobody(prompt, challenge, step_up)
        held.settle_name()
        since, began = time.monotonic(), time.time()
        patience = self.options.sign_in_timeout + 60
        with held.manager.exclusive(held.name, purpose="sign-in", timeout=patience):
            needed = challenge.scopes if challenge and step_up else tuple(scopes or ())
            if self._done_meanwhile(None if force else rejected, needed, issued_after=began if force else None):
                return
            if not force:
                self._share_failure(since)
            from ..client import MCPOAuthClient  # what only a sign-in needs is loaded for one

            record = held.load()
            client = MCPOAuthClient(
                held.server_url, options=self.options, prompt=prompt, grant=self._grant, http=http, record=record
            )
            try:
                client.authorize(scopes, challenge=challenge, held=step_up)
            except OAuthError as failure:
                self._failed = (time.monotonic(), failure)
                self._failures += 1
                raise
            self._failed = None
            self._failures = 0 if self._useless_since is None else self._failures
            with held.manager.exclusive(held.name):
                held.save(client.record)
            held.link()

    @property
    def _unattended(self) -> bool:
        """Whether tokens are obtained without a person."""
        return self._grant is not None and not self._grant.interactive

    def can_obtain_again(self, record: ServerRecord) -> bool:
        """Tell whether one request without a person brings new tokens."""
        return self._unattended and bool(record.token_endpoint and record.issuer)

    def obtain_again(self, http: Transport) -> None:
        """Use a grant without a person once more, unless somebody else did while we waited.

        Args:
            http: The transport.

        Raises:
            OAuthError: No tokens came; the subclass says why.
        """
        held, grant = self.held, self._grant
        with held.one_by_one(), held.manager.exclusive(held.name, purpose="sign-in"):
            if self._done_meanwhile(None, (), issued_after=None):
                return
            from ..client import MCPOAuthClient

            record = held.load()
            if grant is None or record is None:
                return
            client = MCPOAuthClient(held.server_url, options=self.options, http=http, record=record)
            client.obtain_again(grant)
            with held.manager.exclusive(held.name):
                held.save(client.record)

    def _done_meanwhile(self, rejected: str | None, needed: tuple[str, ...], *, issued_after: float | None) -> bool:
        self.held.load()
        tokens = self.held.tokens
        if tokens is None or tokens.is_expired() or self.held.header == rejected:
            return False
        if issued_after is not None and tokens.issued_at <= issued_after:
            return False
        return set(needed) <= set(tokens.scopes)

    def require_code_grant(self) -> None:
        """Refuse a grant that sends nobody to the authorization server and back.

        Raises:
            AuthorizationError: The caller's is of that kind.
        """
        if self._grant is not None and self._grant.name != "authorization_code":
            raise AuthorizationError(
                f"The grant {self._grant.name} sends nobody to the authorization server and back; nothing was started.",
                hint="Leave out grant= to sign in in two steps.",
            )

    def forget_failures(self) -> None:
        """Let nobody be spared because of what went wrong earlier: a sign-in has succeeded."""
        self._failed, self._failures, self._useless_since = None, 0, None

    def in_vain(self) -> None:
        """Note that the server refused what a sign-in has just brought: another one would bring no more."""
        self._failures += 1
        self._useless_since = time.monotonic()
        logger.warning("%s refuses even fresh tokens", without_query(self.held.server_url))

    def useless(self) -> bool:
        """Tell whether asking a person was in vain so recently that it would be again."""
        return self._useless_since is not None and time.monotonic() - self._useless_since < self._cool_down()

    def _cool_down(self) -> float:
        return min(COOL_DOWN * 2.0 ** min(max(0, self._failures - 1), 10), LONGEST_COOL_DOWN)

    def _share_failure(self, since: float) -> None:
        if self._failed is None:
            return
        at, failure = self._failed
        age = time.monotonic() - at
        asked = isinstance(failure, (AuthorizationError, TokenExchangeError))
        if at >= since or (asked and age < self._cool_down()):
            again = copy.copy(failure)
            again.hint = f"That was {age:.0f} s ago. Call sign_in() to be asked again at once."
            raise again

    def _nobody(self, prompt: Prompt, challenge: Challenge | None, step_up: tuple[str, ...]) -> OAuthError:
        server, wanted = without_query(self.held.server_url), challenge.scopes if challenge else ()
        command = shlex.join(["mcp-oauth-sync", "auth", self.held.name, self.held.server_url, *self._flags()])
        if (moved := self.held.record) is not None and moved.moved_on:
            return moved_away(self.held.name, moved, hint=f"To sign in anew here, run: {command}")
        if step_up and wanted:
            scopes = printable(" ".join(dict.fromkeys((*step_up, *wanted))), 1000)
            return ScopeRequiredError(
                f"{server} asks for more scopes ({printable(' '.join(wanted))}), and nobody is there to grant them.",
                hint=f"Run: {command} --scopes {shlex.quote(scopes)}{prompt.ways_out}",
                scopes=wanted,
            )
        return SignInRequiredError(
            f"A person has to sign in to {server}, and nobody is there to ask ({prompt.missing}).",
            hint=f"Run: {command}{prompt.ways_out}",
        )

    def _flags(self) -> list[str]:
        """Return what makes the command line sign in as this caller would."""
        flags = flags_for(self.options)
        flags += ["--device"] if self._grant is not None and self._grant.name == "device_code" else []
        profile = self.held.manager.profile
        return [*flags, *(["--profile", profile] if profile != DEFAULT_PROFILE else [])]
