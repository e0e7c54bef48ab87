"""What a call of MCPSession costs: memory for a long stream, requests and connections, and beside a held-open stream.

Run: ``python benchmarks/mcp_session.py``

A child process is the server. It says as little as the specification allows, so that what is measured is the client.
"Bare" is the loop that one would write by hand over requests: a POST, ``raise_for_status``, ``json()``; for a stream,
``iter_lines`` and ``json.loads``. It makes no records and has no deadline. Times are the best of RUNS, in which both
loops take turns: this process's CPU, and by the wall clock what a call takes beside a stream that is held open.
"""

from __future__ import annotations

import json
import multiprocessing
import socket
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import MCPError
from mcp_oauth_sync.mcp import eras

RUNS, CALLS, EVENTS = 3, 1000, 100_000
ERAS = ("2026-07-28", "2025-11-25")
_JSON, _EVENTS = b"application/json", b"text/event-stream"
_GIVEN = {"content": [{"type": "text", "text": "hi"}], "resultType": "complete"}


class Server:
    """Answers in one era; ``count`` in the arguments of a call has so much progress told first."""

    def __init__(self, era: str) -> None:
        self.era, self.listener = era, socket.create_server(("127.0.0.1", 0), backlog=64)
        self.requests, self.connections = multiprocessing.Value("i", 0), multiprocessing.Value("i", 0)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/mcp"

    def run(self) -> None:
        """Serve for ever."""
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.connections.get_lock():
                self.connections.value += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        reader = connection.makefile("rb")
        while line := reader.readline():
            length = 0
            while (header := reader.readline()) not in (b"\r\n", b""):
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            with self.requests.get_lock():
                self.requests.value += 1
            message = json.loads(reader.read(length)) if length else {}
            self._answer(connection, line.partition(b" ")[0], message)

    def _answer(self, connection: socket.socket, verb: bytes, message: dict[str, Any]) -> None:
        method, arguments = message.get("method"), message.get("params", {}).get("arguments", {})
        if verb != b"POST":
            _send(connection, b"405 Method Not Allowed", b"", _JSON)
        elif "id" not in message:
            _send(connection, b"202 Accepted", b"", _JSON)
        elif method == "server/discover" and self.era != ERAS[0]:
            _send(connection, b"400 Bad Request", b"", _JSON)
        elif arguments.get("hold"):
            connection.sendall(_head(b"200 OK", _EVENTS, b"Transfer-Encoding: chunked") + _chunk(b": held\n\n"))
            time.sleep(600)
        elif "count" in arguments:
            self._tell(connection, message, arguments["count"])
        else:
            _send(connection, b"200 OK", _written(message, self._result(method)), _JSON)

    def _result(self, method: str | None) -> dict[str, Any]:
        if method == "server/discover":
            return {"supportedVersions": [self.era], "capabilities": {}, "resultType": "complete"}
        if method == "initialize":
            return {"protocolVersion": self.era, "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}
        return _GIVEN

    def _tell(self, connection: socket.socket, message: dict[str, Any], count: int) -> None:
        note = {
            "jsonrpc": "2.0",
            "method": "notifications/progress",
            "params": {"progressToken": message["id"], "progress": 1, "total": count, "message": "reading the roadmap"},
        }
        piece = _chunk(b"event: message\ndata: %b\n\n" % json.dumps(note).encode())
        connection.sendall(_head(b"200 OK", _EVENTS, b"Transfer-Encoding: chunked"))
        for _ in range(count // 100):
            connection.sendall(piece * 100)
        connection.sendall(_chunk(b"data: %b\n\n" % _written(message, _GIVEN)) + b"0\r\n\r\n")


def _head(status: bytes, kind: bytes, framing: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Type: %b\r\n%b\r\n\r\n" % (status, kind, framing)


def _send(connection: socket.socket, status: bytes, body: bytes, kind: bytes) -> None:
    connection.sendall(_head(status, kind, b"Content-Length: %d" % len(body)) + body)


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def _written(message: dict[str, Any], result: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()


@contextmanager
def serving(era: str) -> Iterator[Server]:
    """Have a child process be a server."""
    server = Server(era)
    child = multiprocessing.get_context("fork").Process(target=server.run, daemon=True)
    child.start()
    try:
        yield server
    finally:
        child.kill()
        server.listener.close()


@contextmanager
def session(server: Server) -> Iterator[MCPSession]:
    """Give a session that knows nothing of the server yet."""
    eras._remembered.clear()
    with MCPSession(server.url, auth=None, timeout=600) as mcp:
        yield mcp


def asked(number: int, **arguments: Any) -> dict[str, Any]:
    """Return a call as one would write it by hand."""
    params = {"name": "echo", "arguments": arguments, "_meta": {"progressToken": number}}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def bare_stream(http: requests.Session, url: str, count: int) -> int:
    """Read the events of one call by hand."""
    seen = 0
    with http.post(url, json=asked(1, count=count), stream=True, timeout=600) as response:
        for line in response.iter_lines(65536):
            if line.startswith(b"data: "):
                seen += "method" in json.loads(line[6:])
    return seen


def seconds(act: Callable[[], object]) -> tuple[float, float]:
    """Return the CPU time and the time that something takes."""
    worked, began = time.process_time(), time.perf_counter()
    act()
    return time.process_time() - worked, time.perf_counter() - began


def compare(name: str, count: int, ours: Callable[[], object], bare: Callable[[], object]) -> None:
    """Print what one of many costs, beside a loop by hand."""
    mine, plain = zip(*[(seconds(ours), seconds(bare)) for _ in range(RUNS)], strict=True)
    for kind, at in (("CPU", 0), ("clock", 1)):
        one, other = (min(taken[at] for taken in column) / count * 1e6 for column in (mine, plain))
        print(f"{name}, {kind}: {one:.1f} us each, bare {other:.1f}, ratio {one / other:.2f}", flush=True)


def peak(act: Callable[[], object]) -> float:
    """Return the most memory in KiB that something takes."""
    tracemalloc.start()
    act()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1024


def show_stream(era: str) -> None:
    """Print memory and speed of one call with many events."""
    sizes = (1000, 10_000, EVENTS)
    with serving(era) as server, session(server) as mcp, requests.Session() as http:
        http.trust_env = False
        heard = [0]

        def hear(_: object) -> None:
            heard[0] += 1

        def call(count: int) -> None:
            heard[0] = 0
            mcp.call_tool("echo", {"count": count}, on_progress=hear)
            assert heard[0] == count

        call(1000)
        print(f"\n{era}: one call that is told progress, as events of one chunk each")
        print("peak memory in KiB: " + ", ".join(f"{peak(lambda n=n: call(n)):.0f} for {n}" for n in sizes))  # type: ignore[misc]
        compare("events", EVENTS, lambda: call(EVENTS), lambda: bare_stream(http, server.url, EVENTS))


def show_calls(era: str) -> None:
    """Print what calls cost, alone and beside a stream that another thread holds open."""
    with serving(era) as server, requests.Session() as http, session(server) as mcp:
        http.trust_env = False
        mcp.call_tool("echo")
        first = server.requests.value, server.connections.value
        for _ in range(CALLS):
            mcp.call_tool("echo")
        more = server.requests.value - first[0], server.connections.value - first[1]
        print(f"\n{era}: first call: {first[0]} requests, {first[1]} connections")
        print(f"{CALLS} more: {more[0]} requests, {more[1]} connections")

        def ours() -> None:
            for _ in range(CALLS):
                mcp.call_tool("echo", {"text": "x"})

        def bare() -> None:
            for number in range(CALLS):
                response = http.post(server.url, json=asked(number, text="x"), timeout=60)
                response.raise_for_status()
                assert response.json()["id"] == number

        before = server.connections.value
        compare("calls alone", CALLS, ours, bare)
        held = threading.Thread(target=_hold, args=(mcp,))
        held.start()
        time.sleep(0.2)
        compare("calls beside a held-open stream", CALLS, ours, bare)
        print(f"connections for all of this: {server.connections.value - before}, of which the bare loop has 1")
        mcp.close()
        held.join(10)


def _hold(mcp: MCPSession) -> None:
    with suppress(MCPError):  # the session is closed meanwhile
        mcp.call_tool("echo", {"hold": True})


if __name__ == "__main__":
    for spoken in ERAS:
        show_stream(spoken)
    for spoken in ERAS:
        show_calls(spoken)
