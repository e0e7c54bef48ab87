"""The protection in front of a server without OAuth: what it asks for, and that it passes the rest on at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from . import AuthorizationServer, Exchange, Origin, ProtectedServer, Reply, json_reply, local_ca
from .plain_client import PlainClient

EVENT = b"event: message\r\ndata: {}\r\n\r\n"
STREAM = [("Content-Type", "text/event-stream")]


class Behind(Origin):
    """A server without OAuth."""

    def __init__(self) -> None:
        super().__init__()
        self.release, self.left = threading.Event(), threading.Event()
        self.route("*", "/mcp", self._answer)
        self.route("GET", "/other", lambda exchange: json_reply({"query": exchange.query}))
        self.route("GET", "/stream", lambda exchange: Reply(200, STREAM, chunks=self._events()))
        self.route("GET", "/cut", lambda exchange: Reply(200, STREAM, chunks=self._cut()))
        short = [("Content-Length", "9"), ("Connection", "close")]
        self.route("GET", "/short", lambda exchange: Reply(200, short, chunks=iter([b"four"])))
        self.route("GET", "/slow", self._slow)
        self.route("*", "/nothing", lambda exchange: Reply(202))

    @staticmethod
    def _answer(exchange: Exchange) -> Reply:
        kept = [("Mcp-Session-Id", "s1"), ("X-Twice", "1"), ("X-Twice", "2")]
        return json_reply({"method": exchange.method, "body": exchange.body.decode()}, 201, kept)

    def wait(self) -> bool:
        """Wait for the test's word; False when the client has left instead."""
        assert self._machine is not None
        while not self.release.wait(0.005):
            if self._machine.is_left():
                self.left.set()
                return False
        return True

    def _events(self) -> Iterator[bytes]:
        yield EVENT
        if self.wait():
            yield EVENT

    def _cut(self) -> Iterator[bytes]:
        yield EVENT
        raise OSError

    def _slow(self, exchange: Exchange) -> Reply:
        self.wait()
        return Reply(200)


@pytest.fixture
def behind() -> Iterator[Behind]:
    with Behind() as server:
        yield server


@pytest.fixture
def front(behind: Behind) -> Iterator[ProtectedServer]:
    with AuthorizationServer() as az, ProtectedServer(az, f"{behind.url}/mcp") as server:
        yield server


@pytest.fixture
def session(front: ProtectedServer) -> Iterator[requests.Session]:
    """Give a session with a token."""
    with PlainClient(front.authorization_server, front.mcp_url) as client, requests.Session() as made:
        made.headers["Authorization"] = f"Bearer {client.sign_in()['access_token']}"
        yield made


@pytest.mark.parametrize("path", ["/mcp", "/other", "/unknown"])
def test_nothing_passes_without_a_token(behind: Behind, front: ProtectedServer, path: str) -> None:
    refused = requests.get(front.url + path, timeout=5)
    assert refused.status_code == 401
    assert (
        f'resource_metadata="{front.url}/.well-known/oauth-protected-resource/mcp"'
        in (refused.headers["WWW-Authenticate"])
    )
    described = requests.get(str(front.prm_url), headers={"Accept": "application/json"}, timeout=5)
    assert described.json()["resource"] == front.mcp_url
    assert behind.log == []


def test_methods_bodies_statuses_and_headers_pass_both_ways_and_the_token_does_not(
    behind: Behind, front: ProtectedServer, session: requests.Session
) -> None:
    for method in ("POST", "GET", "DELETE"):
        answer = session.request(method, front.mcp_url, data="é".encode(), headers={"Mcp-Session-Id": "s1"}, timeout=5)
        assert (answer.status_code, answer.json()) == (201, {"method": method, "body": "é"})
        assert (answer.headers["Mcp-Session-Id"], answer.headers["X-Twice"]) == ("s1", "1, 2")
    assert session.get(f"{front.url}/other?a=1&a=2", timeout=5).json() == {"query": {"a": ["1", "2"]}}
    nothing = session.post(f"{front.url}/nothing", timeout=5)
    assert (nothing.status_code, nothing.content) == (202, b"")
    for exchange in behind.log:
        assert "Authorization" not in exchange.headers
        assert exchange.headers.get_all("Host") == [behind.url.removeprefix("http://")]
    assert behind.log[0].headers["Mcp-Session-Id"] == "s1"


def test_each_event_is_passed_on_when_it_comes(
    behind: Behind, front: ProtectedServer, session: requests.Session
) -> None:
    with session.get(f"{front.url}/stream", stream=True, timeout=5) as stream:
        pieces = stream.iter_content(None)
        assert next(pieces) == EVENT
        behind.release.set()
        assert b"".join(pieces) == EVENT


@pytest.mark.parametrize("path", ["/stream", "/slow"])
def test_when_the_client_leaves_so_does_the_protection(
    behind: Behind, front: ProtectedServer, session: requests.Session, path: str
) -> None:
    if path == "/stream":
        session.get(front.url + path, stream=True, timeout=5).close()
    else:
        with pytest.raises(requests.ReadTimeout):
            session.get(front.url + path, timeout=0.1)
    assert behind.left.wait(5)


@pytest.mark.parametrize("path", ["/cut", "/short"])
def test_what_the_server_behind_breaks_off_is_broken_off(
    front: ProtectedServer, session: requests.Session, path: str
) -> None:
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        session.get(front.url + path, timeout=5)


def test_a_server_behind_that_is_gone_is_told_apart_from_a_refusal(
    behind: Behind, front: ProtectedServer, session: requests.Session
) -> None:
    behind.stop()
    with pytest.raises(requests.ConnectionError):
        session.get(front.mcp_url, timeout=5)


def test_an_open_stream_does_not_keep_it_from_stopping(
    front: ProtectedServer, session: requests.Session, behind: Behind
) -> None:
    with session.get(f"{front.url}/stream", stream=True, timeout=5):
        front.stop()
    assert behind.left.wait(5)


def test_a_client_by_https_that_leaves_is_missed_too(behind: Behind, tmp_path: Path) -> None:
    ca = local_ca(tmp_path)
    with AuthorizationServer() as az, ProtectedServer(az, f"{behind.url}/mcp", tls=ca.context) as front:
        front.open = True
        requests.get(f"{front.url}/stream", stream=True, timeout=5, verify=str(ca.ca_pem)).close()
        assert behind.left.wait(5)
