"""A store of encrypted files: one sealed file per entry, and few that belong to the store as a whole.

In its folder lie ``NAME.enc`` (sign-ins), ``NAMESPACE.d/NAME.enc`` (everything else), ``store.key`` (the generated
key, unless there is a password), ``store.check`` (tells whether a password is right), ``locks/`` and ``registry/``,
and in ``.tmp/`` what is being written. Every sealed file is bound to ``namespace/key`` in UTF-8, the namespace
escaped as in a file name, so a file put in another's place does not open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..exceptions import StoreCorruptError, StoreUnavailableError
from .base import GENERIC, OAUTH, SecureTokenStore
from .entry_files import EntryFiles, bound_to
from .key_file import KeyFile
from .places import PASSWORD_VARIABLE, default_directory
from .private_files import OddFileError, close_directory, make_private_directory, read_private, write_private
from .sealing import SALT, Keys, NotOpened, Opened, PasswordKeys, seal, unseal
from .settings import StoreSettings
from .store_check import StoreCheck

#: Seconds to wait while others write; each of them takes some thousandths of one.
WRITING_TIMEOUT = 30.0
#: Entries that are tried at most to find out whether a password is right, where nothing else tells.
_TRIED = 8


class EncryptedFileStore(SecureTokenStore):
    """Keeps each entry in a file of its own that only the owner can read and only the key can open.

    Args:
        directory: Where the files lie; made when the first entry is kept.
        password: Opens the files; None takes the environment variable MCP_OAUTH_SYNC_PASSWORD, and without
            that a key generated once and kept beside the files (mode 0600).

    Raises:
        StoreUnavailableError: The password is empty.

    Example::

        EncryptedFileStore(Path.home() / "secrets", password=getpass.getpass())
    """

    def __init__(self, directory: Path, *, password: str | None = None) -> None:
        """Use ``directory``; nothing is touched yet."""
        self.directory = Path(directory)
        self.name = f"encrypted files in {self.directory}"
        self.entries = EntryFiles(self.directory, self.name)
        self.check = StoreCheck(self.directory, self.name)
        self._keys = self.keys_for(os.environ.get(PASSWORD_VARIABLE) if password is None else password)

    @classmethod
    def priority(cls) -> float:
        """Works everywhere, and is what is left where there is no keyring."""
        return 10

    @classmethod
    def open(cls, settings: StoreSettings) -> EncryptedFileStore:
        """Make the store as a caller wants it."""
        return cls(settings.directory or default_directory(), password=settings.password)

    def probe(self) -> None:
        """Show that files can be kept here. Raises as :meth:`store_generic`."""
        with self.entries.explained("tried out", "*"):
            self.entries.try_out()

    @property
    def identity(self) -> str:
        """The folder."""
        return f"encrypted files in {self.directory.absolute()}"

    def folder_for(self, kind: str) -> Path:
        """Return a folder in the store's own.

        Raises:
            StoreCorruptError: It is a link.
            TokenStorageError: It cannot be looked at.
        """
        folder = self.directory / kind
        with self.entries.explained("looked at", kind):
            linked = folder.is_symlink()
        if linked:
            raise StoreCorruptError(f"{folder} is a symbolic link.", hint="Remove it.", store=self.name)
        return folder

    def path(self, key: str, namespace: str = OAUTH) -> Path:
        """Return where an entry lies. Raises as :meth:`retrieve_generic`."""
        return self.entries.path(key, namespace)

    def store_generic(self, key: str, value: str, *, namespace: str = GENERIC) -> None:
        """Seal a secret and replace the file in one step.

        Raises:
            StoreCorruptError: The file that is there cannot be opened with this key; it was left alone.
            StoreUnavailableError: The password or key is not the one of the other entries.
            TokenStorageError: It could not be written; the earlier one is still there.
        """
        path = self.path(key, namespace)
        with self.entries.explained("written", key):
            fresh = self._prepare(path)
            with self.writing(key):
                sealed = read_private(path)
                if sealed is None:
                    self.check.admit(self._keys, self.tries)
                    salt = fresh
                    sealing = self._keys.for_sealing(salt)
                else:  # never overwrite what this key does not open
                    salt = sealed[:SALT]
                    sealing = self._opened(self._keys, sealed, key, namespace).key
                self.entries.make_room(key, namespace)
                write_private(path, seal(sealing, salt, value, bound_to(key, namespace)))

    def retrieve_generic(self, key: str, *, namespace: str = GENERIC) -> str | None:
        """Return a secret, or None when there is none.

        Raises:
            StoreCorruptError: The file is damaged, another one's, or sealed with another key.
            TokenStorageError: It cannot be read now.
        """
        path = self.path(key, namespace)
        with self.entries.explained("read", key):
            with suppress(OSError):  # not there yet, or read-only
                close_directory(self.directory)
            sealed = read_private(path)
            if sealed is None:
                return None
            opened = self._opened(self._keys, sealed, key, namespace)
            self.entries.find_names(key, namespace)
            return opened.text

    def delete_generic(self, key: str, *, namespace: str = GENERIC) -> bool:
        """Remove the file; tell whether there was one.

        Raises:
            TokenStorageError: It could not be removed.
        """
        path = self.path(key, namespace)
        with self.entries.explained("removed", key):
            try:
                path.lstat()
            except FileNotFoundError:
                return False
            with self.writing(key):
                return self.entries.remove(key, namespace)

    def list_generic(self, *, namespace: str | None = None) -> list[tuple[str, str]]:
        """Return what is kept as pairs of namespace and key, from the names of the files alone.

        Raises:
            TokenStorageError: The folder cannot be read.
        """
        with self.entries.explained("listed", "*"):
            return self.entries.listed(namespace)

    def change_password(self, new: str | None) -> list[tuple[str, str]]:
        """Seal every entry of every namespace anew; afterwards only the new password opens them.

        Each entry is replaced in one step and under its turn. If it is broken off, each entry opens with either
        the old or the new password, and doing it again completes it. Other processes that still use the old
        password get errors and cannot overwrite anything. A password takes about half a second per entry.

        Args:
            new: The new password; None goes over to a key that is generated and kept beside the files. Unset
                MCP_OAUTH_SYNC_PASSWORD, or set it to the new one, before the next process starts.

        Returns:
            What could not be opened, as pairs of namespace and key. It was left as it is.

        Raises:
            StoreUnavailableError: This store's password is wrong, or the new one is empty; nothing was changed.
            StoreCorruptError: There is an entry whose name is not known; nothing was changed.
            TokenStorageError: An entry could not be read or written now, or its turn did not come.
        """
        from .password_change import change

        keys = self.keys_for(new)
        with self.entries.explained("sealed anew", "*"):
            left = change(self, self._keys, keys)
        self._keys = keys
        return left

    def keys_for(self, password: str | None) -> Keys:
        """Return the keys for a password; None for the generated one.

        Raises:
            StoreUnavailableError: The password is empty.
        """
        if password is None:
            return KeyFile(self.directory, self.name, self.entries.hold_any)
        if not password:
            hint = f"Give one, or unset {PASSWORD_VARIABLE} to use a generated key."
            raise StoreUnavailableError("The password for encrypted files is empty.", hint=hint, store=self.name)
        return PasswordKeys(password)

    def _opened(self, keys: Keys, sealed: bytes, key: str, namespace: str) -> Opened:
        """Open a file's content.

        Raises:
            StoreCorruptError: The keys do not open it.
            StoreUnavailableError: There is no key at all.
        """
        try:
            return unseal(keys, sealed, bound_to(key, namespace))
        except NotOpened:
            raise StoreCorruptError(
                f"The entry {key!r} in {self.name} cannot be opened: wrong password or key, or the file is damaged.",
                hint=f"It was left as it is. Use the right password, or remove it with 'mcp-oauth-sync clear {key}'.",
                store=self.name,
                name=key,
            ) from None

    @contextmanager
    def writing(self, key: str) -> Iterator[None]:
        """Hold the only turn to write, so that no check, key or password changes between looking and writing."""
        from .locks import exclusive  # what only writing needs is loaded for it

        make_private_directory(self.directory)
        lock = self.folder_for("locks") / "store.lock"
        with exclusive(str(lock.absolute()), lock, timeout=WRITING_TIMEOUT, name=key):
            yield

    def tries(self, keys: Keys) -> Iterator[bool]:
        """Tell for some entries whether keys open them."""
        for namespace, key in self.entries.listed()[:_TRIED]:
            try:
                sealed = read_private(self.path(key, namespace))
                if sealed is not None:
                    unseal(keys, sealed, bound_to(key, namespace))
                    yield True
            except (NotOpened, OddFileError, StoreCorruptError):
                yield False

    def _prepare(self, path: Path) -> bytes:
        """Derive the keys that will be needed, before others have to wait for it; return a salt for a new entry."""
        fresh = os.urandom(SALT)
        sealed = read_private(path)
        for salt in [self.check.salt(), fresh] if sealed is None else [sealed[:SALT]]:
            if salt is not None:
                self._keys.prepare(salt)
        return fresh
