"""What a session costs real servers: requests to begin, for each call, and to end; connections."""

from __future__ import annotations

import pytest

from mcp_oauth_sync import MCPSession
from tests.real.everything import EverythingServer, everything, everything_in_both_eras, everything_sse
from tests.real.jsonrpc import HANDSHAKE, MODERN
from tests.real.sdk_features import SdkFeatures, sdk_features, sdk_json, sdk_resumable
from tests.servers import Exchange

from .doors import counted

__all__ = ["everything", "everything_in_both_eras", "everything_sse", "sdk_features", "sdk_json", "sdk_resumable"]

CALLS = 20
#: One, but where a busy machine is slow to end a stream after its answer: the next call does not wait for that.
FEW = 3
STATELESS = ["POST server/discover 200"]
SHAKEN = ["POST initialize 200", "POST notifications/initialized 202"]
#: The transport of 2024-11-05: two attempts at the newer ones, then its stream, on a connection of its own.
OLD = [
    "POST server/discover 404",
    "POST initialize 404",
    "GET 200",
    "POST initialize 202",
    "POST notifications/initialized 202",
]
DELETE = ["DELETE 200"]
SERVERS = [
    pytest.param("sdk_features", None, STATELESS, [], marks=pytest.mark.demo),
    pytest.param("sdk_features", MODERN, [], [], marks=pytest.mark.demo),
    pytest.param("sdk_features", HANDSHAKE, SHAKEN, DELETE, marks=pytest.mark.demo),
    pytest.param("sdk_json", HANDSHAKE, SHAKEN, [], marks=pytest.mark.demo),
    pytest.param("sdk_resumable", HANDSHAKE, SHAKEN, DELETE, marks=pytest.mark.demo),
    pytest.param("everything", None, ["POST server/discover 400", *SHAKEN], DELETE, marks=pytest.mark.npm_server),
    pytest.param("everything_in_both_eras", None, STATELESS, [], marks=pytest.mark.npm_server),
    pytest.param("everything_in_both_eras", HANDSHAKE, SHAKEN, DELETE, marks=pytest.mark.npm_server),
    pytest.param("everything_sse", None, OLD, [], marks=pytest.mark.npm_server),
]


def told(exchange: Exchange) -> str:
    method = exchange.json()["method"] if exchange.body else ""
    return " ".join([exchange.method, *([method] if method else []), str(exchange.status)])


@pytest.mark.parametrize(("server", "version", "begins", "ends"), SERVERS)
def test_a_call_is_one_request_and_calls_in_a_row_share_a_connection(
    server: str, version: str | None, begins: list[str], ends: list[str], request: pytest.FixtureRequest
) -> None:
    running: EverythingServer | SdkFeatures = request.getfixturevalue(server)
    with counted(running.mcp_url) as scene:
        with MCPSession(scene.url, auth=None, version=version) as mcp:
            for turn in range(CALLS):
                assert str(turn) in mcp.call_tool("echo", {"text": str(turn), "message": str(turn)}).text
            calls = [exchange for exchange in scene.mcp.requests() if b"tools/call" in exchange.body]
            assert len({exchange.connection for exchange in calls}) <= FEW
        seen = [told(exchange) for exchange in scene.mcp.requests()]
        assert scene.mcp.connections <= FEW + (server == "everything_sse")
    status = 202 if server == "everything_sse" else 200
    assert seen == [*begins, *[f"POST tools/call {status}"] * CALLS, *ends]
