"""The private key that a client signs with: read where it is kept, and what it can sign by. RFC 7518 section 3.1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from ..exceptions import RegistrationError, printable
from ..models.client_key import ClientKey, pem_text
from ..models.secret import Secret
from .given_secret import read_secret_file, where

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_WHAT = "the client's private key"
#: Bits of the shortest RSA key that is signed with. RFC 7518 section 3.3.
_SHORTEST_RSA = 2048
_CURVES = {"secp256r1": ("ES256",), "secp384r1": ("ES384",), "secp521r1": ("ES512",)}
_RSA = ("RS256", "PS256", "RS384", "PS384", "RS512", "PS512")


@attrs.frozen(kw_only=True)
class SigningKey:
    """A private key that can sign.

    Attributes:
        key: The key.
        algorithms: What it can sign by, the usual one first.
        origin: Where it came from, for messages.
    """

    key: Any = attrs.field(repr=False)
    algorithms: tuple[str, ...]
    origin: str


def read_signing_key(client_key: ClientKey) -> SigningKey:
    """Read the key anew from where it is kept.

    Args:
        client_key: Where that is.

    Raises:
        RegistrationError: It cannot be read, or it is no private key that can sign. What a caller's own function
            raises is raised as it is.
    """
    pem, origin = _pem_of(client_key)
    key = _opened(pem, client_key.password, origin)
    algorithms = _algorithms_of(key, origin)
    if not algorithms:
        raise _unusable(origin, "it is of a kind that no assertion can be signed with")
    return SigningKey(key=key, algorithms=algorithms, origin=origin)


def select_algorithm(signing: SigningKey, *, wanted: str | None, offered: Sequence[str] | None, server: str) -> str:
    """Choose what to sign by: what the caller wants, else the first of what the key can and the server takes.

    Args:
        signing: The key.
        wanted: The caller's choice; None leaves it open.
        offered: What the server takes; None when it does not say.
        server: What the server is called, for messages.

    Raises:
        RegistrationError: The key cannot do what is wanted, or the server does not take it.
    """
    if wanted is not None and wanted not in signing.algorithms:
        raise _unusable(signing.origin, f"it does not fit {wanted}; it can sign by {' or '.join(signing.algorithms)}")
    able = (wanted,) if wanted is not None else signing.algorithms
    chosen = next((name for name in able if not offered or name in offered), None)
    if chosen is None:
        listed = printable(" ".join(offered or ()), 80)
        raise _unusable(signing.origin, f"it signs by {' or '.join(able)}, and {printable(server)} takes only {listed}")
    return chosen


def _pem_of(client_key: ClientKey) -> tuple[Secret, str]:
    """Return the PEM and where it came from."""
    source = client_key.key
    if isinstance(source, Path):
        return read_secret_file(source, what=_WHAT, failed=RegistrationError), where(source)
    if callable(source):
        brought = source()
        if not isinstance(brought, (str, bytes)):
            raise _unusable("the function given", f"it brought a {type(brought).__name__} and no PEM")
        return pem_text(brought), "the function given"
    return pem_text(source), "the text given"


def _opened(pem: Secret, password: str | None, origin: str) -> PrivateKeyTypes:
    """Open a PEM. What the reader says of it is not passed on: it may repeat what it read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(pem.encode(), None if password is None else password.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass
    raise _unusable(origin, _defect(pem, password))


def _defect(pem: Secret, password: str | None) -> str:
    if "PRIVATE KEY-----" not in pem:
        for mark, kind in (("PUBLIC KEY-----", "a public key"), ("CERTIFICATE-----", "a certificate")):
            if mark in pem:
                return f"it is {kind}, and the private key is needed"
        return "it is no private key in PEM"
    if "ENCRYPTED" in pem:
        return f"it is encrypted, and {'the password is wrong' if password else 'password= is not given'}"
    return "a password is given, and it is not encrypted" if password else "it is damaged, or of an unknown kind"


def _algorithms_of(key: PrivateKeyTypes, origin: str) -> tuple[str, ...]:
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < _SHORTEST_RSA:
            raise _unusable(origin, f"an RSA key of {key.key_size} bits is too short, it takes {_SHORTEST_RSA}")
        return _RSA
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _CURVES.get(key.curve.name, ())
    return ("EdDSA",) if isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)) else ()


def _unusable(origin: str, defect: str) -> RegistrationError:
    return RegistrationError(
        f"The client's private key from {origin} cannot be used: {defect}.",
        hint="client_key= takes the private key in PEM that belongs to the registered client.",
    )
