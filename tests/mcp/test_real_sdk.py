"""Sessions with the official SDK's server: all it offers, in both eras, at itself and behind OAuth."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import MCPError, ToolError
from mcp_oauth_sync.mcp.elicitation import ElicitationReply
from tests.real.jsonrpc import HANDSHAKE, MODERN
from tests.real.sdk_features import SdkFeatures, sdk_features, sdk_json
from tests.real.sdk_tools import PAGE, PIXEL

from .doors import ERAS, WAYS, Door, opened

__all__ = ["sdk_features", "sdk_json"]

pytestmark = pytest.mark.demo
REFUSED, PAGE_FIRST, INVALID_PARAMS = -32050, -32042, -32602


@pytest.fixture(params=WAYS)
def door(sdk_features: SdkFeatures, request: pytest.FixtureRequest) -> Iterator[Door]:
    with opened(request.param, sdk_features.mcp_url) as made:
        yield made


@pytest.fixture(params=ERAS)
def mcp(door: Door, request: pytest.FixtureRequest) -> Iterator[MCPSession]:
    with door.session(request.param) as made:
        yield made


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_speaks_both_eras_is_spoken_to_in_the_newer_one(door: Door) -> None:
    with door.session() as mcp:
        assert (mcp.server.name, mcp.server.title, mcp.server.version) == ("Features", "All features", "1.2.3")
        assert (mcp.server.protocol_version, mcp.server.instructions) == (MODERN, "Ask for anything.")
        assert {"tools", "prompts", "resources", "completions"} <= set(mcp.server.capabilities)


@pytest.mark.parametrize("version", ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])
def test_every_revision_with_a_handshake_is_spoken(sdk_features: SdkFeatures, version: str) -> None:
    with Door(sdk_features.mcp_url).session(version) as mcp:
        assert mcp.server.protocol_version == version
        assert mcp.call_tool("echo", {"text": "é\u2028"}).text == "é\u2028"


def test_every_page_of_every_list_is_read(mcp: MCPSession) -> None:
    tools = [tool.name for tool in mcp.list_tools()]
    assert len(tools) == len(set(tools)) > 8
    assert {"echo", "count", "wait", "book", "pay"} <= set(tools)
    assert [resource.uri for resource in mcp.list_resources()] == ["notes://welcome", "notes://pixel"]
    assert [template.uri_template for template in mcp.list_resource_templates()] == ["notes://by-name/{name}"]
    prompts = {prompt.name: [argument.name for argument in prompt.arguments] for prompt in mcp.list_prompts()}
    assert prompts == {"greet": ["name", "tone"], "plain": [], "long": []}


def test_results_are_texts_structures_images_and_links(mcp: MCPSession) -> None:
    assert mcp.call_tool("echo", {"text": "é"}).raise_for_error().text == "é"
    weather = mcp.call_tool("weather", {"city": "Köln"})  # of which a header tells, too, without a handshake
    assert weather.structured_content == {"city": "Köln", "degrees": 20.5, "sky": ["blue"]}
    image, link = mcp.call_tool("picture").content
    assert (image.type, image.mime_type, image.data) == ("image", "image/png", PIXEL)
    assert (link.type, link.uri) == ("resource_link", "notes://welcome")


def test_a_tool_that_fails_and_a_call_that_fails_are_told_apart(mcp: MCPSession) -> None:
    for tool, why in (("fail", "the shop is closed"), ("crash", "crash"), ("nothing", "Unknown tool")):
        result = mcp.call_tool(tool)
        assert result.is_error
        with pytest.raises(ToolError, match=why):
            result.raise_for_error()
    with pytest.raises(MCPError, match="refused") as refused:
        mcp.call_tool("refuse")
    assert (refused.value.code, refused.value.data) == (REFUSED, {"why": "because"})
    with pytest.raises(MCPError) as unknown:
        mcp.read_resource("notes://nothing")
    assert unknown.value.code == INVALID_PARAMS
    assert mcp.call_tool("echo", {"text": "on"}).text == "on"


def test_progress_is_heard_while_a_tool_works(mcp: MCPSession) -> None:
    told: list[str] = []
    assert mcp.call_tool("count", on_progress=lambda progress: told.append(str(progress))).text == "counted to 3"
    assert told == ["1/3 step 1", "2/3 step 2", "3/3 step 3"]


def test_the_log_is_heard_from_the_level_that_is_asked_for(door: Door, era: str) -> None:
    with door.session(era, log_level="info") as mcp:
        mcp.call_tool("talk")
    heard = [(line.level, line.logger, line.data) for line in door.logged]
    levels = ["info", "error"] if era == MODERN else ["debug", "info", "error"]  # the SDK keeps no level of a session
    assert heard == [(level, "talk", {"said": level}) for level in levels]
    door.logged.clear()
    with door.session(era, on_log=None) as mcp:
        assert mcp.call_tool("talk").text == "said"
    assert not door.logged


def test_a_server_of_sessions_is_told_which_level_is_wanted(sdk_features: SdkFeatures) -> None:
    with Door(sdk_features.mcp_url).session(HANDSHAKE, log_level="critical") as mcp:
        mcp.ping()
    assert sdk_features.became("level", "critical")


def test_the_person_fills_in_forms(door: Door, mcp: MCPSession) -> None:
    filled = json.loads(mcp.call_tool("book").text)
    assert filled == {"name": "x", "nights": 1, "breakfast": True, "room": "single"}
    assert mcp.call_tool("book_surely").text == "x comes"
    assert [(asked.mode, asked.message) for asked in door.asked] == [
        ("form", "Who comes?"),
        ("form", "Who comes?"),
        ("form", "Is x to come?"),
    ]
    assert {asked.server_url for asked in door.asked} == {door.url}


@pytest.mark.parametrize(("reply", "action"), [(False, "decline"), (None, "cancel")])
def test_the_person_need_not_answer(door: Door, era: str, reply: ElicitationReply, action: str) -> None:
    with door.session(era, elicit=lambda asked: reply) as mcp:
        assert mcp.call_tool("book").text == action


def test_the_person_visits_pages(door: Door, mcp: MCPSession) -> None:
    assert mcp.call_tool("pay").text.startswith("accept")
    assert [(asked.mode, asked.url, asked.host) for asked in door.asked] == [("url", PAGE, "example.com")]
    door.asked.clear()
    with pytest.raises(MCPError) as first:
        mcp.call_tool("members_only")  # which is never content
    assert first.value.code == PAGE_FIRST
    assert {asked.url for asked in door.asked} == {PAGE}


def test_where_nobody_can_be_asked_servers_are_told_so(door: Door, era: str) -> None:
    with door.session(era, elicit=None) as mcp:
        for tool in ("book", "pay"):
            with pytest.raises(MCPError):
                mcp.call_tool(tool)
        assert mcp.call_tool("echo", {"text": "on"}).text == "on"


def test_resources_prompts_and_completion(mcp: MCPSession) -> None:
    [welcome] = mcp.read_resource("notes://welcome")
    assert (welcome.text, welcome.mime_type) == ("Welcome!", "text/plain")
    assert mcp.read_resource("notes://pixel")[0].data == PIXEL
    assert mcp.read_resource("notes://by-name/a")[0].text == "The note a."
    prompt = mcp.get_prompt("greet", {"name": "Ann"})
    assert [(said.role, said.content.text) for said in prompt.messages] == [("user", "Greet Ann in a kind tone.")]
    assert len(mcp.get_prompt("long").messages) == 2
    assert mcp.complete("name", "b", prompt="greet").values == ("beta",)
    found = mcp.complete("name", "", resource_template="notes://by-name/{name}", context={"tone": "dry"})
    assert found.values == ("alpha dry", "beta dry", "gamma dry")
    mcp.ping()


@pytest.mark.parametrize("way", WAYS)
def test_a_server_without_sessions_and_streams(sdk_json: SdkFeatures, way: str, era: str) -> None:
    with opened(way, sdk_json.mcp_url) as door, door.session(era) as mcp:
        assert len([tool.name for tool in mcp.list_tools()]) > 8
        told: list[object] = []
        assert mcp.call_tool("count", on_progress=told.append).text == "counted to 3"
        assert told == []  # there is no stream that would carry it
        if era == HANDSHAKE:
            with pytest.raises(MCPError, match="no back-channel"):
                mcp.call_tool("book")
        else:
            assert json.loads(mcp.call_tool("book").text)["name"] == "x"
        mcp.ping()
