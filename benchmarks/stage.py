"""What figures are taken on: a home of its own, two servers, and a flow written by hand to compare with."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from requests.utils import parse_dict_header

from mcp_oauth_sync.stores import manager
from tests.scene import PING, Scene
from tests.servers import Person

#: What would lead requests or a store elsewhere.
ELSEWHERE = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "VAULT_ADDR", "VAULT_TOKEN", "VAULT_NAMESPACE", "NETRC")
REDIRECT = "http://127.0.0.1:49152/callback"


@contextmanager
def fresh_home(kind: str = "encrypted_file") -> Iterator[str]:
    """Give this process and those that it starts an empty home and store, and return the folder."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update({"HOME": folder, "MCP_OAUTH_SYNC_HOME": f"{folder}/store", "MCP_OAUTH_SYNC_BACKEND": kind})
        for name in ELSEWHERE:
            os.environ.pop(name, None)
        another_process()
        try:
            yield folder
        finally:
            os.environ.clear()
            os.environ.update(before)
            another_process()


def another_process() -> None:
    """Forget what this process holds of the default store, as a new process would."""
    manager._defaults.clear()


class ByHand:
    """The flow that the specifications demand, with nothing that they do not: the floor.

    Args:
        url: The MCP server.
        client_id: A client registered by hand; None registers one.
    """

    def __init__(self, url: str, client_id: str | None = None) -> None:
        """Sign in at the first call."""
        self.url, self.client_id, self.asked = url, client_id, 0
        self.http = self._session()
        self.issuer = self.refresh_token = ""
        self.bearer: dict[str, str] = {}
        self.is_over = False

    def call(self) -> int:
        """Call the server; return the status."""
        if self.is_over:
            self.refresh()
        answer = self.http.post(self.url, json=PING, headers=self.bearer, timeout=10)
        if answer.status_code == 401:
            if self.refresh_token:
                self.refresh()
            else:
                self.sign_in(answer)
            answer = self.http.post(self.url, json=PING, headers=self.bearer, timeout=10)
        return answer.status_code

    def sign_in(self, refused: requests.Response) -> None:
        """Find the authorization server, register, ask the person, redeem the code."""
        challenge = parse_dict_header(refused.headers["WWW-Authenticate"].removeprefix("Bearer "))
        published = self.http.get(str(challenge["resource_metadata"]), timeout=10).json()
        self.resource, issuer = published["resource"], published["authorization_servers"][0]
        if issuer != self.issuer:
            self.issuer = issuer
            self.server = self.http.get(f"{issuer}/.well-known/oauth-authorization-server", timeout=10).json()
        if self.client_id is None:
            asked = {
                "client_name": "By hand",
                "application_type": "native",
                "redirect_uris": [REDIRECT],
                "grant_types": ["authorization_code", "refresh_token"],
                "token_endpoint_auth_method": "none",
            }
            self.client_id = self.http.post(self.server["registration_endpoint"], json=asked, timeout=10).json()[
                "client_id"
            ]
        verifier = base64.urlsafe_b64encode(os.urandom(48)).decode()
        state = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT,
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("="),
            "code_challenge_method": "S256",
            "resource": self.resource,
        }
        self.asked += 1
        landed = Person().redirect_only(f"{self.server['authorization_endpoint']}?{urlencode(query)}")
        answer = parse_qs(urlsplit(landed or "").query)
        assert answer["state"] == [state]
        self._obtain(
            {
                "grant_type": "authorization_code",
                "code": answer["code"][0],
                "redirect_uri": REDIRECT,
                "code_verifier": verifier,
            }
        )

    def refresh(self) -> None:
        """Renew the token."""
        self._obtain({"grant_type": "refresh_token", "refresh_token": self.refresh_token})

    def _obtain(self, form: dict[str, str]) -> None:
        whole = {**form, "client_id": self.client_id or "", "resource": self.resource}
        tokens = self.http.post(self.server["token_endpoint"], data=whole, timeout=10).json()
        self.refresh_token = tokens["refresh_token"]
        self.bearer, self.is_over = {"Authorization": f"Bearer {tokens['access_token']}"}, False

    def as_in_another_process(self) -> None:
        """Go on as a program that kept its tokens and nothing else: with new connections."""
        self.http.close()
        self.http = self._session()

    @staticmethod
    def _session() -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        # A host's cookies know no ports: those of the MCP server would reach the authorization server.
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.headers["Accept"] = "application/json"
        return session


__all__ = ["PING", "ByHand", "Scene", "another_process", "fresh_home"]
