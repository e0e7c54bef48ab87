"""The transport of the revisions since 2025-03-26: a POST for each message, answered at once or by a stream.

MCP Streamable HTTP; sessions, and streams that go on after a break, as in its revision 2025-11-25.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, suppress

import requests

from ..exceptions import MCPError, OAuthError
from ..models.secret import secret_or_none
from ..urls import without_query
from .channel import Messages
from .deadline import Deadline
from .jsonrpc import Message, answers, read_messages
from .refusal import ended_early, is_event_stream, read_refusal, unanswered
from .sse import EventParser
from .wire import IDLE, BrokenOff, Wire

logger = logging.getLogger(__name__)

#: Seconds to wait before a stream is taken up again, where the server does not say; and where it brings nothing again
#: and again.
PAUSE, MOST_PAUSE = 1.0, 60.0
#: Seconds to wait at least before a server is listened to again, whatever it says.
LEAST_PAUSE = 0.1
#: How often in a row a stream is taken up again that brings nothing new.
MAX_RESUMES = 5
#: Seconds for saying goodbye.
GOODBYE = 2.0
#: What the name of a session is made of. MCP 2025-11-25 transports, "Session Management".
_SESSION = re.compile(r"[\x21-\x7e]+")


class Streamable:
    """Talks to one server.

    Args:
        wire: Carries the messages.
        stateful: Whether the server may have sessions and streams that can be taken up again.
    """

    def __init__(self, wire: Wire, *, stateful: bool) -> None:
        """Send nothing yet."""
        self.session_id: str | None = None
        self._wire, self._stateful = wire, stateful

    def with_session(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return headers that name the session as well, if there is one."""
        return {**headers, **({} if self.session_id is None else {"Mcp-Session-Id": self.session_id})}

    def converse(self, message: Message, *, headers: Mapping[str, str], deadline: Deadline) -> Messages:
        """Send a request and yield what the server says about it; the answer is the last.

        Raises:
            MCPError: There is no answer, or the HTTP answer is an error.
            OAuthError: No good token could be got; the subclass says why.
        """
        parser, number = EventParser(), message["id"]
        with self._post(message, headers, deadline) as response:
            if not response.ok:
                raise read_refusal(self._wire, response, deadline)
            if self._stateful and message["method"] == "initialize":
                self._begin(response)
            if not is_event_stream(response):
                for said in read_messages(self._wire.read_text(response, deadline)):
                    yield said
                    if answers(said, number):
                        return
                raise unanswered(message, response)
            if (yield from self._follow(response, parser, number, deadline)):
                return
        pause, idle = PAUSE, 0
        while self._stateful and parser.last_event_id and idle < MAX_RESUMES:
            pause = pause if parser.retry is None else parser.retry / 1000
            self._wire.sleep(min(pause, deadline.left()))
            before, parser = parser.last_event_id, parser.resumed()
            try:
                with self._take_up(before, headers, deadline) as rest:
                    if not rest.ok or not is_event_stream(rest):
                        break
                    if (yield from self._follow(rest, parser, number, deadline)):
                        return
            except BrokenOff as failure:
                logger.debug("%s", failure.message)
            idle = 0 if parser.last_event_id != before else idle + 1
        raise ended_early(message, response)

    def _begin(self, response: requests.Response) -> None:
        """Take the name of the session, if the server gives it one."""
        name = response.headers.get("Mcp-Session-Id", "")
        if name and not _SESSION.fullmatch(name):
            raise MCPError(f"{without_query(self._wire.url)} gives its session a name that no header may hold.")
        self.session_id = secret_or_none(name)

    def _post(
        self, message: Message, headers: Mapping[str, str], deadline: Deadline, *, ask: bool = True
    ) -> AbstractContextManager[requests.Response]:
        named = self.with_session(headers)
        return self._wire.open("POST", message=message, headers=named, deadline=deadline, ask=ask)

    def _take_up(
        self, seen: str | None, headers: Mapping[str, str], deadline: Deadline, *, ask: bool = True
    ) -> AbstractContextManager[requests.Response]:
        """Ask for the rest of a stream after its last event. MCP 2025-11-25, "Resumability and Redelivery"."""
        asking = {**self.with_session(headers), "Accept": "text/event-stream"}
        if seen:
            logger.debug("%s: taking a stream up again", without_query(self._wire.url))
            asking["Last-Event-ID"] = seen.encode().decode("latin-1")  # which is how it goes out: as UTF-8
        return self._wire.open("GET", headers=asking, deadline=deadline, ask=ask)

    def tell(self, message: Message, *, headers: Mapping[str, str], deadline: Deadline, ask: bool = True) -> None:
        """Send what wants no answer: a notification, or an answer of ours. Raises as :meth:`converse`."""
        with self._post(message, headers, deadline, ask=ask) as response:
            if not response.ok:
                raise read_refusal(self._wire, response, deadline)
            if not is_event_stream(response):
                self._wire.read_text(response, deadline)  # to the end, so that the connection can be used again

    def listen(self, *, headers: Mapping[str, str], ready: Callable[[], object]) -> Messages:
        """Yield what the server says of its own accord, until it says that it will not.

        Nobody is asked to sign in for it. MCP 2025-11-25, "Listening for Messages from the Server".

        Args:
            headers: What the revision says in headers.
            ready: Called when the server listens to us listening.
        """
        parser, failures, silent = EventParser(), 0, 0
        while failures < MAX_RESUMES:
            parser, deadline = parser.resumed(), Deadline(self._wire.url, IDLE)
            failures, silent = failures + 1, silent + 1
            try:
                with self._take_up(parser.last_event_id, headers, deadline, ask=False) as response:
                    if not response.ok or not is_event_stream(response):
                        return
                    ready()
                    failures = 0
                    for chunk in self._wire.read(response, deadline):
                        for event in parser.feed(chunk):
                            silent = 0
                            yield from read_messages(event.data)
            except BrokenOff as failure:
                logger.debug("%s", failure.message)
            pause = min(PAUSE * 2 ** min(silent, 6), MOST_PAUSE) if parser.retry is None else parser.retry / 1000
            self._wire.sleep(min(max(pause, LEAST_PAUSE), IDLE))

    def end(self, headers: Mapping[str, str]) -> None:
        """End the session at the server, if there is one; nobody is asked for it, and a server may refuse."""
        if self.session_id is not None:
            with (
                suppress(OAuthError),
                self._wire.open(
                    "DELETE",
                    headers=self.with_session(headers),
                    deadline=Deadline(self._wire.url, GOODBYE),
                    ask=False,
                    last=True,
                ),
            ):
                pass

    def _follow(
        self, response: requests.Response, parser: EventParser, number: object, deadline: Deadline
    ) -> Generator[Message, None, bool]:
        """Yield the messages of a stream; tell whether the answer was among them."""
        try:
            for chunk in self._wire.read(response, deadline):
                for event in parser.feed(chunk):
                    for said in read_messages(event.data):
                        yield said
                        if answers(said, number):
                            self._wire.linger(response)
                            return True
        except BrokenOff as failure:
            logger.debug("%s", failure.message)
            return False
        pending = parser.finish()
        for said in read_messages(pending.data) if pending else ():
            yield said
            if answers(said, number):
                return True
        return False
