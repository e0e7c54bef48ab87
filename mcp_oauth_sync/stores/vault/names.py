"""Names of entries as segments of a path in a Vault, and values as documents there.

A segment is the name as a file would be called (one to one, readable where it is plain) with ``=`` for ``%``,
and without two dots in a row, which a Vault takes for a way up. What gets too long is a digest; the document
tells the name then.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from ...models.secret import Secret
from ..file_names import file_name

#: The folder of leases. It can be no entry's: after ``=`` come two hexadecimal digits, or ``sha256-``.
LEASES = "=leases"
_DIGEST = "=sha256-"


def segment(name: str) -> str:
    """Return the segment of a path for a namespace or a key.

    Args:
        name: Any text that is not empty.
    """
    return file_name(name).replace("%", "=").replace("..", "=2e=2e")


def name_of(written: str) -> str | None:
    """Return the name whose segment this is; None when it is no segment of ours.

    Args:
        written: A segment that is no digest.
    """
    try:
        raw = re.sub("=(..)", lambda escaped: chr(int(escaped[1], 16)), written).encode("latin-1")
        name = raw.decode("utf-8", "surrogatepass")
    except (ValueError, UnicodeError):
        return None
    return name if name and segment(name) == written else None


def is_digest(written: str) -> bool:
    """Tell whether a segment says too little: its entry's document tells the name."""
    return written.startswith(_DIGEST)


def lease_path(namespace: str, key: str, purpose: str) -> str:
    """Return where the lease for an entry lies: no name stays behind there when the entry is removed."""
    digest = hashlib.sha256(f"{segment(namespace)}/{segment(key)}".encode()).hexdigest()
    return f"{LEASES}/{digest[:32]}.{segment(purpose)}"


def to_document(value: str, namespace: str, key: str) -> dict[str, str]:
    """Return what is kept for a value.

    A Vault replaces what is no proper Unicode, such as half a surrogate pair. The bytes of such a text are kept.
    """
    document: dict[str, str]
    try:
        value.encode()
        document = {"value": Secret(value)}
    except UnicodeEncodeError:
        document = {"bytes": Secret(_as_bytes(value))}
    return {**document, "name": json.dumps([_as_bytes(namespace), _as_bytes(key)])}


def from_document(document: Mapping[str, object], space: str, written: str) -> Secret | None:
    """Return the value that is kept in a document; None when it is no document of ours, or that of another entry.

    Args:
        document: What is kept; one of an older version may not tell its name.
        space: The segment of the namespace.
        written: The segment of the key.
    """
    if "name" in document and told_by(document, space, written) is None:
        return None
    value, coded = document.get("value"), document.get("bytes")
    if value is None and isinstance(coded, str):
        try:
            value = _from_bytes(coded)
        except UnicodeError:
            return None
    return Secret(value) if isinstance(value, str) else None


def told_by(document: Mapping[str, object], space: str, written: str) -> tuple[str, str] | None:
    """Return namespace and key as a document tells them; None when they are not those of its place.

    Args:
        document: What is kept there.
        space: The segment of the namespace.
        written: The segment of the key.
    """
    try:
        namespace, key = map(_from_bytes, json.loads(str(document.get("name"))))
        there = (segment(namespace), segment(key)) == (space, written)
    except (ValueError, TypeError, AttributeError):
        return None
    return (namespace, key) if there else None


def _as_bytes(text: str) -> str:
    """Return a text that has one character for each byte of another."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _from_bytes(coded: str) -> str:
    return coded.encode("latin-1").decode("utf-8", "surrogatepass")
