"""Event streams of real answers: each event when it is sent, however the body is framed and encoded."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Callable, Iterator

import pytest
import requests

from mcp_oauth_sync import iter_events
from mcp_oauth_sync.exceptions import MCPError
from mcp_oauth_sync.mcp.sse import Event, read_chunks
from tests.servers import Origin, Reply, cut

from .script import EVENTS

Get = Callable[..., requests.Response]
#: More bytes than any test sends: a body of known length that stays open.
LENGTH = ("Content-Length", "100000")


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        yield running


@pytest.fixture
def get(origin: Origin) -> Iterator[Get]:
    """Serve a reply and get it, unread."""
    with requests.Session() as session:
        session.trust_env = False
        opened = []

        def fetch(reply: Reply, **settings: object) -> requests.Response:
            origin.route("GET", "/", lambda _: reply)
            response = session.get(f"{origin.url}/", **{"stream": True, "timeout": 20, **settings})  # type: ignore[arg-type]
            opened.append(response)
            return response

        yield fetch
        for response in opened:
            response.close()


def packed(*pieces: bytes) -> Iterator[bytes]:
    """Gzip a stream so that each piece can be read by itself."""
    packer = zlib.compressobj(wbits=31)
    for piece in pieces:
        yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()


def plain(*pieces: bytes) -> Iterator[bytes]:
    yield from pieces


@pytest.mark.parametrize("framing", [[], [LENGTH]], ids=["chunked", "length"])
@pytest.mark.parametrize(
    ("pack", "encoding"), [(plain, []), (packed, [("Content-Encoding", "gzip")])], ids=["plain", "gzip"]
)
def test_the_first_event_is_given_before_the_next_is_sent(
    get: Get, framing: list[tuple[str, str]], pack: Callable[..., Iterator[bytes]], encoding: list[tuple[str, str]]
) -> None:
    first_was_read, waited = threading.Event(), []

    def stream() -> Iterator[bytes]:
        pieces = pack(b"data: 1\n\n", b"data: 2\n\n")
        yield next(pieces)
        waited.append(first_was_read.wait(20))
        yield from pieces

    events = iter_events(get(Reply(200, [*EVENTS, *framing, *encoding], chunks=stream())))
    assert next(events) == Event(data="1")
    first_was_read.set()
    assert next(events) == Event(data="2")
    assert waited == [True]


def test_pieces_of_the_network_are_put_together(get: Get) -> None:
    stream = "id: 1\r\ndata: \u20ac\r\n\r\ndata: b\r\n\r\n".encode()
    response = get(Reply(200, EVENTS, chunks=iter([stream[i : i + 1] for i in range(len(stream))])))
    assert list(iter_events(response)) == [Event(data="\u20ac", id="1"), Event(data="b", id="1")]


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_whole_stream_is_read_to_its_end_and_its_connection_is_used_again(
    origin: Origin, get: Get, chunked: bool, zipped: bool
) -> None:
    stream = b"data: a\n\n" * 30_000 + b"data: cut off"
    body = gzip.compress(stream) if zipped else stream
    encoding = [("Content-Encoding", "gzip")] if zipped else []
    for _ in range(2):
        reply = (
            Reply(200, [*EVENTS, *encoding], chunks=iter([body[:5], body[5:]]))
            if chunked
            else Reply(200, [*EVENTS, *encoding], body)
        )
        assert sum(1 for _ in iter_events(get(reply))) == 30_000
    assert origin.connections == 1


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("zipped", [True, False])
def test_an_answer_that_was_read_already_gives_its_events_as_often_as_asked(
    get: Get, chunked: bool, zipped: bool
) -> None:
    stream = b"data: a\n\ndata: b\n\n"
    body = gzip.compress(stream) if zipped else stream
    encoding = [("Content-Encoding", "gzip")] if zipped else []
    reply = Reply(200, [*EVENTS, *encoding], chunks=iter([body])) if chunked else Reply(200, [*EVENTS, *encoding], body)
    response = get(reply, stream=False)
    for _ in range(2):
        assert list(iter_events(response)) == [Event(data="a"), Event(data="b")]
    assert response.content == stream


def test_a_stream_cannot_be_read_twice(get: Get) -> None:
    response = get(Reply(200, EVENTS, b"data: a\n\n"))
    assert len(list(iter_events(response))) == 1
    with pytest.raises(requests.exceptions.StreamConsumedError):
        list(iter_events(response))


def test_an_answer_without_a_body_has_no_events(get: Get) -> None:
    assert list(iter_events(get(Reply(200, EVENTS)))) == []
    assert list(iter_events(get(Reply(204)))) == []


def test_a_response_made_by_hand_will_do() -> None:
    response = requests.Response()
    response._content = b"data: a\n\n"
    response._content_consumed = True  # type: ignore[attr-defined]
    assert list(iter_events(response)) == [Event(data="a")]


def test_a_large_body_is_read_in_small_pieces(get: Get) -> None:
    stream = b"data: " + b"x" * 300_000 + b"\n\n"
    for reply in (Reply(200, EVENTS, stream), Reply(200, EVENTS, chunks=iter([stream]))):
        pieces = list(read_chunks(get(reply)))
        assert b"".join(pieces) == stream
        assert max(map(len, pieces)) <= 65536


def test_what_is_too_large_ends_the_reading(get: Get) -> None:
    events = iter_events(get(Reply(200, EVENTS, b"data: a\n\ndata: " + b"x" * 100 + b"\n\n")), max_event=99)
    assert next(events) == Event(data="a")
    with pytest.raises(MCPError, match=r"^An event is larger than 99 bytes\.$"):
        next(events)


def test_a_packed_stream_that_unpacks_without_end_is_limited(get: Get) -> None:
    bomb = gzip.compress(b"data: " + b"x" * 40_000_000)
    for reply in (
        Reply(200, [*EVENTS, ("Content-Encoding", "gzip")], bomb),
        Reply(200, [*EVENTS, ("Content-Encoding", "gzip")], chunks=iter([bomb])),
    ):
        with pytest.raises(MCPError, match="larger than 1000000 bytes"):
            list(iter_events(get(reply), max_event=1_000_000))


def test_a_stream_that_breaks_off_is_an_error_of_requests(origin: Origin, get: Get) -> None:
    origin.fault("/", cut(12), times=1)
    events = iter_events(get(Reply(200, EVENTS, b"data: a\n\ndata: b\n\n")))
    assert next(events) == Event(data="a")
    with pytest.raises(requests.RequestException):
        next(events)


@pytest.mark.parametrize("framing", [[], [LENGTH]], ids=["chunked", "length"])
def test_silence_for_the_time_of_the_request_is_an_error_of_requests(get: Get, framing: list[tuple[str, str]]) -> None:
    over = threading.Event()

    def stream() -> Iterator[bytes]:
        yield b"data: a\n\n"
        over.wait(20)

    events = iter_events(get(Reply(200, [*EVENTS, *framing], chunks=stream()), timeout=0.2))
    assert next(events) == Event(data="a")
    with pytest.raises(requests.ConnectionError):
        next(events)
    over.set()


@pytest.mark.parametrize("chunked", [True, False])
def test_what_cannot_be_unpacked_is_an_error_of_requests(get: Get, chunked: bool) -> None:
    head = [*EVENTS, ("Content-Encoding", "gzip")]
    reply = Reply(200, head, chunks=iter([b"data: a\n\n"])) if chunked else Reply(200, head, b"data: a\n\n")
    with pytest.raises(requests.exceptions.ContentDecodingError):
        list(iter_events(get(reply)))


@pytest.mark.parametrize("framing", [[("Transfer-Encoding", "chunked"), LENGTH], [LENGTH]], ids=["chunked", "length"])
def test_a_body_that_ends_too_soon_is_an_error_of_requests(get: Get, framing: list[tuple[str, str]]) -> None:
    """With a length of its own the server sends the pieces as they are: here, one chunk and no end."""
    pieces = [b"9\r\ndata: a\n\n\r\n" if len(framing) == 2 else b"data: a\n\n"]
    reply = Reply(200, [*EVENTS, *framing, ("Connection", "close")], chunks=iter(pieces))
    events = iter_events(get(reply))
    assert next(events) == Event(data="a")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        next(events)
