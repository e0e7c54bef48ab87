"""A small authorization server on the loopback interface, to try a grant against. RFC 6749 sections 5.1 and 5.2."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote_plus

from ..models.secret import Secret

ACCESS_TOKEN = "contract-access-token-Zq7XcV2bN9mK4jH6"
#: What is answered when everything is fine.
TOKENS: Mapping[str, object] = {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 3600}


class Asked(NamedTuple):
    """One request that arrived.

    Attributes:
        path: Its path.
        form: Its form; a field that was repeated shows itself by the name "repeated".
        client: The client that Basic authentication names; None without any.
    """

    path: str
    form: dict[str, str]
    client: str | None


class Answer(NamedTuple):
    """What is answered.

    Attributes:
        status: The HTTP status; 0 closes the connection without an answer.
        body: A JSON document, or a text that is none.
        headers: Further headers.
    """

    status: int
    body: Mapping[str, object] | str
    headers: Mapping[str, str] = {}


class TokenServer:
    """Answers every POST by :attr:`respond`, and notes it.

    Attributes:
        asked: What arrived, in order.
        respond: Gives the answer to a request.
    """

    def __init__(self) -> None:
        """Listen from now on."""
        self.asked: list[Asked] = []
        self.respond: Callable[[Asked], Answer] = lambda asked: Answer(200, TOKENS)
        server = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_POST(self) -> None:
                server._serve(self)

            def log_message(self, format: str, *args: object) -> None:
                """Stay silent."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The server's origin; also its issuer."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def stop(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _serve(self, handler: Any) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0"))).decode()
        pairs = parse_qsl(body, keep_blank_values=True)
        form = {name: str(Secret(value)) for name, value in pairs}
        if len(form) != len(pairs):
            form["repeated"] = "yes"
        asked = Asked(handler.path.partition("?")[0], form, _basic(handler.headers.get("Authorization")))
        self.asked.append(asked)
        answer = self.respond(asked)
        handler.close_connection = True
        if not answer.status:
            return
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        handler.send_response(answer.status)
        kind = "text/html" if isinstance(answer.body, str) else "application/json"
        for name, value in {"Content-Type": kind, "Cache-Control": "no-store", **answer.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(text.encode())))
        handler.end_headers()
        handler.wfile.write(text.encode())


def _basic(header: str | None) -> str | None:
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    return unquote_plus(base64.b64decode(value).decode().partition(":")[0])
