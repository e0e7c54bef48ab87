"""What reading an event stream costs: events per second, memory, one large event, and who gets what wrong.

Run: ``python benchmarks/event_stream.py``

Prints this library beside a floor, and beside httpx-sse, sseclient-py and requests-sse where they are installed. The
floor is the leanest loop written by hand that still gives the data of each event as a string: it knows one end of line,
one field and no limit, and makes no records. "Over HTTP" a child process sends each event as a chunk of its own, as
servers do, and requests reads it; the time there includes the reading. Times are this process's CPU, the best of RUNS.
"""

from __future__ import annotations

import json
import multiprocessing
import socket
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.figure import Figure
from benchmarks.others import version_of
from mcp_oauth_sync.mcp.sse import EventParser, read_chunks
from tests.vectors.event_streams import VECTORS

RUNS = 5
COUNT = 100_000
#: What is to be reached: of the speed of the floor, how much more for four times as much, and KiB.
SHARE, LINEAR, CONSTANT = 0.9, 6.0, 100.0
NOTE = {
    "jsonrpc": "2.0",
    "method": "notifications/progress",
    "params": {"progressToken": 7, "progress": 1, "total": COUNT, "message": "reading the roadmap, page after page"},
}
Read = Callable[[Iterable[bytes]], Iterator[Any]]


def floor(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the data of each event."""
    rest, data = b"", None
    for chunk in chunks:
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        for line in lines:
            if line[:5] == b"data:":
                value = line[6:].decode()
                data = value if data is None else f"{data}\n{value}"
            elif not line and data is not None:
                yield data
                data = None


def ours(chunks: Iterable[bytes]) -> Iterator[Any]:
    """Yield the events."""
    parser = EventParser()
    for chunk in chunks:
        yield from parser.feed(chunk)


def httpx_sse(chunks: Iterable[bytes]) -> Iterator[Any]:
    """Yield the events of httpx-sse, over an answer of httpx."""
    import httpx
    from httpx_sse import EventSource

    head = {"Content-Type": "text/event-stream"}
    return EventSource(httpx.Response(200, headers=head, content=iter(chunks))).iter_sse()


def sseclient_py(chunks: Iterable[bytes]) -> Iterator[Any]:
    """Yield the events of sseclient-py, over the pieces themselves."""
    from sseclient import SSEClient

    return SSEClient(chunks).events()


def requests_sse(chunks: Iterable[bytes]) -> Iterator[Any]:
    """Yield the events of requests-sse, over an answer of requests, without connecting and connecting again."""
    from requests_sse import EventSource

    class Raw:
        pieces = iter(chunks)

        def read(self, _: int) -> bytes:
            return next(self.pieces, b"")

    def lines(response: requests.Response) -> Iterator[bytes]:
        yield from response.iter_lines()
        raise EOFError

    source, response = EventSource("http://127.0.0.1/"), requests.Response()
    response.raw, response.status_code = Raw(), 200
    source._response, source._data_generator = response, lines(response)
    try:
        while True:
            yield next(source)
    except EOFError:
        source.close()


PEERS: list[tuple[str, Read]] = [
    ("httpx-sse", httpx_sse),
    ("sseclient-py", sseclient_py),
    ("requests-sse", requests_sse),
]
READERS: list[tuple[str, Read]] = [
    ("floor", floor),
    ("ours", ours),
    *((name, read) for name, read in PEERS if version_of(name)),
]


def stream(*, ids: bool = True, count: int = COUNT) -> list[bytes]:
    """Return events as servers of the 2025 revisions send them, or without IDs as those of 2026-07-28 do."""
    data = json.dumps(NOTE, separators=(",", ":"))
    return [
        (f"event: message\nid: {n}\n" if ids else "event: message\n").encode() + f"data: {data}\n\n".encode()
        for n in range(count)
    ]


def cut(body: bytes, size: int) -> list[bytes]:
    """Cut into pieces of this size."""
    return [body[at : at + size] for at in range(0, len(body), size)]


def seconds(act: Callable[[], object], runs: int = RUNS) -> float:
    """Return the least CPU time of some runs."""
    taken = []
    for _ in range(runs):
        began = time.process_time()
        act()
        taken.append(time.process_time() - began)
    return min(taken)


def drain_all(read: Read, chunks: Iterable[bytes]) -> int:
    """Read everything."""
    return drain(read(chunks))


def drain(events: Iterator[Any]) -> int:
    """Count the events."""
    return sum(1 for _ in events)


def show_memory_speed() -> None:
    """Print events per second where all bytes are in memory."""
    print(f"thousand events/s from memory, {COUNT} events")
    print(f"{'':>14}{'one a piece':>14}{'no IDs':>14}{'64 KiB':>14}")
    shapes = [stream(), stream(ids=False), cut(b"".join(stream()), 65536)]
    for name, read in READERS:
        speeds = [COUNT / seconds(lambda chunks=chunks, read=read: drain(read(chunks))) / 1000 for chunks in shapes]  # type: ignore[misc]
        print(f"{name:>14}" + "".join(f"{speed:>14.0f}" for speed in speeds), flush=True)


def serve(listener: socket.socket, events: list[bytes]) -> None:
    """Answer every connection with the events, each as a chunk."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events) + b"0\r\n\r\n"
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(head + body)


def by_read1(response: requests.Response) -> Iterator[bytes]:
    """Read as a hand would that wants each piece when it comes."""
    while chunk := response.raw.read1(65536, decode_content=True):
        yield chunk


def fetch(url: str, read: Callable[[requests.Response], Iterator[Any]]) -> None:
    """Get a stream and read it."""
    with requests.Session() as session:
        session.trust_env = False
        with session.get(url, stream=True, timeout=60) as response:
            drain(read(response))


def show_http_speed() -> None:
    """Print events per second where requests reads them from a server."""
    print(f"\nthousand events/s over HTTP, {COUNT} events, each a chunk")
    print(f"{'':>26}{'with IDs':>14}{'no IDs':>14}")
    rows: list[tuple[str, Callable[[requests.Response], Iterator[Any]]]] = [
        ("pieces alone", read_chunks),
        ("floor", lambda response: floor(read_chunks(response))),
        ("ours", lambda response: ours(read_chunks(response))),
        ("floor over read1", lambda response: floor(by_read1(response))),
    ]
    figures: dict[str, list[float]] = {name: [] for name, _ in rows}
    for ids in (True, False):
        listener = socket.create_server(("127.0.0.1", 0))
        server = multiprocessing.Process(target=serve, args=(listener, stream(ids=ids)), daemon=True)
        server.start()
        for name, read in rows:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            figures[name].append(COUNT / seconds(partial(fetch, url, read)) / 1000)
        server.kill()
        listener.close()
    for name, speeds in figures.items():
        print(f"{name:>26}" + "".join(f"{speed:>14.0f}" for speed in speeds))
    shares = [mine / least for mine, least in zip(figures["ours"], figures["floor"], strict=True)]
    print(f"{'ours / floor':>26}" + "".join(f"{share:>14.2f}" for share in shares), flush=True)


def peak(read: Read, chunks: Iterable[bytes]) -> float:
    """Return the most memory in KiB that reading takes beyond the pieces."""
    tracemalloc.start()
    drain(read(chunks))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1024


def show_memory() -> None:
    """Print the peak memory for streams of growing length."""
    sizes = (1000, 10_000, COUNT)
    print("\npeak memory in KiB by the number of events, in pieces of 1 KiB")
    print(f"{'':>14}" + "".join(f"{size:>14}" for size in sizes))
    bodies = [cut(b"".join(stream(count=size)), 1024) for size in sizes]
    for name, read in READERS:
        drain(read(bodies[0]))  # what is imported is no matter here
        print(f"{name:>14}" + "".join(f"{peak(read, chunks):>14.0f}" for chunks in bodies), flush=True)


def show_large() -> None:
    """Print the time for one large event."""
    sizes = (1, 2, 4)
    print("\nmilliseconds for one event by its size in MiB, in pieces of 512 bytes")
    print(f"{'':>14}" + "".join(f"{size:>14}" for size in sizes))
    for name, read in READERS:
        times = []
        for size in sizes:
            chunks = cut(b"data: " + b"x" * (size * 2**20) + b"\n\n", 512)
            times.append(seconds(lambda chunks=chunks, read=read: drain(read(chunks)), runs=1) * 1000)  # type: ignore[misc]
        print(f"{name:>14}" + "".join(f"{taken:>14.1f}" for taken in times), flush=True)


def told(event: Any) -> tuple[str, str, str]:
    """Return type, data and ID of an event, whosever it is. Not all tell no ID from an empty one."""
    if isinstance(event, str):
        return "message", event, ""
    kind = event.event if hasattr(event, "event") else event.type
    found = event.id if hasattr(event, "id") else event.last_event_id
    return kind or "message", event.data, found or ""


def show_exactness() -> None:
    """Print which vectors are read wrong, in one piece or in single bytes."""
    print(f"\nwrong of {len(VECTORS)} streams")
    for name, read in READERS:
        wrong = []
        for title, body, expected in VECTORS:
            right = [(kind, data, found or "") for kind, data, found, _ in expected]
            for pieces in ([body], cut(body, 1)):
                try:
                    got = [told(event) for event in read(pieces)]
                except (ValueError, TypeError) as failure:
                    got = [(type(failure).__name__, "", "")]
                if got != right and title not in wrong:
                    wrong.append(title)
        print(f"{name:>14} {len(wrong):>3}  {', '.join(wrong)}", flush=True)


def least(acts: dict[str, Callable[[], object]], turns: int = RUNS) -> dict[str, float]:
    """Return the least CPU time of each, done in turns."""
    turned = [{name: seconds(act, runs=1) for name, act in acts.items()} for _ in range(turns)]
    return {name: min(turn[name] for turn in turned) for name in acts}


def over_http() -> dict[str, float]:
    """Return thousands of events a second over HTTP, without IDs: ours, and the floor by how it reads."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = multiprocessing.Process(target=serve, args=(listener, stream(ids=False)), daemon=True)
        server.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        readers = {"ours": (ours, read_chunks), "floor": (floor, read_chunks), "read1": (floor, by_read1)}
        taken = least(
            {
                name: partial(fetch, url, lambda response, read=read, pieces=pieces: read(pieces(response)))  # type: ignore[misc]
                for name, (read, pieces) in readers.items()
            },
            2 * RUNS,
        )
        server.kill()
        server.join()
    return {name: COUNT / spent / 1000 for name, spent in taken.items()}


def figures() -> Iterator[Figure]:
    """Measure speed, and what becomes of large events and long streams."""
    found, peers = over_http(), [name for name, _ in READERS if name not in ("ours", "floor")]
    share, beside_leanest = found["ours"] / found["read1"], found["ours"] / found["floor"]
    yield Figure(
        what=f"{COUNT:,} events over HTTP",
        ours=f"{found['ours']:.0f}",
        floor=f"{found['read1']:.0f}",
        ratio=share,
        unit="thousand a second, CPU",
        goal=f">= {SHARE} x the floor",
        bound=SHARE * found["read1"],
        at_least=True,
        met=share >= SHARE,
    )
    yield Figure(
        what="the same, beside the leanest loop over the same pieces",
        ours=f"{found['ours']:.0f}",
        floor=f"{found['floor']:.0f}",
        ratio=beside_leanest,
        unit="thousand a second, CPU",
        goal="none: what all the rules cost",
        bound=found["floor"],
        at_least=True,
        met=True,
    )
    chunks = stream(ids=False)
    taken = least({name: partial(drain_all, read, chunks) for name, read in READERS}, 3)
    best = min(taken[name] for name in peers) if peers else taken["ours"]
    yield Figure(
        what=f"{COUNT:,} events from memory",
        ours=f"{COUNT / taken['ours'] / 1000:.0f}",
        floor=f"{COUNT / taken['floor'] / 1000:.0f}",
        peers={name: f"{COUNT / taken[name] / 1000:.0f}" for name in peers},
        ratio=taken["floor"] / taken["ours"],
        unit="thousand a second, CPU",
        goal="faster than any other",
        bound=COUNT / best / 1000,
        at_least=True,
        met=taken["ours"] <= best,
    )
    small, large = (cut(b"data: " + b"x" * (size * 2**10) + b"\n\n", 512) for size in (256, 1024))
    growth = {}
    for name, read in READERS:
        turns = 30 if name == "ours" else 3
        spent = least({"small": partial(drain_all, read, small), "large": partial(drain_all, read, large)}, turns)
        growth[name] = spent["large"] / spent["small"]
    yield Figure(
        what="time for an event of 1 MiB, by one of 256 KiB",
        ours=f"{growth['ours']:.1f}",
        floor=f"{growth['floor']:.1f}",
        peers={name: f"{growth[name]:.1f}" for name in peers},
        unit="x",
        goal=f"<= {LINEAR:.0f}; linear is 4, square 16",
        bound=LINEAR,
        met=growth["ours"] <= LINEAR,
    )
    pieces = cut(b"".join(stream()), 1024)
    most = {name: peak(read, pieces) for name, read in READERS}
    yield Figure(
        what=f"peak memory of {COUNT:,} events, one after the other",
        ours=f"{most['ours']:.0f}",
        floor=f"{most['floor']:.0f}",
        peers={name: f"{most[name]:.0f}" for name in peers},
        unit="KiB",
        goal=f"<= {CONSTANT:.0f}",
        bound=CONSTANT,
        met=most["ours"] <= CONSTANT,
    )


if __name__ == "__main__":
    show_memory_speed()
    show_http_speed()
    show_memory()
    show_large()
    show_exactness()
