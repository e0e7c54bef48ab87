"""Names of entries as names of files: readable when they are plain, one to one for everything else.

Plain means lower-case ASCII letters, digits, ``-``, ``_`` and ``.`` inside. Anything else is written as
``%xx`` per UTF-8 byte, so that names differing in case, in Unicode form or in path characters stay apart on
file systems that would fold them; what gets too long becomes ``%sha256-`` and its digest.
"""

from __future__ import annotations

import hashlib
import re
from urllib.parse import unquote_to_bytes

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
_WRITTEN = {byte: chr(byte) if chr(byte) in _PLAIN else f"%{byte:02x}" for byte in range(256)}
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]|conin\$|conout\$)(\.|$)")
#: What :func:`file_name` writes, but for what it does to a first character only; each ``%xx`` is of a byte not plain.
_USUAL = re.compile(
    r"(?:[a-z0-9_-][a-z0-9_.-]*)?"
    r"(?:%(?:[0189a-f][0-9a-f]|2[0-9abcf]|3[a-f]|4[0-9a-f]|5[0-9abcde]|60|7[b-f])[a-z0-9_.-]*)*"
)
#: Longest name of a file, without its ending.
_LONGEST = 180
_DIGEST = "%sha256-"


def file_name(name: str) -> str:
    """Return the name of the file for an entry, without its ending.

    Args:
        name: Any text that is not empty.
    """
    raw = name.encode("utf-8", "surrogatepass")
    written = raw.decode("latin-1").translate(_WRITTEN)
    if written.startswith(".") or _DEVICE.match(written):
        written = f"%{ord(written[0]):02x}{written[1:]}"
    if len(written) > _LONGEST:
        return f"{_DIGEST}{hashlib.sha256(raw).hexdigest()}"
    return written


def is_digest(written: str) -> bool:
    """Tell whether a name of a file is a digest, from which the name of the entry cannot be had."""
    return written.startswith(_DIGEST)


def entry_name(written: str) -> str | None:
    """Return the name whose file this is; None when only its digest is left, or when no entry is called so.

    Args:
        written: The name of the file, without its ending.
    """
    if is_digest(written):
        return None
    try:
        name = written
        if "%" in written:  # most names are URLs, and there may be thousands
            name = written.replace("%3a", ":").replace("%2f", "/")
            if "%" in name:
                name = unquote_to_bytes(written).decode("utf-8", "surrogatepass")
        usual = len(written) <= _LONGEST and _USUAL.fullmatch(written) and not _DEVICE.match(written)
        return name if name and (usual or file_name(name) == written) else None
    except UnicodeError:
        return None
