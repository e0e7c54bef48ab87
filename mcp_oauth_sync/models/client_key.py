"""The private key of a client, wherever it is kept. RFC 7523 section 2.2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs

from .secret import Secret, secret_or_none

#: A key in PEM, the file it lies in, or a function that brings it.
KeySource = str | bytes | Path | Callable[[], str | bytes]
#: What assertions can be signed with. RFC 7518 section 3.1, RFC 8037 section 3.1.
ALGORITHMS = tuple("ES256 ES384 ES512 RS256 RS384 RS512 PS256 PS384 PS512 EdDSA".split())


def pem_text(value: str | bytes) -> Secret:
    """Return a key as text; PEM is ASCII, and what is not shows itself in no message."""
    return Secret(value.decode("ascii", "replace") if isinstance(value, bytes) else value)


def _source(value: KeySource) -> KeySource:
    return pem_text(value) if isinstance(value, (str, bytes)) else value


def _known(_: object, attribute: attrs.Attribute[str | None], value: str | None) -> None:
    if value is not None and value not in ALGORITHMS:
        raise ValueError(f"{attribute.name} must be one of {', '.join(ALGORITHMS)}, not {value!r}")


@attrs.frozen
class ClientKey:
    """What a client signs its assertions with.

    Attributes:
        key: The private key in PEM, the path of its file, or a function that returns it. A file is read and a function
            called whenever the key is needed, so that it may change. It is never stored and never shown by ``repr``.
        algorithm: "ES256", "RS256" or another one of RFC 7518 section 3.1 with a private key; None follows the key and
            what the server takes.
        key_id: Name of the key in the client's registered key set; None names none.
        lifetime: Seconds for which an assertion is good.
        password: Opens a key that is encrypted; None for one that is not.

    Raises:
        ValueError: There is no such algorithm, or the lifetime is not positive.

    Example::

        OAuth("https://mcp.example.com/mcp", client_id="service", client_key=ClientKey(Path("key.pem"), key_id="2026"))
    """

    key: KeySource = attrs.field(repr=False, converter=_source)
    algorithm: str | None = attrs.field(default=None, validator=_known)
    key_id: str | None = None
    lifetime: float = attrs.field(default=60.0, validator=attrs.validators.gt(0))
    password: str | None = attrs.field(default=None, repr=False, converter=secret_or_none, kw_only=True)
