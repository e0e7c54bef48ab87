"""Names of entries as names of files: readable where they are plain, one to one for everything else.

Plain means lower-case ASCII letters, digits, ``-``, ``_`` and ``.`` inside. Anything else is written as
``%xx`` per UTF-8 byte, so that names differing in case, in Unicode form or in path characters stay apart on
file systems that would fold them; what gets too long becomes ``%sha256-`` and its digest.
"""

from __future__ import annotations

import hashlib
import re

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]|conin\$|conout\$)(\.|$)")
#: Longest name of a file, without its ending.
_LONGEST = 180


def file_name(name: str) -> str:
    """Return the name of the file for an entry, without its ending.

    Args:
        name: Any text that is not empty.
    """
    raw = name.encode("utf-8", "surrogatepass")
    written = "".join(chr(byte) if chr(byte) in _PLAIN else f"%{byte:02x}" for byte in raw)
    if written.startswith(".") or _DEVICE.match(written):
        written = f"%{ord(written[0]):02x}{written[1:]}"
    if len(written) > _LONGEST:
        return f"%sha256-{hashlib.sha256(raw).hexdigest()}"
    return written
