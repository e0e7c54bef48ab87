"""The assertion by which a client authenticates with its private key. RFC 7521 section 4.2, RFC 7523 section 3."""

from __future__ import annotations

import logging
import math
import secrets
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime

from ..exceptions import RegistrationError, printable
from ..models.client_key import ClientKey
from ..models.secret import Secret
from .signing_extra import INSTALL
from .signing_key import SigningKey, read_signing_key, select_algorithm

logger = logging.getLogger(__name__)

#: Seconds by which a server's clock has to differ from ours to be the reason why it refused an assertion.
SKEW = 5.0
#: The kind of a client assertion. RFC 7523 section 2.2.
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def build_client_assertion(
    client_key: ClientKey, *, client_id: str, issuer: str, algorithm: str | None = None, ahead: float = 0.0
) -> Secret:
    """Make the assertion of one request; each serves once. The key is read anew for it.

    Args:
        client_key: The client's key.
        client_id: The client.
        issuer: The authorization server that it is for.
        algorithm: What was settled with the server earlier; None, and one that the key cannot do, follow the key.
        ahead: Seconds by which the clock of the server is ahead of ours.

    Raises:
        RegistrationError: The key cannot be used, or the extra that signs is not installed.
    """
    if not issuer:
        raise RegistrationError(
            f"The client {printable(client_id)!r} signs for one authorization server, and which one is not known.",
            hint="Pass issuer=.",
        )
    signing = read_signing_key(client_key)
    settled = algorithm if client_key.algorithm is None and algorithm in signing.algorithms else client_key.algorithm
    now = int(time.time() + ahead)
    claims: dict[str, object] = {
        "iss": client_id,
        "sub": client_id,
        "aud": issuer,
        "jti": secrets.token_urlsafe(24),
        "iat": now,
        "exp": now + math.ceil(client_key.lifetime),
    }
    chosen = select_algorithm(signing, wanted=settled, offered=None, server=issuer)
    return _signed(claims, signing, chosen, client_key.key_id)


def clock_ahead(headers: Mapping[str, str]) -> float | None:
    """Return by how many seconds the clock of who refused an assertion is ahead of ours. RFC 9110 section 6.6.1.

    Whom an assertion of another time could serve is the server that named the time, and nobody else: the assertion
    names its audience.

    Args:
        headers: The headers of the answer, by lower-case names.

    Returns:
        None when it does not say, or says what our clock says.
    """
    try:
        ahead = parsedate_to_datetime(headers.get("date") or "").timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    if abs(ahead) < SKEW:
        return None
    logger.warning("an assertion was refused, and the server's clock differs from ours by %+.0f s", ahead)
    return ahead


def settle_algorithm(client_key: ClientKey, offered: Sequence[str] | None, *, server: str) -> str:
    """Choose what a client signs its assertions by, and find out that it can.

    Args:
        client_key: The client's key.
        offered: What the authorization server takes; None when it does not say.
        server: The authorization server, for messages.

    Raises:
        RegistrationError: The key cannot be used there, or the extra that signs is not installed.
    """
    signing = read_signing_key(client_key)
    chosen = select_algorithm(signing, wanted=client_key.algorithm, offered=offered, server=server)
    _signed({}, signing, chosen, None)
    return chosen


def _signed(claims: dict[str, object], signing: SigningKey, algorithm: str, key_id: str | None) -> Secret:
    try:
        import jwt
    except ImportError:
        raise RegistrationError(
            "A client that authenticates with its private key needs PyJWT, which is not installed.", hint=INSTALL
        ) from None
    header = {"kid": key_id} if key_id is not None else None
    return Secret(jwt.encode(claims, signing.key, algorithm=algorithm, headers=header))
