"""Whatever a server answers, at any place: a result, or an error of ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import OAuthError

from ..mcp.both_eras import HandshakeServer, StatelessServer
from ..servers import Exchange, Reply
from .mcp_stage import PATIENCE, PLACES, Place, hurried, session
from .stage import readable

WORDS = (
    *("jsonrpc", "id", "method", "params", "result", "error", "code", "message", "data", "supported", "_meta"),
    *("resultType", "inputRequests", "requestState", "nextCursor", "ttlMs", "cacheScope", "progressToken", "progress"),
    *("tools", "prompts", "resources", "contents", "messages", "content", "structuredContent", "isError", "name"),
    *("inputSchema", "type", "properties", "x-mcp-header", "text", "uri", "role", "completion", "values", "level"),
    *("protocolVersion", "capabilities", "serverInfo", "supportedVersions", "elicitations", "requestedSchema", "url"),
)
TERMS = (
    *("2.0", "ID", "complete", "input_required", "elicitation/create", "notifications/progress", "ping", "object"),
    *("notifications/message", "notifications/tools/list_changed", "sampling/createMessage", "text", "string"),
    *("2026-07-28", "2025-11-25", "2024-11-05", "echo", "form", "url", "http://127.0.0.1:1/"),
)
CODES = (-32700, -32600, -32601, -32602, -32603, -32000, -32001, -32020, -32021, -32022, -32042, 0)
NUMBERS = st.one_of(st.integers(-9, 9), st.sampled_from([*CODES, 10**400, 2**63]), st.floats())
PLAIN = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=9), st.sampled_from(TERMS))
NAMES = st.sampled_from(WORDS)
JSON = st.recursive(
    PLAIN,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=5)),
    max_leaves=12,
)
RESULTS = st.dictionaries(NAMES, JSON, max_size=4)
MESSAGES = st.one_of(
    st.fixed_dictionaries({"id": st.just("ID"), "result": RESULTS}),
    st.fixed_dictionaries(
        {"id": st.just("ID"), "error": st.fixed_dictionaries({"code": st.sampled_from(CODES), "data": JSON})}
    ),
    st.fixed_dictionaries({"id": PLAIN, "method": st.sampled_from(TERMS), "params": JSON}),
    st.dictionaries(NAMES, JSON, max_size=5),
    JSON,
)
STATUSES = st.sampled_from(
    [200, 200, 200, 200, 202, 204, 206, 300, 304, 400, 401, 403, 404, 405, 409, 422, 429, 500, 503]
)
KINDS = st.sampled_from(["application/json", "text/event-stream", "text/event-stream", "text/html", "", "\xff"])


def written(messages: list[Any]) -> bytes:
    """Return the events of messages."""
    return b"".join(b"id: %d\ndata: %b\n\n" % (n, json.dumps(each).encode()) for n, each in enumerate(messages))


BODIES = st.one_of(
    MESSAGES.map(lambda message: json.dumps(message).encode()),
    st.lists(MESSAGES, max_size=4).map(lambda messages: json.dumps(messages).encode()),
    st.lists(MESSAGES, max_size=4).map(written),
    st.lists(
        st.sampled_from([b"data:", b"id: 1", b"retry: 1", b"event: endpoint", b"data: {}", b"", b"\xff", b":"]),
        max_size=9,
    ).map(b"\n".join),
    st.binary(max_size=60),
)


@pytest.fixture(scope="module", params=PLACES)
def broken(request: pytest.FixtureRequest) -> Iterator[tuple[str, Place, Any]]:
    """Give a place, and a server that misbehaves there as it is told."""
    place = PLACES[request.param]
    with place.server() as server:
        yield request.param, place, server


def use_all(mcp: MCPSession) -> None:
    """Use all that a session has, and show all that comes."""
    steps: list[Callable[[], object]] = [
        lambda: list(mcp.list_tools()),
        lambda: mcp.call_tool("echo", {"text": "x"}, on_progress=str).raise_for_error().text,
        lambda: list(mcp.list_prompts()),
        lambda: list(mcp.list_resources()),
        lambda: mcp.read_resource("x:1"),
        lambda: mcp.get_prompt("echo"),
        lambda: mcp.complete("a", "b", prompt="echo"),
        lambda: mcp.server,
        mcp.ping,
    ]
    for step in steps:
        try:
            repr(step())
        except OAuthError as failure:
            readable(failure)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(status=STATUSES, kind=KINDS, body=BODIES)
def test_any_answer_gives_a_result_or_an_error_of_ours(
    broken: tuple[str, Place, Any], monkeypatch: pytest.MonkeyPatch, status: int, kind: str, body: bytes
) -> None:
    name, place, server = broken
    hurried(monkeypatch)

    def answer(exchange: Exchange) -> Reply:
        if not place.fits(exchange):
            reply: Reply = honest(exchange)
            return reply
        number = str(exchange.json().get("id")).encode() if exchange.body else b"0"
        return Reply(status, [("Content-Type", kind)], body.replace(b'"ID"', number))

    honest = type(server).answer.__get__(server)
    monkeypatch.setattr(server, "answer", answer)
    patience = 0.02 if "older" in name else PATIENCE  # what has no answer on a stream is waited for
    with session(server, elicit=lambda asked: False, on_log=str, timeout=patience) as mcp:
        use_all(mcp)
    assert not server.errors


@pytest.mark.parametrize("kind", [StatelessServer, HandshakeServer])
def test_what_is_used_here_works_when_nothing_is_broken(kind: Callable[[], Any]) -> None:
    with kind() as server, session(server) as mcp:
        use_all(mcp)
        assert server.methods.count("tools/call") == 1
