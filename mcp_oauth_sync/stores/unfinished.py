"""Registrations of sign-ins that brought no tokens yet: the next try is the same client. RFC 7591 section 3.2.1."""

from __future__ import annotations

import json
import logging

from ..exceptions import TokenStorageError
from ..models.client import DYNAMIC, ClientRegistration
from ..models.document import stored_document
from .beside import Beside

logger = logging.getLogger(__name__)


class Unfinished(Beside):
    """The registrations of one namespace of a store. Nothing depends on them: without one, another is made.

    Made as :class:`Beside`.
    """

    def save(self, name: str, registration: ClientRegistration | None) -> None:
        """Keep what we were registered as for a sign-in; what a caller brought needs no keeping.

        Args:
            name: The sign-in.
            registration: Who we are; None keeps nothing.
        """
        if registration is None or registration.source != DYNAMIC:
            return
        try:
            self.store.store_generic(name, json.dumps(registration.to_record()), namespace=self.namespace)
        except TokenStorageError as failure:
            logger.warning("the registration of a sign-in that did not succeed is not kept: %s", failure.message)

    def load(self, name: str) -> ClientRegistration | None:
        """Return what is kept for a sign-in; None where nothing is, or nothing that can be read."""
        try:
            stored = self.store.retrieve_generic(name, namespace=self.namespace)
            if stored is None:
                return None
            return self.store.rebuilt(name, stored, lambda text: ClientRegistration.from_record(stored_document(text)))
        except TokenStorageError as failure:
            logger.warning("%s", failure.message)
            return None

    def remove(self, name: str) -> bool:
        """Remove what is kept for a sign-in; tell whether there was anything.

        Raises:
            TokenStorageError: It could not be removed.
        """
        return self.store.delete_generic(name, namespace=self.namespace)
