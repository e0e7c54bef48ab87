"""Opens sealed sign-ins without this library, from what its documentation says, in a few lines for each form."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def parts(text: str) -> tuple[str, bytes]:
    """Take a text apart: what stands before the last point, and the data after it."""
    kind, _, data = text.rpartition(".")
    return kind, base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))


def open_with_password(text: str, password: str, *, rounds: int = 600_000) -> Any:
    """Open the form "password"."""
    kind, data = parts(text)
    salt, iv, sealed = data[:32], data[32:48], data[48:]
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    return json.loads(AESGCM(key).decrypt(iv, sealed, kind.encode()))


def open_with_key(text: str, private_key: str) -> Any:
    """Open the form "key": RFC 9180 sections 4.1, 5.1 and 5.2, in base mode."""
    kind, data = parts(text)
    ours = X25519PrivateKey.from_private_bytes(parts(private_key)[1])
    enc, sealed = data[:32], data[32:]
    public = ours.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
        return hmac.digest(salt, b"HPKE-v1" + suite + label + material, "sha256")

    def expand(suite: bytes, secret: bytes, label: bytes, info: bytes, length: int) -> bytes:
        labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
        return hmac.digest(secret, labelled + b"\x01", "sha256")[:length]

    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"
    shared = ours.exchange(X25519PublicKey.from_public_bytes(enc))
    secret = expand(kem, extract(kem, b"", b"eae_prk", shared), b"shared_secret", enc + public, 32)
    context = b"\x00" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", kind.encode())
    schedule = extract(suite, secret, b"secret", b"")
    key = expand(suite, schedule, b"key", context, 32)
    nonce = expand(suite, schedule, b"base_nonce", context, 12)
    return json.loads(AESGCM(key).decrypt(nonce, sealed, b""))
