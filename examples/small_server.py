"""A small server for ``device_code.py`` and ``headless_service.py``: it offers codes, and knows one service.

It is no model of one: it forgets everything when it ends, and believes everybody who presses its button.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

import requests

from mcp_oauth_sync import DeviceAuthorization
from mcp_oauth_sync.cli.demo_stage import PlayedPerson
from mcp_oauth_sync.prompts.surroundings import somebody_there

PAGE = (
    "<!doctype html><title>Sign in</title><h1>Let a program in</h1>"
    '<form method="post"><label>Code <input name="user_code" value="{}"></label> <button>Allow</button></form>'
)


class Server(ThreadingHTTPServer):
    """What it remembers: which codes are out, which were allowed, which tokens are good."""

    daemon_threads = True

    def __init__(self, service: tuple[str, str] | None) -> None:
        """Listen on a free port of this machine, and know a service by its identifier and secret."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.service = service
        self.waiting: dict[str, str] = {}  # device code -> user code
        self.allowed: set[str] = set()
        self.tokens: set[str] = set()


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server

    def do_GET(self) -> None:
        """Say who we are, or show the page for the code."""
        parts, base = urlsplit(self.path), self.server.url
        if parts.path.startswith("/.well-known/oauth-protected-resource"):
            return self._answer({"resource": f"{base}/mcp", "authorization_servers": [base]})
        if parts.path == "/.well-known/oauth-authorization-server":
            endpoints = {"device_authorization": "code", "token": "token", "registration": "register"}
            return self._answer(
                {"issuer": base, **{f"{name}_endpoint": f"{base}/{path}" for name, path in endpoints.items()}}
            )
        if parts.path == "/enter":
            return self._show(PAGE.format(escape(parse_qs(parts.query).get("user_code", [""])[0])))
        return self._answer({}, 404)

    def do_POST(self) -> None:
        """Register, hand out a code, take it from the person, hand out a token, and be an MCP server."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        server, path = self.server, urlsplit(self.path).path
        if path == "/mcp":
            if self.headers.get("Authorization", "").removeprefix("Bearer ") in server.tokens:
                return self._answer({"jsonrpc": "2.0", "id": json.loads(body)["id"], "result": {}})
            return self._answer({}, 401, {"WWW-Authenticate": "Bearer"})
        if path == "/register":
            return self._answer({**json.loads(body), "client_id": "device-example"}, 201)
        if path == "/code":
            device_code, user_code = secrets.token_urlsafe(), "".join(secrets.choice("BCDFGHJKLMNP") for _ in range(6))
            server.waiting[device_code] = user_code
            page = f"{server.url}/enter"
            codes = {"device_code": device_code, "user_code": user_code, "expires_in": 300, "interval": 1}
            addresses = {"verification_uri": page, "verification_uri_complete": f"{page}?user_code={user_code}"}
            return self._answer({**codes, **addresses})
        if path == "/enter":
            known = form.get("user_code", "").strip().upper() in server.waiting.values()
            server.allowed |= {form["user_code"].strip().upper()} if known else set()
            return self._show("<h1>Done. Go back to the program.</h1>" if known else "<h1>This code is not known.</h1>")
        return self._token(form)

    def _token(self, form: dict[str, str]) -> None:
        if form.get("grant_type") == "client_credentials":
            said = self.headers.get("Authorization", "").removeprefix("Basic ")
            who = tuple(unquote_plus(part) for part in base64.b64decode(said).decode().split(":"))
            return self._hand_out() if who == self.server.service else self._answer({"error": "invalid_client"}, 401)
        user_code = self.server.waiting.get(form.get("device_code", ""))
        if user_code not in self.server.allowed:
            return self._answer({"error": "authorization_pending" if user_code else "invalid_grant"}, 400)
        del self.server.waiting[form["device_code"]]
        return self._hand_out()

    def _hand_out(self) -> None:
        token = secrets.token_urlsafe()
        self.server.tokens.add(token)
        self._answer({"access_token": token, "token_type": "Bearer", "expires_in": 300})

    def _answer(self, document: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(json.dumps(document), "application/json", status, headers or {})

    def _show(self, page: str) -> None:
        self._send(page, "text/html; charset=utf-8", 200, {})

    def _send(self, text: str, kind: str, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(text.encode())), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: the terminal shows the code."""


class PersonWithCode(PlayedPerson):
    """Plays the person who reads the code and enters it on another device."""

    @classmethod
    def needed(cls) -> bool:
        """Tell whether nobody reads what is printed."""
        return not somebody_there()

    def show_code(self, device: DeviceAuthorization, *, server_url: str) -> None:
        """Enter the code."""
        self.tell(f"The code {device.user_code} is entered, and Allow is pressed.")
        requests.post(device.verification_uri, data={"user_code": device.user_code}, timeout=10)


@contextmanager
def running_server(service: tuple[str, str] | None = None) -> Iterator[str]:
    """Run it until the block ends; gives the address of the MCP server.

    Args:
        service: Identifier and secret of a client that signs in as itself; None knows none.
    """
    with Server(service) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"{server.url}/mcp"
        finally:
            server.shutdown()
