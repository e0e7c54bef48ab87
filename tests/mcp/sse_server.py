"""An MCP server of 2024-11-05: one stream for all that it says, and a place to post to."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Callable, Iterator
from typing import Any

from tests.servers import Exchange, Origin, Reply

from .both_eras import HANDSHAKE, as_json, said
from .script import EVENTS, Answer, listing


class SseServer(Origin):
    """Answers on the stream what is posted; each stream is a session, named in the query of its place.

    Args:
        script: The answers to methods. What they answer as JSON goes out on the stream; a reply of another kind is
            what the POST gets.
    """

    def __init__(self, **script: Answer) -> None:
        super().__init__()
        hello = {
            "protocolVersion": HANDSHAKE[-1],
            "capabilities": {"logging": {}},
            "serverInfo": {"name": "old", "version": "1"},
        }
        self.script: dict[str, Answer] = {
            "initialize": as_json(hello),
            "tools_list": as_json(listing("echo")),
            "tools_call": as_json(said("hi")),
            "logging_setLevel": as_json({}),
            **script,
        }
        self.endpoint: Callable[[str], str] = lambda name: f"/messages?session_id={name}"
        self.accepted: Callable[[], Reply] = lambda: Reply(202, [], b"Accepted")
        self._numbers = itertools.count(1)
        self.streams: dict[str, queue.SimpleQueue[bytes | None]] = {}
        self.answers: list[dict[str, Any]] = []
        """What the client answered to requests of the server."""
        self.route("GET", "/sse", self._stream)
        self.route("POST", "/messages", self._post)

    @property
    def mcp_url(self) -> str:
        """The URL of the MCP server."""
        return f"{self.url}/sse"

    @property
    def methods(self) -> list[str]:
        """What arrived: JSON-RPC methods, ``answer`` for answers, GET for streams, "POST /sse" for what is refused."""
        return [
            x.method if x.method == "GET" else "POST /sse" if x.path == "/sse" else x.json().get("method", "answer")
            for x in self.log
        ]

    def say(self, *pieces: bytes) -> None:
        """Say something on every stream."""
        for line in list(self.streams.values()):
            for piece in pieces:
                line.put(piece)

    def hang_up(self) -> None:
        """End every stream."""
        for name in list(self.streams):
            self.streams.pop(name).put(None)

    def _stream(self, exchange: Exchange) -> Reply:
        with self.lock:
            name = f"secret-{next(self._numbers)}"
            line = self.streams[name] = queue.SimpleQueue()
        machine = self._machine
        assert machine is not None

        def pieces() -> Iterator[bytes]:
            yield f"event: endpoint\ndata: {self.endpoint(name)}\n\n".encode()
            while not machine.is_left():
                try:
                    piece = line.get(timeout=0.01)
                except queue.Empty:
                    continue
                if piece is None:
                    return
                yield piece

        return Reply(200, EVENTS, chunks=pieces())

    def _post(self, exchange: Exchange) -> Reply:
        line, message = self.streams.get(exchange.query["session_id"][0]), exchange.json()
        if line is None:
            return Reply(404, [], b"Could not find session")
        if "method" not in message:
            with self.lock:
                self.answers.append(message)
            return self.accepted()
        answer = self.script.get(message["method"].replace("/", "_"))
        if answer is not None:
            reply = answer(message)
            if reply.status != 200 or reply.header("Content-Type") != "application/json":
                return reply
            line.put(b"event: message\ndata: " + reply.body + b"\n\n")
        return self.accepted()
