"""Whether tokens are to be bound to a key: what both servers offer, and what the caller wants.

RFC 9449 sections 5.1 and 7.1, RFC 9728 section 2.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ..exceptions import AuthorizationError, printable
from ..models.metadata import AuthorizationServerMetadata, ProtectedResourceMetadata
from ..urls import without_query
from .challenge import Challenge
from .dpop import ALGORITHM
from .signing_extra import INSTALL, can_sign

logger = logging.getLogger(__name__)


def select_binding(
    wish: bool | None,
    server_url: str,
    *,
    challenge: Challenge,
    resource: ProtectedResourceMetadata | None,
    server: AuthorizationServerMetadata,
    bound_before: bool = False,
) -> bool:
    """Decide whether a sign-in asks for tokens that are bound to a key.

    Args:
        wish: True insists, False never does; None does where both servers offer it, or the resource takes no others.
        server_url: The MCP server.
        challenge: What it asks for; an empty one when it was not heard.
        resource: What it says about itself; None when it says nothing.
        server: The authorization server.
        bound_before: Whether the MCP server has just accepted a token of that kind.

    Raises:
        AuthorizationError: It has to be, and cannot: the extra is missing, or a server takes no proofs of our kind.
    """
    theirs = resource.dpop_signing_alg_values_supported if resource else None
    required = resource is not None and resource.dpop_bound_access_tokens_required
    offered = bound_before or challenge.dpop_offered or required or bool(theirs and ALGORITHM in theirs)
    demanded = challenge.dpop_only or required
    if wish is False:
        if demanded:
            logger.warning("%s takes only tokens bound to a key, and dpop=False", without_query(server_url))
        return False
    listed = server.dpop_signing_alg_values_supported
    if not wish and not demanded and not (offered and ALGORITHM in (listed or ())):
        return False
    if not can_sign():
        if not wish and not demanded:
            logger.debug("%s takes tokens bound to a key, too. %s", without_query(server_url), INSTALL)
            return False
        who = f"{without_query(server_url)} takes only tokens that are" if demanded else "Tokens are to be"
        raise AuthorizationError(
            f"{who} bound to a key (DPoP), and PyJWT, which makes the proofs, is not installed.", hint=INSTALL
        )
    if challenge.dpop_only and not challenge.dpop_offered:
        raise _no_common_algorithm(f"The MCP server {without_query(server_url)}", ())
    for who, algorithms in (
        (f"The MCP server {without_query(server_url)}", theirs),
        (f"The authorization server {printable(server.issuer)}", listed),
    ):
        if algorithms is not None and ALGORITHM not in algorithms:
            raise _no_common_algorithm(who, algorithms)
    return True


def _no_common_algorithm(who: str, algorithms: Sequence[str]) -> AuthorizationError:
    said = f" but {printable(', '.join(algorithms), 80)}" if algorithms else ""
    return AuthorizationError(
        f"{who} takes no proofs (DPoP) that are signed with {ALGORITHM}{said}.",
        hint="This library signs proofs with nothing else; report it to the server's operator.",
    )
