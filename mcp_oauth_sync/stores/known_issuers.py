"""The authorization servers that somebody signed in at. Nothing depends on it: what cannot be read is asked anew."""

from __future__ import annotations

import logging

import attrs

from ..exceptions import TokenStorageError
from ..models.client import ClientRegistration
from ..models.known_issuer import KnownIssuer
from .beside import Beside

logger = logging.getLogger(__name__)


class KnownIssuers(Beside):
    """The authorization servers known to one namespace of a store.

    Made as :class:`Beside`.
    """

    def find(self, issuer: str) -> KnownIssuer | None:
        """Return what is known of an authorization server, or None.

        Args:
            issuer: Its identifier, to the letter.
        """
        try:
            stored = self.store.retrieve_generic(issuer, namespace=self.namespace)
            found = None if stored is None else self.store.rebuilt(issuer, stored, KnownIssuer.from_json)
        except TokenStorageError as failure:
            logger.warning("%s", failure.message)
            return None
        return found if found is not None and found.server.issuer == issuer else None

    def save(self, known: KnownIssuer) -> None:
        """Keep what is known of an authorization server."""
        try:
            self.store.store_generic(known.server.issuer, known.to_json(), namespace=self.namespace)
        except TokenStorageError as failure:
            logger.warning("%s", failure.message)

    def doubt(self, issuer: str) -> None:
        """Have everything about an authorization server asked again.

        Args:
            issuer: Its identifier, to the letter.
        """
        known = self.find(issuer)
        if known is not None:
            self.save(attrs.evolve(known, fetched_at=0.0))

    def forget(self, registration: ClientRegistration) -> None:
        """Let nobody become a client again that is to be forgotten.

        Raises:
            TokenStorageError: It could not be removed.
        """
        known = self.find(registration.issuer) if registration.issuer else None
        if known and known.registration and known.registration.client_id == registration.client_id:
            self.store.delete_generic(known.server.issuer, namespace=self.namespace)
