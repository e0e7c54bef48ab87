"""The parser of event streams: vectors in every piecing, IDs and times, limits, memory."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterator

import attrs
import pytest

from mcp_oauth_sync.exceptions import MCPError
from mcp_oauth_sync.mcp.sse import MAX_EVENT, Event, EventParser
from tests.vectors.event_streams import VECTORS, Row

ROWS = pytest.mark.parametrize(("stream", "expected"), [pytest.param(*row[1:], id=row[0]) for row in VECTORS])


def read(pieces: list[bytes], *, max_event: int = MAX_EVENT) -> list[Row]:
    parser = EventParser(max_event=max_event)
    return [attrs.astuple(event) for piece in pieces for event in parser.feed(piece)]


@ROWS
def test_a_stream_gives_its_events(stream: bytes, expected: list[Row]) -> None:
    assert read([stream]) == expected


@ROWS
def test_a_stream_in_single_bytes_gives_its_events(stream: bytes, expected: list[Row]) -> None:
    assert read([stream[i : i + 1] for i in range(len(stream))]) == expected


@ROWS
def test_a_stream_cut_anywhere_gives_its_events(stream: bytes, expected: list[Row]) -> None:
    for cut in range(len(stream) + 1):
        assert read([stream[:cut], b"", stream[cut:]]) == expected, cut


@ROWS
def test_a_stream_near_the_limit_gives_its_events(stream: bytes, expected: list[Row]) -> None:
    assert read([stream], max_event=len(stream)) == expected


def test_a_stream_cut_in_a_character_is_put_together() -> None:
    euro = "\u20ac".encode()
    assert read([b"data: " + euro[:1], euro[1:2], euro[2:] + b"\n\n"]) == [("message", "\u20ac", None, None)]


def test_an_event_is_there_with_the_byte_that_ends_it() -> None:
    for end in (b"\n\n", b"\r\r", b"\r\n\r"):
        parser = EventParser()
        assert parser.feed(b"data: a" + end[:-1]) == []
        assert parser.feed(end[-1:]) == [Event(data="a")]
        assert parser.feed(b"\n") == []


def test_the_rest_of_an_end_of_line_does_not_end_the_next_event() -> None:
    parser = EventParser()
    assert parser.feed(b"data: a\r\n\r") == [Event(data="a")]
    assert parser.feed(b"\ndata: b\r") == []
    assert parser.feed(b"") == []
    assert parser.feed(b"\ndata: c\n\n") == [Event(data="b\nc")]


def test_an_event_is_a_record_that_stays_as_it_is() -> None:
    [event] = EventParser().feed(b"event: add\nid: 1\nretry: 2\ndata: a\n\n")
    assert event == Event("add", "a", "1", 2)
    assert repr(event) == "Event(event='add', data='a', id='1', retry=2)"
    assert hash(event) == hash(Event("add", "a", "1", 2))
    assert type(event) is Event
    assert Event() == Event("message", "", None, None)
    assert attrs.evolve(event, data="b") == Event("add", "b", "1", 2)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.data = "b"  # type: ignore[misc]


# What the stream says about going on


def test_the_last_id_is_the_one_of_the_last_block_that_ended() -> None:
    parser = EventParser()
    assert parser.last_event_id is None
    parser.feed(b"data: a\n\n")
    assert parser.last_event_id is None
    parser.feed(b"id: 1\n")
    assert parser.last_event_id is None
    parser.feed(b"\n")
    assert parser.last_event_id == "1"
    parser.feed(b"id: 2\ndata:\n\nid: 3\ndata: cut o")
    assert parser.last_event_id == "2"
    assert parser.finish() == Event(data="cut o", id="3")
    assert parser.last_event_id == "2"
    parser.feed(b"id\n\n")
    assert parser.last_event_id == ""


def test_the_time_to_wait_counts_at_once_and_is_told_with_the_next_event() -> None:
    parser = EventParser()
    parser.feed(b"retry: 500\n")
    assert parser.retry == 500
    assert parser.feed(b"\nretry: 700\n\ndata: a\n\ndata: b\n\n") == [Event(data="a", retry=700), Event(data="b")]
    assert parser.retry == 700


def test_a_time_of_thousands_of_digits_is_very_long_and_nothing_else() -> None:
    parser = EventParser()
    parser.feed(b"retry: " + b"9" * 10_000 + b"\n")
    assert parser.retry is not None
    assert parser.retry >= 10**18
    parser.feed(b"retry: " + b"0" * 10_000 + b"5\n")
    assert parser.retry == 5


def test_a_stream_that_goes_on_knows_what_was_said_and_nothing_that_was_cut() -> None:
    parser = EventParser(max_event=20)
    parser.feed(b"id: 1\nretry: 5\ndata: a\n\nevent: x\nid: 2\ndata: lost\nda")
    fresh = parser.resumed()
    assert (fresh.last_event_id, fresh.retry) == ("1", 5)
    assert fresh.feed(b"\xef\xbb\xbfdata: b\n\n") == [Event(data="b", id="1")]
    with pytest.raises(MCPError, match="larger than 20 bytes"):
        fresh.feed(b"data: " + b"x" * 21)


@pytest.mark.parametrize(
    ("stream", "pending"),
    [
        (b"", None),
        (b"data: a\n\n", None),
        (b"id: 1\nevent: x\n: b\n", None),
        (b"\xef\xbb\xbf", None),
        (b"data: {}\n", Event(data="{}")),
        (b"data: {}", Event(data="{}")),
        (b"data: a\n\nevent: x\nid: 1\nretry: 5\ndata: b\ndata", Event("x", "b\n", "1", 5)),
        (b"\xef\xbb\xbfdata: a", Event(data="a")),
        ("data: \u20ac".encode()[:-1], Event(data="\ufffd")),
        (b"data", Event()),
    ],
)
def test_what_is_pending_at_the_end_is_told(stream: bytes, pending: Event | None) -> None:
    parser = EventParser()
    parser.feed(stream)
    assert parser.finish() == pending
    assert parser.finish() is None


# Limits


def test_an_event_may_be_as_large_as_the_limit_and_no_larger() -> None:
    for good, bad in [
        (b"data: 0123456789\n\n", b"data: 01234567890\n\n"),
        (b"data:0123456789\n\n", b"data:01234567890\n\n"),
        (b"data: 0123\ndata: 56789\n\n", b"data: 0123\ndata: 567890\n\n"),
        (b"data\n" * 11 + b"\n", b"data\n" * 12 + b"\n"),
        ("data: 01234\u20ac89\n\n".encode(), "data: 01234\u20ac890\n\n".encode()),
        (b"data:\xff\xff\xff\n\n", b"data:\xff\xff\xff\xff\n\n"),
        (b"data: 0\xff45\xff9\n\n", b"data: 0\xff45\xff90\n\n"),  # what is no UTF-8 is replaced by three bytes
    ]:
        for pieces in (lambda s: [s], lambda s: [s[i : i + 1] for i in range(len(s))]):
            assert len(read(pieces(good * 3), max_event=10)) == 3, good
            with pytest.raises(MCPError, match=r"^An event is larger than 10 bytes\.$"):
                read(pieces(bad), max_event=10)


def test_only_the_data_of_the_event_at_hand_counts() -> None:
    parser = EventParser(max_event=100)
    for _ in range(3):
        assert parser.feed(b"data: a\n") == []
    assert parser.feed(b"\ndata: bb\n") == [Event(data="a\na\na")]
    assert parser.feed(b"data: " + b"x" * 97 + b"\n") == []
    with pytest.raises(MCPError):
        parser.feed(b"data\n")


def test_a_mark_at_the_start_does_not_count() -> None:
    for stream in (b"\xef\xbb\xbfdata: 0123456789", b"\xef\xbb\xbf: 23456789012345"):
        parser = EventParser(max_event=10)
        assert [parser.feed(stream[i : i + 1]) for i in range(len(stream))] == [[]] * len(stream)
        assert len(parser.feed(b"\ndata\n\n" if stream[3] == 58 else b"\n\n")) == 1
        with pytest.raises(MCPError):
            EventParser(max_event=10).feed(stream + b"0\n")


def test_the_limit_is_sixteen_mebibytes() -> None:
    assert MAX_EVENT == 16 * 2**20
    parser = EventParser()
    for _ in range(16):
        assert parser.feed(b"data: " + b"x" * (2**20 - 1) + b"\n") == []
    with pytest.raises(MCPError):
        parser.feed(b"data: x\n")


@pytest.mark.parametrize(
    "piece",
    [b"x" * 500, b": comment " * 50, b"data: 0123456789\n" * 50, b"data\n" * 400],
    ids="line comment data empty".split(),
)
def test_what_never_ends_is_not_kept(piece: bytes) -> None:
    parser = EventParser(max_event=10_000)

    def feed() -> None:
        for _ in range(100):
            assert parser.feed(piece) == []

    with pytest.raises(MCPError):
        feed()
    assert not parser._line
    assert not parser._data
    for _ in range(2):
        with pytest.raises(MCPError, match="larger than 10000 bytes"):
            parser.feed(b"\n\ndata: a\n\n")
        with pytest.raises(MCPError):
            parser.finish()


def test_events_before_one_that_is_too_large_are_given_first() -> None:
    for large in (b"data: 01234567890\n", b"data: 01234567890123456", b"data: 012345\ndata: 67890\n\ndata: b\n\n"):
        parser = EventParser(max_event=10)
        assert parser.feed(b"data: a\n\n" + large) == [Event(data="a")]
        with pytest.raises(MCPError):
            parser.feed(b"\n")
        assert parser.last_event_id is None


def test_the_last_line_can_be_too_much() -> None:
    parser = EventParser(max_event=10)
    parser.feed(b"data: 01234\ndata: 56789")
    with pytest.raises(MCPError):
        parser.finish()


def test_what_is_small_goes_on_for_ever() -> None:
    parser = EventParser(max_event=30)
    for number in range(2000):
        assert parser.feed(b": still here\nfoo: bar\nid: %d\n" % number) == []
        assert len(parser.feed(b"data: 0123456789\n\n")) == 1
        assert parser.feed(b"data: 01234567\n: still") == []
        assert len(parser.feed(b" here\n\n")) == 1


# Memory


def peak_while(pieces: Iterator[bytes]) -> tuple[int, int]:
    """Return how many events there were and the peak of the memory taken for them in bytes."""
    parser = EventParser()
    tracemalloc.start()
    try:
        count = sum(len(parser.feed(piece)) for piece in pieces)
        return count, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [7, 1000, 65536])
def test_a_hundred_thousand_events_take_no_more_memory_than_a_few(size: int) -> None:
    event = b'event: message\r\ndata: {"jsonrpc":"2.0","method":"notifications/progress"}\r\n\r\n'
    unit = event * 1000
    total = 100_000 if size > 7 else 10_000
    stream = itertools.chain.from_iterable(
        (unit[at : at + size] for at in range(0, len(unit), size)) for _ in range(total // 1000)
    )
    count, peak = peak_while(stream)
    assert count == total
    assert peak < 2_000_000


@pytest.mark.parametrize("head", [b"data: ", b": "])
def test_a_large_event_in_tiny_pieces_takes_a_few_times_its_size(head: bytes) -> None:
    """And is over soon: were each piece added to a copy of those before it, this would take minutes."""
    size = 4 * 2**20
    stream = itertools.chain([head], itertools.repeat(b"x" * 16, size // 16), [b"\ndata: y\n\n"])
    count, peak = peak_while(stream)
    assert count == 1
    assert peak < 6 * size


def test_a_large_event_of_many_lines_is_put_together_once() -> None:
    lines = 100_000
    count, peak = peak_while(itertools.chain(itertools.repeat(b"data: 0123456789\n", lines), [b"\n"]))
    assert count == 1
    assert peak < 150 * lines
