"""A store that forgets everything when the process ends."""

from __future__ import annotations

from ..models.secret import Secret
from .base import GENERIC, SecureTokenStore


class MemoryStore(SecureTokenStore):
    """Keeps secrets in this process only.

    Example::

        OAuth(url, token_manager=TokenManager(backend=TokenStoreBackend.MEMORY))
    """

    name = "memory"

    def __init__(self) -> None:
        """Start empty."""
        self._values: dict[tuple[str, str], Secret] = {}

    def store_generic(self, key: str, value: str, *, namespace: str = GENERIC) -> None:
        """Keep a secret."""
        self._values[namespace, key] = Secret(value)

    def retrieve_generic(self, key: str, *, namespace: str = GENERIC) -> str | None:
        """Return a secret, or None."""
        return self._values.get((namespace, key))

    def delete_generic(self, key: str, *, namespace: str = GENERIC) -> bool:
        """Remove a secret; tell whether there was one."""
        return self._values.pop((namespace, key), None) is not None
