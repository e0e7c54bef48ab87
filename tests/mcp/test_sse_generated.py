"""Any text in any pieces gives the events that a plain reading of the standard over the whole text gives."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_sync.exceptions import MCPError
from mcp_oauth_sync.mcp.sse import Event, EventParser

NAMES = st.sampled_from(["data", "event", "id", "retry", "", "dat", "data ", "\ufeffdata", "message"])
VALUES = st.text(max_size=6) | st.sampled_from(
    ["message", "12", "a\0b", "", " ", ": ", "{}", "\u2028", "\x85", "\ufeff"]
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
LINES = st.builds("".join, st.tuples(NAMES, st.sampled_from([": ", ":", "", ":  "]), VALUES))
USUAL = st.builds("event: message\nid: {}\ndata: {}\n\n".format, VALUES, VALUES)
STREAMS = st.lists(st.builds("".join, st.tuples(LINES | st.just(""), ENDS)) | USUAL | ENDS | VALUES, max_size=12).map(
    "".join
)
BYTES = st.builds(
    lambda mark, text: mark + text.encode("utf-8", "surrogatepass"), st.sampled_from([b"", b"\xef\xbb\xbf"]), STREAMS
)


def plain_reading(stream: bytes) -> list[Event]:
    """Follow the standard step by step: decode, cut into lines, interpret each."""
    text = stream.decode("utf-8", "replace")
    *lines, _ = re.split("\r\n|\n|\r", text.removeprefix("\ufeff"))
    events, data, kind, last, retry = [], "", "", None, None
    for line in lines:
        if line == "":
            if data:
                events.append(Event(kind or "message", data[:-1], last, retry))
                retry = None
            data = kind = ""
            continue
        found = re.fullmatch("([^:]*)(?:: ?(.*))?", line, re.DOTALL)
        assert found
        field, value = found.group(1), found.group(2) or ""
        if field == "data":
            data += value + "\n"
        elif field == "event":
            kind = value
        elif field == "id" and "\0" not in value:
            last = value
        elif field == "retry" and re.fullmatch("[0-9]+", value):
            retry = int(value)
    return events


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(places)]


def read(stream: bytes, cuts: list[int], max_event: int) -> tuple[list[Event], bool]:
    """Return the events, and whether the limit put an end to them."""
    parser, events = EventParser(max_event=max_event), []
    try:
        for piece in pieces(stream, cuts):
            events += parser.feed(piece)
        parser.finish()
    except MCPError:
        return events, True
    return events, False


CUTS = st.lists(st.integers(0, 400), max_size=30)


@settings(max_examples=400, deadline=None)
@given(BYTES | st.binary(max_size=60), CUTS)
def test_any_stream_in_any_pieces_is_read_as_the_standard_reads_it(stream: bytes, cuts: list[int]) -> None:
    assert read(stream, cuts, 1 << 20) == (plain_reading(stream), False)


@settings(max_examples=200, deadline=None)
@given(BYTES | st.binary(max_size=60), CUTS)
def test_reading_with_care_reads_the_same(stream: bytes, cuts: list[int]) -> None:
    """So near to the limit that every line is looked at by itself, and not over it."""
    size = 3 * len(stream) or 1
    assert read(stream, cuts, size) == (plain_reading(stream), False)


@settings(max_examples=200, deadline=None)
@given(BYTES | st.binary(max_size=60), CUTS, st.integers(0, 40))
def test_the_limit_does_not_depend_on_the_pieces(stream: bytes, cuts: list[int], limit: int) -> None:
    assert read(stream, cuts, limit) == read(stream, [], limit) == read(stream, list(range(len(stream))), limit)


@settings(max_examples=200, deadline=None)
@given(BYTES, CUTS)
def test_what_is_pending_at_the_end_is_what_an_empty_line_would_have_ended(stream: bytes, cuts: list[int]) -> None:
    parser = EventParser()
    done = [event for piece in pieces(stream, cuts) for event in parser.feed(piece)]
    known = parser.last_event_id
    pending = parser.finish()
    assert parser.last_event_id == known
    assert [*done, *([pending] if pending else [])] == plain_reading(stream.removesuffix(b"\r") + b"\n\n")
    assert parser.finish() is None


@pytest.mark.parametrize("stream", [b"data: a\r\n", b"data: a\n", b"data: a\r", b"data: a"])
def test_an_end_of_a_line_more_or_less_is_no_matter_for_what_is_pending(stream: bytes) -> None:
    parser = EventParser()
    assert parser.feed(stream) == []
    assert parser.finish() == Event(data="a")
