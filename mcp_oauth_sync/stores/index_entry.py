"""One entry of the index: what it says of a secret, and its file, ``<namespace>.d/<name>.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from ..models.stored import TokenType
from .file_names import file_name
from .private_files import read_private

#: How the names of its folder and its file end.
FOLDER, FILE = ".d", ".json"


class TokenEntry(TypedDict):
    """One entry of the index.

    Keys:
        name: The name of the secret.
        namespace: Its namespace.
        token_type: The value of its :class:`TokenType`.
        metadata: What may be shown, such as ``server_url``.
    """

    name: str
    namespace: str
    token_type: str
    metadata: dict[str, Any]


class DamagedEntry(ValueError):
    """A file of the index does not hold an entry."""


class Note(NamedTuple):
    """What a file of the index says.

    Attributes:
        entry: The entry.
        settled: Whether the value is there; False while it is being stored or deleted, or when that was cut short.
    """

    entry: TokenEntry
    settled: bool

    def to_bytes(self) -> bytes:
        """Return the form in a file."""
        flag = {} if self.settled else {"unsettled": True}
        # Escapes would turn two halves of a character into one character, which is another name.
        written = json.dumps({**self.entry, **flag}, separators=(",", ":"), ensure_ascii=False)
        return written.encode("utf-8", "surrogatepass")

    @classmethod
    def from_bytes(cls, content: bytes) -> Note:
        """Rebuild from :meth:`to_bytes`.

        Raises:
            DamagedEntry: It is something else.
        """
        try:
            document = json.loads(content.decode("utf-8", "surrogatepass"))
            name, namespace, metadata = document["name"], document["namespace"], document["metadata"]
            kind = TokenType(document["token_type"]).value
        except (ValueError, RecursionError, KeyError, TypeError):
            raise DamagedEntry("it is no entry of an index") from None
        if not isinstance(name, str) or not isinstance(namespace, str) or not isinstance(metadata, dict):
            raise DamagedEntry("it is no entry of an index")
        entry = TokenEntry(name=name, namespace=namespace, token_type=kind, metadata=metadata)
        return cls(entry, document.get("unsettled") is not True)


def bare_entry(name: str, namespace: str) -> TokenEntry:
    """Return an entry of which nothing but the name is known."""
    return TokenEntry(name=name, namespace=namespace, token_type=TokenType.OAUTH.value, metadata={})


def read_note(path: Path) -> Note | None:
    """Return what a file says, or None when there is none.

    Raises:
        DamagedEntry: It holds something else, or the entry of another name.
        OSError: It cannot be read.
    """
    content = read_private(path)
    if content is None:
        return None
    note = Note.from_bytes(content)
    named = path.name[: -len(FILE)], path.parent.name[: -len(FOLDER)]
    if (file_name(note.entry["name"]), file_name(note.entry["namespace"])) != named:
        raise DamagedEntry("it is that of another name")
    return note


def known_note(path: Path) -> Note | None:
    """Return what a file says, to change it. None when there is none or it cannot be read: then it is replaced."""
    try:
        return read_note(path)
    except (DamagedEntry, OSError):
        return None
