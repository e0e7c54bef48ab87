"""JSON-RPC written by hand to servers that others wrote, and sessions beside it with the same sign-in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from mcp_oauth_sync import OAuthHandler, TokenManager, TokenStoreBackend, parse_sse_response
from tests.real.everything import EverythingServer, everything, everything_in_both_eras, everything_sse
from tests.real.jsonrpc import HANDSHAKE, MODERN
from tests.real.sdk_features import SdkFeatures, sdk_features, sdk_json
from tests.scene import Scene

__all__ = ["everything", "everything_in_both_eras", "everything_sse", "sdk_features", "sdk_json"]

#: Fixture and marker of each server, and what a bare request makes it speak.
SERVERS = [
    pytest.param("sdk_features", MODERN, marks=pytest.mark.demo),
    pytest.param("sdk_json", MODERN, marks=pytest.mark.demo),
    pytest.param("everything", HANDSHAKE, marks=pytest.mark.npm_server),
    pytest.param("everything_in_both_eras", MODERN, marks=pytest.mark.npm_server),
]


class Script:
    """Writes JSON-RPC by hand, over a handler."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.handler: OAuthHandler = scene.handler(token_manager=TokenManager(backend=TokenStoreBackend.MEMORY))

    def ask(self, method: str, *, scopes: list[str] | None = None, **params: Any) -> dict[str, Any]:
        """Send a request that says nothing of a revision, and return the answer, the last message of a stream."""
        message = {"jsonrpc": "2.0", "id": "by hand", "method": method, **({"params": params} if params else {})}
        url = self.scene.url
        answer = self.handler.authenticated_request("notes", url, url, "POST", scopes, json=message, timeout=20)
        stream = answer.headers["Content-Type"].startswith("text/event-stream")
        found: dict[str, Any] = parse_sse_response(answer.content) if stream else answer.json()
        assert found["id"] == "by hand"
        return found

    def echo(self, text: str) -> str:
        """Call a tool that gives back what it got."""
        result = self.ask("tools/call", name="echo", arguments={"text": text, "message": text})["result"]
        return str(result["content"][0]["text"]).removeprefix("Echo: ")

    def passed(self) -> list[str]:
        """Return the methods of the requests that the server took."""
        posted = [
            exchange for exchange in self.scene.mcp.requests(self.scene.mcp.path, "POST") if exchange.status < 300
        ]
        return [exchange.json()["method"] for exchange in posted]


@pytest.fixture
def script(server: str, request: pytest.FixtureRequest) -> Iterator[Script]:
    running: EverythingServer | SdkFeatures = request.getfixturevalue(server)
    with Scene(upstream=running.mcp_url) as scene:
        yield Script(scene)


@pytest.mark.parametrize(("server", "spoken"), SERVERS)
def test_who_writes_by_hand_and_who_has_a_session_share_one_sign_in(script: Script, spoken: str) -> None:
    tools = script.ask("tools/list")["result"]["tools"]
    assert "echo" in {tool["name"] for tool in tools}
    assert script.echo("é") == "é"
    with script.handler.mcp_session("notes", script.scene.url) as mcp:
        assert "hi" in mcp.call_tool("echo", {"text": "hi", "message": "hi"}).raise_for_error().text
        assert mcp.server.protocol_version == spoken
    assert script.echo("after the session") == "after the session"
    with script.handler.mcp_session("notes", script.scene.url) as mcp:
        assert "ho" in mcp.call_tool("echo", {"text": "ho", "message": "ho"}).raise_for_error().text
    assert len(script.scene.shown) == 1


@pytest.mark.parametrize(("server", "spoken"), SERVERS)
def test_what_a_bare_request_lacks_is_found_out_once(script: Script, spoken: str) -> None:
    script.echo("first")
    script.scene.mcp.clear()
    for turn in range(3):
        script.echo(str(turn))
    assert script.passed() == ["tools/call"] * 3
    assert {exchange.status for exchange in script.scene.mcp.requests()} == {200}


@pytest.mark.parametrize(("server", "spoken"), SERVERS)
def test_tokens_that_expire_or_want_more_scope_are_seen_to_for_bare_requests_too(script: Script, spoken: str) -> None:
    script.echo("first")
    script.scene.az.expire_all_access_tokens()
    assert script.echo("renewed") == "renewed"
    assert (script.scene.az.refreshes, len(script.scene.shown)) == (1, 1)
    with script.handler.mcp_session("notes", script.scene.url) as mcp:
        assert len(list(mcp.list_tools())) > 8
    assert (script.scene.az.refreshes, len(script.scene.shown)) == (1, 1)
    script.scene.mcp.scope_for = {"prompts/list": "reading"}
    with pytest.raises(requests.HTTPError):
        script.ask("prompts/list")  # a request of one's own says which scopes it needs
    assert script.ask("prompts/list", scopes=["reading"])["result"]["prompts"]
    assert len(script.scene.shown) == 2
    script.scene.mcp.scope_for = {"resources/list": "looking"}
    with script.handler.mcp_session("notes", script.scene.url) as mcp:
        assert list(mcp.list_resources())  # a session sees to that itself
    assert len(script.scene.shown) == 3
    assert script.echo("on") == "on"


@pytest.mark.parametrize(("server", "spoken"), SERVERS)
def test_errors_of_the_protocol_are_what_the_server_says(script: Script, spoken: str) -> None:
    script.echo("first")
    script.scene.mcp.clear()
    try:
        error = script.ask("no/such/method")["error"]
    except requests.HTTPError as refused:
        error = refused.response.json()["error"]  # where each error has a status of its own
    assert error["code"] == -32601
    assert len(script.scene.mcp.requests()) == 1, "it is not said again"


@pytest.mark.demo
@pytest.mark.parametrize("server", ["sdk_features"])
def test_an_argument_that_a_header_has_to_repeat_is_repeated_for_bare_requests_too(script: Script) -> None:
    result = script.ask("tools/call", name="weather", arguments={"city": "Köln"})["result"]
    assert result["structuredContent"]["city"] == "Köln"


@pytest.mark.npm_server
@pytest.mark.parametrize("server", ["everything_sse"])
def test_what_answers_elsewhere_cannot_be_written_to_by_hand_and_a_session_can(script: Script) -> None:
    for _ in range(2):
        with pytest.raises(requests.HTTPError) as refused:
            script.ask("tools/list")
        assert refused.value.response.status_code == 404
    with script.handler.mcp_session("notes", script.scene.url) as mcp:
        assert mcp.call_tool("echo", {"message": "hi"}).text == "Echo: hi"
    assert len(script.scene.shown) == 1


@pytest.mark.npm_server
def test_a_server_that_lost_its_sessions_is_written_to_as_before() -> None:
    with EverythingServer() as server, Scene(upstream=server.mcp_url) as scene:
        script = Script(scene)
        assert script.echo("before") == "before"
        server.restart()
        assert script.echo("after") == "after"
        assert script.passed().count("initialize") == 2
        assert len(scene.shown) == 1
