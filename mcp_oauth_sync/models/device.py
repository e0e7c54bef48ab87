"""What a device authorization endpoint hands out. RFC 8628 section 3.2."""

from __future__ import annotations

import attrs

from .secret import Secret


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
    expires_in: float = 600.0
    interval: float = 5.0
