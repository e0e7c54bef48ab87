"""When a server asks back on a stream of its own, as before 2026-07-28, or wants a page to be visited first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from mcp_oauth_sync.exceptions import MCPError
from mcp_oauth_sync.mcp import Elicitation, ElicitationReply
from tests.servers import Exchange, Reply, json_reply

from .script import EVENTS, HELLO, ScriptedMcp, StatelessMcp, answering, event, refusing, result, talk
from .test_asking import DONE, Person, accepted, ada, form, page


class Asking(ScriptedMcp):
    """Asks on the stream of a tool, and waits for the answer before it goes on."""

    def __init__(self, *requests: dict[str, Any], **script: Any) -> None:
        super().__init__(tools_call=self.ask, **script)
        self.asks = requests
        self.answered = threading.Semaphore(0)

    def ask(self, message: dict[str, Any]) -> Reply:
        def events() -> Iterator[bytes]:
            for number, request in enumerate(self.asks):
                yield event({"jsonrpc": "2.0", "id": f"q{number}", **request})
                if not self.answered.acquire(timeout=10):
                    return
            yield event(result(message, DONE))

        return Reply(200, EVENTS, chunks=events())

    def _serve(self, exchange: Exchange) -> Reply:
        reply = super()._serve(exchange)
        message = exchange.json()
        if "method" not in message or message["method"] == "notifications/cancelled":
            self.answered.release()
        return reply


def test_a_question_on_the_stream_is_answered_and_the_call_goes_on() -> None:
    def hello(message: dict[str, Any]) -> Reply:
        return json_reply(result(message, HELLO), headers=[("Mcp-Session-Id", "session-1")])

    with Asking(form(), page(), initialize=hello) as server:
        person = Person(ada)
        asked: list[Elicitation] = []

        def ask(elicitation: Elicitation) -> ElicitationReply:
            asked.append(elicitation)
            return person(elicitation) if elicitation.mode == "form" else True

        with talk(server, elicit=ask) as mcp:
            assert mcp.call_tool("x").text == "done"
        assert server.replies == [
            {"jsonrpc": "2.0", "id": "q0", "result": accepted},
            {"jsonrpc": "2.0", "id": "q1", "result": {"action": "accept"}},
        ]
        posted = [x for x in server.requests(method="POST") if "method" not in x.json()]
        assert {x.headers["Mcp-Session-Id"] for x in posted} == {"session-1"}
        assert {x.headers["MCP-Protocol-Version"] for x in posted} == {"2025-11-25"}
        assert [each.mode for each in asked] == ["form", "url"]


@pytest.mark.parametrize("elicit", [None, Person(ada)])
def test_a_ping_is_answered_and_what_was_not_offered_is_refused(elicit: Person | None) -> None:
    asks = [{"method": "ping"}, {"method": "sampling/createMessage", "params": {}}, {"method": "roots/list"}]
    with Asking(*asks) as server:
        with talk(server, elicit=elicit) as mcp:
            assert mcp.call_tool("x").text == "done"
        assert server.replies[0] == {"jsonrpc": "2.0", "id": "q0", "result": {}}
        assert [(reply["id"], reply["error"]["code"]) for reply in server.replies[1:]] == [
            ("q1", -32601),
            ("q2", -32601),
        ]


def test_a_question_is_refused_where_nobody_can_be_asked() -> None:
    with Asking(form()) as server:
        with talk(server) as mcp:
            assert mcp.call_tool("x").text == "done"
        assert server.replies[0]["error"]["code"] == -32601


@pytest.mark.parametrize(
    "asked",
    [
        form(schema={"type": "object", "properties": {"a": {"type": "object"}}}),
        {"method": "elicitation/create", "params": {"mode": "telepathy", "message": "x"}},
        {"method": "elicitation/create"},
        page("javascript:alert(1)"),
    ],
)
def test_a_malformed_question_is_refused_and_the_call_goes_on(asked: dict[str, Any]) -> None:
    with Asking(asked) as server:
        person = Person(True)
        with talk(server, elicit=person) as mcp:
            assert mcp.call_tool("x").text == "done"
        assert server.replies[0]["error"]["code"] == -32602
        assert person.asked == []


@pytest.mark.parametrize(("says", "raised"), [({"name": 7}, ValueError), ("Ada", TypeError)])
def test_what_does_not_fit_ends_the_call_and_the_server_is_told(says: Any, raised: type[Exception]) -> None:
    with Asking(form()) as server:
        with talk(server, elicit=Person(says)) as mcp, pytest.raises(raised):
            mcp.call_tool("x")
        [cancelled] = server.params("notifications/cancelled")
        assert cancelled["requestId"] == server.asked("tools/call").json()["id"]


@pytest.mark.parametrize("raised", [KeyError("of mine"), KeyboardInterrupt(), MCPError("of another session")])
def test_an_exception_of_the_function_ends_the_call_and_the_server_is_told(raised: BaseException) -> None:
    def ask(asked: Elicitation) -> ElicitationReply:
        raise raised

    with Asking(form()) as server:
        with talk(server, elicit=ask) as mcp, pytest.raises(type(raised)) as caught:
            mcp.call_tool("x")
        assert caught.value is raised
        [cancelled] = server.params("notifications/cancelled")
        assert cancelled["requestId"] == server.asked("tools/call").json()["id"]
        assert server.replies == []


def test_the_time_a_person_takes_does_not_count() -> None:
    def ask(asked: Elicitation) -> ElicitationReply:
        threading.Event().wait(0.4)
        return ada

    with Asking(form()) as server, talk(server, elicit=ask, timeout=0.3) as mcp:
        assert mcp.call_tool("x").text == "done"


def test_an_answer_that_the_server_refuses_ends_the_call() -> None:
    with Asking(form()) as server:
        serve = server._serve

        def refuse(exchange: Exchange) -> Reply:
            reply = serve(exchange)
            return reply if "method" in exchange.json() else json_reply({"why": "no"}, 400)

        server.route("POST", "/mcp", refuse)
        with talk(server, elicit=Person(ada)) as mcp, pytest.raises(MCPError, match="refused the request: HTTP 400"):
            mcp.call_tool("x")


# Pages that are to be visited first

VISIT = {"elicitations": [page()["params"], page("https://pay.example.com/2")["params"]]}


def visiting(server_answers: int) -> Any:
    """Refuse so many times, then answer."""
    refuse, answer, left = refusing(-32042, "Visit", data=VISIT), answering(DONE), [server_answers]

    def reply(message: dict[str, Any]) -> Reply:
        left[0] -= 1
        return refuse(message) if left[0] >= 0 else answer(message)

    return reply


@pytest.mark.parametrize("era", [ScriptedMcp, StatelessMcp])
def test_pages_are_visited_and_the_call_is_made_again(era: type[ScriptedMcp]) -> None:
    with era(tools_call=visiting(1)) as server:
        person = Person(True)
        with talk(server, elicit=person) as mcp:
            assert mcp.call_tool("x").text == "done"
        assert [asked.url for asked in person.asked] == ["https://pay.example.com/", "https://pay.example.com/2"]
        first, second = server.all_asked("tools/call")
        assert first.json()["id"] != second.json()["id"]
        assert server.params("tools/call") == [{"name": "x", "arguments": {}}] * 2


@pytest.mark.parametrize("says", [False, None])
def test_who_does_not_want_to_visit_a_page_gets_the_error(says: bool | None) -> None:
    with ScriptedMcp(tools_call=visiting(1)) as server:
        person = Person(says)
        with talk(server, elicit=person) as mcp, pytest.raises(MCPError, match="Visit") as caught:
            mcp.call_tool("x")
        assert (caught.value.code, caught.value.data, len(person.asked)) == (-32042, VISIT, 1)
        assert server.methods.count("tools/call") == 1


def test_pages_that_do_not_help_are_visited_once() -> None:
    with ScriptedMcp(tools_call=visiting(99)) as server:
        person = Person(True)
        with talk(server, elicit=person) as mcp, pytest.raises(MCPError, match="Visit"):
            mcp.call_tool("x")
        assert (len(person.asked), server.methods.count("tools/call")) == (2, 2)


def test_other_pages_each_time_are_an_error_in_the_end() -> None:
    numbers = count()

    def another(message: dict[str, Any]) -> Reply:
        wanted = {"elicitations": [page(f"https://pay.example.com/{next(numbers)}")["params"]]}
        return refusing(-32042, "Visit", data=wanted)(message)

    with ScriptedMcp(tools_call=another) as server:
        person = Person(True)
        with talk(server, elicit=person) as mcp, pytest.raises(MCPError, match="Visit"):
            mcp.call_tool("x")
        assert (len(person.asked), server.methods.count("tools/call")) == (3, 4)


@pytest.mark.parametrize("data", [None, {}, {"elicitations": []}, {"elicitations": "x"}, {"elicitations": [7]}])
def test_pages_that_are_not_said_are_an_error(data: Any) -> None:
    with ScriptedMcp(tools_call=refusing(-32042, "Visit", data=data)) as server:
        person = Person(True)
        with talk(server, elicit=person) as mcp, pytest.raises(MCPError):
            mcp.call_tool("x")
        assert (person.asked, server.methods.count("tools/call")) == ([], 1)
