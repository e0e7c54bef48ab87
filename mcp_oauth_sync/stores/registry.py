"""The index of what is kept: names, kinds and what may be shown of them, never values."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from ..exceptions import TokenStorageError
from ..models.shown import plain_metadata
from ..models.stored import TokenType
from .base import GENERIC, require_names
from .file_names import entry_name, file_name
from .index_entry import FILE, FOLDER, DamagedEntry, Note, TokenEntry, bare_entry, known_note, read_note
from .locks import exclusive
from .places import default_directory
from .private_files import OddFileError, make_private_directory, remove_private, write_private

logger = logging.getLogger(__name__)

#: Seconds to wait for another process that writes to the index.
_TURN = 10.0

__all__ = ["TokenEntry", "TokenRegistry"]


class TokenRegistry:
    """An index of secrets in a folder: a small file per entry, so that its size costs nobody anything.

    The files are private but not encrypted: no value belongs into ``metadata``.

    A store that cannot list what it holds keeps its names here. It calls :meth:`expect` before it stores a
    value and :meth:`settle` afterwards, :meth:`doubt` before it deletes one and :meth:`unregister` afterwards:
    whenever the process ends, each value has an entry, and the entries to look after are :meth:`unsettled`.

    ``name`` and ``namespace`` say which entry is meant, ``metadata`` is what may be shown of it.

    Args:
        directory: Where the files lie; None takes that of the default store of encrypted files.

    Example::

        for entry in TokenManager().registry.list_tokens():
            print(entry["name"], entry["metadata"].get("server_url"))
    """

    def __init__(self, directory: Path | str | None = None) -> None:
        """Use a folder; nothing is touched yet."""
        self.directory = default_directory() / "registry" if directory is None else Path(directory)

    def register(
        self,
        name: str,
        token_type: TokenType = TokenType.OAUTH,
        namespace: str = GENERIC,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Note an entry, replacing an earlier one; nothing is written when it says the same.

        Args:
            name: The name of the secret.
            token_type: Its kind.
            namespace: Its namespace.
            metadata: What may be shown; None for nothing.

        Raises:
            TokenStorageError: It cannot be written, or the name or namespace is empty.
            ValueError: The metadata is not plain JSON, a :class:`Secret` is in it, or there is no such kind.
        """
        kind, plain = TokenType(token_type).value, plain_metadata(metadata)
        note = Note(TokenEntry(name=name, namespace=namespace, token_type=kind, metadata=plain), settled=True)
        self._change(name, namespace, lambda _: note)

    def unregister(self, name: str, namespace: str = GENERIC) -> bool:
        """Drop an entry; tell whether there was one.

        Raises:
            TokenStorageError: It cannot be removed.
        """
        path = self._path(name, namespace)
        with self._explained(path):
            try:
                path.lstat()
            except FileNotFoundError:
                return False
        return self._remove([path]) > 0

    def expect(self, name: str, namespace: str = GENERIC) -> None:
        """Note that a value is about to be stored, unless there is an entry. Raises as :meth:`settle`."""
        self._change(name, namespace, lambda known: known or Note(bare_entry(name, namespace), settled=False))

    def settle(self, name: str, namespace: str = GENERIC) -> None:
        """Note that a value is there. Nothing is written if the entry says so already.

        Raises:
            TokenStorageError: It cannot be written, or the name or namespace is empty.
        """
        bare = Note(bare_entry(name, namespace), settled=True)
        self._change(name, namespace, lambda known: (known or bare)._replace(settled=True))

    def doubt(self, name: str, namespace: str = GENERIC) -> None:
        """Note that a value is about to be deleted, if there is an entry for it. Raises as :meth:`settle`."""
        self._change(name, namespace, lambda known: known and known._replace(settled=False))

    def unsettled(self, namespace: str | None = None) -> list[tuple[str, str]]:
        """Return, as pairs of namespace and name, the entries whose value may or may not be there.

        Args:
            namespace: Only of this namespace; None means of all.

        Raises:
            TokenStorageError: The folder cannot be read.
        """
        notes = self._notes(namespace)
        return sorted((note.entry["namespace"], note.entry["name"]) for note in notes if not note.settled)

    def list_tokens(self, namespace: str | None = None, token_type: TokenType | None = None) -> list[TokenEntry]:
        """Return the entries, sorted by namespace and name. What is damaged is listed without its metadata.

        Args:
            namespace: Only of this namespace; None means of all.
            token_type: Only of this kind; None means of all.

        Raises:
            TokenStorageError: The folder cannot be read.
        """
        kind = None if token_type is None else TokenType(token_type).value
        entries = [note.entry for note in self._notes(namespace) if kind in (None, note.entry["token_type"])]
        return sorted(entries, key=lambda entry: (entry["namespace"], entry["name"]))

    def get_entry(self, name: str, namespace: str = GENERIC) -> TokenEntry | None:
        """Return an entry, or None. A damaged one has no metadata.

        Raises:
            TokenStorageError: It cannot be read.
        """
        path = self._path(name, namespace)
        try:
            with self._explained(path):
                note = read_note(path)
        except DamagedEntry:
            return bare_entry(name, namespace)
        return None if note is None else note.entry

    def has_token(self, name: str, namespace: str = GENERIC) -> bool:
        """Tell whether an entry is there. Raises as :meth:`get_entry`."""
        return self.get_entry(name, namespace) is not None

    def clear_namespace(self, namespace: str) -> int:
        """Drop the entries of a namespace; return how many there were. Raises as :meth:`unregister`."""
        return self._remove(self._paths(namespace))

    def clear_all(self) -> int:
        """Drop all entries; return how many there were. Raises as :meth:`unregister`."""
        return self._remove(self._paths(None))

    def update_metadata(self, name: str, namespace: str, metadata: Mapping[str, Any]) -> bool:
        """Add to what may be shown of an entry; tell whether the entry is there. Raises as :meth:`register`."""
        added = plain_metadata(metadata)

        def merged(known: Note | None) -> Note:
            entry, settled = known or Note(bare_entry(name, namespace), settled=False)
            return Note({**entry, "metadata": {**entry["metadata"], **added}}, settled)

        if not self.has_token(name, namespace):
            return False
        self._change(name, namespace, merged)
        return True

    def _change(self, name: str, namespace: str, change: Callable[[Note | None], Note | None]) -> None:
        """Write what becomes of an entry, unless it stays as it is."""
        path = self._path(name, namespace)
        known = known_note(path)
        if change(known) == known:
            return
        with self._turn(), self._explained(path):
            known = known_note(path)
            note = change(known)
            if note is not None and note != known:
                make_private_directory(path.parent)
                write_private(path, note.to_bytes())

    def _remove(self, paths: Iterable[Path]) -> int:
        dropped = 0
        for path in paths:
            with self._turn(), self._explained(path):
                dropped += remove_private(path)
        return dropped

    def _turn(self) -> AbstractContextManager[None]:
        lock = self.directory / "index.lock"
        return exclusive(str(lock.absolute()), lock, timeout=_TURN, name="the index")

    def _path(self, name: str, namespace: str) -> Path:
        require_names(name, namespace, store=f"the index in {self.directory}")
        folder = self.directory / f"{file_name(namespace)}{FOLDER}"
        if self._is_link(folder):
            with self._explained(folder):
                raise OddFileError(errno.ELOOP, "it is a symbolic link")
        return folder / f"{file_name(name)}{FILE}"

    def _paths(self, namespace: str | None) -> list[Path]:
        # Not by glob, which takes a folder that must not be read for an empty one.
        wanted = None if namespace is None else f"{file_name(namespace)}{FOLDER}"
        inside = self._inside(self.directory, FOLDER)
        folders = [path for path in inside if wanted in (None, path.name) and not self._is_link(path)]
        return [path for folder in folders for path in self._inside(folder, FILE)]

    def _is_link(self, folder: Path) -> bool:
        with self._explained(folder):
            return folder.is_symlink()

    def _inside(self, folder: Path, ending: str) -> list[Path]:
        with self._explained(folder):
            try:
                return [path for path in folder.iterdir() if path.name.endswith(ending) and path.name[0] != "."]
            except FileNotFoundError:
                return []

    def _notes(self, namespace: str | None) -> Iterator[Note]:
        for path in self._paths(namespace):
            try:
                note = read_note(path)
            except (DamagedEntry, OSError) as failure:
                logger.warning("the index entry %s cannot be read: %s", path, failure)
                name, space = entry_name(path.name[: -len(FILE)]), entry_name(path.parent.name[: -len(FOLDER)])
                note = None if name is None or space is None else Note(bare_entry(name, space), settled=False)
            if note is not None:
                yield note

    @contextmanager
    def _explained(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as failure:
            raise TokenStorageError(
                f"The index entry {path} cannot be used: {failure.strerror or failure}.",
                hint="Check that the folder is yours, is not read-only and has room.",
                store=f"the index in {self.directory}",
            ) from failure
