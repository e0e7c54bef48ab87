"""Answers that stay open, and refused answers: nothing waits for a stream, and connections come back."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import requests

from mcp_oauth_sync.exceptions import SignInRequiredError
from tests.servers import AuthorizationServer, Fault, McpServer, Person, Reply, cut, reply

from .stage import CALL, challenge, connections, grow_old, session_for, steps

LONG = b"x" * 300_000


@pytest.fixture
def stream(mcp: McpServer, signed_in: requests.Session) -> Iterator[requests.Response]:
    """A stream that is open and stays so until the end of the test."""
    release = mcp.stream()
    with signed_in.get(f"{mcp.mcp_url}/stream", stream=True, timeout=30) as answer:
        assert mcp.streaming.wait(10)
        yield answer
        assert not release.is_set()
        release.set()
        assert answer.content.count(b"event: message") == 2, "the stream went on to its end"


def test_calls_are_answered_while_a_stream_is_open(
    mcp: McpServer, signed_in: requests.Session, stream: requests.Response
) -> None:
    assert stream.status_code == 200
    assert signed_in.post(mcp.mcp_url, json=CALL, timeout=10).status_code == 200


def test_a_refusal_is_healed_while_a_stream_is_open(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, stream: requests.Response
) -> None:
    az.expire_all_access_tokens()
    assert signed_in.post(mcp.mcp_url, json=CALL, timeout=10).status_code == 200
    assert az.refreshes == 1


def test_an_expired_token_is_renewed_while_a_stream_is_open(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, stream: requests.Response
) -> None:
    az.expire_all_access_tokens()
    grow_old(mcp.mcp_url)
    with session_for(mcp) as later:
        assert later.post(mcp.mcp_url, json=CALL, timeout=10).status_code == 200
    assert az.refreshes == 1


def test_a_stream_that_is_refused_first_is_opened_after_the_refresh(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    az.expire_all_access_tokens()
    mcp.stream().set()
    with signed_in.get(f"{mcp.mcp_url}/stream", stream=True, timeout=10) as answer:
        assert answer.status_code == 200
        assert [earlier.status_code for earlier in answer.history] == [401]
        assert answer.raw.isclosed() is False, "nobody read it in advance"
        assert answer.content.count(b"event: message") == 2
    assert mcp.connections == 0, "the connection of the refused answer served the stream"


@pytest.mark.parametrize("streamed", [False, True])
def test_the_connection_of_a_refused_answer_is_used_again(mcp: McpServer, person: Person, streamed: bool) -> None:
    with session_for(mcp, person) as session:
        answer = session.get(mcp.mcp_url, stream=streamed)
        assert answer.json()["ok"] is True
    assert connections(mcp) == 1


def test_a_long_refusal_of_a_streamed_request_is_not_read_but_closed(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    az.expire_all_access_tokens()
    mcp.fault("/mcp", reply(401, LONG, [challenge(mcp)]), times=1)
    with signed_in.get(mcp.mcp_url, stream=True) as answer:
        assert answer.json()["ok"] is True
        refused = answer.history[0]
        assert refused.raw.closed
        assert refused.raw.tell() < len(LONG)
    assert mcp.connections == 1, "only a new connection was left for the repetition"


def test_a_refusal_that_never_ends_is_not_waited_for(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    over = threading.Event()

    def endless() -> Iterator[bytes]:
        yield b"data: {}\n\n"
        while not over.wait(0.02):
            pass

    headers = [("Content-Type", "text/event-stream"), challenge(mcp)]
    mcp.fault("/mcp", Fault("endless", before=lambda *_: Reply(401, headers, chunks=endless())), times=1)
    az.expire_all_access_tokens()
    try:
        assert signed_in.post(mcp.mcp_url, json=CALL, timeout=20).status_code == 200
    finally:
        over.set()


def test_a_refusal_that_is_cut_short_is_a_refusal_all_the_same(mcp: McpServer, person: Person) -> None:
    mcp.fault("/mcp", cut(3), times=1)
    with session_for(mcp, person) as session:
        answer = session.post(mcp.mcp_url, json=CALL)
    assert answer.status_code == 200
    assert steps(mcp)[0] == ("POST", "/mcp", 401)


def test_a_refusal_that_stays_can_be_read_by_the_caller_however_long(mcp: McpServer, person: Person) -> None:
    mcp.fault("/mcp", reply(401, LONG, [challenge(mcp)]))
    with session_for(mcp, person) as session, session.get(mcp.mcp_url, stream=True) as answer:
        assert answer.status_code == 401
        assert b"".join(answer.iter_content(65536)) == LONG


def test_a_refused_answer_is_closed_when_nobody_can_sign_in(mcp: McpServer) -> None:
    seen: list[requests.Response] = []
    mcp.fault("/mcp", reply(401, LONG, [challenge(mcp)]))
    with session_for(mcp) as session:
        adapter = session.get_adapter(mcp.mcp_url)
        send = adapter.send

        def watched(*args: object, **options: object) -> requests.Response:
            seen.append(send(*args, **options))  # type: ignore[arg-type]
            return seen[-1]

        adapter.send = watched  # type: ignore[method-assign,assignment]
        with pytest.raises(SignInRequiredError):
            session.get(mcp.mcp_url, stream=True)
    assert [answer.raw.closed for answer in seen] == [True]
