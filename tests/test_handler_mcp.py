"""The handler and servers that want to be spoken to as their revision says: sessions, and bare requests said again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from mcp_oauth_sync import MCPSession, OAuthHandler
from mcp_oauth_sync.exceptions import InsecureURLError, MCPError

from .mcp.conftest import nothing_remembered
from .mcp.script import HELLO, META, ScriptedMcp, StatelessMcp, answering, error, listing, refusing, result
from .scene import Scene
from .servers import Exchange, Reply, html_reply, json_reply

BARE = {"jsonrpc": "2.0", "id": 7, "method": "tools/list"}
TOOLS = listing("echo")


__all__ = ["nothing_remembered"]


class Modern(StatelessMcp):
    """Takes nothing that does not say its revision."""

    def _serve(self, exchange: Exchange) -> Reply:
        message = exchange.json()
        if exchange.headers["Mcp-Method"] is None:
            return json_reply(error(message, -32020, "Mcp-Method is missing"), 400)
        return super()._serve(exchange)


class Older(ScriptedMcp):
    """Takes nothing without a session of its own, nor from who does not take streams."""

    def __init__(self, **script: Any) -> None:
        super().__init__(initialize=self.hello, **script)
        self.began = 0
        self.living: set[str] = set()
        self.route("DELETE", "/mcp", self.end)

    def hello(self, message: dict[str, Any]) -> Reply:
        self.began += 1
        self.living.add(f"session-{self.began}")
        return json_reply(result(message, HELLO), headers=[("Mcp-Session-Id", f"session-{self.began}")])

    def end(self, exchange: Exchange) -> Reply:
        self.living.discard(exchange.headers["Mcp-Session-Id"] or "")
        return Reply(204)

    def _serve(self, exchange: Exchange) -> Reply:
        message, session = exchange.json(), exchange.headers["Mcp-Session-Id"]
        if "text/event-stream" not in (exchange.headers["Accept"] or ""):
            return json_reply(error({}, -32000, "Not Acceptable"), 406)
        if message["method"] != "initialize" and session is None:
            return json_reply(error({}, -32000, "Bad Request: Mcp-Session-Id is required"), 400)
        if session is not None and session not in self.living:
            return json_reply(error({}, -32001, "Session not found"), 404)
        return super()._serve(exchange)


@contextmanager
def signed_in(server: ScriptedMcp) -> Iterator[tuple[Scene, OAuthHandler]]:
    with server, Scene(upstream=server.mcp_url) as scene:
        handler = scene.handler()
        handler.ensure_authenticated_mcp("notes", scene.url)
        yield scene, handler


def call(scene: Scene, handler: OAuthHandler, message: Any = BARE, **options: Any) -> requests.Response:
    options = {"method": "POST", "timeout": 10, "json": message, **options}
    return handler.authenticated_request("notes", scene.url, options.pop("url", scene.url), **options)


# Sessions by name


@pytest.mark.parametrize("era", [Modern, Older])
def test_a_session_speaks_with_the_sign_in_kept_under_a_name(era: type[ScriptedMcp]) -> None:
    with signed_in(era(tools_list=answering(TOOLS))) as (scene, handler):
        with handler.mcp_session("notes", scene.url, timeout=10, client_info={"name": "mine", "version": "1"}) as mcp:
            assert isinstance(mcp, MCPSession)
            assert [tool.name for tool in mcp.list_tools()] == ["echo"]
        with handler.mcp_session("notes", scene.url) as again:
            assert again is not mcp
            assert [tool.name for tool in again.list_tools()] == ["echo"]
        scene.person.join()
        assert len(scene.shown) == 1


def test_a_token_that_has_expired_is_renewed_under_way() -> None:
    with signed_in(Older(tools_list=answering(TOOLS))) as (scene, handler):
        with handler.mcp_session("notes", scene.url) as mcp:
            list(mcp.list_tools())
            scene.az.expire_all_access_tokens()
            assert [tool.name for tool in mcp.list_tools()] == ["echo"]
        assert scene.az.refreshes == 1
        assert len(scene.shown) == 1


def test_a_session_is_for_secure_servers_only() -> None:
    with pytest.raises(InsecureURLError):
        OAuthHandler().mcp_session("notes", "http://mcp.example.com/mcp")


# Bare requests


def test_a_server_that_takes_a_bare_request_sees_that_one_alone() -> None:
    server = ScriptedMcp(tools_list=answering(TOOLS))
    with signed_in(server) as (scene, handler):
        for _ in range(2):
            answer = call(scene, handler, headers={"X-Own": "1"})
            assert answer.json()["result"] == TOOLS
            assert answer.history == []
        assert server.said == [BARE, BARE]
        assert {x.headers["X-Own"] for x in server.log} == {"1"}
        assert {x.headers["Mcp-Method"] or x.headers["MCP-Protocol-Version"] for x in server.log} == {None}


def test_a_bare_request_to_a_stateless_server_is_said_again_with_all_that_it_wants() -> None:
    server = Modern(tools_list=answering(TOOLS))
    with signed_in(server) as (scene, handler):
        answer = call(scene, handler, headers={"X-Own": "1"})
        assert answer.json() == result(BARE, TOOLS)
        assert [old.status_code for old in answer.history] == [400]
        assert server.methods == ["tools/list", "server/discover", "tools/list"]
        said = server.log[-1]
        assert (said.headers["X-Own"], said.headers["Mcp-Method"]) == ("1", "tools/list")
        assert said.json() == {**BARE, "params": {"_meta": said.json()["params"]["_meta"]}}
        assert call(scene, handler).history == []
        assert server.methods[3:] == ["tools/list"]


def test_a_bare_request_to_a_server_of_sessions_is_said_again_in_one() -> None:
    server = Older(tools_list=answering(TOOLS))
    with signed_in(server) as (scene, handler):
        answer = call(scene, handler)
        assert answer.json() == result(BARE, TOOLS)
        assert [old.status_code for old in answer.history] == [406]
        assert server.log[-1].json() == BARE
        assert server.log[-1].headers["Mcp-Session-Id"] == "session-1"
        assert server.log[-1].headers["MCP-Protocol-Version"] == "2025-11-25"
        server.clear()
        assert call(scene, handler, {**BARE, "id": 8}).json()["id"] == 8
        assert server.methods == ["tools/list"]
        assert server.began == 1


def test_a_session_that_has_ended_is_begun_anew_once() -> None:
    server = Older(tools_list=answering(TOOLS))
    with signed_in(server) as (scene, handler):
        call(scene, handler)
        server.living.clear()
        server.clear()
        assert call(scene, handler).json()["result"] == TOOLS
        assert server.methods == ["tools/list", "initialize", "notifications/initialized", "tools/list"]
        assert server.began == 2


def test_messages_that_were_refused_together_begin_one_session() -> None:
    server = Older(tools_list=answering(TOOLS))
    with signed_in(server) as (scene, handler), handler.mcp_session("notes", scene.url) as mcp:
        _, sent = mcp.dress(BARE)
        refusal = MCPError("Session not found", code=-32001, status=404)
        assert mcp.improve(sent, refusal)
        _, again = mcp.dress(BARE)
        assert (sent["Mcp-Session-Id"], again["Mcp-Session-Id"]) == ("session-1", "session-2")
        assert mcp.improve(sent, refusal)
        assert mcp.dress(BARE)[1]["Mcp-Session-Id"] == "session-2"
        assert not mcp.improve(again, MCPError("Invalid", code=-32602, status=400))


def test_sessions_that_end_at_once_are_an_error_in_the_end() -> None:
    server = Older(tools_list=answering(TOOLS))
    with signed_in(server) as (scene, handler):
        call(scene, handler)
        server.living.clear()
        server.script["tools_list"] = refusing(-32001, "Session not found", status=404)
        server.clear()
        with pytest.raises(requests.HTTPError):
            call(scene, handler)
        assert server.methods.count("tools/list") == 2
        assert server.began == 2


@pytest.mark.parametrize("era", [Modern, Older])
@pytest.mark.parametrize(("code", "status"), [(-32601, 404), (-32602, 400), (-32603, 500)])
def test_what_is_refused_for_other_reasons_is_refused_once(era: type[ScriptedMcp], code: int, status: int) -> None:
    server = era(tools_list=answering(TOOLS), x=refusing(code, status=status))
    with signed_in(server) as (scene, handler):
        call(scene, handler)
        server.clear()
        with pytest.raises(requests.HTTPError) as caught:
            call(scene, handler, {**BARE, "method": "x"})
        assert caught.value.response.status_code == status
        assert caught.value.response.json()["error"]["code"] == code
        assert server.methods == ["x"]


def test_a_server_that_speaks_another_revision_by_now_is_understood() -> None:
    server = Modern(tools_list=answering(TOOLS))
    with signed_in(server) as (scene, handler):
        call(scene, handler)
        supported = {"supported": ["2025-11-25"], "requested": "2026-07-28"}
        modern, older = refusing(-32022, data=supported, status=400), Older(tools_list=answering(TOOLS))

        def serve(exchange: Exchange) -> Reply:
            if exchange.headers["Mcp-Method"] is not None:
                return modern(exchange.json())
            return older._serve(exchange)

        server.route("POST", "/mcp", serve)
        server.clear()
        assert call(scene, handler).json()["result"] == TOOLS
        assert server.methods == ["tools/list", "initialize", "notifications/initialized", "tools/list"]


def test_arguments_that_headers_repeat_are_repeated() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "x-mcp-header": "Region"}}}
    tools = {"tools": [{"name": "x", "inputSchema": schema}]}
    server = Modern(tools_list=answering(tools), tools_call=answering({"content": []}))
    with signed_in(server) as (scene, handler):
        message = {**BARE, "method": "tools/call", "params": {"name": "x", "arguments": {"a": "eu"}}}
        for _ in range(2):
            call(scene, handler, message)
            assert server.log[-1].headers["Mcp-Param-Region"] == "eu"
            assert server.log[-1].headers["Mcp-Name"] == "x"
        assert server.methods == ["tools/call", "server/discover", "tools/list", "tools/call", "tools/call"]


@pytest.mark.parametrize("params", [{"name": "x"}, {"name": 7}, {"arguments": {}}, None, [1]])
def test_a_call_of_a_tool_that_says_too_little_is_sent_as_it_is(params: Any) -> None:
    server = Modern(tools_list=answering(TOOLS), tools_call=answering({"content": []}))
    server.route("POST", "/mcp", lambda x: ScriptedMcp._serve(server, x))
    with signed_in(server) as (scene, handler):
        handler.mcp_session("notes", scene.url).dress({**BARE, "method": "tools/call", "params": params})
        assert server.methods.count("tools/call") == 0


def test_what_the_caller_says_in_headers_stands() -> None:
    server = Older(tools_list=answering(TOOLS))
    with signed_in(server) as (scene, handler):
        with pytest.raises(requests.HTTPError) as caught:
            call(scene, handler, headers={"accept": "application/json"})
        assert caught.value.response.status_code == 406
        assert server.log[-1].headers.get_all("Accept") == ["application/json"]


def test_what_the_caller_says_in_meta_stands() -> None:
    server = Modern(tools_list=answering(TOOLS))
    with signed_in(server) as (scene, handler):
        call(scene, handler, {**BARE, "params": {"a": 1, "_meta": {"mine": 2}}})
        params = server.log[-1].json()["params"]
        assert (params["a"], params["_meta"]["mine"]) == (1, 2)
        assert params["_meta"][f"{META}protocolVersion"] == "2026-07-28"


# What is left alone


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"Mcp-Session-Id": "mine"}},
        {"headers": {"mcp-protocol-version": "2025-06-18"}},
        {"headers": {"Mcp-Method": "tools/list"}},
        {"json": {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}},
        {"json": {"id": 1, "method": "tools/list"}},
        {"json": {"jsonrpc": "2.0", "id": 1, "result": {}}},
        {"json": [BARE]},
        {"json": None, "data": b'{"jsonrpc": "2.0", "id": 7, "method": "tools/list"}'},
        {"method": "GET", "json": None},
        {"method": "PUT"},
    ],
    ids=["session", "revision", "method", "initialize", "no JSON-RPC", "an answer", "a batch", "bytes", "GET", "PUT"],
)
def test_who_speaks_for_himself_is_not_helped(options: dict[str, Any]) -> None:
    server = ScriptedMcp()
    server.route("*", "/mcp", lambda exchange: json_reply({"why": "no"}, 400))
    server.route("POST", "/mcp", lambda exchange: json_reply({"why": "no"}, 400))
    with signed_in(server) as (scene, handler):
        with pytest.raises(requests.HTTPError) as caught:
            call(scene, handler, **options)
        assert caught.value.response.json() == {"why": "no"}
        assert len(server.log) == 1


def test_another_place_on_the_server_is_left_alone() -> None:
    server = ScriptedMcp()
    server.route("POST", "/other", lambda exchange: json_reply({"why": "no"}, 400))
    with signed_in(server) as (scene, handler):
        with pytest.raises(requests.HTTPError):
            call(scene, handler, url=f"{scene.mcp.url}/other")
        assert len(server.log) == 1


@pytest.mark.parametrize("status", [400, 404, 406])
def test_what_is_no_mcp_server_has_its_first_answer_heard(status: int) -> None:
    server = ScriptedMcp()
    for method in ("POST", "GET"):
        server.route(method, "/mcp", lambda exchange: html_reply(f"first of {len(server.log)}", status))
    with signed_in(server) as (scene, handler):
        with pytest.raises(requests.HTTPError) as caught:
            call(scene, handler)
        assert caught.value.response.status_code == status
        assert caught.value.response.text == "first of 1"
        assert caught.value.response.history == []


@pytest.mark.parametrize("status", [200, 202, 403, 405, 429, 500, 503])
def test_any_other_answer_is_the_answer(status: int) -> None:
    server = ScriptedMcp()
    server.route("POST", "/mcp", lambda exchange: json_reply({"status": status}, status))
    with signed_in(server) as (scene, handler):
        if status < 400:
            assert call(scene, handler).json() == {"status": status}
        else:
            with pytest.raises(requests.HTTPError):
                call(scene, handler)
        assert len(server.log) == 1


def test_nothing_about_mcp_is_known_where_nobody_needs_it() -> None:
    server = ScriptedMcp(tools_list=answering(TOOLS))
    with signed_in(server) as (scene, handler):
        call(scene, handler)
        assert handler._sessions == {}


def test_signing_out_forgets_the_session() -> None:
    server = Older(tools_list=answering(TOOLS))
    with signed_in(server) as (scene, handler):
        call(scene, handler)
        assert len(handler._sessions) == 1
        handler.logout("notes")
        assert handler._sessions == {}
        call(scene, handler)
        assert server.began == 2


def test_a_tool_that_breaks_the_rules_is_not_said_again() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "x-mcp-header": ""}}}
    server = Modern(tools_list=answering({"tools": [{"name": "x", "inputSchema": schema}]}))
    with signed_in(server) as (scene, handler):
        message = {**BARE, "method": "tools/call", "params": {"name": "x", "arguments": {"a": "eu"}}}
        with pytest.raises(requests.HTTPError) as caught:
            call(scene, handler, message)
        assert caught.value.response.status_code == 400
        assert server.methods.count("tools/call") == 1
        with pytest.raises(MCPError):
            handler.mcp_session("notes", scene.url).dress(message)
