"""A store of encrypted files: AES-256-GCM, one file per entry.

Layout of a file: ``[salt 32][IV 16][ciphertext][tag 16]``. The key comes from a password by
PBKDF2-HMAC-SHA256 (600,000 iterations) or from a generated 256-bit key file by HKDF-SHA256 (info
``mcp-oauth-sync``), with the file's salt either way. The associated data is ``namespace/key`` in UTF-8, the
namespace escaped as in a file name, so a file put in another's place does not open.
RFC 5869, RFC 8018 section 5.2, NIST SP 800-38D.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..exceptions import StoreCorruptError, StoreUnavailableError, TokenStorageError
from ..models.secret import Secret
from .base import GENERIC, OAUTH, SecureTokenStore
from .file_names import file_name
from .locks import exclusive
from .private_files import (
    OddFileError,
    close_directory,
    make_private_directory,
    read_private,
    remove_private,
    write_private,
)

ITERATIONS = 600_000
_SALT, _IV, _TAG = 32, 16, 16
_KEY_FILE = "store.key"
PASSWORD_VARIABLE = "MCP_OAUTH_SYNC_PASSWORD"


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
        if password is None:
            password = os.environ.get(PASSWORD_VARIABLE)
        if password == "":
            raise StoreUnavailableError(
                "The password for encrypted files is empty.",
                hint=f"Give one, or unset {PASSWORD_VARIABLE} to use a generated key.",
                store=self.name,
            )
        self._password = None if password is None else Secret(password)
        self._keys: dict[bytes, bytes] = {}  # by salt: derived once per process

    def path(self, key: str, namespace: str = OAUTH) -> Path:
        """Return where an entry lies: sign-ins at the top, other namespaces in a folder of their own."""
        if not key or not namespace:
            raise TokenStorageError("An entry needs a name that is not empty.", store=self.name)
        folder = self.directory if namespace == OAUTH else self.directory / f"{file_name(namespace)}.d"
        if namespace != OAUTH and folder.is_symlink():
            raise StoreCorruptError(f"{folder} is a symbolic link.", hint="Remove it.", store=self.name, name=key)
        return folder / f"{file_name(key)}.enc"

    def store_generic(self, key: str, value: str, *, namespace: str = GENERIC) -> None:
        """Seal a secret and replace the file in one step.

        Raises:
            StoreCorruptError: The file that is there cannot be opened with this key; it was left alone.
            TokenStorageError: It could not be written; the earlier one is still there.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        path = self.path(key, namespace)
        with self._explained("written", key):
            make_private_directory(self.directory)
            make_private_directory(path.parent)
            sealed = read_private(path)
            if sealed is not None:
                self._open(sealed, key, namespace)  # never overwrite what this key does not open
            salt = sealed[:_SALT] if sealed is not None else os.urandom(_SALT)
            iv = os.urandom(_IV)
            data = AESGCM(self._key(salt)).encrypt(iv, _utf8(value), _utf8(f"{file_name(namespace)}/{key}"))
            write_private(path, salt + iv + data)

    def retrieve_generic(self, key: str, *, namespace: str = GENERIC) -> str | None:
        """Return a secret, or None when there is none.

        Raises:
            StoreCorruptError: The file is damaged, another one's, or sealed with another key.
            TokenStorageError: It cannot be read now.
        """
        with self._explained("read", key):
            with suppress(OSError):  # not there yet, or read-only
                close_directory(self.directory)
            sealed = read_private(self.path(key, namespace))
            return None if sealed is None else self._open(sealed, key, namespace)

    def delete_generic(self, key: str, *, namespace: str = GENERIC) -> bool:
        """Remove the file; tell whether there was one.

        Raises:
            TokenStorageError: It could not be removed.
        """
        with self._explained("removed", key):
            return remove_private(self.path(key, namespace))

    def _open(self, sealed: bytes, key: str, namespace: str) -> str:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            if len(sealed) < _SALT + _IV + _TAG:
                raise InvalidTag
            aead = AESGCM(self._key(sealed[:_SALT]))
            iv, data = sealed[_SALT : _SALT + _IV], sealed[_SALT + _IV :]
            opened = aead.decrypt(iv, data, _utf8(f"{file_name(namespace)}/{key}"))
            return Secret(opened.decode("utf-8", "surrogatepass"))
        except (InvalidTag, UnicodeDecodeError):
            raise StoreCorruptError(
                f"The entry {key!r} in {self.name} cannot be opened: wrong password or key, or the file is damaged.",
                hint=f"It was left as it is. Use the right password, or remove it with 'mcp-oauth-sync clear {key}'.",
                store=self.name,
                name=key,
            ) from None

    def _key(self, salt: bytes) -> bytes:
        """Return the key for a salt, derived on first use by one thread while the others wait."""
        if salt not in self._keys:
            with exclusive(f"{id(self)}/key", None, timeout=60, name=_KEY_FILE):
                if salt not in self._keys:
                    self._keys[salt] = self._derive(salt)
        return self._keys[salt]

    def _derive(self, salt: bytes) -> bytes:
        from cryptography.hazmat.primitives.hashes import SHA256

        if self._password is not None:
            from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

            return PBKDF2HMAC(SHA256(), 32, salt, ITERATIONS).derive(_utf8(self._password))
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return HKDF(SHA256(), 32, salt, b"mcp-oauth-sync").derive(self._generated_key())

    def _generated_key(self) -> bytes:
        """Return the generated key, made by whichever process needs it first."""
        path = self.directory / _KEY_FILE
        stored = read_private(path)
        if stored is None:
            turn = self.directory / f"{_KEY_FILE}.lock"
            with exclusive(str(turn), turn, timeout=30, name=_KEY_FILE):
                stored = read_private(path)
                if stored is None:
                    self._refuse_a_second_key(path)
                    stored = base64.urlsafe_b64encode(os.urandom(32))
                    write_private(path, stored)
        try:
            key = base64.urlsafe_b64decode(stored.strip())
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != 32:
            raise StoreUnavailableError(f"The key file {path} is damaged.", hint="Restore it.", store=self.name)
        return key

    def _refuse_a_second_key(self, path: Path) -> None:
        if any(self.directory.glob("*.enc")) or any(self.directory.glob("*.d/*.enc")):
            raise StoreUnavailableError(
                f"The key file {path} is missing, but there are files sealed with it or with a password.",
                hint=f"Restore it, or set {PASSWORD_VARIABLE} if the files were sealed with a password.",
                store=self.name,
            )

    @contextmanager
    def _explained(self, done: str, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as failure:
            kind = StoreCorruptError if isinstance(failure, OddFileError) else TokenStorageError
            raise kind(
                f"The entry {key!r} in {self.name} could not be {done}: {failure.strerror or failure}.",
                hint="Check that the folder is yours, is not read-only and has room.",
                store=self.name,
                name=key,
            ) from failure


def _utf8(text: str) -> bytes:
    """Encode any text, also a password or a name with bytes that were no UTF-8."""
    return text.encode("utf-8", "surrogatepass")
