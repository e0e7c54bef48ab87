"""The name of a sign-in that is not the one everybody finds by its server's URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..grants.base import Grant


def own_name(server_url: str, *, client_id: str | None, issuer: str | None, grant: Grant | None) -> str:
    """Return the name of the sign-in of one client, at one issuer, or of a program: nobody else's is called that.

    Args:
        server_url: The MCP server.
        client_id: The caller's own client; None where it does not matter which.
        issuer: The authorization server; None where it does not matter which.
        grant: What obtains the tokens without a person; None for the sign-in of a person.

    Raises:
        OAuthError: Whose tokens the grant brings cannot be found out.
    """
    parts = {
        "grant": grant and grant.name,
        "client_id": client_id,
        "issuer": issuer,
        "of": grant and grant.whose,
    }
    return " ".join([server_url, *(f"{what}={value}" for what, value in parts.items() if value)])
