"""What a client shows beyond its registration: signed assertions, and the key its tokens are bound to.

RFC 7523 section 2.2, RFC 9449.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..models.client_key import ClientKey

if TYPE_CHECKING:
    from .dpop import Prover


@attrs.frozen(kw_only=True)
class Proofs:
    """What goes with requests to one authorization server.

    Attributes:
        issuer: The authorization server: whom assertions are for.
        client_key: What assertions are signed with; None for clients without ``private_key_jwt``.
        dpop: What tokens are bound to; None for bearer tokens.
        insist: Whether tokens that are not bound are refused.
    """

    issuer: str = ""
    client_key: ClientKey | None = attrs.field(default=None, repr=False)
    dpop: Prover | None = attrs.field(default=None, repr=False)
    insist: bool = False


#: Nothing beyond the registration.
NO_PROOFS = Proofs()
