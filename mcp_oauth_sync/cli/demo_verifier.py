"""How the demo's MCP server asks a separate authorization server about a token: introspection."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
from mcp.server.auth.provider import AccessToken, TokenVerifier
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .demo_provider import DemoProvider


def introspection(provider: DemoProvider) -> Callable[[Request], Awaitable[Response]]:
    """Return the handler of ``/introspect``. RFC 7662, but open to all: for the loopback interface only."""

    async def handle(request: Request) -> Response:
        form = await request.form()
        token = await provider.load_access_token(str(form.get("token", "")))
        if token is None:
            return JSONResponse({"active": False})
        return JSONResponse(
            {
                "active": True,
                "client_id": token.client_id,
                "scope": " ".join(token.scopes),
                "exp": token.expires_at,
                "aud": token.resource,
                "sub": token.subject,
                **(token.claims or {}),
            }
        )

    return handle


class IntrospectionVerifier(TokenVerifier):
    """Checks tokens at the authorization server's introspection endpoint."""

    def __init__(self, issuer: str, *, tls: ssl.SSLContext) -> None:
        """Ask this server.

        Args:
            issuer: The authorization server.
            tls: How to check its certificate.
        """
        self.issuer = issuer
        self.tls = tls

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what a token stands for, or None when it is not in force."""
        # trust_env=False: a proxy meant for the network has no business between two local processes.
        async with httpx2.AsyncClient(verify=self.tls, trust_env=False) as http:
            answer = await http.post(f"{self.issuer}/introspect", data={"token": token})
        said: dict[str, Any] = answer.raise_for_status().json()
        if not said["active"]:
            return None
        return AccessToken(
            token=token,
            client_id=said["client_id"],
            scopes=said["scope"].split(),
            expires_at=said["exp"],
            resource=said["aud"],
            subject=said["sub"],
            claims={"iss": said["iss"], "client_name": said["client_name"]},
        )
