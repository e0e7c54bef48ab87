"""The client that the official conformance suite drives: the library, and just enough MCP to call a tool.

The suite starts it with the server's URL as its last argument. MCP_CONFORMANCE_PROTOCOL_VERSION names the
wire, MCP_CONFORMANCE_SCENARIO the scenario, MCP_CONFORMANCE_CONTEXT what the client was told beforehand, as
JSON.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import requests

from mcp_oauth_sync import (
    CallbackPrompt,
    ClientCredentialsGrant,
    ClientKey,
    EnterpriseGrant,
    JWTBearerGrant,
    OAuth,
    OAuthError,
    TokenManager,
    TokenStoreBackend,
)

SECONDS = 10  # for each answer
CLIENT_ID_DOCUMENT = "https://conformance-test.local/client-metadata.json"
CLIENT_INFO = {"name": "mcp-oauth-sync-conformance", "version": "1"}
FIRST_STATELESS_VERSION = "2026-07-28"


def follow(url: str) -> str:
    """Be the person and the browser: open the authorization URL once and say where it led."""
    with requests.Session() as browser:
        browser.trust_env = False
        answer = browser.get(url, allow_redirects=False, timeout=SECONDS)
    return answer.headers["Location"]


#: What each scenario tells of the client, under the names that the library has for it.
KNOWN_BEFOREHAND = {
    "auth/pre-registration": ("client_id", "client_secret", "issuer"),
    "auth/client-credentials-jwt": ("client_id",),
    "auth/client-credentials-basic": ("client_id", "client_secret"),
    "auth/enterprise-managed-authorization": ("client_id", "client_secret"),
}
#: How a client without a person signs in.
GRANTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "auth/client-credentials-jwt": lambda told: {
        "client_key": ClientKey(told["private_key_pem"], algorithm=told["signing_algorithm"]),
        "grant": ClientCredentialsGrant(),
    },
    "auth/client-credentials-basic": lambda told: {"grant": ClientCredentialsGrant()},
    "auth/enterprise-managed-authorization": lambda told: {
        "grant": EnterpriseGrant(
            identity_assertion=told["idp_id_token"],
            client_id=told["idp_client_id"],
            issuer=told["idp_issuer"],
            token_endpoint=told["idp_token_endpoint"],
        )
    },
    "auth/wif-jwt-bearer": lambda told: {"grant": JWTBearerGrant(told["valid_jwt"])},
}


def sign_in_with(server_url: str, scenario: str, context: dict[str, Any]) -> OAuth:
    """Build the auth object a user of the library would build from what the scenario told beforehand."""
    told = KNOWN_BEFOREHAND.get(scenario, ())
    known = {name: context[name] for name in told}
    known |= GRANTS[scenario](context) if scenario in GRANTS else {}
    return OAuth(
        server_url,
        prompt=CallbackPrompt(follow),
        client_id_metadata_url=CLIENT_ID_DOCUMENT,
        token_manager=TokenManager(backend=TokenStoreBackend.MEMORY),
        **known,
    )


class Wire:
    """MCP over POST, as one revision of the specification writes it."""

    def __init__(self, session: requests.Session, url: str, version: str) -> None:
        self.session, self.url, self.version = session, url, version
        self.stateless = version >= FIRST_STATELESS_VERSION
        self.ids = itertools.count(1)

    def start(self) -> None:
        """Say hello, in the revisions that begin with it."""
        if not self.stateless:
            hello = {"protocolVersion": self.version, "capabilities": {}, "clientInfo": CLIENT_INFO}
            self.version = self.request("initialize", hello)["protocolVersion"]
            self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}).close()

    def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Make one JSON-RPC request and return its result."""
        if self.stateless:
            about_us = {"protocolVersion": self.version, "clientCapabilities": {}, "clientInfo": CLIENT_INFO}
            meta = {f"io.modelcontextprotocol/{name}": value for name, value in about_us.items()}
            params = {**params, "_meta": meta}
        number = next(self.ids)
        with self.post({"jsonrpc": "2.0", "id": number, "method": method, "params": params}) as response:
            for message in messages(response):
                if message.get("id") == number:
                    result: dict[str, Any] = message["result"]
                    return result
        raise ValueError(f"{method}: no answer")

    def post(self, message: dict[str, Any]) -> requests.Response:
        """Send one message; anything but success is an error."""
        headers = {"Accept": "application/json, text/event-stream"}
        if message["method"] != "initialize":
            headers["MCP-Protocol-Version"] = self.version
        if self.stateless:
            headers["Mcp-Method"] = message["method"]
            if message["method"] == "tools/call":
                headers["Mcp-Name"] = message["params"]["name"]
        response = self.session.post(self.url, json=message, headers=headers, timeout=SECONDS, stream=True)
        response.raise_for_status()
        return response


def messages(response: requests.Response) -> Iterator[dict[str, Any]]:
    """Read the JSON-RPC messages of an answer, be it JSON or an event stream."""
    if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
        yield response.json()
        return
    for line in response.iter_lines(decode_unicode=True):
        name, _, value = line.partition(":")
        if name == "data" and value.strip():
            yield json.loads(value)


def main(server_url: str) -> int:
    """List the tools and call the first one."""
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    with requests.Session() as session:
        session.auth = sign_in_with(server_url, os.environ["MCP_CONFORMANCE_SCENARIO"], context)
        wire = Wire(session, server_url, os.environ["MCP_CONFORMANCE_PROTOCOL_VERSION"])
        try:
            wire.start()
            tools = wire.request("tools/list", {})["tools"]
            wire.request("tools/call", {"name": tools[0]["name"], "arguments": {}})
        except (OAuthError, requests.HTTPError) as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[-1]))
