"""What the endpoint says to ``server/discover``, and how a message is read out of an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_oauth_sync.doctor.endpoint import check_endpoint
from mcp_oauth_sync.doctor.messages import build_discover, read_message
from mcp_oauth_sync.protocol.reply import Reply


def answer(body: Any, status: int = 200, kind: str = "application/json") -> Reply:
    text = body if isinstance(body, str) else json.dumps(body)
    return Reply(url="https://h/mcp", status=status, headers={"content-type": kind}, body=text.encode())


def rpc(**members: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, **members}


INFO = {"supportedVersions": ["2026-07-28", "2025-11-25"], "capabilities": {}}


@pytest.mark.parametrize(
    ("reply", "was_open", "told"),
    [
        (answer({}, 401), False, "ok asks"),
        (answer({}, 401), True, "ok asks-sometimes"),
        (answer(rpc(result=INFO)), True, "ok discovered"),
        (answer(rpc(result=INFO)), False, "ok discovered"),
        (answer(rpc(result={})), True, "warning discover-malformed"),
        (answer(rpc(error={"code": -32601, "message": "x"})), True, "ok handshake"),
        (answer(rpc(error="x"), 400), True, "ok handshake"),
        (answer("<html>", 200, "text/html"), True, "skipped no-message"),
        (answer("", 500), True, "skipped no-message"),
    ],
)
def test_what_the_endpoint_says_without_a_token(reply: Reply, was_open: bool, told: str) -> None:
    [finding] = check_endpoint(reply, was_open=was_open)
    assert f"{finding.level.value} {finding.code}" == told


def test_the_revisions_that_are_spoken_are_told() -> None:
    [finding] = check_endpoint(answer(rpc(result=INFO)), was_open=True)
    assert finding.what.endswith("it speaks 2026-07-28, 2025-11-25")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('data: {"jsonrpc": "2.0"}\n\n', True),
        ('event: message\r\ndata: {"jsonrpc":\r\ndata: "2.0"}\r\n\r\n', True),
        (': ping\n\ndata: \n\ndata:{"jsonrpc":"2.0"}\n\n', True),
        ("data: [1]\n\ndata: x\n\n", False),
        ("", False),
        ('data: {"jsonrpc": "1.0"}\n\n', False),
    ],
)
def test_a_message_is_read_out_of_a_stream(text: str, found: bool) -> None:
    assert (read_message(answer(text, kind="text/event-stream")) is not None) is found


def test_what_is_no_message_is_none() -> None:
    assert read_message(answer({"jsonrpc": "1.0"})) is None
    assert read_message(answer('data: {"jsonrpc": "2.0"}\n\n', kind="text/plain")) is None


def test_the_question_says_what_every_request_has_to_say() -> None:
    body, headers = build_discover()
    message = json.loads(body)
    about = message["params"]["_meta"]
    assert (message["method"], headers["Mcp-Method"]) == ("server/discover", "server/discover")
    assert about["io.modelcontextprotocol/protocolVersion"] == headers["MCP-Protocol-Version"]
    assert set(about) == {
        f"io.modelcontextprotocol/{name}" for name in ("protocolVersion", "clientInfo", "clientCapabilities")
    }
