"""Texts in a keyring: the names of items, and what a value looks like in one.

An item starts with a marker, so no value is taken for a header. A value is bound to the name of its item: what a
keyring gives for another one is not taken for this one's. All of it is ASCII, because keyrings differ in what they
make of NUL, byte order marks and halves of characters. Items without a binding are of an older version.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from ...models.secret import Secret
from .trouble import NotOurs

_MARK, _BOUND = "mcp-oauth-sync/1 ", "mcp-oauth-sync/2 "
_HEADER = re.compile(_MARK + r"parts ([ab]) ([1-9][0-9]{0,5}) ([0-9a-f]{64})")
#: Longest name of an item, without the name of a part.
_LONGEST = 255


class Header(NamedTuple):
    """What stands for a value that lies in parts.

    Attributes:
        letter: The set of parts.
        size: How many there are.
        digest: SHA-256 of the whole.
    """

    letter: str
    size: int
    digest: str

    @classmethod
    def of(cls, letter: str, size: int, document: str) -> Header:
        """Return the header for a document."""
        return cls(letter, size, hashlib.sha256(document.encode()).hexdigest())

    @classmethod
    def read(cls, text: str | None) -> Header | None:
        """Return the header that an item holds; None when it holds none."""
        found = None if text is None else _HEADER.fullmatch(text)
        return None if found is None else cls(found[1], int(found[2]), found[3])

    def __str__(self) -> str:
        return f"{_MARK}parts {self.letter} {self.size} {self.digest}"

    def fits(self, document: str) -> bool:
        """Tell whether these are the parts it was written for."""
        return self == Header.of(self.letter, self.size, document)


def item_name(namespace: str, key: str) -> str:
    """Return the name of an entry's item: one to one, also where upper and lower case are the same."""
    raw = [text.encode("utf-8", "surrogatepass") for text in (namespace, key)]
    name = f"{_quoted(raw[0])}/{_quoted(raw[1], also='/:')}"
    if len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(b"%d %s/%s" % (len(raw[0]), raw[0], raw[1])).hexdigest()
    return f"#sha256-{digest}"


def _quoted(raw: bytes, *, also: str = "") -> str:
    quoted = quote_from_bytes(raw, safe=also)
    # Upper case is what the quoting itself writes, and what it leaves as it is.
    return re.sub(r"%..|[A-Z]", lambda found: found[0].lower() if found[0][1:] else f"%{ord(found[0]):02x}", quoted)


def document_of(value: str, name: str) -> Secret:
    """Return a value as it is written.

    Args:
        value: Any text.
        name: The name of its item.
    """
    if value.isascii() and value.isprintable():
        return Secret(f"{_BOUND}{_binding(name)} text {value}")
    raw = base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()
    return Secret(f"{_BOUND}{_binding(name)} base64 {raw}")


def value_of(document: str, name: str) -> Secret:
    """Return the value that was written so.

    Args:
        document: What lies in the item.
        name: The name of the item.

    Raises:
        NotOurs: It is something else, or the value of another item.
    """
    rest = document.removeprefix(_MARK)
    if document.startswith(_BOUND):
        binding, _, rest = document.removeprefix(_BOUND).partition(" ")
        if binding != _binding(name):
            raise NotOurs
    elif rest == document:
        raise NotOurs
    kind, _, text = rest.partition(" ")
    if kind == "text":
        return Secret(text)
    if kind != "base64":
        raise NotOurs
    try:
        return Secret(base64.b64decode(text, validate=True).decode("utf-8", "surrogatepass"))
    except (binascii.Error, ValueError):
        raise NotOurs from None


def _binding(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]
