"""Sealed sign-ins and the keys for them as text: one line of printable ASCII that says what it is.

Each is ``mcp-oauth-sync.1.KIND.DATA``: a version, a kind, and data in base64url without padding (RFC 4648 section 5).

- ``password``: ``[salt 32][IV 16][ciphertext][tag 16]`` as in a file of a store. AES-256-GCM under the key that
  PBKDF2-HMAC-SHA256 (600,000 iterations) makes of the password and the salt.
- ``key``: ``[encapsulated key 32][ciphertext][tag 16]`` of HPKE (RFC 9180) in its base mode with DHKEM(X25519,
  HKDF-SHA256), HKDF-SHA256 and AES-256-GCM, and no associated data for the one message.
- ``public``, ``private``: the X25519 keys for that, 32 bytes (RFC 7748 section 5).

A seal is bound to its purpose: what stands before the last point is the associated data of AES-GCM, and the ``info``
of HPKE. Inside is JSON in UTF-8: ``schema``, ``name``, ``exported_at`` and ``record``, the record as in the store.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..exceptions import StoreCorruptError, TokenStorageError
from ..models.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hpke import Suite

    from .sealing import PasswordKeys

PASSWORD, KEY, PUBLIC, PRIVATE = (f"mcp-oauth-sync.1.{kind}" for kind in ("password", "key", "public", "private"))
#: Most characters of a sealed sign-in.
LONGEST = 1024 * 1024
KEY_BYTES = 32
_FORM = re.compile(r"(mcp-oauth-sync\.([0-9]{1,9})\.[a-z]{1,20})\.([A-Za-z0-9_-]*)")

#: Seals a text.
Seal = Callable[[str], str]


def written(kind: str, data: bytes) -> str:
    """Return the text for a kind and its data."""
    return f"{kind}.{base64.urlsafe_b64encode(data).rstrip(b'=').decode()}"


def kind_of(text: str) -> str:
    """Return the kind of a sealed sign-in: :data:`PASSWORD` or :data:`KEY`.

    Args:
        text: The sealed sign-in. Line ends and spaces, which mails and terminals put in, do not matter.

    Raises:
        TokenStorageError: A newer version made it, or it is a key.
        StoreCorruptError: It is something else, or too long.
    """
    kind, _ = _taken_apart(text)
    if kind not in (PASSWORD, KEY):
        raise TokenStorageError(
            f"That is a {kind.rpartition('.')[2]} key, not a sealed sign-in.",
            hint="Give what 'mcp-oauth-sync export' printed.",
        )
    return kind


def seal_with_password(password: str) -> Seal:
    """Return what seals with a password; what takes long is done now.

    Raises:
        TokenStorageError: The password is empty.
    """
    from .sealing import SALT, seal

    salt = os.urandom(SALT)
    key = _keys(password).for_sealing(salt)

    def sealed(text: str) -> str:
        return written(PASSWORD, seal(key, salt, text, PASSWORD))

    return sealed


def seal_to_key(public_key: str) -> Seal:
    """Return what seals to a public key.

    Raises:
        TokenStorageError: It is no public key.
    """
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    theirs = X25519PublicKey.from_public_bytes(read_key(public_key, PUBLIC))

    def sealed(text: str) -> str:
        try:
            return written(KEY, _suite().encrypt(text.encode("utf-8"), theirs, KEY.encode()))
        except ValueError:  # a point that gives everybody the same secret
            raise _no_key("public") from None

    return sealed


def open_with_password(text: str, password: str) -> str:
    """Open what was sealed with a password.

    Raises:
        TokenStorageError: The password is empty, or this was not sealed with one.
        StoreCorruptError: The password is wrong, or the text is damaged.
    """
    from .sealing import NotOpened, unseal

    kind, data = _taken_apart(text)
    _require_kind(kind, PASSWORD, "a password was given, but it was sealed to a key")
    try:
        return unseal(_keys(password), data, PASSWORD).text
    except NotOpened:
        raise _not_opened("password") from None


def open_with_key(text: str, private_key: str) -> str:
    """Open what was sealed to a public key.

    Raises:
        TokenStorageError: It is no private key, or this was not sealed to one.
        StoreCorruptError: It was sealed to another key, or the text is damaged.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    kind, data = _taken_apart(text)
    _require_kind(kind, KEY, "a key was given, but it was sealed with a password")
    ours = X25519PrivateKey.from_private_bytes(read_key(private_key, PRIVATE))
    try:
        return Secret(_suite().decrypt(data, ours, KEY.encode()).decode("utf-8"))
    except (InvalidTag, ValueError):
        raise _not_opened("key") from None


def read_key(text: str, kind: str) -> bytes:
    """Return the bytes of a key.

    Args:
        text: The key.
        kind: :data:`PUBLIC` or :data:`PRIVATE`.

    Raises:
        TokenStorageError: It is no key of that kind.
    """
    which = kind.rpartition(".")[2]
    try:
        found, data = _taken_apart(text)
    except StoreCorruptError:
        raise _no_key(which) from None
    if found != kind or len(data) != KEY_BYTES:
        raise _no_key(which)
    return data


def _suite() -> Suite:
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _keys(password: str) -> PasswordKeys:
    from .sealing import PasswordKeys

    if not password:
        raise TokenStorageError("The password for the sealed sign-in is empty.", hint="Give one.")
    return PasswordKeys(password)


def _taken_apart(text: str) -> tuple[str, bytes]:
    """Return kind and data, having checked that there is one way only to write them."""
    whole = "".join(text[: 2 * LONGEST].split())
    text = Secret(whole) if isinstance(text, Secret) else whole
    form = _FORM.fullmatch(text)
    if form is None or len(text) > LONGEST:
        raise StoreCorruptError(
            "That is no sealed sign-in, or not all of it.",
            hint="Give the whole line that 'mcp-oauth-sync export' printed; it begins with mcp-oauth-sync.1.",
        )
    kind, version, data = form.groups()
    if version != "1":
        raise TokenStorageError(
            f"The sealed sign-in was made by a newer mcp-oauth-sync (version {version} of its form).",
            hint="Upgrade this installation.",
        )
    try:
        raw = base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
    except binascii.Error:
        raw = b""
    if kind not in (PASSWORD, KEY, PUBLIC, PRIVATE) or written(kind, raw) != text:
        raise _not_opened("password or key")
    return kind, raw


def _require_kind(kind: str, wanted: str, otherwise: str) -> None:
    if kind != wanted:
        raise TokenStorageError(f"The sealed sign-in cannot be opened: {otherwise}.", hint="Give the other one.")


def _not_opened(what: str) -> StoreCorruptError:
    return StoreCorruptError(
        f"The sealed sign-in cannot be opened: the {what} is another one, or the text is damaged.",
        hint="Copy the whole line again, and check what it was sealed with; nothing was changed.",
    )


def _no_key(which: str) -> TokenStorageError:
    return TokenStorageError(
        f"That is no {which} key for a sign-in.",
        hint=f"It begins with mcp-oauth-sync.1.{which}. and is printed by 'mcp-oauth-sync receive'."
        if which == "public"
        else "Give the one that belongs to the public key.",
    )
