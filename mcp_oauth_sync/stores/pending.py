"""Sign-ins that were started and not finished yet, each kept until its answer comes or its time is over."""

from __future__ import annotations

import logging
import time

from ..exceptions import TokenStorageError
from ..models.pending import PendingSignIn, expiry_of, key_part
from .beside import Beside

logger = logging.getLogger(__name__)


class PendingSignIns(Beside):
    """The started sign-ins of one namespace of a store.

    They are found by the state of a redirect alone, though no state can be had from what they are kept under.

    Made as :class:`Beside`.
    """

    def save(self, pending: PendingSignIn) -> None:
        """Keep a started sign-in.

        Raises:
            TokenStorageError: It could not be kept.
        """
        self.store.store_generic(pending.key, pending.to_json(), namespace=self.namespace)

    def find(self, state: str) -> PendingSignIn | None:
        """Return the sign-in that was started with a state, or None.

        Raises:
            StoreCorruptError: There is one, but it cannot be read.
            TokenStorageError: The store cannot be used now.
        """
        wanted = f"{key_part(state)}."
        for _, key in self.store.list_generic(namespace=self.namespace):
            if key.startswith(wanted) and (pending := self._read(key)) is not None:
                return pending
        return None

    def take(self, pending: PendingSignIn) -> bool:
        """Remove a sign-in; tell whether it was still there.

        In the turn of its name (``TokenManager.exclusive``) one caller among all processes hears that it was.

        Raises:
            TokenStorageError: It could not be removed.
        """
        return self.store.delete_generic(pending.key, namespace=self.namespace)

    def sweep(self) -> None:
        """Remove those whose time is over. Nothing depends on it: what cannot be removed is left."""
        now = time.time()
        try:
            for _, key in self.store.list_generic(namespace=self.namespace):
                if expiry_of(key) < now:
                    self.store.delete_generic(key, namespace=self.namespace)
        except TokenStorageError as failure:
            logger.warning("a sign-in that was started and never finished is left in the store: %s", failure.message)

    def _read(self, key: str) -> PendingSignIn | None:
        stored = self.store.retrieve_generic(key, namespace=self.namespace)
        return None if stored is None else self.store.rebuilt(key, stored, PendingSignIn.from_json)
