"""What a server offers, as methods: what goes over the wire in both eras, and what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from mcp_oauth_sync import MCPSession, OAuth, __version__
from mcp_oauth_sync.exceptions import InsecureURLError, MCPError, MCPTimeoutError, ToolError
from mcp_oauth_sync.mcp import ServerInfo
from tests.servers import Reply, json_reply

from .script import (
    HELLO,
    META,
    ScriptedMcp,
    StatelessMcp,
    answering,
    listing,
    refusing,
    result,
    talk,
)

ERAS = (ScriptedMcp, StatelessMcp)
TEXT = {"content": [{"type": "text", "text": "done"}]}


# What goes over the wire


def every_operation(mcp: MCPSession) -> list[Any]:
    return [
        [tool.name for tool in mcp.list_tools()],
        mcp.call_tool("échø", {"a": [1, None, 1.5]}).text,
        [resource.uri for resource in mcp.list_resources()],
        [template.uri_template for template in mcp.list_resource_templates()],
        [contents.text for contents in mcp.read_resource("file:///ü")],
        [prompt.name for prompt in mcp.list_prompts()],
        [message.content.text for message in mcp.get_prompt("ask", {"who": "me"}).messages],
        mcp.complete("who", "a", prompt="ask").values,
        mcp.complete("id", "1", resource_template="x:{id}", context={"who": "me"}).values,
        mcp.ping(),
    ]


ANSWERS = {
    "tools_list": answering(listing("echo")),
    "tools_call": answering(TEXT),
    "resources_list": answering({"resources": [{"uri": "x:1", "name": "one"}]}),
    "resources_templates_list": answering({"resourceTemplates": [{"uriTemplate": "x:{id}", "name": "some"}]}),
    "resources_read": answering({"contents": [{"uri": "x:1", "text": "hello"}]}),
    "prompts_list": answering({"prompts": [{"name": "ask"}]}),
    "prompts_get": answering({"messages": [{"role": "user", "content": {"type": "text", "text": "who?"}}]}),
    "completion_complete": answering({"completion": {"values": ["ada"]}}),
    "ping": answering({}),
}
FOUND = [["echo"], "done", ["x:1"], ["x:{id}"], ["hello"], ["ask"], ["who?"], ("ada",), ("ada",), None]
ASKED = {
    "tools/list": {},
    "tools/call": {"name": "échø", "arguments": {"a": [1, None, 1.5]}},
    "resources/list": {},
    "resources/templates/list": {},
    "resources/read": {"uri": "file:///ü"},
    "prompts/list": {},
    "prompts/get": {"name": "ask", "arguments": {"who": "me"}},
}
BY_PROMPT = {"ref": {"type": "ref/prompt", "name": "ask"}, "argument": {"name": "who", "value": "a"}}
BY_TEMPLATE = {
    "ref": {"type": "ref/resource", "uri": "x:{id}"},
    "argument": {"name": "id", "value": "1"},
    "context": {"arguments": {"who": "me"}},
}


@pytest.mark.parametrize("era", ERAS)
def test_every_operation_says_what_it_is_about_and_brings_what_came(era: type[ScriptedMcp]) -> None:
    with era(**ANSWERS) as server:
        with talk(server) as mcp:
            assert every_operation(mcp) == FOUND
        for method, params in ASKED.items():
            assert server.params(method) == [params]
        assert server.params("completion/complete") == [BY_PROMPT, BY_TEMPLATE]
        numbers = [message["id"] for message in server.said if "id" in message]
        assert len(set(numbers)) == len(numbers)


def test_a_stateless_server_is_told_everything_with_every_request() -> None:
    with StatelessMcp(**ANSWERS) as server:  # and looks at the headers
        with talk(server) as mcp:
            every_operation(mcp)
        metas = [message["params"]["_meta"] for message in server.said]
        about = {"name": "mcp-oauth-sync", "version": __version__}
        expected = {"protocolVersion": "2026-07-28", "clientInfo": about, "clientCapabilities": {}}
        assert metas == [{f"{META}{name}": value for name, value in expected.items()}] * len(metas)
        assert server.methods.count("server/discover") == 2  # to agree, and in place of a ping
        assert "ping" not in server.methods
        assert server.connections == 1


def test_a_server_of_handshakes_is_told_the_revision_in_a_header_and_nothing_in_meta() -> None:
    with ScriptedMcp(**ANSWERS) as server:
        with talk(server) as mcp:
            every_operation(mcp)
        assert server.methods.count("ping") == 1
        spoken = [x for x in server.requests(method="POST") if x.json()["method"] != "server/discover"]
        assert {x.headers["MCP-Protocol-Version"] for x in spoken[1:]} == {"2025-11-25"}
        assert not [x for x in spoken if x.headers["Mcp-Method"] or x.headers["Mcp-Name"]]
        assert not [x for x in spoken if "_meta" in x.json().get("params", {})]


def test_who_calls_is_told_as_the_caller_says() -> None:
    about = {"name": "mine", "version": "7", "title": "Mine"}
    with StatelessMcp(tools_list=answering(listing())) as server:
        assert list(talk(server, client_info=about).list_tools()) == []
        assert server.asked("tools/list").json()["params"]["_meta"][f"{META}clientInfo"] == about
    with ScriptedMcp(tools_list=answering(listing())) as server:
        assert list(talk(server, client_info=about).list_tools()) == []
        assert server.asked("initialize").json()["params"]["clientInfo"] == about


@pytest.mark.parametrize("name", ["x\r\nX-Evil: yes", " padded ", "=?base64?eA==?=", "", "naïve"])
def test_a_name_that_no_header_can_carry_is_wrapped(name: str) -> None:
    with StatelessMcp(tools_call=answering(TEXT)) as server:
        server.script["tools_call"] = answering(TEXT)
        # The server of this test compares the header itself; here a plain one that looks wrapped counts too.
        if name.startswith("=?"):
            server.route("POST", "/mcp", lambda x: server.script[x.json()["method"].replace("/", "_")](x.json()))
        assert talk(server).call_tool(name).text == "done"
        called = server.asked("tools/call")
        assert called.headers["X-Evil"] is None
        assert called.json()["params"]["name"] == name
        if name.startswith("=?"):
            assert called.headers["Mcp-Name"] == "=?base64?PT9iYXNlNjQ/ZUE9PT89?="


# What comes back


def test_fields_nobody_knows_are_kept() -> None:
    tool = {"name": "echo", "inputSchema": {"type": "object", "$ref": "https://x.example/s"}, "x-new": 1}
    with StatelessMcp(tools_list=answering({"tools": [tool]}), tools_call=answering({**TEXT, "x-new": 2})) as server:
        mcp = talk(server)
        [found] = mcp.list_tools()
        assert (found.raw, found.input_schema) == (tool, tool["inputSchema"])
        assert mcp.call_tool("echo").raw["x-new"] == 2


@pytest.mark.parametrize("era", ERAS)
def test_a_tool_that_failed_is_a_result_and_a_refused_call_is_an_error(era: type[ScriptedMcp]) -> None:
    failed = {"content": [{"type": "text", "text": "no such city"}], "isError": True}
    with era(tools_call=answering(failed)) as server:
        told = talk(server).call_tool("weather")
        assert (told.is_error, told.text) == (True, "no such city")
        with pytest.raises(ToolError, match="no such city"):
            told.raise_for_error()
    with era(tools_call=refusing(-32602, "No \x1b[31msuch\x1b[0m\ntool.", data={"why": "Sunday"})) as server:
        with pytest.raises(MCPError) as caught:
            talk(server).call_tool("weather")
        assert caught.value.message == "The server answered: No [31msuch [0m tool."
        assert (caught.value.code, caught.value.data) == (-32602, {"why": "Sunday"})
        assert server.methods.count("tools/call") == 1


@pytest.mark.parametrize(
    ("script", "call"),
    [
        ({"tools_call": {"content": "x"}}, lambda mcp: mcp.call_tool("x")),
        ({"tools_call": {}}, lambda mcp: mcp.call_tool("x")),
        ({"resources_read": {"contents": [7]}}, lambda mcp: mcp.read_resource("x:1")),
        ({"resources_read": {"contents": [{"uri": "x:1"}]}}, lambda mcp: mcp.read_resource("x:1")),
        ({"resources_read": {}}, lambda mcp: mcp.read_resource("x:1")),
        ({"prompts_get": {"messages": [{}]}}, lambda mcp: mcp.get_prompt("x")),
        ({"completion_complete": {}}, lambda mcp: mcp.complete("x", "y", prompt="z")),
    ],
)
@pytest.mark.parametrize("era", ERAS)
def test_a_malformed_result_is_an_error(
    era: type[ScriptedMcp], script: dict[str, Any], call: Callable[[MCPSession], object]
) -> None:
    answers = {name: answering(value) for name, value in script.items()}
    with era(**answers) as server, pytest.raises(MCPError, match="The server sent"):
        call(talk(server))


# Small print


def test_a_prompt_without_arguments_is_asked_for_without_any() -> None:
    with ScriptedMcp(prompts_get=answering({"messages": []})) as server:
        talk(server).get_prompt("ask")
        assert server.params("prompts/get") == [{"name": "ask"}]


@pytest.mark.parametrize("about", [{}, {"prompt": "a", "resource_template": "x:{id}"}])
def test_a_completion_is_about_one_thing(about: dict[str, str]) -> None:
    with StatelessMcp() as server:
        with pytest.raises(ValueError, match="either prompt= or resource_template="):
            talk(server).complete("a", "b", **about)
        assert server.log == []


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("value", [float("nan"), object()])
def test_what_json_cannot_say_is_the_callers_error_and_nobody_is_told(era: type[ScriptedMcp], value: object) -> None:
    with era() as server:
        mcp = talk(server)
        with pytest.raises((ValueError, TypeError)):
            mcp.call_tool("x", {"a": value})
        assert not {"tools/call", "notifications/cancelled"}.intersection(server.methods)


def test_the_arguments_of_the_caller_are_not_changed() -> None:
    arguments: dict[str, Any] = {"a": 1}
    with StatelessMcp(tools_call=answering(TEXT)) as server:
        talk(server).call_tool("x", arguments)
    assert arguments == {"a": 1}


@pytest.mark.parametrize("era", ERAS)
def test_each_call_may_have_a_time_limit_of_its_own(era: type[ScriptedMcp]) -> None:
    def never(message: dict[str, Any]) -> Reply:
        return Reply(200, [("Content-Type", "text/event-stream")], chunks=server.endless(b": wait\n\n"))

    with era(tools_call=never, resources_read=never, prompts_get=never) as server:
        with talk(server) as mcp:
            for call in (
                lambda: mcp.call_tool("x", timeout=0.1),
                lambda: mcp.read_resource("x:1", timeout=0.1),
                lambda: mcp.get_prompt("x", timeout=0.1),
            ):
                with pytest.raises(MCPTimeoutError, match=r"within 0\.1 seconds"):
                    call()
            cancelled = [message["requestId"] for message in server.params("notifications/cancelled")]
            called = [x.json()["id"] for x in server.log if x.json()["method"] in ("tools/call", "prompts/get")]
            assert set(called) <= set(cancelled) if era is ScriptedMcp else cancelled == []
        server.release.set()


def test_what_the_server_says_of_itself_is_there_in_both_eras() -> None:
    with ScriptedMcp() as server:
        mcp = talk(server)
        assert (mcp.server.name, mcp.server.protocol_version) == ("s", "2025-11-25")
        assert mcp.server is mcp.server
    with StatelessMcp(capabilities={"tools": {}}) as server:
        mcp = talk(server)
        assert (mcp.server.name, mcp.server.capabilities) == ("s", {"tools": {}})
        assert isinstance(mcp.server, ServerInfo)
        assert server.methods == ["server/discover"]


def test_a_server_that_was_not_asked_is_asked_when_somebody_wants_to_know() -> None:
    about = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "ttlMs": 60000}
    with StatelessMcp(tools_list=answering(listing()), server_discover=answering(about)) as server:
        mcp = talk(server, version="2026-07-28")
        assert list(mcp.list_tools()) == []
        assert server.methods == ["tools/list"]
        assert mcp.server.capabilities == mcp.server.capabilities == {"tools": {}}
        assert server.methods == ["tools/list", "server/discover"]


def test_nothing_is_sent_before_the_first_call() -> None:
    with StatelessMcp(tools_list=answering(listing())) as server:
        mcp = talk(server)
        tools = mcp.list_tools()
        assert server.log == []
        assert list(tools) == []


@pytest.mark.parametrize("url", ["http://mcp.example.com/mcp", "ftp://127.0.0.1/"])
def test_a_server_that_anybody_can_listen_to_is_refused(url: str) -> None:
    with pytest.raises(InsecureURLError):
        MCPSession(url)


def test_a_revision_we_do_not_speak_is_refused() -> None:
    with pytest.raises(ValueError, match="2026-07-28, 2025-11-25"):
        MCPSession("https://mcp.example.com/mcp", version="2030-01-01")


# Life


def test_leaving_the_block_ends_the_session_at_the_server() -> None:
    def hello(message: dict[str, Any]) -> Reply:
        return json_reply(result(message, HELLO), headers=[("Mcp-Session-Id", "session-1")])

    with ScriptedMcp(initialize=hello, tools_list=answering(listing())) as server:
        server.route("DELETE", "/mcp", lambda exchange: Reply(204))
        with talk(server) as mcp:
            list(mcp.list_tools())
        [ended] = server.requests(method="DELETE")
        assert ended.headers["Mcp-Session-Id"] == "session-1"
        assert {x.headers["Mcp-Session-Id"] for x in server.all_asked("tools/list")} == {"session-1"}
        with pytest.raises(MCPError, match="was closed"):
            list(mcp.list_tools())
        mcp.close()


def test_a_session_of_the_caller_stays_open_and_ours_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[requests.Session] = []
    with StatelessMcp(tools_list=answering(listing())) as server, requests.Session() as theirs:
        with monkeypatch.context() as patch:
            patch.setattr(requests.Session, "close", lambda session: closed.append(session))
            with talk(server, session=theirs) as mcp:
                list(mcp.list_tools())
            assert closed == []
            with talk(server) as mcp:
                list(mcp.list_tools())
            assert len(closed) == 1
        closed[0].close()


# Signing


def authorizations(server: ScriptedMcp) -> set[str | None]:
    return {exchange.headers["Authorization"] for exchange in server.log}


@pytest.mark.parametrize("era", ERAS)
def test_an_auth_object_or_a_pair_signs_every_request(era: type[ScriptedMcp]) -> None:
    with era(tools_list=answering(listing())) as server:
        with talk(server, auth=("ada", "secret")) as mcp:
            list(mcp.list_tools())
        assert authorizations(server) == {"Basic YWRhOnNlY3JldA=="}


@pytest.mark.parametrize("own", [True, False])
def test_without_auth_nothing_is_signed_not_even_by_the_session_or_a_netrc(own: bool, home: Any) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login ada password secret\n")
    with StatelessMcp(tools_list=answering(listing())) as server, requests.Session() as session:
        session.auth = ("eve", "secret")
        with talk(server, auth=None, session=session if own else None) as mcp:
            list(mcp.list_tools())
        assert authorizations(server) == {None}


def test_the_auth_of_the_session_signs_where_none_is_given() -> None:
    with StatelessMcp(tools_list=answering(listing())) as server, requests.Session() as session:
        session.auth = ("ada", "secret")
        with MCPSession(server.mcp_url, session=session) as mcp:
            list(mcp.list_tools())
        assert authorizations(server) == {"Basic YWRhOnNlY3JldA=="}


def test_where_nothing_is_said_about_auth_the_server_is_signed_in_to() -> None:
    mcp = MCPSession("https://mcp.example.com/mcp")
    auth = mcp._wire._auth
    assert isinstance(auth, OAuth)
    assert auth.server_url == "https://mcp.example.com/mcp"


def test_a_request_is_one_line_of_json() -> None:
    with StatelessMcp(tools_call=answering(TEXT)) as server:
        talk(server).call_tool("x", {"a": "ü"})
        called = server.asked("tools/call")
        assert called.headers["Content-Type"] == "application/json"
        assert called.body == json.dumps(called.json(), separators=(",", ":")).encode()
