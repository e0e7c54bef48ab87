"""What a store keeps beside sign-ins."""

from __future__ import annotations

from .base import SecureTokenStore


class Beside:
    """What is kept beside the sign-ins of one namespace, in a namespace of its own.

    Args:
        store: Where it is kept.
        namespace: Its namespace there.
    """

    def __init__(self, store: SecureTokenStore, namespace: str) -> None:
        """Read nothing yet."""
        self.store, self.namespace = store, namespace
