"""Server-sent events out of bytes that come in any pieces. HTML standard, "Server-sent events", 9.2.5 and 9.2.6.

Memory is bounded by one event. Time grows with the bytes, however large an event is and however small the pieces.
"""

from __future__ import annotations

import attrs

from ..exceptions import MCPError

#: Largest event in bytes that is read.
MAX_EVENT = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_LINE_FEED, _RETURN = b"\n\r"
#: A line may be longer than the data in it by this much.
_FIELD = len("data: ")


@attrs.define
class _Draft:
    event: str = "message"
    data: str = ""
    id: str | None = None
    retry: int | None = None


@attrs.frozen
class Event(_Draft):
    """One event of a stream.

    Attributes:
        event: Its type.
        data: Its data; where it came in several lines, they are separated by line feeds.
        id: The last event ID as of this event: None when the stream sent none, empty when it took it back.
        retry: Milliseconds to wait before connecting again, if the stream said so since the event before; else None.
    """


class EventParser:
    """Makes events of the bytes of one stream.

    Args:
        max_event: Largest event in bytes of its data; no line may be longer either.

    Attributes:
        last_event_id: The ID to go on from; None when the stream sent none. An event without data counts, one that has
            not ended does not.
        retry: Milliseconds to wait before connecting again, as the stream said last; None when it said nothing.
    """

    def __init__(self, *, max_event: int = MAX_EVENT) -> None:
        """Begin before the first byte."""
        self.last_event_id: str | None = None
        self.retry: int | None = None
        self._max = max_event
        self._room = max_event // 3  # bytes of lines that surely fit: one byte may become a character of three
        self._odd = True  # the next byte may be anything but the first of a line; or there is no next
        self._first = True  # no line has ended yet
        self._after_return = False
        self._broken = False
        self._line = bytearray()  # the beginning of a line that has not ended
        self._data: list[str] = []
        self._size = -1  # of the data, joined, in UTF-8
        self._type = "message"
        self._id: str | None = None
        self._fresh_retry: int | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes and return the events that end in them.

        Raises:
            MCPError: An event is larger than the limit. The events before it have been returned by then.
        """
        if self._odd or not chunk or chunk[-1] != _LINE_FEED:
            chunk = self._whole_lines(chunk)
        if len(chunk) > self._room:
            return self._take_with_care(chunk)
        try:
            text = chunk.decode()
        except UnicodeDecodeError:
            text = chunk.decode("utf-8", "replace")
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        lines = text.split("\n")
        lines.pop()
        return self._take(lines)

    def finish(self) -> Event | None:
        """Return what was pending at the end of the stream, if it had data.

        The standard discards it. It may be whole all the same: some servers leave out the last empty line. It does not
        count for ``last_event_id``.

        Raises:
            MCPError: An event was larger than the limit.
        """
        known = self.last_event_id
        if self._line and not self._broken:
            line = bytes(self._line).removeprefix(_BOM if self._first else b"")
            self._line.clear()
            self._take_with_care(line)
        if self._broken:
            raise self._too_large()
        pending = self._take([""])
        self.last_event_id = known
        return pending[0] if pending else None

    def resumed(self) -> EventParser:
        """Return a parser for the stream that goes on where this one ended, and which knows what this one was told."""
        parser = EventParser(max_event=self._max)
        parser.last_event_id = parser._id = self.last_event_id
        parser.retry = self.retry
        return parser

    def _whole_lines(self, chunk: bytes) -> bytes:
        """Keep what comes after the last end of a line for later; return what was kept and what comes before."""
        if self._broken:
            raise self._too_large()
        if self._after_return and chunk:
            self._after_return = False
            chunk = chunk.removeprefix(b"\n")
        whole = b""
        if end := max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1:
            whole = b"".join((self._line, chunk[:end]))
            self._line.clear()
            self._after_return = chunk[-1] == _RETURN
            if self._first:
                self._first = False
                whole = whole.removeprefix(_BOM)
        self._line += chunk[end:]
        self._odd = self._first or self._after_return or bool(self._line)
        if len(self._line) > self._max + _FIELD + (len(_BOM) if self._first else 0):
            self._break()
            if not whole:
                raise self._too_large()
        return whole

    def _take(self, lines: list[str]) -> list[Event]:
        """Interpret lines and return the events that end with them."""
        events: list[Event] = []
        data, kind = self._data, self._type
        known = len(data)
        for line in lines:
            if not line:
                self.last_event_id = self._id
                if data:
                    # Made while it can be written to, then sealed: to make a frozen record takes three times as long.
                    event = _Draft(kind or "message", "\n".join(data), self._id, self._fresh_retry)
                    event.__class__ = Event
                    events.append(event)  # type: ignore[arg-type]
                    data, known, self._fresh_retry = [], 0, None
                kind = "message"
            elif line == "event: message":
                kind = "message"
            else:
                name, _, value = line.partition(": ")
                if name == "data":
                    data.append(value)
                elif name == "id":
                    if "\0" not in value:
                        self._id = value
                elif name == "event":
                    kind = value
                else:
                    kind = self._take_rare(line, data, kind)
        if data:
            self._size = (self._size if known else -1) + sum(len(value.encode()) + 1 for value in data[known:])
            self._room = (self._max - self._size) // 3
        elif self._data:
            self._room = self._max // 3
        self._data, self._type = data, kind
        return events

    def _take_rare(self, line: str, data: list[str], kind: str) -> str:
        """Interpret a comment or a line of a rare kind; return the type from here on."""
        if line.startswith(":"):
            return kind
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            return value
        elif name == "id":
            if "\0" not in value:
                self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            # 19 digits are longer than anybody waits; of thousands, int() makes nothing.
            self.retry = self._fresh_retry = int((value.lstrip("0") or "0")[:19])
        return kind

    def _take_with_care(self, chunk: bytes) -> list[Event]:
        """Interpret lines up to the one, if any, that makes an event larger than the limit."""
        events: list[Event] = []
        for line in chunk.splitlines():  # of bytes: at \n, \r\n and \r only
            fits = len(line) <= self._max + _FIELD
            if fits:
                events += self._take([line.decode("utf-8", "replace")])
            if not fits or self._size > self._max:
                self._break()
                if not events:
                    raise self._too_large()
                break
        return events

    def _break(self) -> None:
        """Let go of what is held; from here on there are no events."""
        self._broken = self._odd = True
        self._line.clear()
        self._data = []

    def _too_large(self) -> MCPError:
        return MCPError(f"An event is larger than {self._max} bytes.")
