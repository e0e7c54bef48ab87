"""The index of what a keyring holds, which lists nothing itself.

An entry is noted before its value is stored and dropped after the value is removed, so that the index misses
nothing. In between it is marked, so that one that was cut short can be looked for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...exceptions import TokenStorageError

if TYPE_CHECKING:
    from ..registry import TokenRegistry

logger = logging.getLogger(__name__)


class KeyringIndex:
    """The index in a folder. One that cannot be written keeps no secret from being stored or removed.

    Args:
        folder: Where it lies.
    """

    def __init__(self, folder: Path) -> None:
        """Touch nothing yet."""
        self._folder = folder

    def expect(self, namespace: str, key: str) -> None:
        """Note that a value is about to be stored."""
        with self._as_far_as_possible():
            self._registry().expect(key, namespace)

    def settle(self, namespace: str, key: str) -> None:
        """Note that a value is there."""
        with self._as_far_as_possible():
            self._registry().settle(key, namespace)

    def doubt(self, namespace: str, key: str) -> None:
        """Note that a value is about to be removed."""
        with self._as_far_as_possible():
            self._registry().doubt(key, namespace)

    def drop(self, namespace: str, key: str) -> None:
        """Note that a value is not there."""
        with self._as_far_as_possible():
            self._registry().unregister(key, namespace)

    def unsettled(self, namespace: str | None) -> list[tuple[str, str]]:
        """Return the entries that were cut short, or are under way. Raises as :meth:`entries`."""
        return self._registry().unsettled(namespace)

    def entries(self, namespace: str | None) -> list[tuple[str, str]]:
        """Return all entries as pairs of namespace and key.

        Raises:
            TokenStorageError: The index cannot be read.
        """
        return [(entry["namespace"], entry["name"]) for entry in self._registry().list_tokens(namespace)]

    def _registry(self) -> TokenRegistry:
        from ..registry import TokenRegistry

        return TokenRegistry(self._folder)

    @contextmanager
    def _as_far_as_possible(self) -> Iterator[None]:
        try:
            yield
        except TokenStorageError as failure:
            logger.warning("%s", failure.message)
