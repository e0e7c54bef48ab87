"""What a server says while it works: progress of the call, and its log."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from mcp_oauth_sync.exceptions import MCPError
from mcp_oauth_sync.mcp import LogMessage, Progress
from tests.servers import Reply, json_reply

from .script import (
    EVENTS,
    HELLO,
    META,
    ScriptedMcp,
    StatelessMcp,
    after,
    answering,
    error,
    event,
    listing,
    talk,
)
from .script import said as notification

ERAS = (ScriptedMcp, StatelessMcp)
DONE = {"content": [{"type": "text", "text": "done"}]}


def progress(of: Any = None, **params: Any) -> Any:
    """Return what makes a message about progress: of the request's own token, or another."""

    def make(message: dict[str, Any]) -> dict[str, Any]:
        token = message["params"]["_meta"]["progressToken"] if of is None else of
        return notification("notifications/progress", **{"progressToken": token, **params})

    return make


@pytest.mark.parametrize("era", ERAS)
def test_progress_is_heard_in_order(era: type[ScriptedMcp]) -> None:
    told = [progress(progress=1), progress(progress=2.5, total=10, message="Reading"), progress(progress=10, total=10)]
    with era(tools_call=after(*told, value=DONE)) as server:
        heard: list[Progress] = []
        assert talk(server).call_tool("x", on_progress=heard.append).text == "done"
        assert [(each.progress, each.total, each.message) for each in heard] == [
            (1, None, None),
            (2.5, 10, "Reading"),
            (10, 10, None),
        ]


def test_progress_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    told = [progress(progress=3, total=10, message="Read\x1b[31ming\nfiles"), progress(progress=4)]
    with StatelessMcp(tools_call=after(*told, value=DONE)) as server:
        talk(server).call_tool("x", on_progress=print)
    assert capsys.readouterr().out == "3/10 Read [31ming files\n4\n"


@pytest.mark.parametrize("era", ERAS)
def test_a_token_is_sent_when_somebody_wants_to_hear_and_is_another_for_each_call(era: type[ScriptedMcp]) -> None:
    with era(tools_call=answering(DONE)) as server:
        mcp = talk(server)
        mcp.call_tool("x")
        mcp.call_tool("x", on_progress=print)
        mcp.call_tool("x", on_progress=print)
        metas = [x.json()["params"].get("_meta", {}) for x in server.all_asked("tools/call")]
        first, second, third = (meta.get("progressToken") for meta in metas)
        assert first is None
        assert isinstance(second, int)
        assert isinstance(third, int)
        assert second != third


@pytest.mark.parametrize("era", ERAS)
def test_progress_of_others_and_what_is_malformed_is_passed_over(
    era: type[ScriptedMcp], caplog: pytest.LogCaptureFixture
) -> None:
    told = [
        progress(of="somebody else", progress=1),
        progress(of=9999, progress=1),
        progress(of=True, progress=1),
        notification("notifications/progress", progress=1),
        {"jsonrpc": "2.0", "method": "notifications/progress", "params": [1]},
        {"jsonrpc": "2.0", "method": "notifications/progress"},
        progress(),
        progress(progress="1"),
        progress(progress=None, message="secret words"),
        progress(progress=7),
    ]
    with era(tools_call=after(*told, value=DONE)) as server:
        heard: list[Progress] = []
        assert talk(server).call_tool("x", on_progress=heard.append).text == "done"
        assert [each.progress for each in heard] == [7]
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == 3
    assert all("passed over: The server sent a progress notification" in line for line in warned)
    assert "secret words" not in caplog.text


def test_a_token_that_comes_back_as_a_text_is_ours() -> None:
    def made(message: dict[str, Any]) -> dict[str, Any]:
        token = str(message["params"]["_meta"]["progressToken"])
        return notification("notifications/progress", progressToken=token, progress=1)

    with StatelessMcp(tools_call=after(made, value=DONE)) as server:
        heard: list[Progress] = []
        talk(server).call_tool("x", on_progress=heard.append)
        assert [each.progress for each in heard] == [1]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("raised", [KeyError("of mine"), KeyboardInterrupt()])
def test_an_exception_of_the_callback_ends_the_call(era: type[ScriptedMcp], raised: BaseException) -> None:
    def hear(heard: object) -> None:
        raise raised

    with era() as server:

        def answer(message: dict[str, Any]) -> Reply:
            def events() -> Any:
                yield event(progress(progress=1)(message))
                yield from server.endless(b": working\n\n")

            return Reply(200, EVENTS, chunks=events())

        server.script["tools_call"] = answer
        with talk(server) as mcp, pytest.raises(type(raised)):
            mcp.call_tool("x", on_progress=hear)
        cancelled = [params["requestId"] for params in server.params("notifications/cancelled")]
        number = server.asked("tools/call").json()["id"]
        assert cancelled == ([number] if era is ScriptedMcp else [])


def test_progress_that_nobody_asked_for_harms_nobody() -> None:
    with StatelessMcp(tools_call=after(progress(of=1, progress=1), value=DONE)) as server:
        assert talk(server).call_tool("x").text == "done"


# Logs

LINES = [
    notification("notifications/message", level="error", logger="db", data="connection \x1b[31mlost"),
    notification("notifications/message", level="info", data={"secret": "of the server"}),
    notification("notifications/message", level="odd", data=None),
]
LOGGING = {**HELLO, "capabilities": {"logging": {}}}


@pytest.mark.parametrize("era", ERAS)
def test_lines_of_the_log_are_heard_and_said_nowhere_else(
    era: type[ScriptedMcp], caplog: pytest.LogCaptureFixture
) -> None:
    with era(tools_call=after(*LINES, value=DONE)) as server:
        heard: list[LogMessage] = []
        with talk(server, on_log=heard.append) as mcp:
            mcp.call_tool("x")
        assert [(each.level, each.logger, each.data) for each in heard] == [
            ("error", "db", "connection \x1b[31mlost"),
            ("info", None, {"secret": "of the server"}),
            ("odd", None, None),
        ]
        assert str(heard[0]) == "error db: connection [31mlost"
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("mcp_oauth_sync")]
    assert not [line for line in ours if "secret" in line or "lost" in line]


@pytest.mark.parametrize("era", ERAS)
def test_a_malformed_line_is_passed_over(era: type[ScriptedMcp], caplog: pytest.LogCaptureFixture) -> None:
    wrong = [
        notification("notifications/message", data="secret words"),
        notification("notifications/message", level="info"),
        {"jsonrpc": "2.0", "method": "notifications/message", "params": "secret words"},
    ]
    with era(tools_call=after(*wrong, *LINES[:1], value=DONE)) as server:
        heard: list[LogMessage] = []
        with talk(server, on_log=heard.append) as mcp:
            assert mcp.call_tool("x").text == "done"
        assert [each.level for each in heard] == ["error"]
    assert "secret words" not in caplog.text


@pytest.mark.parametrize(("options", "level"), [({"on_log": print}, "info"), ({"log_level": "debug"}, None)])
def test_a_stateless_server_is_told_with_each_request_what_is_heard(options: dict[str, Any], level: str | None) -> None:
    with StatelessMcp(tools_list=answering(listing()), tools_call=answering(DONE)) as server:
        mcp = talk(server, **options)
        list(mcp.list_tools())
        mcp.call_tool("x")
        assert {message["params"]["_meta"].get(f"{META}logLevel") for message in server.said} == {level}
        assert "logging/setLevel" not in server.methods


def test_a_server_of_handshakes_is_told_once_what_is_heard() -> None:
    answers = {"initialize": answering(LOGGING), "logging_setLevel": answering({}), "tools_call": answering(DONE)}
    with ScriptedMcp(**answers) as server:
        with talk(server, on_log=print, log_level="debug") as mcp:
            mcp.call_tool("x")
            mcp.call_tool("x")
        assert server.params("logging/setLevel") == [{"level": "debug"}]
        assert server.methods.index("logging/setLevel") < server.methods.index("tools/call")


@pytest.mark.parametrize(("hello", "options"), [(HELLO, {"on_log": print}), (LOGGING, {"log_level": "debug"})])
def test_a_server_is_told_nothing_that_it_does_not_offer_or_nobody_hears(
    hello: dict[str, Any], options: dict[str, Any]
) -> None:
    with ScriptedMcp(initialize=answering(hello), tools_call=answering(DONE)) as server:
        with talk(server, **options) as mcp:
            mcp.call_tool("x")
        assert "logging/setLevel" not in server.methods


def test_a_server_that_refuses_to_log_can_be_used_all_the_same() -> None:
    def refuse(message: dict[str, Any]) -> Reply:
        return json_reply(error(message, -32602, "no such level"))

    with ScriptedMcp(
        initialize=answering(LOGGING), logging_setLevel=refuse, tools_call=after(*LINES, value=DONE)
    ) as server:
        heard: list[LogMessage] = []
        with talk(server, on_log=heard.append) as mcp:
            assert mcp.call_tool("x").text == "done"
        assert len(heard) == 3


@pytest.mark.parametrize("era", ERAS)
def test_an_exception_of_whoever_hears_the_log_ends_the_call(era: type[ScriptedMcp]) -> None:
    def hear(heard: object) -> None:
        raise KeyError("of mine")

    with era(tools_call=after(*LINES, value=DONE)) as server:
        with talk(server, on_log=hear) as mcp, pytest.raises(KeyError):
            mcp.call_tool("x")
        cancelled = [params["requestId"] for params in server.params("notifications/cancelled")]
        number = server.asked("tools/call").json()["id"]
        assert cancelled == ([number] if era is ScriptedMcp else [])


def test_a_call_that_the_server_refused_after_some_words_is_not_cancelled() -> None:
    def answer(message: dict[str, Any]) -> Reply:
        said = [progress(progress=1)(message), LINES[0], error(message, -32603, "Oh")]
        return Reply(200, EVENTS, chunks=iter([event(each) for each in said]))

    with ScriptedMcp(tools_call=answer) as server:
        heard: list[Any] = []
        with talk(server, on_log=heard.append) as mcp, pytest.raises(MCPError, match="Oh"):
            mcp.call_tool("x", on_progress=heard.append)
        assert len(heard) == 2
        assert "notifications/cancelled" not in server.methods


def test_what_else_a_server_says_harms_nobody() -> None:
    odd = [
        notification("notifications/unheard_of", a=1),
        {"jsonrpc": "2.0", "method": 7},
        {"jsonrpc": "2.0"},
        {"jsonrpc": "2.0", "id": 9999, "result": {"content": []}},
        {"jsonrpc": "2.0", "id": None, "method": "x"},
        {"jsonrpc": "2.0", "id": 1.5, "method": "ping"},
    ]
    for era in ERAS:
        with era(tools_call=after(*odd, value=DONE)) as server:
            with talk(server, on_log=print) as mcp:
                assert mcp.call_tool("x", on_progress=print).text == "done"
            assert server.replies == []
