"""Servers that others wrote behind OAuth: signed in to by our auth object, their streams and sessions as they are."""

from __future__ import annotations

import json

import pytest
import requests

from tests.scene import Scene

from .everything import EverythingServer, everything, everything_in_both_eras, everything_sse
from .jsonrpc import SECONDS, Plain, events
from .sdk_features import SdkFeatures, sdk_features

__all__ = ["everything", "everything_in_both_eras", "everything_sse", "sdk_features"]


@pytest.mark.npm_server
def test_a_session_with_the_reference_server_behind_oauth(everything: EverythingServer) -> None:
    with Scene(upstream=everything.mcp_url) as scene, Plain(scene.url, auth=scene.oauth()) as plain:
        assert len(scene.shown) == 1
        came = plain.ask("tools/call", name="trigger-elicitation-request", arguments={})
        assert "Name: x" in str(came[-1]["result"])
        scene.az.expire_all_access_tokens()
        assert plain.call("echo", message="hi")["content"] == [{"type": "text", "text": "Echo: hi"}]
        assert (scene.az.refreshes, scene.az.authorizations) == (1, 1)


@pytest.mark.npm_server
@pytest.mark.parametrize("modern", [True, False])
def test_a_tool_that_wants_more_scope_behind_oauth(everything_in_both_eras: EverythingServer, modern: bool) -> None:
    with Scene(upstream=everything_in_both_eras.mcp_url) as scene:
        scene.mcp.scope_for = {"get-sum": "sums"}
        with Plain(scene.url, modern=modern, auth=scene.oauth()) as plain:
            assert len(plain.result("tools/list")["tools"]) > 10
            assert "5" in str(plain.call("get-sum", a=2, b=3)["content"])
        assert len(scene.shown) == 2


@pytest.mark.npm_server
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


@pytest.mark.demo
@pytest.mark.parametrize("modern", [True, False])
def test_a_call_of_the_sdks_server_behind_oauth_streams_and_is_cancelled(
    sdk_features: SdkFeatures, modern: bool
) -> None:
    with Scene(upstream=sdk_features.mcp_url) as scene:
        with Plain(scene.url, modern=modern, auth=scene.oauth()) as plain:
            assert plain.text("book_surely") == "x comes"
            name = f"behind {modern}"
            stream = plain.send("tools/call", name="wait", arguments={"name": name}, _meta={"progressToken": 1})
            came = events(stream)
            assert next(came)["method"] == "notifications/progress"
            assert sdk_features.became(name, "waiting")
            if not modern:
                plain.notify("notifications/cancelled", requestId=json.loads(stream.request.body or b"")["id"])
            stream.close()
            assert sdk_features.became(name, "cancelled")
        assert len(scene.shown) == 1
