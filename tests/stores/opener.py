"""Opens a sealed file by the documented layout alone, with key derivations written out from their RFCs."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def key_from_file(key_file: bytes, salt: bytes) -> bytes:
    """HKDF-SHA256, RFC 5869: extract, then the one block that 32 bytes need."""
    extracted = hmac.digest(salt, base64.urlsafe_b64decode(key_file), "sha256")
    return hmac.digest(extracted, b"mcp-oauth-sync" + b"\x01", "sha256")


def key_from_password(password: str, salt: bytes) -> bytes:
    """PBKDF2-HMAC-SHA256, RFC 8018 section 5.2."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 600_000, 32)


def parts(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    """Return salt, IV, and ciphertext with its tag."""
    return sealed[:32], sealed[32:48], sealed[48:]


def open_sealed(sealed: bytes, key: bytes, bound_to: str) -> str:
    """Return what is sealed in a file."""
    _, iv, data = parts(sealed)
    return AESGCM(key).decrypt(iv, data, bound_to.encode()).decode()
