"""The private key of a client, wherever it is kept. RFC 7523 section 2.2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs

from .secret import Secret

#: A key in PEM, the file it lies in, or a function that brings it.
KeySource = str | bytes | Path | Callable[[], str | bytes]


def _source(value: KeySource) -> KeySource:
    if isinstance(value, (str, bytes)):
        return Secret(value.decode() if isinstance(value, bytes) else value)
    return value


@attrs.frozen
class ClientKey:
    """What a client signs its assertions with.

    Attributes:
        key: The private key in PEM, the path of its file, or a function that returns it when one is needed. It is
            never stored and never shown by ``repr``.
        algorithm: "ES256", "RS256" or another one of RFC 7518 section 3.1 with a private key; None follows the key.
        key_id: Name of the key in the client's registered key set; None names none.
        lifetime: Seconds for which an assertion is good.
    """

    key: KeySource = attrs.field(repr=False, converter=_source)
    algorithm: str | None = None
    key_id: str | None = None
    lifetime: float = attrs.field(default=60.0, validator=attrs.validators.gt(0))
