"""Where entries lie: one file each, sign-ins at the top of the folder, other namespaces in folders of their own.

The name of an entry is had from the name of its file. Where that is only a digest, a ``.name`` file beside it says
it: written before the entry and removed after it, so that no entry is ever without a name.
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..exceptions import StoreCorruptError, TokenStorageError
from .base import OAUTH, require_names
from .file_names import entry_name, file_name, is_digest
from .private_files import OddFileError, make_private_directory, read_private, remove_private, write_private

logger = logging.getLogger(__name__)

_ENTRY, _FOLDER, _NAME = ".enc", ".d", ".name"


class EntryFiles:
    """The files of a store by namespace and key.

    Args:
        directory: The folder of the store.
        store: What messages call the store.
    """

    def __init__(self, directory: Path, store: str) -> None:
        """Touch nothing."""
        self.directory = directory
        self.store = store

    def path(self, key: str, namespace: str) -> Path:
        """Return where an entry lies.

        Raises:
            StoreCorruptError: The folder of the namespace is a link.
            TokenStorageError: The key or the namespace is empty, or the folder cannot be looked at.
        """
        require_names(key, namespace, store=self.store)
        folder = self._folder(namespace)
        with self.explained("looked for", key):
            linked = namespace != OAUTH and folder.is_symlink()
        if linked:
            raise StoreCorruptError(f"{folder} is a symbolic link.", hint="Remove it.", store=self.store, name=key)
        return folder / f"{file_name(key)}{_ENTRY}"

    def try_out(self) -> None:
        """Write, read and remove a file; no key is made for it, and no file stays.

        Raises:
            OSError: That cannot be done here.
        """
        make_private_directory(self.directory)
        path, content = self.directory / f".probe-{secrets.token_hex(8)}", b"probe"
        write_private(path, content)
        if read_private(path) != content or not remove_private(path):
            raise OSError(errno.EIO, "what was written is not what is read")

    def make_room(self, key: str, namespace: str) -> None:
        """Make the folder for an entry, and note the names that cannot be had from those of the files.

        Raises:
            OSError: It cannot be written.
        """
        path = self.path(key, namespace)
        make_private_directory(path.parent)
        if namespace != OAUTH:
            self._note(path.parent.with_name(f"{path.parent.name}{_NAME}"), namespace, path.parent.stem)
        self._note(path.with_suffix(_NAME), key, path.stem)

    def find_names(self, key: str, namespace: str) -> None:
        """Note the names of an entry that was kept before names were noted, where that can be done."""
        with suppress(OSError):
            if is_digest(file_name(key)) or is_digest(file_name(namespace)):
                self.make_room(key, namespace)

    def remove(self, key: str, namespace: str) -> bool:
        """Remove an entry; tell whether there was one.

        Raises:
            OSError: It cannot be removed.
        """
        path = self.path(key, namespace)
        there = remove_private(path)
        if is_digest(path.stem):
            remove_private(path.with_suffix(_NAME))
        return there

    def hold_any(self) -> bool:
        """Tell whether there is any entry, also one whose name is not known.

        Raises:
            OSError: The folder cannot be read.
        """
        return any(True for folder in self._folders() for _ in _scan(folder, _ENTRY))

    def listed(self, namespace: str | None = None) -> list[tuple[str, str]]:
        """Return the entries as pairs of namespace and key, from the names of the files alone.

        Args:
            namespace: Only of this namespace; None means of all.

        Raises:
            OSError: The folder cannot be read.
        """
        if namespace is None:
            folders = self._namespaces()
        else:
            folder = self._folder(namespace)
            folders = {} if namespace != OAUTH and folder.is_symlink() else {namespace: folder}
        return [(space, key) for space, folder in folders.items() for key in self._names(folder, _ENTRY)]

    def nameless(self) -> list[Path]:
        """Return the entries whose names are not known.

        Raises:
            OSError: The folder cannot be read.
        """
        known = set(self._namespaces().values())
        return [
            Path(folder, written + _ENTRY)
            for folder in self._folders()
            for written in _scan(folder, _ENTRY)
            if folder not in known or self._name(folder, written, "") is None
        ]

    @contextmanager
    def explained(self, done: str, key: str) -> Iterator[None]:
        """Tell as an error of the store what the system refuses.

        Args:
            done: What was to be done ("written").
            key: The entry; "*" for all.

        Raises:
            StoreCorruptError: What lies there is not a plain file of ours.
            TokenStorageError: The system refused something else.
        """
        try:
            yield
        except OSError as failure:
            kind = StoreCorruptError if isinstance(failure, OddFileError) else TokenStorageError
            raise kind(
                f"The entry {key!r} in {self.store} could not be {done}: {failure.strerror or failure}.",
                hint="Check that the folder is yours, is not read-only and has room.",
                store=self.store,
                name=key,
            ) from failure

    def _folder(self, namespace: str) -> Path:
        return self.directory if namespace == OAUTH else self.directory / f"{file_name(namespace)}{_FOLDER}"

    def _folders(self) -> list[Path]:
        return [self.directory, *(self.directory / f"{name}{_FOLDER}" for name in _scan(self.directory, _FOLDER))]

    def _namespaces(self) -> dict[str, Path]:
        return {
            OAUTH: self.directory,
            **{name: self._folder(name) for name in self._names(self.directory, _FOLDER) if name != OAUTH},
        }

    def _names(self, folder: Path, ending: str) -> Iterator[str]:
        for written in _scan(folder, ending):
            name = self._name(folder, written, "" if ending == _ENTRY else ending)
            if name is not None:
                yield name

    def _name(self, folder: Path, written: str, ending: str) -> str | None:
        if not is_digest(written):
            return entry_name(written)
        with suppress(OddFileError, UnicodeDecodeError):  # what cannot be read now is not passed over in silence
            noted = read_private(folder / f"{written}{ending}{_NAME}")
            name = None if noted is None else noted.decode("utf-8", "surrogatepass")
            if name and file_name(name) == written:
                return name
        logger.warning("the name of the entry %s is not known; it is noted when the entry is used", folder / written)
        return None

    def _note(self, path: Path, name: str, written: str) -> None:
        raw = name.encode("utf-8", "surrogatepass")
        if is_digest(written) and read_private(path) != raw:
            write_private(path, raw)


def bound_to(key: str, namespace: str) -> str:
    """Return the name that the file of an entry is bound to."""
    return f"{file_name(namespace)}/{key}"


def _scan(folder: Path, ending: str) -> Iterator[str]:
    """Give the names in a folder that end so, without the ending; none if there is no such folder."""
    with suppress(FileNotFoundError):
        for name in os.listdir(folder):  # noqa: PTH208  (there may be thousands)
            if name.endswith(ending) and (ending != _FOLDER or _is_folder(folder / name)):
                yield name[: -len(ending)]


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
