"""Changing the password of a store, so that it may be broken off anywhere and is completed by doing it again.

First comes a check for the new keys: from then on nobody seals a new entry with the old ones. Then each entry is
sealed anew under its turn, so that a refresh under way is finished first, and under the turn to write, so that nobody
who looked before writes afterwards. Last, check and key file take the places of the old ones. A key is removed only
when nothing that it opens is left.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Protocol

from ..exceptions import StoreCorruptError, StoreUnavailableError
from .entry_files import EntryFiles, bound_to
from .key_file import KeyFile
from .private_files import OddFileError, read_private, write_private
from .sealing import SALT, Keys, NotOpened, seal, unseal
from .store_check import StoreCheck, told


class Store(Protocol):
    """What is needed of a store of encrypted files."""

    name: str
    entries: EntryFiles
    check: StoreCheck

    def keys_for(self, password: str | None) -> Keys:
        """Return the keys for a password; None for the generated one."""

    def tries(self, keys: Keys) -> Iterator[bool]:
        """Tell for some entries whether keys open them."""

    def writing(self, key: str) -> AbstractContextManager[None]:
        """Hold the only turn to write."""

    def exclusive(self, key: str, *, namespace: str) -> AbstractContextManager[None]:
        """Hold the only turn for an entry."""


def change(store: Store, present: Keys, wanted: Keys) -> list[tuple[str, str]]:
    """Seal every entry anew and return those that could not be opened; see ``EncryptedFileStore.change_password``.

    Args:
        store: The store.
        present: Its keys.
        wanted: Its keys afterwards.

    Raises:
        OSError: A file cannot be read or written now.
        StoreCorruptError: There is an entry whose name is not known; nothing was changed.
        StoreUnavailableError: The present keys are wrong; nothing was changed.
        TokenStorageError: A turn did not come.
    """
    new = wanted.next() if isinstance(wanted, KeyFile) else wanted
    old = _old_keys(store, present, to_file=isinstance(wanted, KeyFile))
    with store.writing("*"):
        _verify(store, present, new)
        if not store.check.opens(new, store.check.next_path):
            store.check.write(new, store.check.next_path)
    left = [(namespace, key) for namespace, key in _all(store) if not _seal_anew(store, key, namespace, old, new)]
    with store.writing("*"):
        store.check.settle()
        if isinstance(wanted, KeyFile):
            wanted.settle()
        else:
            for keys in old:
                if isinstance(keys, KeyFile):
                    keys.remove()
    return left


def _old_keys(store: Store, present: Keys, *, to_file: bool) -> list[Keys]:
    """Return what may have sealed the entries: the present keys, and key files left from a change broken off."""
    from_file = store.keys_for(None)
    assert isinstance(from_file, KeyFile)  # noqa: S101
    if to_file:
        from_file = from_file.only()
    if isinstance(present, KeyFile):
        return [from_file]
    return [present, from_file] if from_file.exist() else [present]


def _verify(store: Store, present: Keys, new: Keys) -> None:
    """Refuse wrong keys before anything is changed."""
    _all(store)
    check = store.check
    if check.opens(present, check.path) or _opens(check, new, check.path):
        return
    if check.opens(present, check.next_path):
        raise StoreUnavailableError(
            f"An earlier change to this password of {store.name} was broken off.",
            hint="Complete it first: open the store with the password from before, and change it to this one.",
            store=store.name,
        )
    if not told(store.tries(present)):
        raise check.refusal()


def _all(store: Store) -> list[tuple[str, str]]:
    """Return the entries; none is left out."""
    for path in store.entries.nameless():
        raise StoreCorruptError(
            f"The name of the entry in {path} is not known.",
            hint="Use it once by its name, or remove the file; then change the password.",
            store=store.name,
        )
    return sorted(store.entries.listed())


def _opens(check: StoreCheck, new: Keys, path: Path) -> bool:
    try:
        return bool(check.opens(new, path))
    except StoreUnavailableError:  # the new key is not made yet
        return False


def _seal_anew(store: Store, key: str, namespace: str, old: list[Keys], new: Keys) -> bool:
    """Seal one entry with the new keys; tell whether that is how it is sealed now."""
    path, bound = store.entries.path(key, namespace), bound_to(key, namespace)
    with store.exclusive(key, namespace=namespace):
        while True:
            try:
                sealed = read_private(path)
            except OddFileError:
                return False
            if sealed is None:
                return True  # removed meanwhile
            text, by = _opened(sealed, bound, old, new)
            if by is None or by is new:
                return by is new
            salt = os.urandom(SALT)
            new.prepare(salt)
            with store.writing(key):  # briefly: keys are derived by now
                if read_private(path) == sealed:
                    write_private(path, seal(new.for_sealing(salt), salt, text, bound))
                    return True


def _opened(sealed: bytes, bound: str, old: list[Keys], new: Keys) -> tuple[str, Keys | None]:
    """Return what is sealed and the keys that open it; None if none do."""
    for keys in [new, *old] if isinstance(new, KeyFile) else [*old, new]:  # what costs least first
        with suppress(NotOpened):
            return unseal(keys, sealed, bound).text, keys
    return "", None
