"""Event streams and the events in them, as the HTML standard, "Server-sent events", 9.2.5 and 9.2.6, has it.

A row is a name, the stream, and its events: type, data, last event ID, reconnection time.
"""

from __future__ import annotations

Row = tuple[str, str | None, str | None, int | None]


def said(*data: str, event: str = "message", id: str | None = None, retry: int | None = None) -> list[Row]:  # noqa: A002
    """Return an event for each piece of data, all alike."""
    return [(event, piece, id, retry) for piece in data]


VECTORS: list[tuple[str, bytes, list[Row]]] = [
    # The examples of the standard
    (
        "three messages",
        b"data: This is the first message.\n\ndata: This is the second message, it\ndata: has two lines.\n\n"
        b"data: This is the third message.\n\n",
        said("This is the first message.", "This is the second message, it\nhas two lines.")
        + said("This is the third message."),
    ),
    (
        "types",
        b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n",
        said("73857293", event="add") + said("2153", event="remove") + said("113411", event="add"),
    ),
    ("a stock", b"data: YHOO\ndata: +2\ndata: 10\n\n", said("YHOO\n+2\n10")),
    (
        "four blocks",
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        said("first event", id="1") + said("second event", " third event", id=""),
    ),
    ("data without a value", b"data\n\ndata\ndata\n\ndata:", said("", "\n")),
    ("a space after the colon", b"data:test\n\ndata: test\n\n", said("test", "test")),
    # Ends of lines
    ("line feeds", b"data: a\ndata: b\n\ndata: c\n\n", said("a\nb", "c")),
    ("returns and line feeds", b"data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", said("a\nb", "c")),
    ("returns", b"data: a\rdata: b\r\rdata: c\r\r", said("a\nb", "c")),
    ("all ends of lines", b"data: a\r\ndata: b\rdata: c\n\rdata: d\n\r\n\ndata: e\r\r\n", said("a\nb\nc", "d", "e")),
    (
        "other separators are text",
        "data: a\x0b\x0c\x1c\x1e\x85\u2028\u2029b\n\n".encode(),
        said("a\x0b\x0c\x1c\x1e\x85\u2028\u2029b"),
    ),
    ("many empty lines", b"\n\n\r\n\rdata: a\n\n\n\n\n", said("a")),
    ("a return, then data", b"data: a\r\rdata: b\r\r", said("a", "b")),
    # The byte order mark
    ("a mark at the start", b"\xef\xbb\xbfdata: a\n\n", said("a")),
    ("a mark, then an empty line", b"\xef\xbb\xbf\ndata: a\n\n", said("a")),
    ("a second mark is text", b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", said("b")),
    ("a mark further on is text", b"data: a\n\n\xef\xbb\xbfdata: b\n\ndata: \xef\xbb\xbfc\n\n", said("a", "\ufeffc")),
    ("half a mark is none", b"\xef\xbbdata: a\n\ndata: b\n\n", said("b")),
    # Fields
    ("one space is removed", b"data:  a \n\ndata:\ta\n\ndata: \n\n", said(" a ", "\ta", "")),
    ("a value with colons", b"data:a: b:c\n\ndata: :\n\n", said("a: b:c", ":")),
    ("comments", b":\n: a comment\n:data: b\ndata: a\n:x\n\n:\n\n", said("a")),
    ("unknown fields", b"dat: x\ndata : x\n data: x\nDATA: x\nfoo\nfoo: bar\ndata: a\n\n", said("a")),
    ("a field with a space and a colon", b"x y: z\ndata a: b\ndata: c\n\n", said("c")),
    ("no data, no event", b"event: add\nid: 1\n\nretry: 5\n\ndata: a\n\n", said("a", id="1", retry=5)),
    (
        "an empty type is none",
        b"event: add\nevent:\ndata: a\n\nevent\ndata: b\n\nevent: \ndata: c\n\n",
        said("a", "b", "c"),
    ),
    ("the last type counts", b"event: a\nevent: b\ndata: c\n\ndata: d\n\n", said("c", event="b") + said("d")),
    ("the type message as such", b"event: add\nevent: message\ndata: a\n\nevent:message\ndata: b\n\n", said("a", "b")),
    ("data before its type", b"data: a\nevent: add\n\n", said("a", event="add")),
    ("an event that does not end", b"data: a\n\ndata: b\n", said("a")),
    ("a line that does not end", b"data: a\n\ndata: b\n\ndata: c", said("a", "b")),
    ("an end within an end", b"data: a\n\ndata: b\r", said("a")),
    # IDs
    ("an ID stays", b"id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\n", said("a", "b", id="1") + said("c", id="2")),
    ("an empty ID", b"id: 1\ndata: a\n\nid:\ndata: b\n\nid: \ndata: c\n\n", said("a", id="1") + said("b", "c", id="")),
    (
        "an ID with a null",
        b"id: 1\ndata: a\n\nid: 2\x003\ndata: b\n\nid:\x00\ndata: c\n\n",
        said("a", "b", "c", id="1"),
    ),
    ("an ID alone", b"id: 1\n\ndata: a\n\n", said("a", id="1")),
    ("the last ID counts", b"id: 1\nid:  2\ndata: a\n\n", said("a", id=" 2")),
    # Reconnection times
    ("a time", b"retry: 1000\ndata: a\n\ndata: b\n\n", said("a", retry=1000) + said("b")),
    ("a time without a space", b"retry:0\ndata: a\n\n", said("a", retry=0)),
    ("zeros", b"retry: 0012\ndata: a\n\nretry: 000\ndata: b\n\n", said("a", retry=12) + said("b", retry=0)),
    (
        "no times",
        "retry: 1s\nretry: -1\nretry: +1\nretry: 1.5\nretry:  1\nretry: 1_000\nretry:\nretry\nretry: \u0661\n"
        "retry: \u00b2\ndata: a\n\n".encode(),
        said("a"),
    ),
    ("a bad time changes nothing", b"retry: 7\nretry: x\ndata: a\n\n", said("a", retry=7)),
    # Encoding
    (
        "UTF-8",
        "event: f\u00fcr\nid: \u20ac\ndata: \u00e9\u20ac\U0001f600\n\n".encode(),
        said("\u00e9\u20ac\U0001f600", event="f\u00fcr", id="\u20ac"),
    ),
    (
        "no UTF-8",
        b"data: a\xffb\xe2\x82\n\ndata: \xf0\x9f\x98\ndata: \xc3\xa9\n\n",
        said("a\ufffdb\ufffd", "\ufffd\n\u00e9"),
    ),
    ("a null", b"data: a\x00b\n\nda\x00ta: c\n\n", said("a\x00b")),
]
