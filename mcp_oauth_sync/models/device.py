"""What a device authorization endpoint hands out, and what of it is fit to be shown. RFC 8628 section 3.2."""

from __future__ import annotations

import unicodedata

import attrs

from ..exceptions import InsecureURLError
from ..urls import require_secure
from .document import Document, MalformedDocument, required_text, text
from .secret import Secret

#: Longest user code that is shown, in characters; people have to enter it.
LONGEST_CODE = 64
#: Longest verification address that is shown, in characters.
LONGEST_ADDRESS = 2000
#: Seconds for which codes are taken to be good when the server says nothing sensible, and at most.
LIFETIME, LONGEST_LIFETIME = 600.0, 86400.0
#: Seconds between two questions when the server says nothing sensible, and at least.
INTERVAL, SHORTEST_INTERVAL = 5.0, 1.0


@attrs.frozen(kw_only=True)
class DeviceAuthorization:
    """One sign-in by code, under way.

    Attributes:
        device_code: What the token endpoint is asked with; never shown by ``repr``.
        user_code: What the person enters.
        verification_uri: Where they enter it.
        verification_uri_complete: The same with the code in it; None when not offered.
        expires_in: Seconds for which the codes are good.
        interval: Least seconds between two questions to the token endpoint.
    """

    device_code: str = attrs.field(repr=False, converter=Secret)
    user_code: str = attrs.field()
    verification_uri: str = attrs.field()
    verification_uri_complete: str | None = attrs.field(default=None, repr=False)
    expires_in: float = LIFETIME
    interval: float = INTERVAL

    @classmethod
    def from_response(cls, document: Document, *, allow_loopback: bool = True) -> DeviceAuthorization:
        """Check the types of a response, and that a person may be shown what it holds.

        Times that make no sense are put right: the codes are good for ten minutes when nothing sensible is said, and
        never for more than a day; questions are five seconds apart when nothing is said, never less than one, and
        never so far that none can be asked while the codes are good.

        Args:
            document: The JSON object.
            allow_loopback: False refuses addresses on this machine.

        Raises:
            MalformedDocument: A member is missing, of a wrong type, or not fit to be shown; nothing of it is repeated.
        """
        address = _address(document, "verification_uri", allow_loopback) or _address(
            document,
            "verification_url",
            allow_loopback,  # as Google named it before there was an RFC
        )
        if address is None:
            raise MalformedDocument("'verification_uri' is missing")
        lifetime = _seconds(document, "expires_in")
        lifetime = LIFETIME if lifetime is None or lifetime <= 0 else min(lifetime, LONGEST_LIFETIME)
        interval = _seconds(document, "interval")
        interval = INTERVAL if interval is None else interval
        return cls(
            device_code=required_text(document, "device_code"),
            user_code=_user_code(document),
            verification_uri=address,
            verification_uri_complete=_address(document, "verification_uri_complete", allow_loopback),
            expires_in=lifetime,
            interval=max(SHORTEST_INTERVAL, interval if interval < lifetime else lifetime / 2),
        )


def _user_code(document: Document) -> str:
    """Return the code if it is one that can be shown and entered: no control, invisible or turning characters."""
    code = required_text(document, "user_code").strip()
    marks = any(unicodedata.category(character).startswith("M") for character in code[: LONGEST_CODE + 1])
    if not code or len(code) > LONGEST_CODE or marks or not code.isprintable():
        raise MalformedDocument("'user_code' is nothing that a person can enter")
    return code


def _address(document: Document, member: str, allow_loopback: bool) -> str | None:
    address = text(document, member)
    if address is None:
        return None
    try:
        if len(address) <= LONGEST_ADDRESS:
            require_secure(address, member, allow_loopback=allow_loopback)
            return address
    except InsecureURLError:
        pass
    raise MalformedDocument(f"{member!r} is not an address that may be opened")


def _seconds(document: Document, member: str) -> float | None:
    value = document.get(member)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return None if seconds != seconds else seconds
