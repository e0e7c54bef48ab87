"""How long results hold, and for whom: what a session asks for again, and what not."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from requests.auth import AuthBase

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import MCPError
from mcp_oauth_sync.mcp.cache import ResultCache
from tests.servers import Reply, json_reply

from .clock import Clock
from .script import ScriptedMcp, StatelessMcp, after, answering, error, listing, refusing, result, said, talk

FRESH = {"ttlMs": 60000, "cacheScope": "private"}
LIST = {**listing("a"), **FRESH}
READ = {"contents": [{"uri": "x:1", "text": "hello"}], **FRESH}


class Token(AuthBase):
    """Signs with what it is told."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.token:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request


def names(mcp: MCPSession) -> list[str]:
    return [tool.name for tool in mcp.list_tools()]


def with_clock(mcp: MCPSession) -> Clock:
    clock = Clock()
    mcp._cache = ResultCache(clock=clock)
    return clock


def test_a_list_is_asked_for_once_while_it_holds_and_again_from_then_on() -> None:
    with StatelessMcp(tools_list=answering(LIST)) as server:
        mcp = talk(server)
        clock = with_clock(mcp)
        assert names(mcp) == names(mcp) == ["a"]
        clock.now += 59.999
        assert names(mcp) == ["a"]
        assert server.methods.count("tools/list") == 1
        clock.now += 0.001
        assert names(mcp) == ["a"]
        assert server.methods.count("tools/list") == 2


@pytest.mark.parametrize("ttl", [0, -1, None, "60000", True])
def test_without_a_time_nothing_holds(ttl: object) -> None:
    with StatelessMcp(tools_list=answering({**LIST, "ttlMs": ttl})) as server:
        mcp = talk(server)
        assert names(mcp) == names(mcp)
        assert server.methods.count("tools/list") == 2


def test_each_page_holds_as_long_as_it_says() -> None:
    def answer(message: dict[str, Any]) -> Reply:
        if message["params"].get("cursor") is None:
            return json_reply(result(message, {**listing("a", cursor="2"), "ttlMs": 60000}))
        return json_reply(result(message, {**listing("b"), "ttlMs": 10000}))

    with StatelessMcp(tools_list=answer) as server:
        mcp = talk(server)
        clock = with_clock(mcp)
        assert names(mcp) == names(mcp) == ["a", "b"]
        assert server.params("tools/list") == [{}, {"cursor": "2"}]
        clock.now += 20
        assert names(mcp) == ["a", "b"]
        assert server.params("tools/list")[2:] == [{"cursor": "2"}]


def test_a_resource_holds_by_its_own_address() -> None:
    with StatelessMcp(resources_read=answering(READ)) as server:
        mcp = talk(server)
        for uri in ("x:1", "x:2", "x:1", "x:2"):
            mcp.read_resource(uri)
        assert server.params("resources/read") == [{"uri": "x:1"}, {"uri": "x:2"}]


def test_what_a_caller_does_with_a_result_changes_nothing() -> None:
    with StatelessMcp(tools_list=answering(LIST)) as server:
        mcp = talk(server)
        [found] = mcp.list_tools()
        found.input_schema["type"] = "changed"  # type: ignore[index]
        assert [tool.input_schema["type"] for tool in mcp.list_tools()] == ["object"]


@pytest.mark.parametrize(("scope", "asked"), [("private", 2), (None, 2), ("public", 1)])
def test_another_token_sees_what_is_public_only(scope: str | None, asked: int) -> None:
    with StatelessMcp(tools_list=answering({**LIST, "cacheScope": scope})) as server:
        token = Token("ada")
        mcp = talk(server, auth=token)
        names(mcp)
        names(mcp)
        token.token = "eve"
        names(mcp)
        names(mcp)
        assert server.methods.count("tools/list") == asked


def test_a_token_that_changes_during_a_request_keeps_its_answer_from_being_kept() -> None:
    token = Token("ada")

    def answer(message: dict[str, Any]) -> Reply:
        token.token = "eve"
        return json_reply(result(message, LIST))

    with StatelessMcp(tools_list=answer) as server:
        mcp = talk(server, auth=token)
        names(mcp)
        names(mcp)
        names(mcp)
        assert server.methods.count("tools/list") == 2


def test_a_first_sign_in_during_a_request_does_not_keep_its_answer_from_being_kept() -> None:
    token = Token("")

    def answer(message: dict[str, Any]) -> Reply:
        token.token = "ada"
        return json_reply(result(message, LIST))

    with StatelessMcp(tools_list=answer) as server:
        mcp = talk(server, auth=token)
        assert names(mcp) == names(mcp) == ["a"]
        assert server.methods.count("tools/list") == 1


@pytest.mark.parametrize(
    ("told", "again"),
    [
        (said("notifications/tools/list_changed"), ["tools/list"]),
        (said("notifications/prompts/list_changed"), ["prompts/list"]),
        (said("notifications/resources/list_changed"), ["resources/list", "resources/templates/list"]),
        (said("notifications/resources/updated", uri="x:1"), ["resources/read"]),
        (said("notifications/resources/updated", uri="x:2"), []),
        (said("notifications/unheard_of"), []),
    ],
)
def test_what_a_server_says_has_changed_is_asked_for_again(told: dict[str, Any], again: list[str]) -> None:
    with StatelessMcp(
        tools_list=answering(LIST),
        prompts_list=answering({"prompts": [], **FRESH}),
        resources_list=answering({"resources": [], **FRESH}),
        resources_templates_list=answering({"resourceTemplates": [], **FRESH}),
        resources_read=answering(READ),
        tools_call=after(told, value={"content": []}),
    ) as server:
        mcp = talk(server)

        def ask_all() -> None:
            names(mcp)
            list(mcp.list_prompts())
            list(mcp.list_resources())
            list(mcp.list_resource_templates())
            mcp.read_resource("x:1")

        ask_all()
        mcp.call_tool("a")
        server.clear()
        ask_all()
        assert server.methods == again


def test_what_changes_while_it_is_asked_for_is_asked_for_again() -> None:
    with StatelessMcp(tools_list=after(said("notifications/tools/list_changed"), value=LIST)) as server:
        mcp = talk(server)
        names(mcp)
        names(mcp)
        assert server.methods.count("tools/list") == 2


def test_a_refused_page_makes_the_first_one_doubtful() -> None:
    def answer(message: dict[str, Any]) -> Reply:
        if "cursor" in message["params"]:
            return json_reply(error(message, -32602, "no such cursor"))
        return json_reply(result(message, {**listing("a", cursor="2"), **FRESH}))

    with StatelessMcp(tools_list=answer) as server:
        mcp = talk(server)
        for _ in range(2):
            with pytest.raises(MCPError):
                names(mcp)
        assert server.params("tools/list") == [{}, {"cursor": "2"}, {}, {"cursor": "2"}]


@pytest.mark.parametrize(("code", "asked"), [(-32602, 2), (-32603, 1)])
def test_a_tool_that_is_suddenly_unknown_is_looked_up_anew(code: int, asked: int) -> None:
    with StatelessMcp(tools_list=answering(LIST), tools_call=refusing(code)) as server:
        mcp = talk(server)
        names(mcp)
        with pytest.raises(MCPError):
            mcp.call_tool("a")
        names(mcp)
        assert server.methods.count("tools/list") == asked


def test_what_a_person_was_asked_for_is_not_kept() -> None:
    wish = {"resultType": "input_required", "requestState": "s", **FRESH}
    with StatelessMcp(resources_read=answering(wish, READ, wish, READ)) as server:
        mcp = talk(server)
        mcp.read_resource("x:1")
        mcp.read_resource("x:1")
        assert len(server.params("resources/read")) == 4


def test_in_a_session_of_a_handshake_nothing_is_kept() -> None:
    with ScriptedMcp(tools_list=answering(LIST), resources_read=answering(READ)) as server:
        mcp = talk(server)
        for _ in range(2):
            names(mcp)
            mcp.read_resource("x:1")
        assert server.methods.count("tools/list") == server.methods.count("resources/read") == 2


def test_results_of_tools_and_prompts_are_not_kept() -> None:
    answers = {"tools_call": answering({"content": [], **FRESH}), "prompts_get": answering({"messages": [], **FRESH})}
    with StatelessMcp(**answers) as server:
        mcp = talk(server)
        for _ in range(2):
            mcp.call_tool("a")
            mcp.get_prompt("b")
        assert server.methods.count("tools/call") == server.methods.count("prompts/get") == 2
