"""Keeping a sign-in from explicit endpoints usable: the tokens stored, renewed ones, or new ones from the person."""

from __future__ import annotations

import logging

import attrs
import requests

from ..exceptions import RefreshRejectedError, SignInRequiredError, TokenRefreshError
from ..flow import OAuthFlow
from ..grants.base import Grant
from ..grants.patience import BACKOFF
from ..interrupts import held_back
from ..models.config import OAuthConfig
from ..models.record import ServerRecord
from ..models.tokens import OAuthTokens
from ..prompts import Prompt
from ..stores import TokenManager
from .keeping import keep_or_warn
from .moved import moved_away
from .refresh import dead
from .winner import winner

logger = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class Configured:
    """One sign-in whose endpoints the caller knows.

    Attributes:
        manager: Where it is kept.
        name: Its name there.
        config: The endpoints, and who we are.
        prompt: How a person is asked; None chooses by what this process is.
        grant: How tokens are obtained; None sends a person to the authorization server.
        session: Supplies proxies, CA bundle, client certificate and adapters.
        patience: Seconds to wait for somebody else who is being asked.
    """

    manager: TokenManager
    name: str
    config: OAuthConfig
    prompt: Prompt | None
    grant: Grant | None
    session: requests.Session
    patience: float

    def ensure(self) -> OAuthTokens:
        """Return good tokens.

        Raises:
            OAuthError: There are none and none could be got; the subclass says why.
        """
        if tokens := self._stored_or_renewed():
            return tokens
        with self.manager.exclusive(self.name, purpose="sign-in", timeout=self.patience):
            if tokens := self._stored_or_renewed():
                return tokens  # somebody else was asked while we waited
            flow = self._flow(record := self.manager.load_record(self.name))
            try:
                tokens = flow.authorize()
            except SignInRequiredError as nobody:
                if record is None or record.moved_on is None:
                    raise
                raise moved_away(self.name, record, hint=f"To sign in anew here: {nobody.hint}") from nobody
            with self.manager.exclusive(self.name):
                keep_or_warn(self.manager, self.name, flow.record)
            return tokens

    def _flow(self, record: ServerRecord | None) -> OAuthFlow:
        return OAuthFlow(self.config, prompt=self.prompt, grant=self.grant, session=self.session, record=record)

    def _load(self) -> ServerRecord:
        return self._flow(self.manager.load_record(self.name)).record

    def _stored_or_renewed(self) -> OAuthTokens | None:
        """Return good tokens as far as no person is needed for them."""
        tokens = self._load().tokens
        if tokens is None or not tokens.is_expired():
            return tokens
        with self.manager.exclusive(self.name):
            flow = self._flow(self.manager.load_record(self.name))
            tokens = flow.record.tokens
            if tokens is None or not tokens.is_expired():
                return tokens
            usable = tokens if tokens.seconds_left() > 0 else None
            try:
                with held_back():  # a used refresh token is worth nothing: what it brings is kept before anything else
                    renewed = flow.refresh_token(backoff=() if usable else BACKOFF)
                    keep_or_warn(self.manager, self.name, flow.record)
                    return renewed
            except TokenRefreshError as failure:
                if usable is None and failure.transient:
                    raise
                logger.warning("%s", failure.message)
                if usable is None and isinstance(failure, RefreshRejectedError):
                    if winner(self._load, tokens) is not None or self._load().tokens != tokens:
                        return self._stored_or_renewed()  # somebody who takes no turns was faster
                    keep_or_warn(self.manager, self.name, dead(flow.record, failure.error))
                return usable
