"""The store that is chosen when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from .base import GENERIC, OAUTH, TURN_TIMEOUT, SecureTokenStore
from .choosing import MEMORY, remember, settled, tried
from .locks import exclusive
from .settings import StoreSettings


class AutoStore(SecureTokenStore):
    """The best store that works, chosen when something is to be kept for the first time.

    Until then nothing is stored anywhere, so that nothing has to be tried out to know that.

    Args:
        settings: What the caller said.
    """

    def __init__(self, settings: StoreSettings) -> None:
        """Choose nothing yet."""
        self._settings = settings
        self._chosen: SecureTokenStore | None = None
        self._remember: Callable[[], None] | None = None

    def chosen(self) -> SecureTokenStore:
        """Return the store; choose it if need be.

        Raises:
            StoreUnavailableError: The one used before cannot be used here.
        """
        return self._known() or self._choose()

    def _known(self) -> SecureTokenStore | None:
        """Return the store if it is clear by now: another process may have kept the first sign-in meanwhile."""
        if self._chosen is None:
            self._chosen = settled(self._settings)
        return self._chosen

    def _choose(self) -> SecureTokenStore:
        with exclusive(f"{id(self)}/choosing", None, timeout=60, name="the choice of a store"):
            if self._chosen is None:
                name, store = tried(self._settings)
                self._remember = None if name == MEMORY else lambda: remember(name)
                self._chosen = store
            return self._chosen

    @property
    def name(self) -> str:  # type: ignore[override]
        """What messages call the store."""
        return self.chosen().name

    @property
    def indexed(self) -> bool:  # type: ignore[override]
        """Whether the store notes its names in the index of this machine."""
        return self.chosen().indexed

    @property
    def identity(self) -> str:
        """That of the store."""
        return self.chosen().identity

    def store_generic(self, key: str, value: str, *, namespace: str = GENERIC) -> None:
        """Keep a secret; the first one settles the choice for later processes."""
        self.chosen().store_generic(key, value, namespace=namespace)
        if self._remember is not None:
            self._remember()
            self._remember = None

    def retrieve_generic(self, key: str, *, namespace: str = GENERIC) -> str | None:
        """Return a secret, or None."""
        store = self._known()
        return None if store is None else store.retrieve_generic(key, namespace=namespace)

    def delete_generic(self, key: str, *, namespace: str = GENERIC) -> bool:
        """Remove a secret; tell whether there was one."""
        store = self._known()
        return store is not None and store.delete_generic(key, namespace=namespace)

    def list_generic(self, *, namespace: str | None = None) -> list[tuple[str, str]]:
        """Return what is kept as pairs of namespace and key."""
        store = self._known()
        return [] if store is None else store.list_generic(namespace=namespace)

    def exclusive(
        self, key: str, *, namespace: str = OAUTH, purpose: str = "refresh", timeout: float = TURN_TIMEOUT
    ) -> AbstractContextManager[None]:
        """Return the store's turn."""
        return self.chosen().exclusive(key, namespace=namespace, purpose=purpose, timeout=timeout)

    def folder_for(self, kind: str) -> Path | None:
        """Return the store's folder."""
        return self.chosen().folder_for(kind)
