"""Private keys for tests: one of each kind, made once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519

_MAKE: dict[str, Any] = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "short RSA": lambda: rsa.generate_private_key(65537, 1024),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
    "X25519": x25519.X25519PrivateKey.generate,
}


@lru_cache
def private_key(kind: str = "P-256", number: int = 0) -> Any:
    """Return the key of a kind; another number gives another one."""
    return _MAKE[kind]()


@lru_cache
def private_pem(kind: str = "P-256", number: int = 0, *, password: str | None = None, older: bool = False) -> str:
    """Return it in PEM: PKCS#8, or the older form of its kind."""
    form = serialization.PrivateFormat.TraditionalOpenSSL if older else serialization.PrivateFormat.PKCS8
    seal = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    key: Any = private_key(kind, number)
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, form, seal)
    return pem.decode()


@lru_cache
def public_pem(kind: str = "P-256", number: int = 0) -> str:
    """Return the public half in PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem: bytes = private_key(kind, number).public_key().public_bytes(serialization.Encoding.PEM, form)
    return pem.decode()
