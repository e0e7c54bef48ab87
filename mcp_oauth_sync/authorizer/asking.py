"""Asking a person, once for everybody who waits. MCP authorization (step-up)."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..exceptions import (
    AuthorizationError,
    OAuthError,
    ScopeRequiredError,
    SignInRequiredError,
    printable,
)
from ..models.options import SignInOptions
from ..models.profile import DEFAULT_PROFILE
from ..models.record import ServerRecord
from ..protocol.transport import Transport
from ..urls import without_query
from .command import flags_for
from .cool_down import CoolDown
from .held import Held
from .keeping import forget_last_try, keep_for_next_try, with_last_try
from .moved import moved_away
from .programs import programs_own

if TYPE_CHECKING:
    from ..grants.base import Grant
    from ..prompts import Prompt
    from ..protocol.challenge import Challenge
    from .refresh import Again

logger = logging.getLogger(__name__)


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
        self._cool_down = CoolDown()

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
            self._cool_down.forced()
        from ..prompts import choose_prompt  # what only a sign-in needs

        held, prompt = self.held, self._prompt or choose_prompt()
        if not force:
            self._leave_programs_alone()
        if not prompt.interactive:
            raise self._nobody(prompt, challenge, step_up)
        held.settle_name()
        since, began = time.monotonic(), time.time()
        patience = self.options.sign_in_timeout + 60
        with held.manager.exclusive(held.name, purpose="sign-in", timeout=patience):
            needed = challenge.scopes if challenge and step_up else tuple(scopes or ())
            if self._done_meanwhile(None if force else rejected, needed, issued_after=began if force else None):
                return
            if not force:
                self._cool_down.share(since)
            from ..client import MCPOAuthClient  # what only a sign-in needs is loaded for one

            stored = held.load()
            record = with_last_try(held.manager, held.name, stored, held.server_url)
            client = MCPOAuthClient(
                held.server_url,
                options=self.options,
                prompt=prompt,
                grant=self._grant,
                http=http,
                record=record,
                issuers=held.manager.issuers,
            )
            try:
                client.authorize(scopes, challenge=challenge, held=step_up)
            except OAuthError as failure:  # after Ctrl-C nothing is written: a store may take its time
                self._cool_down.note(failure)
                keep_for_next_try(held.manager, held.name, client.registration, record)
                raise
            self._cool_down.succeeded()
            with held.manager.exclusive(held.name):
                held.save(client.record)
            if record is not stored:
                forget_last_try(held.manager, held.name)
            held.link()

    def can_obtain_again(self, record: ServerRecord) -> bool:
        """Tell whether one request brings new tokens where there is no refresh token: not where a person is needed."""
        return False

    @property
    def again(self) -> Again | None:
        """What obtains tokens once more without a person; None where one is needed."""
        return None

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
        self._cool_down.forget()

    def in_vain(self) -> None:
        """Note that the server refused what a sign-in has just brought: another one would bring no more."""
        self._cool_down.in_vain()
        logger.warning("%s refuses even fresh tokens", without_query(self.held.server_url))

    def useless(self) -> bool:
        """Tell whether a sign-in was in vain so recently that another one would be, too."""
        return self._cool_down.useless()

    def _leave_programs_alone(self) -> None:
        hint = f"To sign in there as a person all the same, run: {self._command()}"
        if (refusal := programs_own(self.held.name, self.held.record, hint=hint)) is not None:
            raise refusal

    def _nobody(self, prompt: Prompt, challenge: Challenge | None, step_up: tuple[str, ...]) -> OAuthError:
        server, wanted = without_query(self.held.server_url), challenge.scopes if challenge else ()
        command = self._command()
        if (moved := self.held.record) is not None and moved.moved_on:
            return moved_away(self.held.name, moved, hint=f"To sign in anew here, run: {command}")
        if step_up and wanted:
            scopes = printable(" ".join(dict.fromkeys((*step_up, *wanted))), 1000)
            return ScopeRequiredError(
                f"{server} asks for more scopes ({printable(' '.join(wanted))}), and nobody is there to grant them.",
                hint=f"Run: {self._command('--scopes', scopes)}{prompt.ways_out}",
                scopes=wanted,
            )
        return SignInRequiredError(
            f"A person has to sign in to {server}, and nobody is there to ask ({prompt.missing}).",
            hint=f"Run: {command}{prompt.ways_out}",
        )

    def _command(self, *further: str) -> str:
        import shlex  # what only an error says needs no earlier

        return shlex.join(["mcp-oauth-sync", "auth", self.held.name, self.held.server_url, *self._flags(), *further])

    def _flags(self) -> list[str]:
        """Return what makes the command line sign in as this caller would."""
        flags = flags_for(self.options)
        flags += ["--device"] if self._grant is not None and self._grant.name == "device_code" else []
        profile = self.held.manager.profile
        return [*flags, *(["--profile", profile] if profile != DEFAULT_PROFILE else [])]
