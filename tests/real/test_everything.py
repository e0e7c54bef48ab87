"""The servers from npm do what they are here for, asked by plain requests."""

from __future__ import annotations

import pytest
import requests

from .everything import EverythingServer, everything, everything_in_both_eras, everything_sse
from .jsonrpc import MODERN, SECONDS, Plain, events

__all__ = ["everything", "everything_in_both_eras", "everything_sse"]

pytestmark = pytest.mark.npm_server


def test_the_reference_server_keeps_a_session_and_tells_of_progress(everything: EverythingServer) -> None:
    with Plain(everything.mcp_url) as plain:
        assert "Mcp-Session-Id" in plain.session.headers
        assert plain.call("echo", message="hi")["content"] == [{"type": "text", "text": "Echo: hi"}]
        arguments = {"duration": 0.1, "steps": 2}
        name = "trigger-long-running-operation"
        came = plain.ask("tools/call", name=name, arguments=arguments, _meta={"progressToken": 7})
        progress = [message["params"] for message in came if message.get("method") == "notifications/progress"]
        assert [(told["progressToken"], told["progress"]) for told in progress] == [(7, 1), (7, 2)]


def test_the_reference_server_elicits_a_form_on_the_stream_of_the_call(everything: EverythingServer) -> None:
    with Plain(everything.mcp_url) as plain:
        came = plain.ask("tools/call", name="trigger-elicitation-request", arguments={})
        assert [message.get("method") for message in came] == ["elicitation/create", None]
        assert "Name: x" in str(came[-1]["result"])


def test_the_reference_server_forgets_a_session_that_was_deleted(everything: EverythingServer) -> None:
    with Plain(everything.mcp_url) as plain:
        headers = dict(plain.session.headers)
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert requests.post(everything.mcp_url, json=ping, headers=headers, timeout=SECONDS).status_code == 400


def test_one_endpoint_of_the_proxy_speaks_both_eras(everything_in_both_eras: EverythingServer) -> None:
    url = everything_in_both_eras.mcp_url
    with Plain(url, modern=True) as plain:
        assert plain.result("server/discover")["supportedVersions"] == [MODERN]
        assert plain.call("get-sum", a=2, b=3)["resultType"] == "complete"
        assert len(plain.result("tools/list")["tools"]) > 10
    with Plain(url) as plain:
        assert plain.hello["protocolVersion"] == "2025-11-25"
        assert "5" in str(plain.call("get-sum", a=2, b=3)["content"])


def test_the_old_transport_names_where_messages_go_by_a_path(everything_sse: EverythingServer) -> None:
    with requests.get(everything_sse.mcp_url, stream=True, timeout=SECONDS) as stream:
        lines = stream.iter_lines(chunk_size=1)
        assert next(lines) == b"event: endpoint"
        path = next(lines).removeprefix(b"data: ").decode()
        assert path.startswith("/message?sessionId=")
        message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        url = everything_sse.mcp_url.removesuffix("/sse") + path
        assert requests.post(url, json=message, timeout=SECONDS).status_code == 202
        assert b'"result":{}' in next(line for line in lines if line.startswith(b"data:"))


def test_a_server_that_cannot_start_says_what_it_wrote() -> None:
    server = EverythingServer("no such transport")  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="Unknown transport"):
        server.__enter__()


def test_events_of_a_document_are_the_document() -> None:
    response = requests.Response()
    response._content = b'{"a": 1}'
    assert list(events(response)) == [{"a": 1}]
