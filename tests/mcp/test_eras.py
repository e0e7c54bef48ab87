"""What a server speaks is found out as the specification says, from whatever real servers answer, and remembered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import MCPError, MCPTimeoutError
from tests.servers import Reply, hang, json_reply, local_ca, redirect_reply
from tests.servers.ports import free_ports

from .both_eras import (
    HANDSHAKE,
    HEADER_MISMATCH,
    MISSING_CAPABILITY,
    STATELESS,
    UNSUPPORTED,
    HandshakeServer,
    StatelessServer,
    as_events,
    as_json,
    page,
    refuse,
    turn_into,
)
from .script import Answer, ScriptedMcp, event, listing, result

GREETING = ["server/discover", "initialize", "notifications/initialized"]


def session(server: ScriptedMcp, **options: Any) -> MCPSession:
    return MCPSession(server.mcp_url, auth=None, timeout=options.pop("timeout", 10), **options)


def names(mcp: MCPSession) -> list[str]:
    return [tool.name for tool in mcp.list_tools()]


# Finding out


def test_a_stateless_server_is_asked_what_it_is_and_then_called() -> None:
    with StatelessServer() as server, session(server) as mcp:
        assert names(mcp) == ["echo"]
        assert mcp.server.protocol_version == STATELESS
        assert server.methods == ["server/discover", "tools/list"]
        assert {x.headers["MCP-Protocol-Version"] for x in server.log} == {STATELESS}


#: How servers with a handshake answer a request that they do not know, as it happens.
PROBED: dict[str, Answer] = {
    "400 not initialized": refuse(400, -32000, "Bad Request: Server not initialized"),
    "400 no session": refuse(400, -32600, "Bad Request: Missing session ID"),
    "400 other version": refuse(400, -32000, "Bad Request: Unsupported protocol version: 2026-07-28"),
    "400 invented id": lambda m: json_reply(
        {"jsonrpc": "2.0", "id": "server-error", "error": {"code": -32600, "message": "no"}}, 400
    ),
    "400 empty": refuse(400),
    "400 page": page(400),
    "404 empty": refuse(404),
    "404 page": page(404),
    "404 unknown method": refuse(404, -32601),
    "405": refuse(405),
    "406": refuse(406, -32000, "Not Acceptable"),
    "415": refuse(415),
    "422": lambda m: json_reply({"detail": [{"type": "missing"}]}, 422),
    "500": refuse(500),
    "500 page": page(500),
    "501": refuse(501),
    "200 unknown method": refuse(200, -32601),
    "200 wrong parameters": refuse(200, -32602, "Received request before initialization was complete"),
    "200 internal error": refuse(200, -32603),
    "200 empty result": as_json({}),
    "200 other result": as_json({"supportedVersions": []}),
    "200 empty result in a stream": as_events({}),
    "200 empty stream": lambda m: Reply(200, [("Content-Type", "text/event-stream")]),
    "200 empty": refuse(200),
    "200 page": page(200),
    "202": refuse(202),
}


@pytest.mark.parametrize("version", HANDSHAKE)
@pytest.mark.parametrize("probe", PROBED.values(), ids=PROBED)
def test_whatever_else_answers_the_first_question_is_greeted_by_a_handshake(probe: Answer, version: str) -> None:
    with HandshakeServer(version, probe=probe) as server, session(server) as mcp:
        assert names(mcp) == ["echo"]
        assert mcp.server.protocol_version == version
        assert server.methods == [*GREETING, "tools/list"]
        assert server.log[1].json()["params"]["protocolVersion"] == HANDSHAKE[0]
        assert "MCP-Protocol-Version" not in server.log[1].headers
        assert {x.headers["MCP-Protocol-Version"] for x in server.log[2:]} == {version}


@pytest.mark.parametrize(
    ("named", "spoken"),
    [
        (["2025-06-18"], "2025-06-18"),
        (["2025-03-26", "2025-11-25"], "2025-11-25"),
        (["2031-01-01", "2024-11-05"], "2024-11-05"),
        ([7, None, "2025-06-18"], "2025-06-18"),
    ],
    ids=["one", "the newest", "and one of ours", "and nonsense"],
)
def test_a_server_that_names_revisions_with_a_handshake_gets_one(named: list[Any], spoken: str) -> None:
    probe = refuse(400, UNSUPPORTED, "Unsupported protocol version", data={"supported": named})
    with HandshakeServer(spoken, probe=probe) as server, session(server) as mcp:
        assert names(mcp) == ["echo"]
        assert server.methods[:2] == ["server/discover", "initialize"]
        assert server.log[1].json()["params"]["protocolVersion"] == spoken


@pytest.mark.parametrize(
    "data",
    [{"supported": ["2031-01-01"]}, {"supported": []}, {"supported": "2025-11-25"}, {"other": 1}, [1], "x", None],
    ids=repr,
)
def test_a_stateless_server_without_a_revision_of_ours_gets_no_handshake(data: Any) -> None:
    refused = refuse(400, UNSUPPORTED, "Unsupported protocol version", data=data)
    with StatelessServer(server_discover=refused) as server, session(server) as mcp:
        with pytest.raises(MCPError, match=r"we offer 2026-07-28, .*2024-11-05") as raised:
            names(mcp)
        assert raised.value.code == UNSUPPORTED
        assert raised.value.data == data
        assert raised.value.status == 400
        assert server.methods == ["server/discover"]
        if isinstance(data, dict) and data.get("supported") == ["2031-01-01"]:
            assert "speaks MCP 2031-01-01;" in raised.value.message


def test_a_server_that_names_nothing_of_ours_when_asked_is_not_called() -> None:
    described = {"supportedVersions": ["2031-01-01\x1b[2J"], "capabilities": {}}
    with StatelessServer(server_discover=as_json(described)) as server, session(server) as mcp:
        with pytest.raises(MCPError, match=r"speaks MCP 2031-01-01.*; we offer 2026-07-28") as raised:
            names(mcp)
        assert "\x1b" not in raised.value.message
        assert server.methods == ["server/discover"]


def test_a_server_that_names_the_revision_it_has_just_refused_is_asked_once_more() -> None:
    with StatelessServer() as server, session(server) as mcp:
        discover = server.script["server_discover"]
        answers = iter([server.refuse_version, discover])
        server.script["server_discover"] = lambda message: next(answers)(message)
        assert names(mcp) == ["echo"]
        assert server.methods == ["server/discover", "server/discover", "tools/list"]


def test_a_server_that_refuses_for_ever_what_it_names_is_asked_twice() -> None:
    with StatelessServer() as server, session(server) as mcp:
        server.script["server_discover"] = server.refuse_version
        with pytest.raises(MCPError, match="speaks MCP 2026-07-28; we offer 2026-07-28"):
            names(mcp)
        assert server.methods == ["server/discover", "server/discover"]


def test_a_call_refused_for_a_revision_that_the_server_names_is_made_once_more() -> None:
    with StatelessServer() as server, session(server) as mcp:
        server.script["tools_call"] = server.refuse_version
        with pytest.raises(MCPError, match="Unsupported") as raised:
            mcp.call_tool("echo")
        assert raised.value.code == UNSUPPORTED
        assert server.methods == ["server/discover", "tools/call", "tools/call"]


@pytest.mark.parametrize("code", [HEADER_MISMATCH, MISSING_CAPABILITY])
def test_an_error_that_only_stateless_servers_know_leads_to_no_handshake(code: int) -> None:
    with StatelessServer(server_discover=refuse(400, code)) as server, session(server) as mcp:
        with pytest.raises(MCPError, match="refused") as raised:
            names(mcp)
        assert raised.value.code == code
        assert server.methods == ["server/discover"]


def test_a_server_of_both_eras_is_spoken_to_without_a_handshake() -> None:
    with StatelessServer(*HANDSHAKE, STATELESS) as server, session(server) as mcp:
        assert names(mcp) == ["echo"]
        assert server.methods == ["server/discover", "tools/list"]
        assert set(mcp.server.supported_versions) == {*HANDSHAKE, STATELESS}


def test_a_server_that_answers_when_asked_but_offers_only_a_handshake_gets_one() -> None:
    described = as_json({"supportedVersions": ["2025-06-18"], "capabilities": {}})
    with HandshakeServer("2025-06-18", probe=described) as server, session(server) as mcp:
        assert names(mcp) == ["echo"]
        assert server.log[1].json()["params"]["protocolVersion"] == "2025-06-18"


# The handshake


def test_a_server_that_refuses_the_newest_revision_is_offered_one_that_it_names() -> None:
    def greet(message: dict[str, Any]) -> Reply:
        if message["params"]["protocolVersion"] != "2025-03-26":
            data = {"supported": ["2025-03-26"], "requested": message["params"]["protocolVersion"]}
            return refuse(200, -32602, "Unsupported protocol version", data=data)(message)
        return json_reply(result(message, {}))

    with HandshakeServer("2025-03-26", initialize=greet) as server, session(server) as mcp:
        assert names(mcp) == ["echo"]
        assert server.methods == ["server/discover", "initialize", *GREETING[1:], "tools/list"]


def test_a_server_that_refuses_every_revision_of_ours_is_said_to() -> None:
    refused = refuse(200, -32602, "Unsupported protocol version", data={"supported": ["2031-01-01"]})
    with HandshakeServer(initialize=refused) as server, session(server) as mcp:
        with pytest.raises(MCPError, match="speaks MCP 2031-01-01; we offer 2025-11-25, 2025-06-18") as raised:
            names(mcp)
        assert raised.value.code == -32602
        assert server.methods == ["server/discover", "initialize"]


def test_a_server_that_wants_to_go_on_in_an_unknown_revision_is_left() -> None:
    with HandshakeServer("2031-01-01") as server, session(server) as mcp:
        server.script["initialize"] = lambda m: json_reply(result(m, {}))
        server._greet = lambda m: json_reply(  # type: ignore[method-assign]
            result(m, {"protocolVersion": "2031-01-01"}), headers=[("Mcp-Session-Id", "odd")]
        )
        server.alive.add("odd")
        with pytest.raises(MCPError, match="speaks MCP 2031-01-01; we offer 2025-11-25"):
            names(mcp)
        assert server.methods == ["server/discover", "initialize", "DELETE"]


@pytest.mark.parametrize("version", HANDSHAKE)
def test_a_pinned_revision_is_offered_at_once_and_an_older_one_taken(version: str) -> None:
    with HandshakeServer("2025-03-26") as server, session(server, version=version) as mcp:
        assert names(mcp) == ["echo"]
        assert server.methods == [*GREETING[1:], "tools/list"]
        assert server.log[0].json()["params"]["protocolVersion"] == version
        assert mcp.server.protocol_version == min(version, "2025-03-26")


def test_a_pinned_handshake_that_is_refused_is_not_tried_otherwise() -> None:
    with StatelessServer() as server, session(server, version="2025-06-18") as mcp:
        with pytest.raises(MCPError):
            names(mcp)
        assert server.methods == ["initialize"]
    refused = refuse(200, -32602, "no", data={"supported": ["2025-03-26"]})
    with HandshakeServer(initialize=refused) as older, session(older, version="2025-06-18") as mcp:
        with pytest.raises(MCPError, match="speaks MCP 2025-03-26; we offer 2025-06-18"):
            names(mcp)
        assert older.methods == ["initialize"]


def test_a_pinned_stateless_revision_is_not_asked_about() -> None:
    with StatelessServer() as server, session(server, version=STATELESS) as mcp:
        assert names(mcp) == ["echo"]
        assert server.methods == ["tools/list"]
    with HandshakeServer() as older, session(older, version=STATELESS) as mcp:
        with pytest.raises(MCPError, match="not initialized"):
            names(mcp)
        assert older.methods == ["tools/list"]
    with StatelessServer("2031-01-01") as newer, session(newer, version=STATELESS) as mcp:
        with pytest.raises(MCPError, match="speaks MCP 2031-01-01; we offer 2026-07-28"):
            names(mcp)
        assert newer.methods == ["tools/list"]


# Remembering


def test_a_second_session_of_the_process_asks_nothing() -> None:
    with StatelessServer() as server:
        for _ in range(2):
            with session(server) as mcp:
                assert names(mcp) == ["echo"]
        assert server.methods == ["server/discover", "tools/list", "tools/list"]
    with HandshakeServer("2025-03-26") as older:
        for _ in range(2):
            with session(older) as mcp:
                assert names(mcp) == ["echo"]
        assert older.methods == [*GREETING, "tools/list", "DELETE", *GREETING[1:], "tools/list", "DELETE"]
        assert older.log[5].json()["params"]["protocolVersion"] == "2025-03-26"


def test_a_server_rolled_back_between_two_sessions_is_greeted_by_a_handshake() -> None:
    with StatelessServer() as server:
        with session(server) as mcp:
            names(mcp)
        turn_into(server, HandshakeServer())
        server.clear()
        with session(server) as mcp:
            assert mcp.call_tool("echo").text == "hi"
            assert server.methods == ["tools/call", *GREETING, "tools/call"]


@pytest.mark.parametrize("probe", ["400 empty", "400 not initialized", "404 empty", "405", "406", "415", "422"])
def test_a_server_rolled_back_under_a_running_session_is_greeted_by_a_handshake(probe: str) -> None:
    with StatelessServer() as server, session(server) as mcp:
        names(mcp)
        turn_into(server, HandshakeServer(probe=PROBED[probe]))
        server.clear()
        assert mcp.call_tool("echo").text == "hi"
        assert server.methods == ["tools/call", *GREETING, "tools/call"]


def test_a_server_updated_between_two_sessions_gets_no_handshake() -> None:
    with HandshakeServer() as server:
        with session(server) as mcp:
            names(mcp)
        turn_into(server, StatelessServer())
        server.clear()
        with session(server) as mcp:
            assert mcp.call_tool("echo").text == "hi"
            assert server.methods == ["initialize", "server/discover", "tools/call"]


@pytest.mark.parametrize("named", [True, False], ids=["named session", "no session"])
def test_a_server_updated_under_a_running_session_gets_no_handshake(named: bool) -> None:
    with HandshakeServer(named=named) as server, session(server) as mcp:
        names(mcp)
        turn_into(server, StatelessServer())
        server.clear()
        assert mcp.call_tool("echo").text == "hi"
        assert server.methods == ["tools/call", "server/discover", "tools/call"]


def test_a_call_refused_for_the_revision_is_made_again_in_one_that_the_server_names() -> None:
    with StatelessServer() as server, session(server) as mcp:
        names(mcp)
        probe = refuse(400, UNSUPPORTED, "no longer", data={"supported": ["2025-06-18"]})
        turn_into(server, HandshakeServer("2025-06-18", probe=probe))
        server.clear()
        assert mcp.call_tool("echo").text == "hi"
        assert server.methods == ["tools/call", *GREETING[1:], "tools/call"]


@pytest.mark.parametrize(
    "refused",
    [
        refuse(404, -32601),
        refuse(400, -32602),
        refuse(200, -32602),
        refuse(200, -32603),
        refuse(500),
        refuse(500, -32603),
        refuse(400, -32603),
    ],
    ids=["404 -32601", "400 -32602", "200 -32602", "200 -32603", "500", "500 -32603", "400 -32603"],
)
def test_a_plain_refusal_of_a_stateless_server_is_taken_for_what_it_is(refused: Answer) -> None:
    with StatelessServer(tools_call=refused) as server, session(server) as mcp:
        names(mcp)
        server.clear()
        with pytest.raises(MCPError):
            mcp.call_tool("echo")
        assert server.methods == ["tools/call"]


@pytest.mark.parametrize("refused", [refuse(200, -32603), refuse(500), refuse(500, -32000), refuse(200, -32000)])
def test_a_call_that_the_server_may_have_acted_on_is_not_made_twice(refused: Answer) -> None:
    with StatelessServer(tools_call=refused) as server:
        for _ in range(2):  # the second session has not asked the server what it speaks
            with session(server) as mcp:
                server.clear()
                with pytest.raises(MCPError):
                    mcp.call_tool("echo")
                assert server.count("tools/call") == 1


def test_a_refusal_that_may_tell_of_a_change_makes_the_server_be_asked_and_is_told_when_nothing_changed() -> None:
    with StatelessServer(tools_call=refuse(400, -32000, "That was odd")) as server, session(server) as mcp:
        names(mcp)
        server.clear()
        with pytest.raises(MCPError, match="That was odd"):
            mcp.call_tool("echo")
        assert server.methods == ["tools/call", "server/discover"]
        assert names(mcp) == ["echo"]


def test_a_refusal_is_told_where_the_server_cannot_be_asked_what_changed() -> None:
    with StatelessServer(tools_call=refuse(400, -32000, "That was odd")) as server, session(server) as mcp:
        names(mcp)
        server.script["server_discover"] = refuse(503)
        with pytest.raises(MCPError, match="That was odd"):
            mcp.call_tool("echo")


# What says nothing


SILENT: dict[str, Answer] = {
    **{str(status): refuse(status) for status in (401, 403, 408, 425, 429, 502, 503, 504, 520, 530)},
    "403 with a code": refuse(403, -32000, "Invalid Origin header"),
    "429 with a code": refuse(429, -32029, "Slow down"),
    "503 page": page(503),
    **{f"{status} elsewhere": lambda m, s=status: redirect_reply("http://192.0.2.1/", s) for status in (301, 302, 307)},
}


@pytest.mark.parametrize("answer", SILENT.values(), ids=SILENT)
def test_what_says_nothing_of_the_era_is_raised_and_nothing_is_remembered(
    answer: Answer, nothing_remembered: dict[str, str]
) -> None:
    with StatelessServer() as server, session(server) as mcp:
        server.script["server_discover"] = answer
        with pytest.raises(MCPError) as raised:
            names(mcp)
        assert raised.value.status in range(300, 600)
        assert server.methods == ["server/discover"]
        assert nothing_remembered == {}
        assert not mcp.agreed
        server.script["server_discover"] = lambda m: json_reply(result(m, server.described()))
        assert names(mcp) == ["echo"]


def test_no_answer_in_time_says_nothing_of_the_era(nothing_remembered: dict[str, str]) -> None:
    with StatelessServer() as server, session(server, timeout=0.2) as mcp:
        server.fault("/mcp", hang(), times=1)
        with pytest.raises(MCPTimeoutError, match=r"within 0\.2 seconds"):
            names(mcp)
        assert len(server.log) == 1
        assert nothing_remembered == {}


def test_a_server_that_cannot_be_reached_says_nothing_of_the_era(nothing_remembered: dict[str, str]) -> None:
    [port] = free_ports(1)
    mcp = MCPSession(f"http://127.0.0.1:{port}/mcp", auth=None)
    with mcp, pytest.raises(MCPError, match="cannot be reached"):
        names(mcp)
    assert nothing_remembered == {}


def test_a_certificate_that_cannot_be_verified_says_nothing_of_the_era(
    tmp_path: Path, nothing_remembered: dict[str, str]
) -> None:
    server = StatelessServer()
    server.tls = local_ca(tmp_path).context
    with server, session(server) as mcp:
        with pytest.raises(MCPError, match="certificate could not be verified"):
            names(mcp)
        assert server.log == []
    assert nothing_remembered == {}


# Threads


@pytest.mark.parametrize("kind", [StatelessServer, HandshakeServer])
def test_eight_threads_agree_once(kind: Callable[[], ScriptedMcp]) -> None:
    together = threading.Barrier(8)
    with kind() as server, session(server) as mcp:

        def call(_: int) -> str:
            together.wait(10)
            return mcp.call_tool("echo").text

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(call, range(8))) == ["hi"] * 8
        greeting = GREETING if kind is HandshakeServer else GREETING[:1]
        assert server.methods == [*greeting, *["tools/call"] * 8]


def test_the_first_message_of_a_stream_may_be_about_something_else(caplog: pytest.LogCaptureFixture) -> None:
    log = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "booting"}}
    with StatelessServer() as server, session(server) as mcp, caplog.at_level(logging.DEBUG):
        described = server.described()
        server.script["server_discover"] = as_events(described, b": hello\n\n", event(log))
        server.script["tools_list"] = as_events(listing("echo"))
        assert names(mcp) == ["echo"]
        assert "booting" not in caplog.text


def test_a_session_of_the_callers_own_finds_out_as_well() -> None:
    with HandshakeServer() as server, requests.Session() as own:
        own.trust_env = False
        with MCPSession(server.mcp_url, session=own, auth=None) as mcp:
            assert names(mcp) == ["echo"]
        assert own.get(server.url).status_code == 404  # it is not closed with the other
