"""What follows from what a client knows: scopes, concessions, whether tokens are bound to a key. MCP authorization."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import attrs

from ..concessions import select_used
from ..exceptions import printable
from ..models.client import ClientRegistration
from ..models.metadata import AuthorizationServerMetadata
from ..models.record import ServerRecord
from ..protocol.binding import select_binding
from ..protocol.challenge import Challenge
from ..protocol.dpop import build_key
from ..protocol.proofs import Proofs
from ..protocol.scopes import select_scopes
from ..sign_in import SignIn
from .known import KnownServer

logger = logging.getLogger(__name__)


class PlanningClient(KnownServer):
    """Knows how to sign in at one MCP server. Made as :class:`KnownServer`."""

    _goes_offline = True  # a person may be away later; a program is never there

    def _plan(self, scopes: Iterable[str] | None, held: tuple[str, ...] = ()) -> SignIn:
        """Return the sign-in that follows from what is known, finding out first what is not."""
        server = self.authorization_server or self.discover_authorization_server()
        switches = self._concede(server)
        self._say_used(server)
        options = attrs.evolve(
            self.options,
            scopes=switches.scopes if scopes is None else scopes,
            extra_scopes=switches.extra_scopes,
            offline_access=self._goes_offline and not switches.no_offline_access,
        )
        chosen = select_scopes(
            options,
            challenged=self._challenge.scopes if self._challenge else (),
            resource=self.protected_resource,
            server=server,
            held=held,
        )
        return SignIn(
            http=self.http,
            server=server,
            server_url=self.server_url,
            resource=self.resource,
            scopes=chosen,
            options=options,
            saved=self.registration,
            switches=switches,
            dpop_key=build_key() if self._binds(server) else None,
        )

    def _binds(self, server: AuthorizationServerMetadata) -> bool:
        """Tell whether the sign-in asks for tokens that are bound to a key."""
        challenge = self._challenge or Challenge()
        return select_binding(
            self.options.dpop,
            self.server_url,
            challenge=challenge,
            resource=self.protected_resource,
            server=server,
            bound_before=challenge.insufficient_scope and self.record.dpop_key is not None,
        )

    def _proofs(self, record: ServerRecord) -> Proofs:
        """Return what goes with requests about a record's tokens beyond its registration."""
        return Proofs(
            issuer=record.issuer,
            client_key=self.options.client_key,
            dpop=self._provers.of(record),
            insist=self.options.dpop is True,
        )

    def _known_client(self) -> ClientRegistration | None:
        """Return who we are without becoming anybody new."""
        if self.registration is None and self.options.client_id is not None:
            self.registration = self._plan(None).register(self.options.callback.unbound)
        return self.registration

    def _say_used(self, server: AuthorizationServerMetadata) -> None:
        """Log, once, where the authorization server is met halfway, and which yes of the caller is not for it."""
        used, lapsed = select_used(self.concessions.switches, server), self.concessions.lapsed
        if (used, lapsed) == self._said:
            return
        self._said = used, lapsed
        if used:
            logger.warning("%s is met halfway: %s", printable(server.issuer), ", ".join(used))
        for yes in lapsed:
            logger.warning("%s is for %s, not for %s", yes, printable(self.record.issuer), printable(server.issuer))
