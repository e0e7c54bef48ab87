"""The generated key: 256 random bits in a file beside the entries, for who has no keyring and gives no password."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from ..exceptions import StoreUnavailableError
from .places import PASSWORD_VARIABLE
from .private_files import read_private, remove_private, rename_private, write_private
from .sealing import Keys

_KEY = "store.key"
#: The key that takes its place when all entries are sealed with it.
_NEXT = "store.key.next"


class KeyFile(Keys):
    """Keys from the generated key; while it is being changed, from the next one too.

    Args:
        directory: The folder of the store.
        store: What messages call the store.
        holds_entries: Tells whether anything is sealed already, which a new key would not open.
        names: The files to use, the newest last.
    """

    def __init__(
        self,
        directory: Path,
        store: str,
        holds_entries: Callable[[], bool],
        *,
        names: tuple[str, ...] = (_KEY, _NEXT),
    ) -> None:
        """Read nothing yet."""
        self._paths = [directory / name for name in names]
        self._store = store
        self._holds_entries = holds_entries
        self._derived: dict[bytes, bytes] = {}  # by salt: the key that opened it or sealed it last

    def only(self) -> KeyFile:
        """Return the keys of the file that is not the next one."""
        return KeyFile(self._paths[0].parent, self._store, self._holds_entries, names=(_KEY,))

    def next(self) -> KeyFile:
        """Return the keys of the next file; it is made when something is sealed."""
        return KeyFile(self._paths[0].parent, self._store, lambda: False, names=(_NEXT,))

    def for_opening(self, salt: bytes) -> Iterator[bytes]:
        """Give the key that was used for this salt before, or those from each file that is there."""
        known = self._derived.get(salt)
        if known is not None:
            yield known
        found = False
        for path in self._paths:
            stored = read_private(path)
            if stored is None:
                continue
            found = True
            key = self._derive(self._decoded(stored, path), salt)
            if key != known:
                self._derived[salt] = key
                yield key
        if not found and known is None:
            raise self._missing()

    def for_sealing(self, salt: bytes) -> bytes:
        """Return the key from the newest file; make it if there is none. The caller has the turn to write."""
        for path in reversed(self._paths):
            stored = read_private(path)
            if stored is not None:
                break
        else:
            if self._holds_entries():
                raise self._missing()
            path = self._paths[0]
            stored = base64.urlsafe_b64encode(os.urandom(32))
            write_private(path, stored)
        self._derived[salt] = key = self._derive(self._decoded(stored, path), salt)
        return key

    def exist(self) -> bool:
        """Tell whether there is such a file."""
        return any(path.exists() for path in self._paths)

    def settle(self) -> None:
        """Let the next key take the place of the present one, if there is one."""
        rename_private(self._paths[0].with_name(_NEXT), self._paths[0].with_name(_KEY))

    def remove(self) -> None:
        """Remove the files: nothing is sealed with them any more."""
        for path in reversed(self._paths):
            remove_private(path)

    def _derive(self, generated: bytes, salt: bytes) -> bytes:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return HKDF(SHA256(), 32, salt, b"mcp-oauth-sync").derive(generated)

    def _decoded(self, stored: bytes, path: Path) -> bytes:
        try:
            key = base64.urlsafe_b64decode(stored.strip())
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != 32:
            raise StoreUnavailableError(f"The key file {path} is damaged.", hint="Restore it.", store=self._store)
        return key

    def _missing(self) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"The key file {self._paths[0]} is missing, but there are files sealed with it or with a password.",
            hint=f"Restore it, or set {PASSWORD_VARIABLE} if the files were sealed with a password.",
            store=self._store,
        )
