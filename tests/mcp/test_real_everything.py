"""Sessions with servers from npm: the reference server over both its transports, and a proxy that serves both eras."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import MCPError, ToolError
from tests.real.everything import (
    EverythingServer,
    everything,
    everything_in_both_eras,
    everything_sse,
)
from tests.real.jsonrpc import HANDSHAKE, MODERN

from .doors import ERAS, WAYS, Door, opened

__all__ = ["everything", "everything_in_both_eras", "everything_sse"]

pytestmark = pytest.mark.npm_server
TRANSPORTS = ("everything", "everything_sse")
LONG = "trigger-long-running-operation"
PAGE = "https://example.com/connect"


@pytest.fixture(params=[(transport, way) for transport in TRANSPORTS for way in WAYS], ids="-".join)
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    transport, way = request.param
    with opened(way, request.getfixturevalue(transport).mcp_url) as made:
        yield made


@pytest.fixture
def mcp(door: Door) -> Iterator[MCPSession]:
    with door.session() as made:
        yield made


def test_the_reference_server_is_found_out_about(mcp: MCPSession) -> None:
    assert (mcp.server.name, mcp.server.protocol_version) == ("mcp-servers/everything", HANDSHAKE)
    assert mcp.server.instructions is not None
    names = {tool.name for tool in mcp.list_tools()}
    assert {"echo", "get-sum", LONG, "trigger-elicitation-request"} <= names
    assert "get-roots-list" not in names  # offered to those who said that they have some
    mcp.ping()


def test_tools_of_the_reference_server(mcp: MCPSession) -> None:
    assert mcp.call_tool("echo", {"message": "é"}).text == "Echo: é"
    weather = mcp.call_tool("get-structured-content", {"location": "New York"}).structured_content
    assert set(weather) == {"temperature", "conditions", "humidity"}
    kinds = [piece.type for piece in mcp.call_tool("get-tiny-image").content]
    assert "image" in kinds
    links = [piece.uri for piece in mcp.call_tool("get-resource-links").content if piece.type == "resource_link"]
    assert len(links) == 3
    with pytest.raises(ToolError, match="Invalid arguments for tool get-sum"):
        mcp.call_tool("get-sum", {"a": "x"}).raise_for_error()
    with pytest.raises(MCPError, match="not found") as unknown:
        mcp.read_resource("demo://nothing")
    assert unknown.value.code == -32602


def test_progress_of_the_reference_server(mcp: MCPSession) -> None:
    told: list[str] = []
    mcp.call_tool(LONG, {"duration": 0.1, "steps": 2}, on_progress=lambda progress: told.append(str(progress)))
    assert told == ["1/2", "2/2"]


def test_the_log_of_the_reference_server(door: Door) -> None:
    with door.session(log_level="debug") as mcp:
        assert "Started" in mcp.call_tool("toggle-simulated-logging").text
        mcp.ping()
        assert len(door.logged) == 1  # the first line is said at once
        assert "Stopped" in mcp.call_tool("toggle-simulated-logging").text
    assert "essage" in str(door.logged[0])


def test_a_form_of_every_kind_of_field_is_answered_with_its_defaults(door: Door, mcp: MCPSession) -> None:
    said = mcp.call_tool("trigger-elicitation-request").text
    assert "- Name: x" in said
    assert '"untitledMultipleSelectEnum": [' in said
    [asked] = door.asked
    assert {field.kind for field in asked.fields} == {"string", "boolean", "number", "integer", "array"}


def test_a_page_of_the_reference_server(door: Door, mcp: MCPSession) -> None:
    given = {"url": PAGE, "message": "Connect.", "elicitationId": "one"}
    assert mcp.call_tool("trigger-url-elicitation", given).is_error is False
    assert [(asked.mode, asked.url, asked.elicitation_id) for asked in door.asked] == [("url", PAGE, "one")]


def test_texts_of_the_reference_server(mcp: MCPSession) -> None:
    first = next(iter(mcp.list_resources()))
    assert (mcp.read_resource(first.uri)[0].text or "").startswith("# Everything Server")
    templates = [template.uri_template for template in mcp.list_resource_templates()]
    assert mcp.complete("resourceId", "1", resource_template=templates[0]).values == ("1",)
    assert mcp.read_resource(templates[1].replace("{resourceId}", "1"))[0].data
    assert mcp.get_prompt("args-prompt", {"city": "Bonn"}).messages[0].content.text == "What's weather in Bonn?"
    assert mcp.complete("department", "E", prompt="completable-prompt").values == ("Engineering",)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", [None, *ERAS])
def test_a_proxy_that_serves_both_eras(
    everything_in_both_eras: EverythingServer, way: str, version: str | None
) -> None:
    with opened(way, everything_in_both_eras.mcp_url) as door, door.session(version) as mcp:
        assert mcp.server.protocol_version == (version or MODERN)
        assert len(list(mcp.list_tools())) > 10
        assert mcp.call_tool("get-sum", {"a": 2, "b": 3}).text == "The sum of 2 and 3 is 5."
        told: list[float] = []
        mcp.call_tool(LONG, {"duration": 0.1, "steps": 2}, on_progress=lambda progress: told.append(progress.progress))
        assert told[:1] == [1]  # it may answer before it passes on the last step
        assert mcp.complete("department", "E", prompt="completable-prompt").values == ("Engineering",)
        mcp.ping()


def test_an_older_revision_of_the_reference_server_can_be_asked_for(everything: EverythingServer) -> None:
    with Door(everything.mcp_url).session("2025-03-26") as mcp:
        assert mcp.server.protocol_version == "2025-03-26"
        assert mcp.call_tool("echo", {"message": "a"}).text == "Echo: a"
