"""JSON-RPC by plain requests: shows that a server of these tests does what it is here for, without our session."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import requests

MODERN = "2026-07-28"
HANDSHAKE = "2025-11-25"
CAPABILITIES: dict[str, Any] = {"elicitation": {"form": {}, "url": {}}}
SECONDS = 30.0
_CLIENT = {"name": "plain", "version": "1"}
_PREFIX = "io.modelcontextprotocol/"


def events(response: requests.Response) -> Iterator[dict[str, Any]]:
    """Yield the messages of an answer, be it a stream or one JSON document."""
    if "text/event-stream" not in response.headers.get("Content-Type", ""):
        if response.content:
            yield response.json()
        return
    for line in response.iter_lines(chunk_size=1):
        if line.startswith(b"data:") and line[5:].strip():
            yield json.loads(line[5:])


class Plain:
    """One conversation with a server: each ``ask`` gives the messages that came, the result last.

    Args:
        url: The endpoint.
        modern: True speaks 2026-07-28; False shakes hands first.
        auth: For requests; None sends nothing.
    """

    def __init__(self, url: str, *, modern: bool = False, auth: Any = None) -> None:
        self.url, self.modern = url, modern
        self.session = requests.Session()
        self.session.auth = auth
        self.session.trust_env = False
        self.session.headers["Accept"] = "application/json, text/event-stream"
        self._numbers = itertools.count(1)
        self.hello: dict[str, Any] = {}

    def __enter__(self) -> Plain:
        if self.modern:
            self.session.headers["MCP-Protocol-Version"] = MODERN
            return self
        params = {"protocolVersion": HANDSHAKE, "capabilities": CAPABILITIES, "clientInfo": _CLIENT}
        answer = self.post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
        self.hello = list(events(answer))[-1]["result"]
        if "Mcp-Session-Id" in answer.headers:
            self.session.headers["Mcp-Session-Id"] = answer.headers["Mcp-Session-Id"]
        self.session.headers["MCP-Protocol-Version"] = self.hello["protocolVersion"]
        self.notify("notifications/initialized")
        return self

    def __exit__(self, *exc_info: object) -> None:
        if "Mcp-Session-Id" in self.session.headers:
            self.session.delete(self.url, timeout=SECONDS)
        self.session.close()

    def notify(self, method: str, **params: Any) -> None:
        """Send a notification."""
        self.post({"jsonrpc": "2.0", "method": method, "params": params}).close()

    def post(self, message: dict[str, Any], **headers: str) -> requests.Response:
        """Send a message; the answer is a stream."""
        return self.session.post(self.url, json=message, headers=headers, timeout=SECONDS, stream=True)

    def send(self, method: str, *, headers: Mapping[str, str] | None = None, **params: Any) -> requests.Response:
        """Send a request; the answer is a stream."""
        headers = dict(headers or {})
        if self.modern:
            meta = {"protocolVersion": MODERN, "clientInfo": _CLIENT, "clientCapabilities": CAPABILITIES}
            given = params.get("_meta", {})
            params = {**params, "_meta": {**{_PREFIX + name: value for name, value in meta.items()}, **given}}
            headers["Mcp-Method"] = method
            if "name" in params or "uri" in params:
                headers["Mcp-Name"] = params.get("name") or params["uri"]
        return self.post({"jsonrpc": "2.0", "id": next(self._numbers), "method": method, "params": params}, **headers)

    def ask(self, method: str, **params: Any) -> list[dict[str, Any]]:
        """Send a request; answer what the server asks meanwhile by ``{"action": "accept"}``; return what came."""
        came = []
        for message in events(self.send(method, **params)):
            came.append(message)
            if "method" in message and "id" in message:
                self.post({"jsonrpc": "2.0", "id": message["id"], "result": self.accepted(message)}).close()
            if "method" not in message:
                break
        return came

    @staticmethod
    def accepted(request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of a person who agrees, and fills in "x" or true where something is required."""
        schema = request["params"].get("requestedSchema")
        if schema is None:
            return {"action": "accept"}
        known = schema["properties"]
        filled = {name: "x" if known[name]["type"] == "string" else True for name in schema["required"]}
        return {"action": "accept", "content": filled}

    def result(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the result of a request; what it needs first is answered as in ``ask``."""
        found: dict[str, Any] = self.ask(method, **params)[-1]["result"]
        while found.get("resultType") == "input_required":
            given = {key: self.accepted(request) for key, request in found["inputRequests"].items()}
            params |= {"inputResponses": given, "requestState": found["requestState"]}
            found = self.ask(method, **params)[-1]["result"]
        return found

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool."""
        return self.result("tools/call", name=name, arguments=arguments)

    def text(self, name: str, **arguments: Any) -> str:
        """Call a tool that answers with one text."""
        [block] = self.call(name, **arguments)["content"]
        return str(block["text"])

    def pages(self, method: str, member: str) -> list[list[str]]:
        """Return the names in each page of a list."""
        found, more = [], {}
        while True:
            page = self.result(method, **more)
            found.append([item["name"] for item in page[member]])
            if "nextCursor" not in page:
                return found
            more = {"cursor": page["nextCursor"]}
