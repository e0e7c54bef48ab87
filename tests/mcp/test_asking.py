"""When a server asks back, by its answers: what the person says goes along with the request made again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import MCPError
from mcp_oauth_sync.mcp import Elicitation, ElicitationReply
from tests.servers import Reply, json_reply

from .script import META, ScriptedMcp, StatelessMcp, answering, listing, refusing, result, said, talk
from .script import event as as_event

DONE = {"content": [{"type": "text", "text": "done"}], "resultType": "complete"}
NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def form(message: str = "Who?", schema: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what asks for a form."""
    return {"method": "elicitation/create", "params": {"message": message, "requestedSchema": schema or NAME}}


def page(url: str = "https://pay.example.com/") -> dict[str, Any]:
    """Return what asks for a page to be opened."""
    params = {"mode": "url", "message": "Pay.", "url": url, "elicitationId": "7"}
    return {"method": "elicitation/create", "params": params}


def wish(state: Any = None, **asked: Any) -> dict[str, Any]:
    """Return a result that wants more."""
    made: dict[str, Any] = {"resultType": "input_required", "inputRequests": asked}
    return made if state is None else {**made, "requestState": state}


class Person:
    """Says the same every time, and knows what was asked."""

    def __init__(self, says: ElicitationReply = None) -> None:
        self.says, self.asked = says, list[Elicitation]()

    def __call__(self, asked: Elicitation) -> ElicitationReply:
        self.asked.append(asked)
        return self.says


ada = {"name": "Ada"}
accepted = {"action": "accept", "content": ada}


def test_what_the_person_says_goes_along_with_the_same_request_under_another_id() -> None:
    with StatelessMcp(tools_call=answering(wish("s1", who=form()), DONE)) as server:
        person = Person(ada)
        assert talk(server, elicit=person).call_tool("x", {"a": 1}).text == "done"
        first, second = server.all_asked("tools/call")
        given = {"name": "x", "arguments": {"a": 1}}
        assert server.params("tools/call") == [
            given,
            {**given, "inputResponses": {"who": accepted}, "requestState": "s1"},
        ]
        assert first.json()["id"] != second.json()["id"]
        assert first.json()["params"]["_meta"] == second.json()["params"]["_meta"]
        assert second.headers["Mcp-Name"] == "x"
        [asked] = person.asked
        assert (asked.message, asked.mode, asked.server_url) == ("Who?", "form", server.mcp_url)


@pytest.mark.parametrize(
    ("says", "sent"),
    [
        (True, {"action": "accept", "content": {}}),
        (False, {"action": "decline"}),
        (None, {"action": "cancel"}),
    ],
)
def test_the_person_may_agree_decline_or_say_nothing(says: bool | None, sent: dict[str, Any]) -> None:
    with StatelessMcp(
        tools_call=answering(wish(who=form(schema={"type": "object", "properties": {}})), DONE)
    ) as server:
        talk(server, elicit=Person(says)).call_tool("x")
        assert server.params("tools/call")[1]["inputResponses"] == {"who": sent}


@pytest.mark.parametrize(
    "state", ["", " \t", "e30=", "ü☃\U0001f600", "\ud800", '{"a": "\\u00fc"}\r\n', "a\u2028\x00b", 7]
)
def test_the_state_of_the_server_comes_back_as_it_was(state: object) -> None:
    with StatelessMcp(tools_call=answering({"resultType": "input_required", "requestState": state}, DONE)) as server:
        talk(server).call_tool("x")
        second = server.params("tools/call")[1]
        assert second["requestState"] == state
        assert "inputResponses" not in second


def test_a_state_that_is_not_given_again_is_not_sent_again() -> None:
    rounds = [wish("one", a=form("A?")), wish(b=form("B?"), c=form("C?")), wish("three", d=form("D?")), DONE]
    with StatelessMcp(tools_call=answering(*rounds)) as server:
        person = Person(ada)
        talk(server, elicit=person).call_tool("x")
        sent = [(params.get("requestState"), params.get("inputResponses")) for params in server.params("tools/call")]
        assert sent == [
            (None, None),
            ("one", {"a": accepted}),
            (None, {"b": accepted, "c": accepted}),
            ("three", {"d": accepted}),
        ]
        assert [asked.message for asked in person.asked] == ["A?", "B?", "C?", "D?"]
        assert len({message["id"] for message in server.said}) == 5


def test_keys_of_any_kind_are_the_servers() -> None:
    keys = ["", "ü ", "a.b", "__proto__", "0"]
    with StatelessMcp(tools_call=answering(wish(**dict.fromkeys(keys, form())), DONE)) as server:
        talk(server, elicit=Person(ada)).call_tool("x")
        assert list(server.params("tools/call")[1]["inputResponses"]) == keys


def test_prompts_and_resources_may_ask_too() -> None:
    with StatelessMcp(
        prompts_get=answering(wish(who=form()), {"messages": []}), resources_read=answering(wish("s"), {"contents": []})
    ) as server:
        mcp = talk(server, elicit=Person(ada))
        mcp.get_prompt("x", {"a": "b"})
        mcp.read_resource("x:1")
        assert server.params("prompts/get")[1] == {
            "name": "x",
            "arguments": {"a": "b"},
            "inputResponses": {"who": accepted},
        }
        assert server.params("resources/read")[1] == {"uri": "x:1", "inputResponses": {}, "requestState": "s"}


def test_the_same_call_again_begins_without_what_was_said_before() -> None:
    with StatelessMcp(tools_call=answering(wish("s", who=form()), DONE, DONE)) as server:
        mcp = talk(server, elicit=Person(ada))
        mcp.call_tool("x")
        mcp.call_tool("x")
        assert server.params("tools/call")[2] == {"name": "x", "arguments": {}}


def test_a_page_is_agreed_to_and_nothing_is_opened() -> None:
    with StatelessMcp(tools_call=answering(wish(pay=page()), DONE)) as server:
        person = Person(True)
        talk(server, elicit=person).call_tool("x")
        assert server.params("tools/call")[1]["inputResponses"] == {"pay": {"action": "accept"}}
        assert person.asked[0].url == "https://pay.example.com/"


# What does not go on


@pytest.mark.parametrize(
    "asks",
    [
        {"resultType": "input_required"},
        {"resultType": "input_required", "inputRequests": None, "requestState": None},
        {"resultType": "input_required", "inputRequests": [form()], "requestState": "s"},
        {"resultType": "input_required", "inputRequests": "who", "requestState": "s"},
    ],
)
def test_a_wish_for_nothing_is_an_error(asks: dict[str, Any]) -> None:
    with StatelessMcp(tools_call=answering(asks)) as server:
        with pytest.raises(MCPError, match=r"tools/call at http.*/mcp wants more input, and does not say which"):
            talk(server, elicit=Person(ada)).call_tool("x")
        assert server.methods.count("tools/call") == 1


def test_a_server_that_never_has_enough_is_given_up() -> None:
    with StatelessMcp(tools_call=answering(wish("s"))) as server:
        with pytest.raises(MCPError, match="asks for more input again and again"):
            talk(server).call_tool("x")
        assert server.methods.count("tools/call") == 20


@pytest.mark.parametrize(
    "asked",
    [
        {"method": "sampling/createMessage", "params": {"messages": []}},
        {"method": "roots/list"},
        {"method": 7},
        {},
        "elicitation/create",
        None,
    ],
)
def test_what_was_not_offered_is_refused_before_anybody_is_asked(asked: object) -> None:
    with StatelessMcp(tools_call=answering(wish("s", who=form(), more=asked), DONE)) as server:
        person = Person(ada)
        with pytest.raises(MCPError, match="wants what we did not offer"):
            talk(server, elicit=person).call_tool("x")
        assert (server.methods.count("tools/call"), person.asked) == (1, [])


@pytest.mark.parametrize(
    "asked",
    [
        form(schema={"type": "object", "properties": {"a": {"type": "object"}}}),
        {"method": "elicitation/create", "params": {"mode": "telepathy", "message": "x"}},
        {"method": "elicitation/create"},
        page("javascript:alert(1)"),
    ],
)
def test_a_malformed_question_is_put_to_nobody(asked: dict[str, Any]) -> None:
    with StatelessMcp(tools_call=answering(wish(who=form(), more=asked), DONE)) as server:
        person = Person(True)
        with pytest.raises(MCPError):
            talk(server, elicit=person).call_tool("x")
        assert person.asked == []


def test_without_anybody_to_ask_the_error_says_how_to_have_somebody() -> None:
    with StatelessMcp(tools_call=answering(wish("s", who=form()))) as server:
        with pytest.raises(MCPError, match="there is nobody to ask") as caught:
            talk(server).call_tool("x")
        assert "elicit=" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("code", "data", "hinted"),
    [
        (-32021, {"requiredCapabilities": {"elicitation": {"form": {}}}}, True),
        (-32021, {"requiredCapabilities": {"sampling": {}}}, False),
        (-32042, {"elicitations": [page()["params"]]}, True),
    ],
)
def test_a_server_that_needs_somebody_to_ask_is_answered_by_the_same_hint(code: int, data: Any, hinted: bool) -> None:
    with StatelessMcp(tools_call=refusing(code, data=data, status=400)) as server:
        with pytest.raises(MCPError) as caught:
            talk(server).call_tool("x")
        assert ("elicit=" in (caught.value.hint or "")) is hinted
        assert server.methods.count("tools/call") == 1


@pytest.mark.parametrize("kind", ["task", "", 7, None, "input_required\n" * 100])
def test_a_kind_of_result_nobody_knows_is_an_error(kind: object) -> None:
    with StatelessMcp(tools_call=answering({**DONE, "resultType": kind})) as server:
        with pytest.raises(MCPError, match="a kind of result it may not have") as caught:
            talk(server).call_tool("x")
        assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("tools_list", lambda mcp: list(mcp.list_tools())),
        ("completion_complete", lambda mcp: mcp.complete("a", "b", prompt="c")),
    ],
)
def test_what_may_not_ask_and_does_is_an_error(method: str, call: Callable[[MCPSession], object]) -> None:
    with StatelessMcp(**{method: answering(wish("s", who=form()))}) as server:
        with pytest.raises(MCPError, match="may not have: input_required"):
            call(talk(server, elicit=Person(ada)))
        assert len(server.methods) == 2


@pytest.mark.parametrize("extra", [{"resultType": "input_required"}, {"resultType": 7}, wish("s", who=form())])
def test_before_that_revision_such_a_member_meant_nothing(extra: dict[str, Any]) -> None:
    with ScriptedMcp(tools_call=answering({**DONE, **extra})) as server:
        assert talk(server).call_tool("x").text == "done"
        assert server.methods.count("tools/call") == 1


# The function that asks


def test_what_does_not_fit_the_form_is_the_callers_error() -> None:
    with StatelessMcp(tools_call=answering(wish(who=form()), DONE)) as server:
        with pytest.raises(ValueError, match="name") as caught:
            talk(server, elicit=Person({"name": 12345})).call_tool("x")
        assert "12345" not in str(caught.value)
        assert server.methods.count("tools/call") == 1


def test_an_exception_of_the_function_ends_the_call() -> None:
    def ask(asked: Elicitation) -> ElicitationReply:
        raise KeyError("of mine")

    with StatelessMcp(tools_call=answering(wish(who=form()), DONE)) as server:
        with pytest.raises(KeyError, match="of mine"):
            talk(server, elicit=ask).call_tool("x")
        assert server.methods == ["server/discover", "tools/call"]


@pytest.mark.parametrize("elicit", [None, Person(ada)])
@pytest.mark.parametrize("era", [StatelessMcp, ScriptedMcp])
def test_asking_is_offered_when_somebody_can_be_asked(era: type[ScriptedMcp], elicit: Person | None) -> None:
    with era(tools_list=answering(listing())) as server:
        with talk(server, elicit=elicit) as mcp:
            list(mcp.list_tools())
        if era is StatelessMcp:
            offered = server.asked("tools/list").json()["params"]["_meta"][f"{META}clientCapabilities"]
        else:
            offered = server.asked("initialize").json()["params"]["capabilities"]
        assert offered == ({"elicitation": {"form": {}, "url": {}}} if elicit else {})


def test_calls_at_the_same_time_do_not_mix() -> None:
    asked_both = threading.Barrier(2, timeout=10)

    def answer(message: dict[str, Any]) -> Reply:
        params = message["params"]
        name = params["name"]
        if "requestState" not in params:
            return json_reply(result(message, wish(f"state of {name}", **{name: form(name)})))
        assert params["requestState"] == f"state of {name}"
        assert params["inputResponses"] == {name: {"action": "accept", "content": {"name": name}}}
        return json_reply(result(message, {"content": [{"type": "text", "text": name}]}))

    def ask(asked: Elicitation) -> ElicitationReply:
        asked_both.wait()
        return {"name": asked.message}

    found: dict[str, str] = {}
    with StatelessMcp(tools_call=answer) as server:
        mcp = talk(server, elicit=ask)
        mcp.ping()
        threads = [
            threading.Thread(target=lambda n=name: found.update({n: mcp.call_tool(n).text})) for name in ("a", "b")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(15)
        assert found == {"a": "a", "b": "b"}


def test_a_request_of_the_server_gets_no_answer_where_there_are_none() -> None:
    def answer(message: dict[str, Any]) -> Reply:
        asked = [{"jsonrpc": "2.0", "id": "q", **form()}, {"jsonrpc": "2.0", "id": 1, "method": "ping"}]
        events = [as_event(each) for each in [*asked, said("x"), result(message, DONE)]]
        return Reply(200, [("Content-Type", "text/event-stream")], chunks=iter(events))

    with StatelessMcp(tools_call=answer) as server:
        person = Person(ada)
        assert talk(server, elicit=person).call_tool("x").text == "done"
        assert (server.replies, person.asked) == ([], [])
