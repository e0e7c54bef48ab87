"""OAuth by hand with plain requests: what a client does, one step per method, and the person."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from .sdk import SdkServer

REDIRECT_URI = "http://127.0.0.1:7/callback"


class PlainClient:
    """A registered public client of one server, and its person."""

    def __init__(self, server: SdkServer, ca: str | None = None) -> None:
        """Register with a server.

        Args:
            server: Which one.
            ca: File of the authority to trust for https; None trusts the usual ones.
        """
        self.server = server
        self.http = requests.Session()
        # This session must not see CA variables of the machine: they would win over session.verify.
        self.http.trust_env = False
        self.http.verify = ca or True
        answer = self.http.post(
            f"{server.issuer}/register",
            json={
                "client_name": "Plain <Client>",
                "redirect_uris": [REDIRECT_URI],
                "token_endpoint_auth_method": "none",
            },
        )
        assert answer.status_code == 201, answer.text
        self.client_id: str = answer.json()["client_id"]

    def __enter__(self) -> PlainClient:
        """Return this client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.http.close()

    def authorize(self, **changes: str | None) -> requests.Response:
        """Open the authorization endpoint and return what it answers, redirect not followed.

        Args:
            changes: Parameters to send otherwise; None leaves one out.
        """
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT_URI,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
            "state": "a state",
            "scope": "mcp",
            "resource": self.server.mcp_url,
            **changes,
        }
        return self.http.get(f"{self.server.issuer}/authorize", params=query, allow_redirects=False)

    def read_consent(self, **changes: str | None) -> requests.Response:
        """Open the authorization endpoint and return the consent page."""
        sent = self.authorize(**changes)
        assert sent.status_code == 302, sent.text
        return self.http.get(sent.headers["location"])

    def answer(self, page: requests.Response, decision: str) -> requests.Response:
        """Press a button of the consent page, as its form says; the redirect is not followed."""
        action = re.search(r'<form method="post" action="([^"]+)">', page.text)
        hidden = re.search(r'<input type="hidden" name="([^"]+)" value="([^"]+)">', page.text)
        button = re.search(rf'<button id="{decision}" name="([^"]+)" value="([^"]+)">', page.text)
        assert action, page.text
        assert hidden, page.text
        assert button, page.text
        form = {hidden[1]: hidden[2], button[1]: button[2]}
        return self.http.post(urljoin(page.url, action[1]), data=form, allow_redirects=False)

    def sign_in(self, **changes: str | None) -> dict[str, Any]:
        """Do the whole flow with a person who says yes, and return the token response."""
        landed = answer_of(self.answer(self.read_consent(**changes), "allow"))
        answer = self.exchange(landed["code"])
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    def exchange(self, code: str, **changes: str) -> requests.Response:
        """Redeem a code with the verifier of the last request."""
        return self.token(
            grant_type="authorization_code",
            code=code,
            **{"redirect_uri": REDIRECT_URI, "code_verifier": self.verifier, **changes},
        )

    def refresh(self, refresh_token: str, **changes: str) -> requests.Response:
        """Use a refresh token."""
        return self.token(grant_type="refresh_token", refresh_token=refresh_token, **changes)

    def token(self, **form: str) -> requests.Response:
        """Ask the token endpoint."""
        return self.http.post(f"{self.server.issuer}/token", data={"client_id": self.client_id, **form})

    def revoke(self, token: str) -> requests.Response:
        """Revoke a token. The SDK wants the field client_secret from public clients too, empty."""
        form = {"client_id": self.client_id, "client_secret": "", "token": token}
        return self.http.post(f"{self.server.issuer}/revoke", data=form)

    def call(
        self,
        token: str | None,
        method: str = "tools/list",
        headers: dict[str, str] | None = None,
        **params: Any,
    ) -> requests.Response:
        """Send one MCP request, by default as the protocols with a handshake do."""
        sent = {"Accept": "application/json, text/event-stream", **(headers or {})}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return self.http.post(self.server.mcp_url, json=message, headers=sent)

    def tool(self, token: str, name: str, **arguments: str) -> requests.Response:
        """Call a tool."""
        return self.call(token, "tools/call", name=name, arguments=arguments)


def answer_of(redirect: requests.Response) -> dict[str, str]:
    """Return the parameters of a redirect to the client, each of which must be there once."""
    location = redirect.headers["location"]
    assert location.startswith(REDIRECT_URI + "?"), location
    query = parse_qs(urlsplit(location).query, strict_parsing=True)
    assert all(len(values) == 1 for values in query.values()), location
    return {name: values[0] for name, values in query.items()}


def text_of(answer: requests.Response) -> str:
    """Return what a tool said."""
    assert answer.status_code == 200, answer.text
    result = answer.json()["result"]
    assert not result.get("isError"), result
    return str(result["content"][0]["text"])
