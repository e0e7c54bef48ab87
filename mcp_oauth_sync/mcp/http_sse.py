"""The transport of the revision 2024-11-05: one stream for all that the server says, and a place to post to.

MCP 2024-11-05 transports, "HTTP with SSE". Deprecated since 2025-03-26, and still what many servers offer.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping

import requests

from ..exceptions import MCPError, OAuthError
from ..models.secret import Secret
from ..urls import same_origin, without_query
from .channel import Heard, Messages, all_in
from .deadline import Deadline
from .jsonrpc import Message, answers, build_reply, params_of, read_messages
from .refusal import is_event_stream, read_refusal
from .sockets import end_answer
from .sse import Event, EventParser
from .wire import IDLE, BrokenOff, Wire, join

logger = logging.getLogger(__name__)

#: Seconds to wait for the place to post to, at most: it is the first that a server says.
_ENDPOINT = 10.0
#: Seconds for a server to take an answer of ours.
_REPLY = 30.0
#: Messages that wait while a call is busy with others: what is said beyond is lost. The memory they take is bounded.
_SMALL, _WAITING_SMALL, _WAITING_LARGE = 64 * 1024, 1000, 8


class ElsewhereError(MCPError):
    """The place to post to is of another origin."""


class HttpSse:
    """Talks to one server over its stream, which a thread of its own reads.

    Args:
        wire: Carries the messages.
        timeout: Seconds to wait for the stream, and for the place to post to.

    Raises:
        MCPError: The server has no such stream.
        OAuthError: No good token could be got; the subclass says why.
    """

    def __init__(self, wire: Wire, timeout: float) -> None:
        """Open the stream and learn where to post."""
        self._wire, self._parser, self._ready = wire, EventParser(), deque[Event]()
        self._lock = threading.Lock()
        self._waiting: dict[str, Heard] = {}
        self._idle: Heard | None = None  # hears what is said while no call waits
        self._over = False
        with contextlib.ExitStack() as stream:
            self._response = self._open(stream, Deadline(wire.url, min(timeout, _ENDPOINT)))
            #: The place to post to, which stands for the session.
            self.session_id: str | None = self._endpoint()
            self._stream = stream.pop_all()
        threading.Thread(target=self._listen, name="mcp-oauth-sync stream", daemon=True).start()

    def with_session(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers: the session is named by the place to post to."""
        return dict(headers)

    def converse(self, message: Message, *, headers: Mapping[str, str], deadline: Deadline) -> Messages:
        """Send a request and yield what the server says meanwhile; the answer is the last.

        Raises:
            MCPError: The HTTP answer is an error, or the stream ends before the answer.
            OAuthError: No good token could be got; the subclass says why.
        """
        number, heard = message["id"], Heard()
        with self._lock:
            if self._over:
                raise MCPError(f"The stream of {without_query(self._wire.url)} has ended.", status=404)
            self._waiting[str(number)] = heard
        try:
            self.tell(message, headers=headers, deadline=deadline)
            while True:
                try:
                    said = heard.get(timeout=deadline.left())
                except queue.Empty:
                    raise deadline.missed() from None
                if said is None and self._wire.closed:
                    raise self._wire.ended()
                if said is None:
                    raise BrokenOff(
                        f"The stream of {without_query(self._wire.url)} ended before the answer.", hint="Try again."
                    )
                yield said
                if answers(said, number):
                    return
        finally:
            with self._lock:
                self._waiting.pop(str(number), None)

    def tell(self, message: Message, *, headers: Mapping[str, str], deadline: Deadline, ask: bool = True) -> None:
        """Post a message. Raises as :meth:`converse`."""
        with self._wire.open(
            "POST", url=self.session_id, message=message, headers=headers, deadline=deadline, ask=ask
        ) as response:
            if not response.ok:
                raise read_refusal(self._wire, response, deadline)
            self._wire.read_text(response, deadline)  # to the end, so that the connection can be used again

    def listen(self, *, headers: Mapping[str, str], ready: Callable[[], object]) -> Messages:
        """Yield what the server says while no call waits: what it says meanwhile, they hear."""
        heard = Heard()
        with self._lock:
            if self._over:
                return
            self._idle = heard
        ready()
        yield from all_in(heard)

    def end(self, headers: Mapping[str, str]) -> None:
        """Close the stream, and with it the session."""
        end_answer(self._response)

    def _open(self, stream: contextlib.ExitStack, deadline: Deadline) -> requests.Response:
        asking = {"Accept": "text/event-stream"}
        response = stream.enter_context(self._wire.open("GET", headers=asking, deadline=deadline))
        if not response.ok or not is_event_stream(response):
            raise read_refusal(self._wire, response, deadline)
        for chunk in self._wire.read(response, deadline):
            self._ready.extend(self._parser.feed(chunk))
            if self._ready:
                break
        return response

    def _endpoint(self) -> str:
        first = self._ready.popleft() if self._ready else None
        if first is None or first.event != "endpoint":
            raise MCPError(f"The stream of {without_query(self._wire.url)} does not say where to post.")
        endpoint = join(self._response.url, first.data.strip())
        if not same_origin(endpoint, self._wire.url):
            raise ElsewhereError(
                f"{without_query(self._wire.url)} wants messages to go elsewhere, to {without_query(endpoint)}.",
                hint="If you trust that place, use its server's URL.",
            )
        return Secret(endpoint)

    def _listen(self) -> None:
        """Give each message to the call it is about, until the stream ends."""
        try:
            self._give()
            for chunk in self._wire.read(self._response, Deadline(self._wire.url, IDLE)):
                self._ready.extend(self._parser.feed(chunk))
                self._give()
        except MCPError as failure:
            logger.debug("%s", failure.message)
        finally:
            self._stream.close()
            with self._lock:
                self._over = True
                for heard in (*self._waiting.values(), self._idle):
                    if heard is not None:
                        heard.put(None)

    def _give(self) -> None:
        while self._ready:
            text = self._ready.popleft().data
            for said in read_messages(text):
                about = params_of(said).get("progressToken") if "method" in said else said.get("id")
                name = str(about) if isinstance(about, str | int) else ""
                with self._lock:
                    heard = self._waiting.get(name)
                    answered = heard is not None and "method" not in said
                    if answered:
                        del self._waiting[name]  # nothing that it gets from here on matters
                    heard = heard or next(reversed(self._waiting.values()), self._idle)
                if heard is not None:
                    if answered or heard.qsize() < (_WAITING_SMALL if len(text) < _SMALL else _WAITING_LARGE):
                        heard.put(said)
                elif said.get("method") == "ping" and "id" in said:
                    self._reply_to(said)

    def _reply_to(self, ping: Message) -> None:
        """Tell the server that we are still there, where nobody else does."""
        try:
            self.tell(build_reply(ping, {}), headers={}, deadline=Deadline(self._wire.url, _REPLY), ask=False)
        except OAuthError as failure:
            logger.debug("%s", failure.message)
