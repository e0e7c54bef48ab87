"""A store that forgets everything when the process ends."""

from __future__ import annotations

from pathlib import Path

from ..models.secret import Secret
from .base import GENERIC, SecureTokenStore, require_names


class MemoryStore(SecureTokenStore):
    """Keeps secrets in this process only.

    Example::

        OAuth(url, token_manager=TokenManager(backend=TokenStoreBackend.MEMORY))
    """

    name = "memory"

    def __init__(self) -> None:
        """Start empty."""
        self._values: dict[tuple[str, str], Secret] = {}

    @property
    def identity(self) -> str:
        """Each is a place of its own."""
        return f"memory {id(self)}"

    def folder_for(self, kind: str) -> Path | None:
        """Return None: nothing outlives the process."""
        return None

    def store_generic(self, key: str, value: str, *, namespace: str = GENERIC) -> None:
        """Keep a secret.

        Raises:
            TokenStorageError: The key or the namespace is empty.
        """
        require_names(key, namespace, store=self.name)
        self._values[namespace, key] = Secret(value)

    def retrieve_generic(self, key: str, *, namespace: str = GENERIC) -> str | None:
        """Return a secret, or None.

        Raises:
            TokenStorageError: The key or the namespace is empty.
        """
        require_names(key, namespace, store=self.name)
        return self._values.get((namespace, key))

    def delete_generic(self, key: str, *, namespace: str = GENERIC) -> bool:
        """Remove a secret; tell whether there was one.

        Raises:
            TokenStorageError: The key or the namespace is empty.
        """
        require_names(key, namespace, store=self.name)
        return self._values.pop((namespace, key), None) is not None

    def list_generic(self, *, namespace: str | None = None) -> list[tuple[str, str]]:
        """Return what is kept as pairs of namespace and key."""
        return [place for place in list(self._values) if namespace in (None, place[0])]
