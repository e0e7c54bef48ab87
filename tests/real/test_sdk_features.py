"""The official SDK's server with all features does what it is here for, asked by plain requests in both eras."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .jsonrpc import SECONDS, Plain, events
from .sdk_features import SdkFeatures, sdk_features, sdk_json, sdk_resumable

__all__ = ["sdk_features", "sdk_json", "sdk_resumable"]

pytestmark = pytest.mark.demo
LEVEL = "io.modelcontextprotocol/logLevel"


@pytest.fixture(params=["2026-07-28", "a handshake"])
def plain(sdk_features: SdkFeatures, request: pytest.FixtureRequest) -> Iterator[Plain]:
    with Plain(sdk_features.mcp_url, modern=request.param == "2026-07-28") as made:
        yield made


def test_every_list_has_pages(plain: Plain) -> None:
    tools = plain.pages("tools/list", "tools")
    assert [len(page) for page in tools[:-1]] == [4] * (len(tools) - 1)
    assert {"echo", "count", "wait", "book", "pay"} <= {name for page in tools for name in page}
    assert plain.pages("resources/list", "resources") == [["welcome"], ["pixel"]]
    assert plain.pages("resources/templates/list", "resourceTemplates") == [["note"]]
    assert plain.pages("prompts/list", "prompts") == [["greet", "plain"], ["long"]]


def test_results_are_texts_structures_images_links_and_errors_of_three_kinds(plain: Plain) -> None:
    assert plain.text("echo", text="é") == "é"
    answer = plain.ask("tools/call", name="weather", arguments={"city": "Bonn"}, headers={"Mcp-Param-City": "Bonn"})
    assert answer[-1]["result"]["structuredContent"] == {"city": "Bonn", "degrees": 20.5, "sky": ["blue"]}
    assert [block["type"] for block in plain.call("picture")["content"]] == ["image", "resource_link"]
    failed = plain.call("fail")
    assert (failed["isError"], "the shop is closed" in str(failed["content"])) == (True, True)
    assert plain.call("crash")["isError"] is True
    error = plain.ask("tools/call", name="refuse", arguments={})[-1]["error"]
    assert error == {"code": -32050, "message": "refused", "data": {"why": "because"}}


def test_a_header_of_a_parameter_that_is_missing_is_refused_without_a_handshake_only(plain: Plain) -> None:
    answer = plain.ask("tools/call", name="weather", arguments={"city": "Bonn"})[-1]
    assert ("error" in answer) is plain.modern


def test_progress_and_log_lines_come_on_the_stream_of_the_call(plain: Plain) -> None:
    meta = {"progressToken": "p", **({LEVEL: "info"} if plain.modern else {})}
    told = [message["params"] for message in plain.ask("tools/call", name="count", arguments={}, _meta=meta)[:-1]]
    assert [(one["progressToken"], one["progress"], one["message"]) for one in told] == [
        ("p", step, f"step {step}") for step in (1, 2, 3)
    ]
    lines = [
        message["params"]["level"] for message in plain.ask("tools/call", name="talk", arguments={}, _meta=meta)[:-1]
    ]
    assert lines == (["info", "error"] if plain.modern else ["debug", "info", "error"])


def test_the_person_is_asked_by_forms_and_pages(plain: Plain) -> None:
    assert json.loads(plain.text("book")) == {"name": "x", "nights": 1, "breakfast": True, "room": "single"}
    assert plain.text("book_surely") == "x comes"
    assert plain.text("pay") == ("accept, asked" if plain.modern else "accept")
    assert plain.ask("tools/call", name="members_only", arguments={})[-1]["error"]["code"] == -32042


@pytest.mark.parametrize("how", ["closed", "told"])
def test_a_call_that_is_left_is_cancelled(sdk_features: SdkFeatures, plain: Plain, how: str) -> None:
    name = f"{how} {plain.modern}"
    stream = plain.send("tools/call", name="wait", arguments={"name": name}, _meta={"progressToken": 1})
    came = events(stream)  # who forgets this generator has left the stream
    assert next(came)["method"] == "notifications/progress"
    assert sdk_features.became(name, "waiting")
    if plain.modern:
        stream.close()  # the only way there is
    else:
        number = json.loads(stream.request.body or b"")["id"]
        plain.notify("notifications/cancelled", requestId=number)
        stream.close()
    assert sdk_features.became(name, "cancelled")


def test_resources_prompts_and_completion_answer(plain: Plain) -> None:
    read = plain.result("resources/read", uri="notes://welcome")
    assert read["contents"] == [{"uri": "notes://welcome", "mimeType": "text/plain", "text": "Welcome!"}]
    assert read.get("ttlMs") == (1000 if plain.modern else None)
    assert "blob" in plain.result("resources/read", uri="notes://pixel")["contents"][0]
    assert plain.result("resources/read", uri="notes://by-name/a")["contents"][0]["text"] == "The note a."
    prompt = plain.result("prompts/get", name="greet", arguments={"name": "Ann"})
    assert prompt["messages"][0]["content"]["text"] == "Greet Ann in a kind tone."
    ref = {"type": "ref/prompt", "name": "greet"}
    found = plain.result("completion/complete", ref=ref, argument={"name": "name", "value": "b"})
    assert found["completion"]["values"] == ["beta"]


def test_what_changes_is_told_to_who_listens(sdk_features: SdkFeatures) -> None:
    with Plain(sdk_features.mcp_url, modern=True) as plain:
        wanted = {"toolsListChanged": True, "resourceSubscriptions": ["notes://welcome"]}
        told = events(plain.send("subscriptions/listen", notifications=wanted))
        assert next(told)["method"] == "notifications/subscriptions/acknowledged"
        assert plain.text("touch", uri="notes://welcome") == "touched"
        assert [next(told)["method"] for _ in range(2)] == [
            "notifications/resources/updated",
            "notifications/tools/list_changed",
        ]


def test_what_changes_is_told_on_the_stream_of_a_session(sdk_features: SdkFeatures) -> None:
    with Plain(sdk_features.mcp_url) as plain:
        assert {"logging", "tools"} <= set(plain.hello["capabilities"])
        assert plain.result("logging/setLevel", level="info") == {}
        assert plain.result("resources/subscribe", uri="notes://welcome") == {}
        with plain.session.get(plain.url, stream=True, timeout=SECONDS) as stream:
            told = events(stream)
            assert plain.text("touch", uri="notes://welcome") == "touched"
            assert next(told)["method"] == "notifications/resources/updated"


def test_without_sessions_answers_are_documents_in_both_eras(sdk_json: SdkFeatures) -> None:
    for modern in (True, False):
        with Plain(sdk_json.mcp_url, modern=modern) as plain:
            assert "Mcp-Session-Id" not in plain.session.headers
            answer = plain.send("tools/call", name="count", arguments={}, _meta={"progressToken": 1})
            assert answer.headers["Content-Type"] == "application/json"
            assert "counted to 3" in answer.text


def test_a_stream_that_the_server_closed_goes_on_where_it_was(sdk_resumable: SdkFeatures) -> None:
    with Plain(sdk_resumable.mcp_url) as plain:
        stream = plain.send("tools/call", name="hang_up", arguments={}, _meta={"progressToken": 1})
        lines = [line for line in stream.iter_lines(chunk_size=1) if line]
        assert b"retry: 10" in lines
        assert b"resumed" not in b"".join(lines)
        last = [line.removeprefix(b"id: ").decode() for line in lines if line.startswith(b"id: ")][-1]
        headers = {"Last-Event-ID": last, "Accept": "text/event-stream"}
        came = [json.loads(line[5:]) for line in lines if line.startswith(b"data:") and line[5:].strip()]
        with plain.session.get(plain.url, headers=headers, stream=True, timeout=SECONDS) as rest:
            more = events(rest)
            while not came or "result" not in came[-1]:
                came.append(next(more))
        assert [message["params"]["progress"] for message in came[:-1]] == [1, 2]
        assert "resumed" in str(came[-1])


def test_a_session_that_is_unknown_is_not_found(sdk_features: SdkFeatures) -> None:
    with Plain(sdk_features.mcp_url) as plain:
        gone = {"Mcp-Session-Id": "gone"}
        assert plain.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, **gone).status_code == 404
