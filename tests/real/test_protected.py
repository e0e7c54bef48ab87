"""The servers from npm behind OAuth: signed in to by our auth object, their streams and sessions as they are."""

from __future__ import annotations

import pytest
import requests

from tests.scene import Scene

from .everything import EverythingServer, everything, everything_in_both_eras, everything_sse
from .jsonrpc import SECONDS, Plain

__all__ = ["everything", "everything_in_both_eras", "everything_sse"]

pytestmark = pytest.mark.npm_server


def test_a_session_with_the_reference_server_behind_oauth(everything: EverythingServer) -> None:
    with Scene(upstream=everything.mcp_url) as scene, Plain(scene.url, auth=scene.oauth()) as plain:
        assert len(scene.shown) == 1
        came = plain.ask("tools/call", name="trigger-elicitation-request", arguments={})
        assert "Name: x" in str(came[-1]["result"])
        scene.az.expire_all_access_tokens()
        assert plain.call("echo", message="hi")["content"] == [{"type": "text", "text": "Echo: hi"}]
        assert (scene.az.refreshes, scene.az.authorizations) == (1, 1)


@pytest.mark.parametrize("modern", [True, False])
def test_a_tool_that_wants_more_scope_behind_oauth(everything_in_both_eras: EverythingServer, modern: bool) -> None:
    with Scene(upstream=everything_in_both_eras.mcp_url) as scene:
        scene.mcp.scope_for = {"get-sum": "sums"}
        with Plain(scene.url, modern=modern, auth=scene.oauth()) as plain:
            assert len(plain.result("tools/list")["tools"]) > 10
            assert "5" in str(plain.call("get-sum", a=2, b=3)["content"])
        assert len(scene.shown) == 2


def test_the_old_transport_behind_oauth_leads_back_to_the_protection(everything_sse: EverythingServer) -> None:
    with Scene(upstream=everything_sse.mcp_url) as scene, requests.Session() as session:
        session.auth = scene.oauth()
        with session.get(scene.url, stream=True, timeout=SECONDS) as stream:
            lines = stream.iter_lines(chunk_size=1)
            path = next(line for line in lines if line.startswith(b"data: ")).removeprefix(b"data: ").decode()
            message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
            assert session.post(scene.mcp.url + path, json=message, timeout=SECONDS).status_code == 202
            assert b'"result":{}' in next(line for line in lines if line.startswith(b"data:"))
        assert requests.post(scene.mcp.url + path, json=message, timeout=SECONDS).status_code == 401
