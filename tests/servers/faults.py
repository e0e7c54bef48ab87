"""Faults on demand, as small values: `origin.fault("/token", delay(0.1), reply(503), times=2)`.

A fault can act before the handler (`before`: the handler may then never run), change the handler's answer
(`change`), or send it in its own way (`send`). Several faults of one rule act in the order given.
"""

from __future__ import annotations

import gzip
import json
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

from .messages import Exchange, Headers, Reply, Reset, html_reply, redirect_reply


class Wire(Protocol):
    """What a fault may do with the connection."""

    stopping: threading.Event

    def write(self, data: bytes) -> None:
        """Send all of the data."""


@dataclass(frozen=True)
class Fault:
    """One misbehaviour, with the stages at which it acts."""

    name: str
    before: Callable[[Wire, Exchange], Reply | None] | None = None
    change: Callable[[Wire, Reply], Reply] | None = None
    send: Callable[[Wire, bytes, bytes], None] | None = None


def reply(status: int, body: Any = b"", headers: Headers = (), content_type: str = "application/json") -> Fault:
    """Answer this instead of the handler; a body that is neither bytes nor text is sent as JSON."""
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = json.dumps(body).encode()
    fields = [("Content-Type", content_type)] if content_type else []
    return Fault(f"reply {status}", before=lambda *_: Reply(status, [*fields, *headers], body))


def html(status: int = 200) -> Fault:
    """Answer with a gateway's HTML page instead."""
    page = "<!doctype html><title>Attention Required | Example Gateway</title><h1>Blocked</h1>"
    return Fault(f"html {status}", before=lambda *_: html_reply(page, status, [("Server", "example-gateway")]))


def redirect_to(url: str, status: int = 302) -> Fault:
    """Answer with a redirect instead."""
    return Fault(f"redirect {status}", before=lambda *_: redirect_reply(url, status))


def raw(data: bytes) -> Fault:
    """Send exactly these bytes instead of an answer, then close."""
    return Fault("raw", before=lambda *_: Reply(0), send=lambda wire, head, body: wire.write(data))


def reset() -> Fault:
    """RST before the handler runs: the server did not act."""
    return Fault("reset", before=_reset)


def hang() -> Fault:
    """Never answer; the connection ends when the server stops. The handler does not run."""

    def before(wire: Wire, exchange: Exchange) -> Reply | None:
        wire.stopping.wait()
        raise Reset

    return Fault("hang", before=before)


def delay(seconds: float) -> Fault:
    """Wait before the handler runs."""
    return Fault("delay", before=lambda wire, exchange: _wait(wire, seconds))


def gate(event: threading.Event, *, arrived: threading.Event | None = None, acted: bool = False) -> Fault:
    """Wait for the event before the handler runs (`acted`: after it ran, before the answer is sent).

    `arrived` is set when a request has reached the gate, so that a test can order a race without sleeping.
    """

    def wait(wire: Wire, answer: Any) -> Any:
        if arrived is not None:
            arrived.set()
        while not event.wait(0.01):
            if wire.stopping.is_set():
                raise Reset
        return answer

    if acted:
        return Fault("gate", change=wait)
    return Fault("gate", before=lambda wire, exchange: wait(wire, None))


def gzip_of_normal() -> Fault:
    """Send the normal answer gzipped, whatever the request accepts."""

    def change(wire: Wire, answer: Reply) -> Reply:
        return replace(answer, body=gzip.compress(answer.body), headers=[*answer.headers, ("Content-Encoding", "gzip")])

    return Fault("gzip", change=change)


def bom_of_normal() -> Fault:
    """Put a UTF-8 byte order mark before the normal answer's body."""
    return Fault("bom", change=lambda wire, answer: replace(answer, body=b"\xef\xbb\xbf" + answer.body))


def lose_answer() -> Fault:
    """Let the handler act, then RST: the client cannot know."""
    return Fault("lose answer", change=_reset)


def cut(n: int) -> Fault:
    """Send the head and the first n bytes of the normal body, then RST."""

    def send(wire: Wire, head: bytes, body: bytes) -> None:
        wire.write(head + body[:n])
        time.sleep(0.02)  # a RST may overtake bytes the client has not been given yet
        raise Reset

    return Fault(f"cut {n}", send=send)


def drip(interval: float, part: str = "body") -> Fault:
    """Send the body (or "headers": the head, then the body at once) one byte each `interval` seconds."""

    def send(wire: Wire, head: bytes, body: bytes) -> None:
        at_once, slow, rest = (head, body, b"") if part == "body" else (b"", head, body)
        wire.write(at_once)
        for byte in slow:
            wire.write(bytes([byte]))
            if wire.stopping.wait(interval):
                raise Reset
        wire.write(rest)

    return Fault(f"drip {part}", send=send)


def huge(size: int) -> Fault:
    """Answer 200 with a valid JSON object of `size` bytes, streamed, its length declared."""

    def pieces() -> Iterator[bytes]:
        yield b"{"
        left = size - 2
        while left > 0:
            yield b" " * min(left, 65536)
            left -= 65536
        yield b"}"

    fields = [("Content-Type", "application/json"), ("Content-Length", str(size))]
    return Fault("huge", before=lambda *_: Reply(200, fields, chunks=pieces()))


def gzip_bomb(mb: int) -> Fault:
    """Answer 200 with a JSON object of `mb` megabytes, compressed about a thousand times."""
    fields = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")]
    return Fault("gzip bomb", before=lambda *_: Reply(200, fields, _bomb(mb)))


@lru_cache(maxsize=4)
def _bomb(mb: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    block = b" " * (1 << 20)
    middle = b"".join(packer.compress(block) for _ in range(mb))
    return packer.compress(b"{") + middle + packer.compress(b"}") + packer.flush()


def _reset(*_: Any) -> Any:
    raise Reset


def _wait(wire: Wire, seconds: float) -> None:
    wire.stopping.wait(seconds)
