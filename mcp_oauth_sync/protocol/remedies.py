"""What a caller can do about a refusal: the argument that helps, with its value. RFC 6749 sections 4.1.2.1 and 5.2."""

from __future__ import annotations

import re

# What neither a program nor a shell reads as anything but itself between quotes.
_COPIED_SAFELY = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!&*+,=%]{1,200}")
#: What to do where the usual endpoints of a server that publishes nothing turn out not to be there.
UNPUBLISHED = (
    "the server publishes nothing about its authorization server. If that is elsewhere, pass issuer= with it, or "
    "metadata_url= with the address of its metadata."
)
#: How Microsoft Entra ID says, in whatever error, that it does not want the parameter.
_RESOURCE_NOT_WANTED = re.compile(r"AADSTS901\d{3,4}\b")


def argument(name: str, value: str) -> str:
    """Return an argument to pass, with a server's value in it where a person may copy that without harm.

    Args:
        name: The argument ("issuer").
        value: What a server said.
    """
    return f"{name}={value!r}" if _COPIED_SAFELY.fullmatch(value) else f"{name}="


def refuses_resource(error: str | None, description: str | None) -> bool:
    """Tell whether an authorization server refused the ``resource`` parameter, and said so. RFC 8707 section 2.

    Args:
        error: The OAuth error code; None when there was none.
        description: The server's own words; None when it had none.
    """
    return error == "invalid_target" or _RESOURCE_NOT_WANTED.search(description or "") is not None


def remedy(error: str | None, description: str | None) -> str | None:
    """Return what to do about an OAuth error; None when no argument helps.

    Args:
        error: The OAuth error code; None when there was none.
        description: The server's own words; None when it had none.
    """
    if refuses_resource(error, description):
        return (
            "The authorization server does not accept the resource parameter for this MCP server: pass resource=None "
            "to send none, or resource= with the one it knows."
        )
    if error == "invalid_scope":
        return "Pass scopes= with the scopes this server knows; offline_access=False leaves that one out."
    return None
