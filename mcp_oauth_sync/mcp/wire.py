"""HTTP requests to one MCP server, and their answers as they arrive. MCP Streamable HTTP, "Sending Messages"."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import Any
from urllib.parse import urljoin

import requests
from urllib3.exceptions import HTTPError as LowLevelError
from urllib3.exceptions import ReadTimeoutError

from ..exceptions import MCPError, printable
from ..models.secret import secret_or_none
from ..protocol.exchange import explain
from ..urls import same_origin, without_query
from .deadline import Deadline
from .signed import Auth, SignedOnce
from .sockets import Sockets, end_answer, wait_at_most
from .watch import Watch

#: What every request asks for: the server chooses between one document and a stream.
ACCEPT = "application/json, text/event-stream"
#: Largest body in bytes that is read, of an answer and of an error.
MAX_BODY, MAX_ERROR = 16 * 1024 * 1024, 256 * 1024
MAX_REDIRECTS = 3
#: Seconds that a server may say nothing on a stream that is about no call.
IDLE = 24 * 60 * 60.0
_CHUNK = 64 * 1024
#: Seconds to wait for a stream to end after its last message: then its connection can be used again.
_LINGER, _LAST_WORDS = 0.05, 8


class Wire:
    """Sends requests to one server and keeps their open answers, so that all of them can be ended.

    Args:
        url: The MCP server.
        session: Carries the requests.
        auth: Signs them; None leaves that to the session.
        own: Whether nobody else uses the session: then a wait for an answer to begin can be ended, and ends in time.
    """

    def __init__(self, url: str, session: requests.Session, auth: Auth, *, own: bool) -> None:
        """Send nothing yet."""
        self.url = url
        self._session, self._auth, self._sockets = session, auth, Sockets(session) if own else None
        self._open: dict[requests.Response, Deadline] = {}
        self._closed = threading.Event()
        self._watch: Watch | None = None

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
        last: bool = False,
    ) -> Iterator[requests.Response]:
        """Send a request; its answer, whose body is unread, ends with the block.

        Args:
            method: The HTTP method.
            deadline: How long to wait. It begins with the answer: signing in has a time limit of its own.
            headers: Further headers.
            message: A JSON-RPC message to send; None sends no body.
            url: Where to; None means the server.
            ask: Whether a refused token may be answered by a new one, and so by asking the person.
            last: Whether it is sent though this is closed, by the thread that closed it.

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
        how = {"headers": sent, "auth": self._auth if ask else SignedOnce(self._signs()), "data": body}
        response = self._send(method, url, how, deadline, last=last)
        with ExitStack() as kept:
            kept.callback(response.close)
            deadline.begin()
            self._keep(kept, response, deadline)
            if self.closed and not last:
                raise self.ended()
            yield response

    def authorization(self) -> str | None:
        """Return the ``Authorization`` header that a request would carry now; None for none."""
        request = requests.Request("POST", self.url, auth=self._signs()).prepare()
        found = request.headers.get("Authorization") or self._session.headers.get("Authorization")
        return secret_or_none(str(found or ""))

    @property
    def closed(self) -> bool:
        """Whether nothing is sent any more."""
        return self._closed.is_set()

    def ended(self) -> MCPError:
        """Return the error that says so."""
        return MCPError(f"The session with {without_query(self.url)} was closed.")

    def close(self) -> None:
        """End every wait, also those of other threads; nothing is sent any more."""
        self._closed.set()
        if self._sockets is not None:
            self._sockets.close()
        if self._watch is not None:
            self._watch.close()
        for response in list(self._open):
            end_answer(response)

    def watch(self) -> None:
        """From now on, have a thread see to it that answers come in time, so that :meth:`patience` can be had."""
        self._watch = self._watch or Watch()

    @contextmanager
    def patience(self) -> Iterator[None]:
        """Let the time of the block not count for the answers that are open now: the server waits for the person."""
        with ExitStack() as paused:
            for deadline in list(self._open.values()):
                paused.enter_context(deadline.paused())
            yield

    def read(self, response: requests.Response, deadline: Deadline) -> Iterator[bytes]:
        """Read a body piece by piece as it arrives.

        Raises:
            MCPError: It breaks off, or this is closed meanwhile.
            MCPTimeoutError: It takes too long.
        """
        while True:
            left = deadline.left()
            wait_at_most(left if self._watch is None else IDLE, response)
            try:
                chunk = response.raw.read1(_CHUNK, decode_content=True)
            except (LowLevelError, OSError, ValueError, AttributeError) as failure:
                if isinstance(failure, ReadTimeoutError):
                    raise deadline.missed() from None
                if self.closed:
                    raise self.ended() from None
                deadline.left()
                told = f"The answer of {without_query(response.url)} broke off ({type(failure).__name__})."
                raise BrokenOff(told, hint="Try again.") from None
            if not chunk:
                if self.closed:
                    raise self.ended()
                deadline.left()  # the watch may have ended it
                return
            yield chunk

    def read_text(self, response: requests.Response, deadline: Deadline) -> str:
        """Read a whole body, of which an error needs less than a result. Raises as :meth:`read`."""
        most = MAX_BODY if response.ok else MAX_ERROR
        body = bytearray()
        for chunk in self.read(response, deadline):
            body += chunk
            if len(body) > most:
                told = f"The answer of {without_query(response.url)} is larger than {most} bytes."
                raise MCPError(told, status=response.status_code)
        return body.decode("utf-8-sig", "replace")

    def sleep(self, seconds: float) -> None:
        """Wait, unless this is closed meanwhile."""
        self._closed.wait(seconds)

    def linger(self, response: requests.Response) -> None:
        """Wait a moment for the end of a stream that has said all: its connection is good for the next request."""
        wait_at_most(_LINGER, response)
        with suppress(LowLevelError, OSError, ValueError, AttributeError):
            for _ in range(_LAST_WORDS):
                if not response.raw.read1(_CHUNK, decode_content=True):
                    break

    def _keep(self, kept: ExitStack, response: requests.Response, deadline: Deadline) -> None:
        """Know an answer while it is open."""
        self._open[response] = deadline
        kept.callback(self._open.pop, response)
        if self._watch is not None:
            self._watch.add(response, deadline, lambda: end_answer(response))
            kept.callback(self._watch.remove, response)

    def _send(
        self, method: str, url: str | None, how: Mapping[str, Any], deadline: Deadline, *, last: bool
    ) -> requests.Response:
        """Send a request, and again where the server moves it to another place of its own."""
        moved: list[str] = []

        def stay(response: requests.Response, **_: object) -> None:
            # requests looks at where it leads although nobody follows it, and reads the whole body before that.
            moved[:] = [response.headers.pop("Location")] if response.is_redirect else []

        theirs = self._session.hooks["response"]
        hooks = {"response": [*([theirs] if callable(theirs) else theirs), stay]}
        how = {**how, "hooks": hooks, "stream": True, "allow_redirects": False}
        for _ in range(MAX_REDIRECTS + 1):
            where = url or self.url
            if self.closed and not last:
                raise self.ended()
            try:
                with self._sockets.calling() if self._sockets else nullcontext():
                    response = self._session.request(method, where, timeout=deadline.for_requests, **how)
            except requests.RequestException as failure:
                told = self.ended() if self.closed else _unreachable(where, failure, deadline)
                raise told from failure.with_traceback(None)  # frames hold tokens
            if not moved:
                return response
            response.close()
            target = join(where, moved[0])
            if response.status_code not in (307, 308) or not same_origin(target, self.url):
                away = f"{without_query(where)} sends us to {printable(without_query(target))}."
                hint = "If you trust that place, use it as the server's URL."
                raise MCPError(away, hint=hint, status=response.status_code)
            self.url, url = (target, None) if url is None else (self.url, target)
        raise MCPError(f"{without_query(self.url)} sends us from one place to the next without end.")

    def _signs(self) -> Auth:
        return self._auth or self._session.auth  # type: ignore[return-value]


def join(base: str, url: str) -> str:
    """Return a URL that a server gives, made absolute; as it is where it is none."""
    try:
        return urljoin(base, url)
    except ValueError:
        return url


class BrokenOff(MCPError):
    """There is no connection, or it ended in the middle of an answer."""


def _unreachable(url: str, failure: requests.RequestException, deadline: Deadline) -> MCPError:
    if isinstance(failure, requests.ReadTimeout):
        return deadline.missed()
    why = explain(failure)
    hint = why.hint or "Check the URL and the network, then try again."
    return BrokenOff(f"{without_query(url)} cannot be reached: {why.message}.", hint=hint)
