"""A token as requests carry it: its header and, where it is bound to a key, a fresh proof.

RFC 6750 section 2.1, RFC 9449 section 7.1.
"""

from __future__ import annotations

from typing import Any

import requests

from ..exceptions import InsecureURLError
from ..models.record import ServerRecord
from ..models.secret import Secret
from ..urls import same_origin, without_query
from .dpop import Heard, Prover

#: What the handshake of a WebSocket is sent by.
_HANDSHAKES = {"wss": "https", "ws": "http"}


class Presented(Secret):
    """The value of an ``Authorization`` header, together with what proves that its token is ours.

    Being one object, it cannot be torn apart by a thread that takes over another sign-in meanwhile. It stays what it is
    on a request; copies that leave the process are the plain value.

    Attributes:
        prover: Makes the proofs that the token needs; None for bearer tokens.
    """

    __slots__ = ("prover",)
    prover: Prover | None

    def __new__(cls, value: str, prover: Prover | None = None) -> Presented:
        """Put the two together."""
        presented = super().__new__(cls, value)
        presented.prover = prover
        return presented

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        """Leave the key behind."""
        return Secret, (str(self),)

    def prove(self, request: requests.PreparedRequest) -> None:
        """Put a new proof on a request, in the place of any other; nothing for bearer tokens.

        Raises:
            AuthorizationError: The extra that makes proofs is not installed.
        """
        if self.prover is not None:
            self.prover.sign(request, token=Secret(self.partition(" ")[2]))

    def headers(self, method: str, url: str) -> dict[str, str]:
        """Return the headers for a request that somebody else makes. Arguments and errors as a request's.

        Args:
            method: The HTTP method.
            url: Where it goes.

        Raises:
            AuthorizationError: The extra that makes proofs is not installed.
        """
        request = requests.PreparedRequest()
        request.prepare(method=method, url=url, headers={})
        present(request, self)
        return {name: request.headers[name] for name in ("Authorization", "DPoP") if name in request.headers}


def presented_on(request: requests.PreparedRequest) -> Presented | None:
    """Return what a request carries of ours; None when it carries nothing, or something of the caller's."""
    value = request.headers.get("Authorization")
    return value if isinstance(value, Presented) else None


def present(request: requests.PreparedRequest, header: Presented) -> None:
    """Put a token on a request, with a new proof where it needs one, in the place of what was there.

    Raises:
        AuthorizationError: The extra that makes proofs is not installed.
    """
    withdraw(request)
    request.headers["Authorization"] = header
    header.prove(request)


def withdraw(request: requests.PreparedRequest) -> None:
    """Take our token and its proof off a request."""
    carried = presented_on(request)
    if carried is None:
        return
    del request.headers["Authorization"]
    if carried.prover is not None:
        request.headers.pop("DPoP", None)


def hear(response: requests.Response, **_: Any) -> None:
    """Listen to an answer of any kind: the nonce in it is for the next proof. RFC 9449 section 8.2.

    A response hook. Of a redirect elsewhere, whose request carries no proof, nothing is taken.
    """
    carried = presented_on(response.request)
    if carried is not None and carried.prover is not None:
        carried.prover.heard.hear_nonce(response.request.url or "", response.headers)


def require_same_origin(url: str | None, server_url: str) -> str:
    """Check that a request goes to the server that its token is for.

    Args:
        url: Where it goes; None means the server itself. What opens a WebSocket is a request: ``wss:`` stands for
            ``https:``, and ``ws:`` for ``http:``. RFC 6455 section 4.1.
        server_url: The MCP server.

    Returns:
        Where it goes, by https or http.

    Raises:
        InsecureURLError: It is on another origin.
    """
    if url is None:
        return server_url
    scheme, colon, rest = url.partition(":")
    where = _HANDSHAKES.get(scheme.lower(), scheme) + colon + rest
    if same_origin(where, server_url):
        return where
    raise InsecureURLError(
        f"{without_query(url)} is not on the origin of {without_query(server_url)}; the token was not sent.",
        hint="Tokens go only to the server they were made for.",
    )


class Provers:
    """Gives the tokens of whatever sign-in is held what they need to be presented.

    Args:
        whose: What the sign-in is for, for messages.

    Attributes:
        heard: What servers said about proofs; it outlives each sign-in.
    """

    def __init__(self, whose: str) -> None:
        """Hold no key yet."""
        self.heard, self._whose = Heard(), whose
        self._last: Prover | None = None

    def of(self, record: ServerRecord) -> Prover | None:
        """Return what makes proofs with the key of a record, the same one while the key stays; None without a key.

        Raises:
            StoreCorruptError: The key cannot be read.
        """
        key, last = record.dpop_key, self._last
        if key is None:
            return None
        if last is None or last.key != key:
            last = self._last = Prover(key, heard=self.heard, whose=self._whose)
        return last

    def present(self, record: ServerRecord | None) -> Presented | None:
        """Return the tokens of a record as requests carry them; None without tokens. Raises as :meth:`of`."""
        if record is None or record.tokens is None:
            return None
        prover = self.of(record) if record.tokens.bound else None
        return Presented(record.tokens.get_authorization_header(), prover)
