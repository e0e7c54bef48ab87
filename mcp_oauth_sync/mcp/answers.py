"""The JSON-RPC messages in one HTTP answer, JSON or event stream, within limits of time and size.

MCP Streamable HTTP, "Sending Messages to the Server"; the format of event streams is the HTML standard's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

import requests
from urllib3.exceptions import HTTPError as LowLevelError
from urllib3.exceptions import ReadTimeoutError

from ..exceptions import MCPError, printable
from ..urls import without_query

#: Largest message in bytes that is read.
MAX_MESSAGE = 16 * 1024 * 1024
_CHUNK = 64 * 1024


def read_messages(response: requests.Response, *, timeout: float) -> Iterator[dict[str, Any]]:
    """Read the messages of an answer as they arrive. What is no JSON object is passed over.

    Args:
        response: An answer whose body has not been read.
        timeout: Seconds for all of it.

    Raises:
        MCPError: It takes too long, is too large, or breaks off.
    """
    chunks = _chunks(response, time.monotonic() + timeout, timeout)
    if is_event_stream(response):
        for data in _events(_lines(chunks, response)):
            yield from _objects(data)
        return
    body = bytearray()
    for chunk in chunks:
        body += chunk
        _check_size(len(body), response)
    yield from _objects(body.decode("utf-8-sig", "replace"))


def is_event_stream(response: requests.Response) -> bool:
    """Tell whether an answer is a stream of events."""
    return response.headers.get("Content-Type", "").strip().lower().startswith("text/event-stream")


def describe_answer(response: requests.Response) -> str:
    """Return status and kind of an answer for a message; never its body."""
    kind = printable(response.headers.get("Content-Type", "").partition(";")[0], 40)
    return f"HTTP {response.status_code} {printable(response.reason or '', 40)}".rstrip() + (
        f", {kind}" if kind else ""
    )


def _chunks(response: requests.Response, deadline: float, timeout: float) -> Iterator[bytes]:
    """Read the body piece by piece as it arrives; requests itself would wait for a full block."""
    where = without_query(response.url)
    while time.monotonic() < deadline:
        try:
            chunk = response.raw.read1(_CHUNK, decode_content=True)
        except ReadTimeoutError:
            break
        except (LowLevelError, OSError) as failure:
            raise MCPError(f"The answer of {where} broke off ({type(failure).__name__}).", hint="Try again.") from None
        if not chunk:
            return
        yield chunk
    raise MCPError(f"{where} gave no complete answer within {timeout:g} seconds.", hint="Try again later.")


def _check_size(size: int, response: requests.Response) -> None:
    if size > MAX_MESSAGE:
        raise MCPError(f"A message of {without_query(response.url)} is larger than {MAX_MESSAGE} bytes.")


def _lines(chunks: Iterable[bytes], response: requests.Response) -> Iterator[str]:
    r"""Cut a stream into lines. A line ends with ``\n``, ``\r\n`` or ``\r``, and with nothing else."""
    pieces: list[bytes] = []
    size = 0
    after_return = False
    for chunk in chunks:
        fresh = chunk[1:] if after_return and chunk.startswith(b"\n") else chunk
        after_return = chunk.endswith(b"\r")
        for line in fresh.splitlines(keepends=True):
            pieces.append(line)
            size += len(line)
            _check_size(size, response)
            if line.endswith((b"\n", b"\r")):
                yield b"".join(pieces).rstrip(b"\r\n").decode("utf-8", "replace")
                pieces, size = [], 0
    if pieces:
        yield b"".join(pieces).decode("utf-8", "replace")


def _events(lines: Iterable[str]) -> Iterator[str]:
    """Return the data of each event, of the last one even if the empty line after it is missing."""
    data: list[str] = []
    size = 0
    for number, line in enumerate(lines):
        field, _, value = (line.removeprefix("\ufeff") if number == 0 else line).partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
            size += len(value)
            if size > MAX_MESSAGE:
                raise MCPError(f"A message is larger than {MAX_MESSAGE} bytes.")
        elif not line and data:
            yield "\n".join(data)
            data, size = [], 0
    if data:
        yield "\n".join(data)


def _objects(text: str) -> Iterator[dict[str, Any]]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield from (message for message in (said if isinstance(said, list) else [said]) if isinstance(message, dict))
