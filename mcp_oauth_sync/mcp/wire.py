"""HTTP requests to one MCP server, and their answers as they arrive. MCP Streamable HTTP, "Sending Messages"."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urljoin

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError as LowLevelError
from urllib3.exceptions import ReadTimeoutError

from ..exceptions import MCPError, printable
from ..protocol.exchange import explain
from ..urls import same_origin, without_query
from .deadline import Deadline

Auth = AuthBase | tuple[str, str] | None

#: What every request asks for: the server chooses between one document and a stream.
ACCEPT = "application/json, text/event-stream"
#: Largest body in bytes that is read, of an answer and of an error.
MAX_BODY, MAX_ERROR = 16 * 1024 * 1024, 256 * 1024
MAX_REDIRECTS = 3
_CHUNK = 64 * 1024
#: Seconds to wait for a stream to end after its last message: then its connection can be used again.
_LINGER = 0.05
_LAST_WORDS = 8


class Wire:
    """Sends requests to one server and keeps their open answers, so that all of them can be ended.

    Args:
        url: The MCP server.
        session: Carries the requests.
        auth: Signs them; None leaves that to the session.
    """

    def __init__(self, url: str, session: requests.Session, auth: Auth) -> None:
        """Send nothing yet."""
        self.url = url
        self._session, self._auth = session, auth
        self._open: set[requests.Response] = set()
        self._closed = threading.Event()

    @contextmanager
    def open(
        self,
        method: str,
        *,
        deadline: Deadline,
        headers: Mapping[str, str],
        message: Mapping[str, Any] | None = None,
        url: str | None = None,
        ask: bool = True,
    ) -> Iterator[requests.Response]:
        """Send a request; its answer, whose body is unread, ends with the block.

        Args:
            method: The HTTP method.
            deadline: How long to wait. It begins with the answer: signing in has a time limit of its own.
            headers: Further headers.
            message: A JSON-RPC message to send; None sends no body.
            url: Where to; None means the server.
            ask: Whether a refused token may be answered by a new one, and so by asking the person.

        Raises:
            MCPError: The server cannot be reached, or sends us elsewhere; or this is closed.
            OAuthError: No good token could be got; the subclass says why.
            TypeError: ``message`` holds what JSON cannot say.
            ValueError: So it does: a number that is not finite, or an object that holds itself.
        """
        body = None if message is None else json.dumps(message, separators=(",", ":"), allow_nan=False).encode()
        sent = {"Accept": ACCEPT, "Accept-Encoding": "identity", **headers}
        if body is not None:
            sent["Content-Type"] = "application/json"
        response = self._send(method, url, body, sent, deadline, self._auth if ask else _Once(self._signs()))
        self._open.add(response)
        try:
            if self._closed.is_set():
                raise self._ended()
            deadline.begin()
            yield response
        finally:
            self._open.discard(response)
            response.close()

    def authorization(self) -> str | None:
        """Return the ``Authorization`` header that a request would carry now; None for none."""
        request = requests.Request("POST", self.url, auth=self._signs()).prepare()
        value: object = request.headers.get("Authorization") or self._session.headers.get("Authorization")
        return None if value is None else str(value)

    def close(self) -> None:
        """End every open answer, also those that other threads wait for; nothing is sent any more."""
        self._closed.set()
        for response in list(self._open):
            with suppress(OSError, ValueError, AttributeError, RuntimeError):  # it may have just ended
                response.raw.shutdown()

    def read(self, response: requests.Response, deadline: Deadline) -> Iterator[bytes]:
        """Read a body piece by piece as it arrives.

        Raises:
            MCPError: It breaks off, or this is closed meanwhile.
            MCPTimeoutError: It takes too long.
        """
        while True:
            _wait_at_most(deadline.left(), response)
            try:
                chunk = response.raw.read1(_CHUNK, decode_content=True)
            except ReadTimeoutError:
                raise deadline.missed() from None
            except (LowLevelError, OSError, ValueError, AttributeError) as failure:
                if self._closed.is_set():
                    raise self._ended() from None
                raise BrokenOff(
                    f"The answer of {without_query(response.url)} broke off ({type(failure).__name__}).",
                    hint="Try again.",
                ) from None
            if not chunk:
                if self._closed.is_set():
                    raise self._ended()
                return
            yield chunk

    def read_text(self, response: requests.Response, deadline: Deadline) -> str:
        """Read a whole body, of which an error needs less than a result. Raises as :meth:`read`."""
        most = MAX_BODY if response.ok else MAX_ERROR
        body = bytearray()
        for chunk in self.read(response, deadline):
            body += chunk
            if len(body) > most:
                raise MCPError(
                    f"The answer of {without_query(response.url)} is larger than {most} bytes.",
                    status=response.status_code,
                )
        return body.decode("utf-8-sig", "replace")

    def sleep(self, seconds: float) -> None:
        """Wait, unless this is closed meanwhile."""
        self._closed.wait(seconds)

    def linger(self, response: requests.Response) -> None:
        """Wait a moment for the end of a stream that has said all: its connection is good for the next request."""
        _wait_at_most(_LINGER, response)
        with suppress(LowLevelError, OSError, ValueError, AttributeError):
            for _ in range(_LAST_WORDS):
                if not response.raw.read1(_CHUNK, decode_content=True):
                    break

    def _send(
        self,
        method: str,
        url: str | None,
        body: bytes | None,
        headers: Mapping[str, str],
        deadline: Deadline,
        auth: Auth,
    ) -> requests.Response:
        """Send a request, and again where the server moves it to another place of its own."""
        for _ in range(MAX_REDIRECTS + 1):
            where = url or self.url
            if self._closed.is_set():
                raise self._ended()
            try:
                response = self._session.request(
                    *(method, where),
                    data=body,
                    headers=headers,
                    auth=auth,
                    timeout=deadline.for_requests,
                    stream=True,
                    allow_redirects=False,
                )
            except requests.RequestException as failure:
                raise _unreachable(where, failure, deadline) from failure.with_traceback(None)  # frames hold tokens
            location = response.headers.get("Location")
            if not response.is_redirect or location is None:
                return response
            response.close()
            target = urljoin(where, location)
            if response.status_code not in (307, 308) or not same_origin(target, self.url):
                raise MCPError(
                    f"{without_query(where)} sends us to {printable(without_query(target))}.",
                    hint="If you trust that place, use it as the server's URL.",
                    status=response.status_code,
                )
            if url is None:
                self.url = target
            else:
                url = target
        raise MCPError(f"{without_query(self.url)} sends us from one place to the next without end.")

    def _signs(self) -> Auth:
        return self._auth or self._session.auth  # type: ignore[return-value]

    def _ended(self) -> MCPError:
        return MCPError(f"The session with {without_query(self.url)} was closed.")


class BrokenOff(MCPError):
    """There is no connection, or it ended in the middle of an answer."""


class _Once(AuthBase):
    """Signs a request as ever, and lets its answer be the answer."""

    def __init__(self, auth: Auth) -> None:
        self._auth = requests.auth.HTTPBasicAuth(*auth) if isinstance(auth, tuple) else auth

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._auth is not None:
            hooks = {event: list(hooked) for event, hooked in request.hooks.items()}
            request = self._auth(request)
            request.hooks = hooks
        return request


def is_event_stream(response: requests.Response) -> bool:
    """Tell whether an answer is a stream of events."""
    return response.headers.get("Content-Type", "").strip().lower().startswith("text/event-stream")


def describe(response: requests.Response) -> str:
    """Return status and kind of an answer for a message; never its body."""
    kind = printable(response.headers.get("Content-Type", "").partition(";")[0], 40)
    return f"HTTP {response.status_code} {printable(response.reason or '', 40)}".rstrip() + (
        f", {kind}" if kind else ""
    )


def _wait_at_most(seconds: float, response: requests.Response) -> None:
    sock = getattr(getattr(response.raw, "connection", None), "sock", None)
    if sock is not None:
        with suppress(OSError):
            sock.settimeout(seconds)


def _unreachable(url: str, failure: requests.RequestException, deadline: Deadline) -> MCPError:
    if isinstance(failure, requests.ReadTimeout):
        return deadline.missed()
    told = explain(failure)
    hint = told.hint or "Check the URL and the network, then try again."
    return BrokenOff(f"{without_query(url)} cannot be reached: {told.message}.", hint=hint)
