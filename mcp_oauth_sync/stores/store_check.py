"""The check of a store: a small sealed file that tells whether a password or key is the store's own.

Without it, who mistypes a password would seal a new entry with it, which then opens for nobody else. While the
password is being changed there are two: ``store.check`` for the old one, ``store.check.next`` for the new one. Old
stores have none; there, and where it is damaged, the entries tell.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from ..exceptions import StoreUnavailableError
from .private_files import read_private, rename_private, write_private
from .sealing import SALT, Keys, NotOpened, seal, unseal

_CHECK, _NEXT = "store.check", "store.check.next"
#: No entry is bound to this: a namespace has a name.
_BOUND_TO = "/store.check"


class StoreCheck:
    """Tells whether keys are the store's own.

    Args:
        directory: The folder of the store.
        store: What messages call the store.
    """

    def __init__(self, directory: Path, store: str) -> None:
        """Read nothing yet."""
        self.path = directory / _CHECK
        self.next_path = directory / _NEXT
        self._store = store

    def salt(self) -> bytes | None:
        """Return the salt of the check that a new entry is held against; None if there is none.

        Raises:
            OSError: It cannot be read.
        """
        sealed = read_private(self.next_path) or read_private(self.path)
        return sealed[:SALT] if sealed else None

    def admit(self, keys: Keys, entries: Callable[[Keys], Iterable[bool]]) -> None:
        """Refuse keys that are not the store's, before something new is sealed with them.

        The caller has the turn to write.

        Args:
            keys: What the new entry is to be sealed with.
            entries: Tells for some entries whether keys open them.

        Raises:
            OSError: It cannot be read or written.
            StoreUnavailableError: They are not the store's.
        """
        try:
            following = self.opens(keys, self.next_path)
            present = following or self.opens(keys, self.path)
        except StoreUnavailableError:  # no key at all
            if any(True for _ in entries(keys)):
                raise
            following = present = None
        if following is False:
            raise StoreUnavailableError(
                f"The password or key of {self._store} is being changed.",
                hint="Use the new one. If the change was broken off, make it again.",
                store=self._store,
            )
        if present:
            return
        if not told(entries(keys)):
            raise self.refusal()
        self.write(keys, self.path)

    def opens(self, keys: Keys, path: Path) -> bool | None:
        """Tell whether keys open a check; None if there is none.

        Raises:
            OSError: It cannot be read.
            StoreUnavailableError: There is no key at all.
        """
        sealed = read_private(path)
        if sealed is None:
            return None
        try:
            unseal(keys, sealed, _BOUND_TO)
        except NotOpened:
            return False
        return True

    def write(self, keys: Keys, path: Path) -> None:
        """Write a check.

        Raises:
            OSError: It cannot be written.
        """
        salt = os.urandom(SALT)
        write_private(path, seal(keys.for_sealing(salt), salt, "mcp-oauth-sync", _BOUND_TO))

    def settle(self) -> None:
        """Let the new check take the place of the old one.

        Raises:
            OSError: It cannot be written.
        """
        rename_private(self.next_path, self.path)

    def refusal(self) -> StoreUnavailableError:
        """Return the error for keys that are not the store's."""
        return StoreUnavailableError(
            f"The password or key is not the one of {self._store}: it opens none of its entries.",
            hint="Use the right password. Nothing was changed.",
            store=self._store,
        )


def told(opened: Iterable[bool]) -> bool:
    """Tell whether keys are good by what they open: any entry, or there is none."""
    there = False
    for opens in opened:
        if opens:
            return True
        there = True
    return not there
