"""Requests with a body are repeated whole, or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mcp_oauth_sync.exceptions import RequestNotRepeatedError
from tests.servers import AuthorizationServer, McpServer, Person

from .stage import CALL, METADATA, RESOURCE_METADATA, session_for, steps

BODY = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}' + b" " * 100_000


class OneWay(io.RawIOBase):
    """A file that can be read once, such as a pipe."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def readinto(self, buffer: Any) -> int:
        return self._data.readinto(buffer)


class Forgetful(io.BytesIO):
    """A file that tells where it is but cannot go back."""

    def seek(self, *_: Any) -> int:
        raise io.UnsupportedOperation("seek")


def generator() -> Iterator[bytes]:
    yield BODY[:50_000]
    yield BODY[50_000:]


def bodies(mcp: McpServer) -> list[tuple[int, bytes]]:
    return [(exchange.status, exchange.body) for exchange in mcp.requests("/mcp")]


@pytest.mark.parametrize(
    "body",
    [BODY, BODY.decode(), bytearray(BODY), io.BytesIO(BODY), {"field": "value"}, [("a", "1"), ("a", "2")]],
    ids=lambda body: type(body).__name__,
)
def test_a_body_that_can_be_sent_again_is_sent_again_whole(mcp: McpServer, person: Person, body: Any) -> None:
    with session_for(mcp, person) as session:
        answer = session.post(mcp.mcp_url, data=body)
    assert answer.status_code == 200
    (first_status, first), (second_status, second) = bodies(mcp)
    assert (first_status, second_status) == (401, 200)
    assert first == second
    assert first


def test_a_json_body_is_sent_again_whole(mcp: McpServer, person: Person) -> None:
    with session_for(mcp, person) as session:
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
    assert [exchange.json() for exchange in mcp.requests("/mcp")] == [CALL, CALL]


def test_a_file_is_sent_again_from_where_the_caller_had_left_it(mcp: McpServer, person: Person, tmp_path: Path) -> None:
    path = tmp_path / "body.bin"
    path.write_bytes(b"not this part " + BODY)
    with session_for(mcp, person) as session, path.open("rb") as file:
        file.seek(14)
        assert session.post(mcp.mcp_url, data=file).status_code == 200
    assert bodies(mcp) == [(401, BODY), (200, BODY)]
    assert {exchange.headers["Content-Length"] for exchange in mcp.requests("/mcp")} == {str(len(BODY))}


def test_uploaded_files_are_sent_again_whole(mcp: McpServer, person: Person, tmp_path: Path) -> None:
    path = tmp_path / "upload.bin"
    path.write_bytes(BODY)
    with session_for(mcp, person) as session, path.open("rb") as file:
        answer = session.post(mcp.mcp_url, files={"file": file}, data={"note": "with a field"})
    assert answer.status_code == 200
    (_, first), (_, second) = bodies(mcp)
    assert first == second
    assert BODY in first
    assert b"with a field" in first


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_are_repeated_with_their_body_too(mcp: McpServer, person: Person, method: str) -> None:
    with session_for(mcp, person) as session:
        assert session.request(method, mcp.mcp_url, data=BODY).status_code == 200
    assert [(exchange.method, exchange.body) for exchange in mcp.requests("/mcp")] == [(method, BODY)] * 2


@pytest.mark.parametrize("kind", ["generator", "pipe", "file that cannot go back"])
def test_a_body_that_is_used_up_is_not_sent_again_but_the_sign_in_is_kept(
    az: AuthorizationServer, mcp: McpServer, person: Person, kind: str
) -> None:
    body: Any = {"generator": generator, "pipe": lambda: OneWay(BODY), "file that cannot go back": forgetful}[kind]()
    with session_for(mcp, person) as session:
        with pytest.raises(RequestNotRepeatedError) as caught:
            session.post(mcp.mcp_url, data=body)
        assert mcp.mcp_url in caught.value.message
        assert "fresh body" in (caught.value.hint or "")
        refused = caught.value.response
        assert isinstance(refused, requests.Response)
        assert refused.status_code == 401
        assert [(status, len(sent)) for status, sent in bodies(mcp)] == [(401, len(BODY))]
        assert steps(az) == [METADATA, ("POST", "/register", 201), ("POST", "/token", 200)]
        assert session.post(mcp.mcp_url, data=generator()).status_code == 200
    with session_for(mcp) as later:
        assert later.post(mcp.mcp_url, data=generator()).status_code == 200
    assert steps(mcp) == [("POST", "/mcp", 401), RESOURCE_METADATA, ("POST", "/mcp", 200), ("POST", "/mcp", 200)]
    assert len(person.visited) == 1


def forgetful() -> Forgetful:
    return Forgetful(BODY)


def test_a_real_pipe_is_not_sent_again(mcp: McpServer, person: Person) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"once")
    os.close(writer)
    with (
        session_for(mcp, person) as session,
        os.fdopen(reader, "rb") as pipe,
        pytest.raises(RequestNotRepeatedError),
    ):
        session.post(mcp.mcp_url, data=pipe)
    assert [exchange.status for exchange in mcp.requests("/mcp")] == [401]


def test_a_body_that_is_used_up_goes_out_once_when_the_token_is_good(
    mcp: McpServer, signed_in: requests.Session
) -> None:
    assert signed_in.post(mcp.mcp_url, data=generator()).status_code == 200
    assert bodies(mcp) == [(200, BODY)]
