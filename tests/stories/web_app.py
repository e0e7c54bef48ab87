"""A small web application: /connect sends the browser to sign in, /back is where it comes back to, /ping uses it.

Each request is served by objects of its own, as in an application of many processes.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

import requests

from mcp_oauth_sync import OAuth
from mcp_oauth_sync.exceptions import OAuthError, SignInRequiredError

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


class WebApp:
    """The application, up within the ``with`` block.

    Args:
        mcp_url: The MCP server that it uses on behalf of its one user.
    """

    def __init__(self, mcp_url: str) -> None:
        self.mcp_url = mcp_url
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, text = app.answer(self.path)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(text.encode()))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *arguments: object) -> None:
                """Log nothing: paths hold codes."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})

    def auth(self) -> OAuth:
        """Return what one request works with."""
        return OAuth(self.mcp_url, redirect_uri=f"{self.url}/back")

    def answer(self, path: str) -> tuple[int, dict[str, str], str]:
        """Answer one request of a browser."""
        auth = self.auth()
        try:
            if path == "/connect":
                return 302, {"Location": auth.start_sign_in(lifetime=120).url}, ""
            if path.startswith("/back?"):
                auth.finish_sign_in(self.url + path)
                return 303, {"Location": "/ping"}, ""
            with requests.Session() as session:
                return session.post(self.mcp_url, auth=auth, json=PING, timeout=10).status_code, {}, "pong"
        except SignInRequiredError:
            return 302, {"Location": "/connect"}, ""
        except OAuthError as failure:
            return 400, {}, failure.message

    def __enter__(self) -> WebApp:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
