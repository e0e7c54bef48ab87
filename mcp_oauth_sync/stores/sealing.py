"""Sealing: AES-256-GCM under a key that is derived per file, and bound to the name of what is sealed.

Layout of a sealed file: ``[salt 32][IV 16][ciphertext][tag 16]``. The key comes from a password by
PBKDF2-HMAC-SHA256 (600,000 iterations) or from a generated 256-bit key file by HKDF-SHA256 (info
``mcp-oauth-sync``), with the file's salt either way. RFC 5869, RFC 8018 section 5.2, NIST SP 800-38D.
"""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from ..models.secret import Secret

ITERATIONS = 600_000
SALT, IV, TAG = 32, 16, 16
#: Derived keys that are remembered at most.
_REMEMBERED = 10_000
#: Derived keys of this process by a mark of password and salt; the mark tells nothing without the random key.
_derived: dict[bytes, bytes] = {}
_MARKING = os.urandom(32)


class NotOpened(Exception):
    """The key is wrong or what was sealed is damaged; nobody can tell which."""


class Opened(NamedTuple):
    """What was sealed, and the key that opened it.

    Attributes:
        text: What was sealed.
        key: The key for this salt.
    """

    text: Secret
    key: bytes

    def __repr__(self) -> str:
        """Show neither."""
        return "<opened>"


class Keys(ABC):
    """Where the keys of a store come from."""

    @abstractmethod
    def for_opening(self, salt: bytes) -> Iterator[bytes]:
        """Give the keys that may open what was sealed with a salt, the likeliest first.

        Raises:
            StoreUnavailableError: There is no key at all.
        """

    @abstractmethod
    def for_sealing(self, salt: bytes) -> bytes:
        """Return the key that seals what is new.

        Raises:
            StoreUnavailableError: There is no key, and a new one would not open what is there.
        """

    def prepare(self, salt: bytes) -> None:
        """Do now what takes long, so that it is done when a turn is taken."""


class PasswordKeys(Keys):
    """Keys from a password, derived once per salt and process, however many stores use it.

    Args:
        password: The password.
    """

    def __init__(self, password: str) -> None:
        """Keep the password; derive nothing yet."""
        self._password = Secret(password)

    def for_opening(self, salt: bytes) -> Iterator[bytes]:
        """Give the one key."""
        yield self.for_sealing(salt)

    def for_sealing(self, salt: bytes) -> bytes:
        """Return the one key, derived on first use by one thread while the others wait."""
        said = b"%d %b" % (ITERATIONS, salt) + utf8(self._password)
        mark = hashlib.blake2b(said, key=_MARKING, digest_size=32).digest()
        key = _derived.get(mark)
        if key is not None:
            return key
        from .locks import exclusive

        with exclusive(f"the key {mark.hex()}", None, timeout=60, name="the key of the store"):
            key = _derived.get(mark)
            if key is None:
                key = self._derive(salt)
                while len(_derived) >= _REMEMBERED:
                    _derived.pop(next(iter(_derived), b""), None)
                _derived[mark] = key
        return key

    def prepare(self, salt: bytes) -> None:
        """Derive the key."""
        self.for_sealing(salt)

    def _derive(self, salt: bytes) -> bytes:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

        return PBKDF2HMAC(SHA256(), 32, salt, ITERATIONS).derive(utf8(self._password))


def seal(key: bytes, salt: bytes, text: str, bound_to: str) -> bytes:
    """Return a text sealed with a fresh IV, as it lies in a file.

    Args:
        key: The key derived with the salt.
        salt: The salt.
        text: Any text.
        bound_to: The name without which it does not open.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    iv = os.urandom(IV)
    return salt + iv + AESGCM(key).encrypt(iv, utf8(text), utf8(bound_to))


def unseal(keys: Keys, sealed: bytes, bound_to: str) -> Opened:
    """Open what lies in a file with one of several keys.

    Raises:
        NotOpened: None of them opens it under this name.
        StoreUnavailableError: There is no key at all.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(sealed) < SALT + IV + TAG:
        raise NotOpened
    salt, iv, data = sealed[:SALT], sealed[SALT : SALT + IV], sealed[SALT + IV :]
    for key in keys.for_opening(salt):
        try:
            opened = AESGCM(key).decrypt(iv, data, utf8(bound_to))
            return Opened(Secret(opened.decode("utf-8", "surrogatepass")), key)
        except (InvalidTag, UnicodeDecodeError):
            continue
    raise NotOpened


def utf8(text: str) -> bytes:
    """Encode any text, also a password or a name with bytes that were no UTF-8."""
    return text.encode("utf-8", "surrogatepass")
