"""Which scopes to ask for. MCP authorization (scope selection, step-up), RFC 6749 section 3.3."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..models.metadata import AuthorizationServerMetadata, ProtectedResourceMetadata
    from ..models.options import SignInOptions

OFFLINE_ACCESS = "offline_access"


def union(*groups: Iterable[str]) -> tuple[str, ...]:
    """Join scopes in order, each once."""
    return tuple(dict.fromkeys(scope for group in groups for scope in group))


def select_scopes(
    options: SignInOptions,
    *,
    challenged: tuple[str, ...] = (),
    resource: ProtectedResourceMetadata | None = None,
    server: AuthorizationServerMetadata | None = None,
    held: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Choose the scopes of an authorization request.

    The caller's own choice replaces everything; else the challenge is authoritative, else the resource's
    ``scopes_supported``, else none are asked for. On a step-up (``held`` is not empty) the challenge is
    added to what was asked for and granted before. ``offline_access`` is added where the authorization
    server knows it, and never on its own: a lone scope would replace the server's default.

    Args:
        options: The caller's choices.
        challenged: Scopes of the challenge being answered.
        resource: Protected resource metadata; None when there is none.
        server: Authorization server metadata; None when there is none.
        held: Scopes asked for and granted before, when this is a step-up.
    """
    if options.scopes is not None:
        base = union(options.scopes, held, challenged) if held else options.scopes
    elif held or challenged:
        base = union(held, challenged)
    else:
        base = (resource.scopes_supported if resource else None) or ()
    base = union(base, options.extra_scopes)
    known = (server.scopes_supported if server else None) or ()
    if base and options.offline_access and options.scopes is None and OFFLINE_ACCESS in known:
        base = union(base, (OFFLINE_ACCESS,))
    return base
