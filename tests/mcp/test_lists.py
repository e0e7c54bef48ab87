"""Lists: page after page as they are needed, what is malformed left out, and tools whose arguments headers repeat."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import MCPError
from mcp_oauth_sync.mcp import operations
from tests.servers import Reply, json_reply

from .script import ScriptedMcp, StatelessMcp, answering, error, listing, refusing, result, talk

ERAS = (ScriptedMcp, StatelessMcp)
LISTS: dict[str, tuple[str, str, Callable[[MCPSession], Any], dict[str, Any]]] = {
    "tools": ("tools/list", "tools", MCPSession.list_tools, {"inputSchema": {"type": "object"}}),
    "resources": ("resources/list", "resources", MCPSession.list_resources, {"uri": "x:1"}),
    "templates": (
        "resources/templates/list",
        "resourceTemplates",
        MCPSession.list_resource_templates,
        {"uriTemplate": "x:{id}"},
    ),
    "prompts": ("prompts/list", "prompts", MCPSession.list_prompts, {}),
}


def paging(pages: dict[str | None, tuple[list[Any], Any]], member: str = "tools", **more: Any) -> Any:
    """Answer each cursor with its items and the next cursor."""

    def answer(message: dict[str, Any]) -> Reply:
        items, following = pages[message.get("params", {}).get("cursor")]
        cursor = {} if following is None else {"nextCursor": following}
        return json_reply(result(message, {member: items, **cursor, **more}))

    return answer


def names(mcp: MCPSession) -> list[str]:
    return [tool.name for tool in mcp.list_tools()]


def tool(name: str, **properties: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object", "properties": properties}}


# Pages


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("era", ERAS)
def test_a_page_is_fetched_when_somebody_gets_there(era: type[ScriptedMcp], kind: str) -> None:
    method, member, list_all, more = LISTS[kind]
    pages: dict[str | None, tuple[list[Any], Any]] = {
        None: ([{"name": "a", **more}, {"name": "b", **more}], "2"),
        "2": ([], "ü 3"),
        "ü 3": ([{"name": "c", **more}], None),
    }
    with era(**{method.replace("/", "_"): paging(pages, member)}) as server:
        found = list_all(talk(server))
        assert [each.name for each in islice(found, 2)] == ["a", "b"]
        assert server.params(method) == [{}]
        assert [each.name for each in found] == ["c"]
        assert server.params(method) == [{}, {"cursor": "2"}, {"cursor": "ü 3"}]


def test_an_empty_cursor_is_a_cursor_and_was_the_end_before() -> None:
    pages: dict[str | None, tuple[list[Any], Any]] = {None: ([tool("a")], ""), "": ([tool("b")], None)}
    with StatelessMcp(tools_list=paging(pages)) as server:
        assert names(talk(server)) == ["a", "b"]
        assert server.params("tools/list") == [{}, {"cursor": ""}]
    with ScriptedMcp(tools_list=paging(pages)) as server:
        assert names(talk(server)) == ["a"]


@pytest.mark.parametrize("cursor", [7, None, {}])
@pytest.mark.parametrize("era", ERAS)
def test_what_is_no_cursor_is_the_end(era: type[ScriptedMcp], cursor: object) -> None:
    with era(tools_list=answering({"tools": [tool("a")], "nextCursor": cursor})) as server:
        assert names(talk(server)) == ["a"]


@pytest.mark.parametrize("era", ERAS)
def test_pages_that_go_round_in_a_circle_are_an_error_at_its_end(era: type[ScriptedMcp]) -> None:
    pages: dict[str | None, tuple[list[Any], Any]] = {
        None: ([tool("a")], "1"),
        "1": ([tool("b")], "2"),
        "2": ([tool("c")], "1"),
    }
    with era(tools_list=paging(pages)) as server:
        found = talk(server).list_tools()
        assert [each.name for each in islice(found, 3)] == ["a", "b", "c"]
        with pytest.raises(MCPError, match=r"The list of tools of http://127.*/mcp has no end"):
            next(found)
        assert server.methods.count("tools/list") == 3


def test_a_list_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "MAX_PAGES", 5)

    def answer(message: dict[str, Any]) -> Reply:
        return json_reply(result(message, listing("a", cursor=str(message["id"]))))

    with StatelessMcp(tools_list=answer) as server:
        with pytest.raises(MCPError, match="has no end"):
            names(talk(server))
        assert server.methods.count("tools/list") == 5


@pytest.mark.parametrize("value", [{}, {"tools": None}, {"tools": "x"}, {"nextCursor": 7}])
@pytest.mark.parametrize("era", ERAS)
def test_a_list_that_is_no_list_holds_nothing(era: type[ScriptedMcp], value: dict[str, Any]) -> None:
    with era(tools_list=answering(value)) as server:
        assert names(talk(server)) == []


@pytest.mark.parametrize("era", ERAS)
def test_a_result_that_is_no_object_is_an_error(era: type[ScriptedMcp]) -> None:
    def answer(message: dict[str, Any]) -> Reply:
        return json_reply(result(message, []))

    with era(tools_list=answer) as server, pytest.raises(MCPError, match="neither with a result nor with an error"):
        names(talk(server))


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("era", ERAS)
def test_what_is_malformed_is_left_out_with_a_warning_and_the_rest_is_there(
    era: type[ScriptedMcp], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    method, member, list_all, more = LISTS[kind]
    items = [7, None, [], {}, {"name": 7, **more}, "x", {"name": "a", **more}]
    with era(**{method.replace("/", "_"): answering({member: items})}) as server:
        assert [each.name for each in list_all(talk(server))] == ["a"]
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == 6
    assert all(f"one of the {member} is left out: The server sent" in line for line in warned)


@pytest.mark.parametrize("era", ERAS)
def test_a_refused_page_is_an_error_after_what_was_there(era: type[ScriptedMcp]) -> None:
    def answer(message: dict[str, Any]) -> Reply:
        if "cursor" in message.get("params", {}):
            return json_reply(error(message, -32602, "no such cursor"))
        return json_reply(result(message, listing("a", cursor="2")))

    with era(tools_list=answer) as server:
        found = talk(server).list_tools()
        assert next(found).name == "a"
        with pytest.raises(MCPError, match="no such cursor"):
            next(found)


# Arguments that headers repeat

REGION = {"type": "string", "x-mcp-header": "Region"}
WRONG: list[dict[str, Any]] = [
    {"a": {"type": "string", "x-mcp-header": "no token"}},
    {"a": {"type": "string", "x-mcp-header": ""}},
    {"a": {"type": "object", "x-mcp-header": "Region"}},
    {"a": REGION, "b": {"type": "string", "x-mcp-header": "region"}},
    {"a": {"type": "array", "items": REGION}},
]


@pytest.mark.parametrize("properties", WRONG)
def test_a_tool_whose_headers_break_the_rules_is_left_out_and_cannot_be_called(
    properties: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with StatelessMcp(tools_list=answering({"tools": [tool("bad\n", **properties), tool("good")]})) as server:
        mcp = talk(server)
        assert names(mcp) == ["good"]
        [warned] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert "the tool bad is left out: " in warned
        assert "x-mcp-header" in warned
        assert warned.isprintable()
        with pytest.raises(MCPError, match=r"The tool bad cannot be called: .*x-mcp-header"):
            mcp.call_tool("bad\n", {"a": "x"})
        assert server.methods.count("tools/call") == 0


@pytest.mark.parametrize("properties", WRONG)
def test_headers_that_no_revision_knows_make_no_tool_wrong_before(properties: dict[str, Any]) -> None:
    answers = {
        "tools_list": answering({"tools": [tool("bad", **properties)]}),
        "tools_call": answering({"content": []}),
    }
    with ScriptedMcp(**answers) as server:
        mcp = talk(server)
        assert names(mcp) == ["bad"]
        mcp.call_tool("bad", {"a": "x"})
        assert server.asked("tools/call").headers["Mcp-Param-Region"] is None


def test_a_tool_that_was_wrong_and_is_right_by_now_can_be_called() -> None:
    lists = answering({"tools": [tool("x", **WRONG[0])]}, {"tools": [tool("x", a=REGION)]})
    with StatelessMcp(tools_list=lists, tools_call=answering({"content": []})) as server:
        mcp = talk(server)
        assert (names(mcp), names(mcp)) == ([], ["x"])
        mcp.call_tool("x", {"a": "eu"})
        assert server.asked("tools/call").headers["Mcp-Param-Region"] == "eu"


def test_arguments_are_repeated_in_headers_as_the_tool_says() -> None:
    schema = {
        "region": REGION,
        "count": {"type": "integer", "x-mcp-header": "Count"},
        "deep": {"type": "object", "properties": {"dry": {"type": "boolean", "x-mcp-header": "Dry"}}},
        "left": {"type": "string", "x-mcp-header": "Left"},
        "none": {"type": "string", "x-mcp-header": "None"},
        "plain": {"type": "string"},
    }
    given = {"region": "Zürich", "count": 7, "deep": {"dry": True}, "none": None, "plain": "x"}
    with StatelessMcp(
        tools_list=answering({"tools": [tool("x", **schema)]}), tools_call=answering({"content": []})
    ) as server:
        mcp = talk(server)
        assert names(mcp) == ["x"]
        mcp.call_tool("x", given)
        called = server.asked("tools/call")
        sent = {name: value for name, value in called.headers.items() if name.lower().startswith("mcp-param-")}
        assert sent == {"Mcp-Param-Region": "=?base64?WsO8cmljaA==?=", "Mcp-Param-Count": "7", "Mcp-Param-Dry": "true"}
        assert called.json()["params"]["arguments"] == given
        with pytest.raises(ValueError, match="count"):
            mcp.call_tool("x", {"count": 2**60})
        assert server.methods.count("tools/call") == 1


def wants_region(server: StatelessMcp, said: str) -> Callable[[dict[str, Any]], Reply]:
    def answer(message: dict[str, Any]) -> Reply:
        if server.log[-1].headers["Mcp-Param-Region"] == said:
            return json_reply(result(message, {"content": []}))
        return refusing(-32020, "Header mismatch", status=400)(message)

    return answer


@pytest.mark.parametrize("listed", [True, False])
def test_a_tool_that_wants_other_headers_is_looked_up_again_and_called_once_more(listed: bool) -> None:
    lists = [{"tools": [tool("x", a=REGION)], "ttlMs": 60000}]
    if listed:
        lists.insert(0, {"tools": [tool("x")], "ttlMs": 60000})
    with StatelessMcp(tools_list=answering(*lists)) as server:
        server.script["tools_call"] = wants_region(server, "eu")
        mcp = talk(server)
        assert not listed or names(mcp) == ["x"]
        mcp.call_tool("x", {"a": "eu"})
        assert server.methods[1 + listed :] == ["tools/call", "tools/list", "tools/call"]
        mcp.call_tool("x", {"a": "eu"})
        assert server.methods.count("tools/call") == 3


def test_headers_that_never_fit_are_an_error_after_the_second_time() -> None:
    with StatelessMcp(tools_list=answering({"tools": [tool("x", a=REGION)]})) as server:
        server.script["tools_call"] = wants_region(server, "us")
        with pytest.raises(MCPError, match="Header mismatch") as caught:
            talk(server).call_tool("x", {"a": "eu"})
        assert caught.value.code == -32020
        assert (server.methods.count("tools/call"), server.methods.count("tools/list")) == (2, 1)
