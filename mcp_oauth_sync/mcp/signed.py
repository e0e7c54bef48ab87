"""What signs the requests to an MCP server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests
from requests.auth import AuthBase, HTTPBasicAuth

if TYPE_CHECKING:
    from ..auth import OAuth

Auth = AuthBase | tuple[str, str] | None


class SignedOnce(AuthBase):
    """Signs a request as ever, and lets its answer be the answer: nobody is asked to sign in for it.

    Args:
        auth: What signs; None leaves the request unsigned.
    """

    def __init__(self, auth: Auth) -> None:
        """Sign nothing yet."""
        self._auth = HTTPBasicAuth(*auth) if isinstance(auth, tuple) else auth

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request."""
        if self._auth is not None:
            hooks = {event: list(hooked) for event, hooked in request.hooks.items()}
            request = self._auth(request)
            request.hooks = hooks
        return request


def sign_in(server_url: str, session: requests.Session | None, *, public_only: bool) -> OAuth:
    """Return what signs requests with a sign-in, which is asked for when the server wants one.

    Args:
        server_url: The MCP server.
        session: Its proxies, CA bundle and adapters reach the OAuth endpoints; None takes those of the requests.
        public_only: Whether these have to be at public addresses.
    """
    from ..auth import OAuth  # loaded where it is used

    return OAuth(server_url, session=session, public_only=public_only)
