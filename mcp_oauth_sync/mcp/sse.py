"""Event streams of answers, as they arrive or whole. HTML standard, "Server-sent events"; MCP Streamable HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import requests
from urllib3 import BaseHTTPResponse
from urllib3 import exceptions as low_level

from ..exceptions import MCPError
from .event_parser import MAX_EVENT, Event, EventParser

__all__ = [
    "MAX_EVENT",
    "Event",
    "EventParser",
    "iter_events",
    "parse_sse_json",
    "parse_sse_response",
    "read_chunks",
]

_CHUNK = 64 * 1024
_SPACE = re.compile(r"[ \t\n\r]*")


def read_chunks(response: requests.Response) -> Iterator[bytes]:
    """Read a body piece by piece as it arrives.

    Args:
        response: An answer, read already or not.

    Raises:
        requests.RequestException: The body breaks off, cannot be decoded, or nothing comes for the time the request
            allows; the same as ``iter_content`` raises.
    """
    raw = response.raw
    # iter_content gives the pieces of a chunked body as they come, in a third of the time; it would wait for a full
    # block of any other.
    if isinstance(raw, BaseHTTPResponse) and not raw.chunked:
        try:
            while chunk := raw.read1(_CHUNK, decode_content=True):
                yield chunk
        except low_level.ProtocolError as failure:
            raise requests.exceptions.ChunkedEncodingError(failure) from failure
        except low_level.DecodeError as failure:
            raise requests.exceptions.ContentDecodingError(failure) from failure
        except low_level.ReadTimeoutError as failure:
            raise requests.exceptions.ConnectionError(failure) from failure
        except low_level.SSLError as failure:
            raise requests.exceptions.SSLError(failure) from failure
    yield from response.iter_content(_CHUNK)


def iter_events(response: requests.Response, *, max_event: int = MAX_EVENT) -> Iterator[Event]:
    """Read the events of an answer, each as soon as it has arrived.

    The caller looks at status and ``Content-Type``, and closes the answer. An event that the stream does not end with
    an empty line is discarded, as the standard says.

    Args:
        response: The answer to a request made with ``stream=True``; one that was read already will do.
        max_event: Largest event in bytes.

    Raises:
        MCPError: An event is larger than ``max_event``.
        requests.RequestException: The stream breaks off, or nothing comes for the time the request allows.

    HTML standard, "Server-sent events", 9.2.5 and 9.2.6.

    Example::

        with session.get(url, headers={"Accept": "text/event-stream"}, stream=True, timeout=60) as response:
            for event in iter_events(response):
                print(event.event, event.data)
    """
    parser = EventParser(max_event=max_event)
    for chunk in read_chunks(response):
        yield from parser.feed(chunk)
    parser.finish()


def parse_sse_json(lines: Iterable[str | bytes]) -> dict[str, Any]:
    """Return the JSON-RPC message in an event stream that is given as lines.

    Of several messages it is the answer: the last one with a result or an error, else the last. JSON may go over
    several data lines. The empty lines may be missing, as where ``iter_lines()`` was filtered, and so may the last.

    Args:
        lines: The lines, best as bytes: ``response.iter_lines()``. In a str, what ``response.text`` makes of UTF-8 for
            which the server names no charset is put right. A whole text will do too.

    Raises:
        MCPError: There is no JSON object in it, or an event of more than 16 MiB. The former is a
            ``json.JSONDecodeError`` too, and so a ``ValueError``.

    MCP Streamable HTTP, "Sending Messages".

    Example::

        if response.headers["Content-Type"].startswith("text/event-stream"):
            answer = parse_sse_json(response.iter_lines())
        else:
            answer = response.json()
    """
    parser = EventParser()
    last: dict[str, Any] | None = None
    answer: dict[str, Any] | None = None
    some = False
    for data in _data_of(parser, [lines] if isinstance(lines, str | bytes) else lines):
        some = some or data != ""
        for message in _objects(data):
            last = message
            if "result" in message or "error" in message:
                answer = message
    if last is None:
        raise _NotJSON(
            "The data in the SSE response is no JSON object." if some else "No data lines in SSE response.",
            hint="Check the status and the Content-Type of the answer.",
        )
    return answer or last


def parse_sse_response(text: str | bytes) -> dict[str, Any]:
    """Return the JSON-RPC message in a whole event stream, as :func:`parse_sse_json` does.

    Args:
        text: The stream, best as bytes: ``response.content``.

    Raises:
        MCPError: As :func:`parse_sse_json`.

    MCP Streamable HTTP, "Sending Messages".
    """
    return parse_sse_json([text])


class _DecodeError(json.JSONDecodeError):
    def __init__(self, message: str) -> None:
        super().__init__(message, "", 0)  # the document may hold secrets
        self.args = (message,)


class _NotJSON(MCPError, _DecodeError):
    """No JSON where some was expected. Programs written for the async original catch its second base."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message,), self.__dict__


def _data_of(parser: EventParser, lines: Iterable[str | bytes]) -> Iterator[str]:
    for line in lines:
        raw = line if isinstance(line, bytes) else _as_utf8(line)
        for event in parser.feed(raw if raw.endswith(b"\n") else raw + b"\n"):
            yield event.data
    if pending := parser.finish():
        yield pending.data


def _as_utf8(text: str) -> bytes:
    """Return the bytes a text was made of. Streams are UTF-8, which requests takes for Latin-1 if nobody says so."""
    try:
        raw = text.encode("latin-1")
        raw.decode()
    except UnicodeError:
        return text.encode("utf-8", "replace")
    return raw


def _objects(data: str) -> list[dict[str, Any]]:
    """Return the JSON objects in the data of an event, or of several where the lines between them are missing."""
    for text in (data, data.replace("\n", "")):  # the original lets a line of data end within a string
        try:
            values = list(_values(text))
        except (ValueError, RecursionError):
            continue
        flat = [each for value in values for each in (value if isinstance(value, list) else [value])]
        return [each for each in flat if isinstance(each, dict)]
    return []


def _values(text: str) -> Iterator[object]:
    decoder, at = json.JSONDecoder(), 0
    while (at := _SPACE.match(text, at).end()) < len(text):  # type: ignore[union-attr]
        value, at = decoder.raw_decode(text, at)
        yield value
