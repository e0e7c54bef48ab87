"""What an earlier sign-in at the same authorization server saves this one. RFC 8414 section 3, RFC 7591 section 3.2.

A person who signs in to the second MCP server of a company finds its authorization server known: what it publishes was
fetched a moment ago, and we are registered there. Both are used for a first sign-in only. Where something goes wrong,
or a while later, the server is asked as if it were unknown, and is asked whether it still knows us.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from ..exceptions import AccessDeniedError, OAuthError
from ..models.client import DYNAMIC, ClientRegistration
from ..models.known_issuer import KnownIssuer
from ..models.metadata import AuthorizationServerMetadata
from ..sign_in import SignIn
from ..stores.known_issuers import KnownIssuers


class Acquaintance:
    """Knows authorization servers from sign-ins at other MCP servers.

    Args:
        issuers: Where that is kept; None knows none.
    """

    def __init__(self, issuers: KnownIssuers | None) -> None:
        """Read nothing yet."""
        self._issuers = issuers
        self._recalled: KnownIssuer | None = None

    def recall(self, issuer: str) -> AuthorizationServerMetadata | None:
        """Return what an authorization server has just said of itself; None where it has to be asked.

        Args:
            issuer: Its identifier, as the MCP server names it.
        """
        known = self._issuers.find(issuer) if self._issuers else None
        if known is None or not known.is_fresh():
            return None
        self._recalled = known
        return known.server

    def join(self, step: SignIn) -> SignIn:
        """Return a sign-in as the client that another one registered, where we would ask to be the same.

        Args:
            step: The sign-in.
        """
        if self._issuers is None or step.saved is not None or step.options.client_id is not None:
            return step
        known = self._recalled or self._issuers.find(step.server.issuer)
        if known is None or known.registration is None or known.asked != step.asked:
            return step
        return attrs.evolve(step, saved=known.registration, doubts=known is not self._recalled)

    def note(self, step: SignIn, registration: ClientRegistration | None) -> None:
        """Keep what is known now.

        Args:
            step: The sign-in.
            registration: Who we are; None where nobody knows yet.
        """
        if self._issuers is None or not step.server.published:
            return
        recalled = self._recalled
        known = recalled or KnownIssuer(server=step.server, fetched_at=time.time())
        if registration is not None and registration.source == DYNAMIC:
            known = attrs.evolve(known, registration=registration, asked=step.asked)
        elif recalled is None and (before := self._issuers.find(step.server.issuer)):
            known = attrs.evolve(known, registration=before.registration, asked=before.asked)  # for those who share it
        if known != recalled:
            self._issuers.save(known)

    @contextmanager
    def relied_on(self) -> Iterator[None]:
        """Rely on nothing any more that may have led to what fails within; a person's no is not one."""
        try:
            yield
        except OAuthError as failure:
            if self._issuers is not None and self._recalled is not None and not isinstance(failure, AccessDeniedError):
                self._issuers.doubt(self._recalled.server.issuer)
                self._recalled = None
            raise
