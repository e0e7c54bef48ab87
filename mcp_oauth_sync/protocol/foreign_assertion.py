"""What an assertion says that somebody else has signed: for whom it is, whose, and until when. RFC 7523 section 3.

Nothing here is verified, and nothing is granted by it: it keeps an assertion from the wrong server, and two people or
workloads apart.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time

from ..models.document import Document

_SAML = tuple(re.compile(rf"<(?:\w+:)?{element}\b[^>]*>([^<]+)</") for element in ("Issuer", "NameID"))


def read_claims(assertion: str) -> Document | None:
    """Return the claims of a signed JWT; None of anything else."""
    parts = assertion.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(_decoded(parts[1]))
    except (ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def audiences(claims: Document) -> tuple[str, ...]:
    """Return whom it is for. RFC 7519 section 4.1.3."""
    value = claims.get("aud")
    values = value if isinstance(value, list) else [value]
    return tuple(audience for audience in values if isinstance(audience, str))


def is_past(claims: Document, *, now: float | None = None) -> bool:
    """Tell whether its time is over by the clock of this machine.

    Args:
        claims: The claims.
        now: Wall-clock seconds since the epoch; None means the present.
    """
    until = claims.get("exp")
    if isinstance(until, bool) or not isinstance(until, (int, float)):
        return False
    return until <= (time.time() if now is None else now)


def fingerprint(assertion: str) -> str | None:
    """Return what tells whose it is from everybody else's, without saying whose: None when it cannot be told."""
    claims = read_claims(assertion)
    who = _saml_subject(assertion) if claims is None else (claims.get("iss"), claims.get("sub"))
    if not all(isinstance(part, str) and part for part in who):
        return None
    return hashlib.sha256("\n".join(map(str, who)).encode("utf-8", "replace")).hexdigest()[:16]


def _saml_subject(assertion: str) -> tuple[object, object]:
    """Return issuer and subject of a SAML 2.0 assertion as it travels. RFC 7522 section 2.1."""
    try:
        document = _decoded(assertion)
    except ValueError:
        return None, None
    issuer, subject = (match.group(1).strip() if (match := pattern.search(document)) else None for pattern in _SAML)
    return issuer, subject


def _decoded(part: str) -> str:
    """Return base64url as text."""
    padded = part + "=" * (-len(part) % 4)
    return base64.urlsafe_b64decode(padded.encode("ascii")).decode("utf-8")
