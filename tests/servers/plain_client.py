"""An OAuth client in plain requests, step by step, each step open to change, to try the servers with."""

from __future__ import annotations

import base64
import hashlib
import secrets
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import requests

from .authorization_server import AuthorizationServer
from .messages import ABSENT, merged
from .person import Person

TIMEOUT = 10.0
REDIRECT = "http://127.0.0.1:49152/callback"
RESOURCE = "https://mcp.example.com/mcp"
HEADERS = {"User-Agent": "plain/1", "Accept": "application/json"}


class PlainClient:
    """Talks to one authorization server; keywords of a step change or (ABSENT) drop its parameters."""

    def __init__(self, server: AuthorizationServer, resource: str = RESOURCE, ca: Any = True) -> None:
        self.server, self.resource, self.ca = server, resource, ca
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = ca
        self.headers: dict[str, Any] = dict(HEADERS)
        self.identity: dict[str, Any] = {}
        self.verifier = ""
        self.state = ""

    def __enter__(self) -> PlainClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def call(self, method: str, url: str, **options: Any) -> requests.Response:
        """Send one request as a client that keeps no cookies; a header of value None is left out."""
        headers = {**self.headers, **options.pop("headers", {})}
        self.http.cookies.clear()
        return self.http.request(method, url, headers=headers, allow_redirects=False, timeout=TIMEOUT, **options)

    def register(self, **changes: Any) -> requests.Response:
        """Register, and remember who we are."""
        metadata = {
            "client_name": "Plain",
            "application_type": "native",
            "redirect_uris": [REDIRECT],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        }
        url = self.server.endpoint("register")
        response = self.call("POST", url, json=merged(metadata, changes))
        if response.status_code == 201:
            self.identity = response.json()
        return response

    def authorization_url(self, **changes: Any) -> str:
        """Build an authorization URL with a fresh state and verifier."""
        self.verifier, self.state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.identity.get("client_id", "nobody"),
            "redirect_uri": REDIRECT,
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "resource": self.resource,
            "scope": "mcp:basic",
        }
        return f"{self.server.endpoint('authorize')}?{urlencode(merged(query, changes), doseq=True)}"

    def authorize(self, **changes: Any) -> dict[str, str]:
        """Let a person allow it, and return the parameters of the redirect ({} when a page was shown)."""
        person = Person(ca=self.ca if self.ca is not True else None)
        redirect = person.redirect_only(self.authorization_url(**changes))
        return {name: values[0] for name, values in parse_qs(urlsplit(redirect or "").query).items()}

    def post(self, endpoint: str, form: dict[str, Any], **options: Any) -> requests.Response:
        """Post a form with the client authentication that the registration says."""
        method = self.identity.get("token_endpoint_auth_method", "none")
        client_id, secret = self.identity.get("client_id", ""), self.identity.get("client_secret", "")
        headers = {}
        if method == "client_secret_basic":
            pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}".encode()
            headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        else:
            form = {"client_id": client_id, **form}
            if method == "client_secret_post":
                form = {"client_secret": secret, **form}
        headers.update(options.pop("headers", {}))
        data = {name: value for name, value in form.items() if value is not ABSENT}
        return self.call("POST", self.server.endpoint(endpoint), data=data, headers=headers, **options)

    def exchange(self, code: str, /, **changes: Any) -> requests.Response:
        """Redeem a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": self.verifier,
            "resource": self.resource,
        }
        return self.post("token", {**form, **changes})

    def refresh(self, token: str, /, **changes: Any) -> requests.Response:
        """Refresh."""
        form = {"grant_type": "refresh_token", "refresh_token": token, "resource": self.resource}
        return self.post("token", {**form, **changes})

    def sign_in(self, **changes: Any) -> dict[str, Any]:
        """Register if needed, authorize, exchange; return the token response."""
        if not self.identity:
            assert self.register().status_code == 201
        response = self.exchange(self.authorize(**changes)["code"])
        assert response.status_code == 200, response.text
        tokens: dict[str, Any] = response.json()
        return tokens
