"""The official SDK's server without OAuth, with everything a server can offer.

Run as a child process::

    python -m tests.real.sdk_server PORT [--json-response] [--stateless] [--resumable]

It serves 2026-07-28 and the revisions with a handshake at one endpoint, prints ``READY URL`` once it listens, tells at
``/state`` what has become of slow calls, and ends on SIGTERM or when its standard input is closed.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
import warnings
from collections.abc import Sequence
from typing import Any, TypeVar

import uvicorn
from mcp.server.caching import CacheHint
from mcp.server.mcpserver import MCPServer
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp_types import (
    EmptyResult,
    JSONRPCMessage,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    SetLevelRequestParams,
    SubscribeRequestParams,
)
from starlette.requests import Request
from starlette.responses import JSONResponse

from .sdk_tools import add_questions, add_texts, add_tools

T = TypeVar("T")
PAGE = 4
RETRY_MS = 10


class Paged(MCPServer[Any]):
    """The SDK's server, whose lists come in pages."""

    async def _handle_list_tools(self, ctx: Any, params: Any) -> ListToolsResult:
        items, cursor = page((await super()._handle_list_tools(ctx, params)).tools, params)
        return ListToolsResult(tools=items, next_cursor=cursor)

    async def _handle_list_resources(self, ctx: Any, params: Any) -> ListResourcesResult:
        items, cursor = page((await super()._handle_list_resources(ctx, params)).resources, params, size=1)
        return ListResourcesResult(resources=items, next_cursor=cursor)

    async def _handle_list_resource_templates(self, ctx: Any, params: Any) -> ListResourceTemplatesResult:
        whole = await super()._handle_list_resource_templates(ctx, params)
        items, cursor = page(whole.resource_templates, params)
        return ListResourceTemplatesResult(resource_templates=items, next_cursor=cursor)

    async def _handle_list_prompts(self, ctx: Any, params: Any) -> ListPromptsResult:
        items, cursor = page((await super()._handle_list_prompts(ctx, params)).prompts, params, size=2)
        return ListPromptsResult(prompts=items, next_cursor=cursor)


def page(items: Sequence[T], params: Any, *, size: int = PAGE) -> tuple[list[T], str | None]:
    """Return a page and the cursor of the next one."""
    start = int(params.cursor) if params is not None and params.cursor is not None else 0
    end = start + size
    return list(items[start:end]), str(end) if end < len(items) else None


class Memory(EventStore):
    """Remembers every event, for clients that come back."""

    def __init__(self) -> None:
        self._events: list[tuple[str, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        """Remember an event; its id is its number."""
        self._events.append((stream_id, message))
        return str(len(self._events))

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        """Send what came on the same stream after an event."""
        last = int(last_event_id)
        if not 0 < last <= len(self._events):
            return None
        stream, _ = self._events[last - 1]
        for number, (of, message) in enumerate(self._events[last:], last + 1):
            if of == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


def build(state: dict[str, str]) -> Paged:
    """Return the server with all it offers."""
    hints = {"tools/list": CacheHint(ttl_ms=60_000, scope="public"), "resources/read": CacheHint(ttl_ms=1_000)}
    server = Paged(
        "Features",
        title="All features",
        instructions="Ask for anything.",
        version="1.2.3",
        log_level="CRITICAL",
        cache_hints=hints,  # type: ignore[arg-type]
    )
    add_tools(server, state)
    add_questions(server)
    add_texts(server)

    async def set_level(ctx: Any, params: SetLevelRequestParams) -> EmptyResult:
        state["level"] = params.level
        return EmptyResult()

    async def subscribe(ctx: Any, params: SubscribeRequestParams) -> EmptyResult:
        state[params.uri] = "subscribed"
        return EmptyResult()

    # What the SDK's own class leaves out, of the revisions with a handshake.
    lower = server._lowlevel_server
    lower.add_request_handler("logging/setLevel", SetLevelRequestParams, set_level)
    lower.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribe)

    @server.custom_route("/state", methods=["GET"])
    async def tell(request: Request) -> JSONResponse:
        return JSONResponse(state)

    return server


class _Server(uvicorn.Server):
    """A server that says when it listens."""

    url = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        print("READY", self.url, flush=True)

    def watch_stdin(self) -> None:
        """Stop when standard input is closed at its other end."""
        while os.read(0, 4096):
            pass
        self.should_exit = True


def main() -> int:
    """Run until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    for flag in ("--json-response", "--stateless", "--resumable"):
        parser.add_argument(flag, action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    app = build({}).streamable_http_app(
        json_response=options.json_response,
        stateless_http=options.stateless,
        event_store=Memory() if options.resumable else None,
        retry_interval=RETRY_MS if options.resumable else None,
    )
    listener = socket.create_server(("127.0.0.1", options.port))
    # Inherited by every connection. asyncio sets it where a socket names its protocol, which this one does not;
    # without it, the second half of each answer waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(app, log_level="error", access_log=False, ws="none", timeout_graceful_shutdown=1)
    server = _Server(config)
    server.url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    threading.Thread(target=server.watch_stdin, name="stdin", daemon=True).start()
    server.run([listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
