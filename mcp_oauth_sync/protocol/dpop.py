"""Proofs that a token is in the hands of who got it. RFC 9449 sections 4, 8 and 9."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
import secrets
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import requests

from ..exceptions import AuthorizationError, StoreCorruptError
from ..models.secret import Secret
from ..urls import origin, without_query
from .signing_extra import INSTALL

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

logger = logging.getLogger(__name__)

#: What proofs are signed with. RFC 7518 section 3.4.
ALGORITHM = "ES256"
#: The server wants a nonce in the proof, which it sends along. RFC 9449 sections 8 and 9.
NONCE_WANTED = "use_dpop_nonce"
#: The server does not accept the proof. RFC 9449 section 12.2.
PROOF_REFUSED = "invalid_dpop_proof"
#: Seconds by which a server's clock has to differ from ours to be the reason why it refused a proof.
SKEW = 2.0
#: Most origins of which something is remembered; the one heard of longest ago goes first.
MAX_ORIGINS = 16
# RFC 9449 section 8.1, and of a length that fits in a header beside everything else.
_NONCE = r"[!#-\[\]-~]{1,1024}"


class _Said(NamedTuple):
    """What one origin said: the newest nonce, and by how many seconds its clock is ahead of ours."""

    nonce: str | None = None
    ahead: float = 0.0


class Heard:
    """What servers said about the proofs they want, per origin. It outlives the keys.

    Any number of threads share it without a lock, so that a forked child never waits for one: each change makes a new
    table. Of two that come at once one may be lost; that costs a repetition.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._said: Mapping[str, _Said] = {}

    def nonce(self, url: str) -> str | None:
        """Return the nonce for a proof to an origin; None when it gave none."""
        return self._of(url).nonce

    def now(self, url: str) -> float:
        """Return the time of an origin, as far as we know, in seconds since the epoch."""
        return time.time() + self._of(url).ahead

    def hear_nonce(self, url: str, headers: Mapping[str, str]) -> bool:
        """Take the nonce of an answer; tell whether a usable one came. RFC 9449 section 8.2.

        Args:
            url: What was asked.
            headers: The headers of the answer.
        """
        nonce = _header(headers, "dpop-nonce")
        if not isinstance(nonce, str) or not re.fullmatch(_NONCE, nonce):
            return False
        if nonce != self.nonce(url):
            self._note(url, self._of(url)._replace(nonce=nonce))
        return True

    def hear_time(self, url: str, headers: Mapping[str, str]) -> bool:
        """Take the time of an answer that refused a proof; tell whether it differs from what we thought it was.

        RFC 9449 section 11.1 lets servers refuse proofs whose ``iat`` is far from their own time. Whom a proof of
        another time could serve is the server that named it, and nobody else: the proof holds its URL.
        """
        try:
            date = parsedate_to_datetime(_header(headers, "date") or "").timestamp()
        except (ValueError, TypeError, OverflowError):
            return False
        if abs(date - self.now(url)) < SKEW:
            return False
        logger.warning("the clock of %s differs from ours by %+.0f s", without_query(url), date - time.time())
        self._note(url, self._of(url)._replace(ahead=date - time.time()))
        return True

    def _of(self, url: str) -> _Said:
        return self._said.get(origin(url)) or _Said()

    def _note(self, url: str, said: _Said) -> None:
        where = origin(url)
        others = [pair for pair in self._said.items() if pair[0] != where]
        self._said = dict([*others, (where, said)][-MAX_ORIGINS:])


class Prover:
    """Makes proofs with one key.

    Args:
        key: A P-256 private key in PEM, as :func:`build_key` makes it.
        heard: What servers said about proofs; None has heard nothing yet.
        whose: What its tokens are for, for the message when it cannot be read.

    Attributes:
        key: The key in PEM.
        heard: What servers said about proofs.

    Raises:
        StoreCorruptError: The key cannot be read.
    """

    def __init__(self, key: str, *, heard: Heard | None = None, whose: str = "a server") -> None:
        """Read the key."""
        self.key = Secret(key)
        self.heard = Heard() if heard is None else heard
        self._private = _read_key(self.key, whose)
        numbers = self._private.public_key().public_numbers()
        x, y = (_base64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        self.jwk = {"crv": "P-256", "kty": "EC", "x": x, "y": y}

    @property
    def thumbprint(self) -> str:
        """What servers know the key by. RFC 9449 section 6.1."""
        return build_thumbprint(self.jwk)

    def build_proof(self, method: str, url: str, *, token: str | None = None) -> str:
        """Return a new proof for one request. RFC 9449 section 4.2.

        Args:
            method: The HTTP method.
            url: The URL as it goes out.
            token: The access token that goes along; None for requests to the authorization server.

        Raises:
            AuthorizationError: The extra that makes proofs is not installed.
        """
        try:
            import jwt
        except ImportError:
            raise AuthorizationError(
                f"A request to {without_query(url)} needs a proof for its token (DPoP), and PyJWT is not installed.",
                hint=INSTALL,
            ) from None
        claims: dict[str, object] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method.upper(),
            "htu": origin(url) + (urlsplit(url).path or "/"),
            "iat": int(self.heard.now(url)),
        }
        if token is not None:
            claims["ath"] = build_token_hash(token)
        if nonce := self.heard.nonce(url):
            claims["nonce"] = nonce
        return Secret(jwt.encode(claims, self._private, ALGORITHM, headers={"typ": "dpop+jwt", "jwk": self.jwk}))

    def sign(self, request: requests.PreparedRequest, *, token: str | None = None) -> None:
        """Put a new proof on a request, in the place of any other. Arguments and errors as :meth:`build_proof`."""
        request.headers["DPoP"] = self.build_proof(request.method or "", request.url or "", token=token)

    def can_do_better(self, url: str, headers: Mapping[str, str], *, error: str | None, corrected: set[str]) -> bool:
        """Listen to an answer; tell whether another proof may be accepted where this one was refused.

        One repetition follows each reason, whatever the server says then: with the nonce that came along, and with
        the server's time where its clock is far from ours.

        Args:
            url: What was asked.
            headers: The headers of the answer.
            error: The OAuth error it refused the proof with; None when it did not.
            corrected: The errors that led to a repetition of this request already; gets another one.
        """
        nonce = self.heard.hear_nonce(url, headers)
        if error in corrected:
            return False
        better = error == PROOF_REFUSED and self.heard.hear_time(url, headers)
        if better or (error == NONCE_WANTED and nonce):
            corrected.add(str(error))
            return True
        return False


def build_key() -> str:
    """Return a new private key in PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Secret(key.private_bytes(*form).decode("ascii"))


def build_thumbprint(jwk: Mapping[str, str]) -> str:
    """Return the thumbprint of a public key from its required members. RFC 7638 section 3."""
    text = json.dumps(dict(jwk), separators=(",", ":"), sort_keys=True)
    return _base64url(hashlib.sha256(text.encode()).digest())


def build_token_hash(token: str) -> str:
    """Return the ``ath`` of an access token. RFC 9449 section 4.2."""
    return _base64url(hashlib.sha256(token.encode("ascii")).digest())


def _header(headers: Mapping[str, str], wanted: str) -> str | None:
    """Return a header by its name in lower case, however the mapping spells names."""
    return next((value for name, value in headers.items() if name.lower() == wanted), None)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _read_key(pem: Secret, whose: str) -> EllipticCurvePrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise StoreCorruptError(
        f"The key that the tokens for {whose} are bound to cannot be read: it is no P-256 private key in PEM.",
        hint="It was left as it is. 'mcp-oauth-sync clear NAME' removes the sign-in; then sign in again.",
    )
