"""Bytes that are no answer of HTTP, or hardly one, by name; and those that never come to an end."""

from __future__ import annotations

from ..servers import Fault, raw
from ..servers.faults import Wire

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"


def again_and_again(head: bytes, piece: bytes) -> Fault:
    """Send a head and then the same piece until the client has gone."""

    def send(wire: Wire, *_: bytes) -> None:
        wire.write(head)
        while not wire.stopping.wait(0.001):
            wire.write(piece)

    return Fault("again and again", before=raw(b"").before, send=send)


def then_silence(data: bytes) -> Fault:
    """Send this, and then nothing more until the server stops."""

    def send(wire: Wire, *_: bytes) -> None:
        wire.write(data)
        wire.stopping.wait()

    return Fault("then silence", before=raw(b"").before, send=send)


WIRE: dict[str, bytes] = {
    "nothing": b"",
    "an empty line": b"\r\n",
    "half a status line": b"HTTP/1.1 20",
    "the protocol before versions": b'{"access_token": "x", "token_type": "Bearer"}',
    "a version from the future": b"HTTP/3.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "a version that is none": b"HTTP/x.y 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "another name of the protocol": b"ICY 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "frames of HTTP/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18,
    "another protocol": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "a greeting of mail": b"220 mail.example.com ESMTP ready\r\n",
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "a megabyte without a line": b"\x00" * (1 << 20),
    "a status that is no number": b"HTTP/1.1 abc OK\r\n\r\n{}",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n{}",
    "a status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\n{}",
    "a negative status": b"HTTP/1.1 -200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "status 100 and no more": b"HTTP/1.1 100 Continue\r\n\r\n",
    "status 101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n{}",
    "status 102": b"HTTP/1.1 102 Processing\r\n\r\n",
    "status 103 with links": b"HTTP/1.1 103 Early Hints\r\nLink: <https://evil.example.com>; rel=preload\r\n\r\n",
    "status 199": b"HTTP/1.1 199 Whatever\r\n\r\n",
    "a thousand times 100 Continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    "a reason of 70,000 letters": b"HTTP/1.1 200 " + b"x" * 70_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "a header without end": OK + b"X: " + b"a" * 70_000 + b"\r\n\r\n{}",
    "a thousand headers": OK + b"X: a\r\n" * 1000 + b"\r\n{}",
    "a length that is too long": OK + b"Content-Length: 500\r\n\r\n{}",
    "a length without end": OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n{}",
    "lengths that differ": OK + b"Content-Length: 2\r\nContent-Length: 200\r\n\r\n{}",
    "chunks that are none": CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a chunk that is cut": CHUNKED + b"\r\n100\r\n{}",
    "a chunk of less than nothing": CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n",
    "a chunk without measure": CHUNKED + b"\r\nffffffffffffffff\r\n{}",
    "a size of 70,000 digits": CHUNKED + b"\r\n" + b"0" * 70_000 + b"2\r\n{}\r\n0\r\n\r\n",
    "a chunk that ends elsewhere": CHUNKED + b"\r\n1\r\n{}\r\n0\r\n\r\n",
    "chunks without the last one": CHUNKED + b"\r\n2\r\n{}\r\n",
    "a trailer that does not fit": CHUNKED + b"\r\n2\r\n{}\r\n0\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
}
