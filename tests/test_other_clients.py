"""The code in docs/other_clients.rst runs as it stands, against real servers that require the token."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from mcp_oauth_sync.exceptions import InsecureURLError

from .scene import Scene
from .servers.web_socket import WebSocketServer

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "other_clients.rst"
HTTP, WEB_SOCKET = "https://mcp.example.com", "wss://mcp.example.com"


def code(title: str) -> list[str]:
    """Return the code blocks of a section."""
    document = publish_doctree(DOCUMENT.read_text(encoding="utf-8"), settings_overrides={"report_level": 5})
    [section] = [found for found in document.findall(nodes.section) if found[0].astext() == title]
    return [block.astext() for block in section.findall(nodes.literal_block)]


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Give the logger of websockets back the level it had."""
    logger = logging.getLogger("websockets.client")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture
def web_socket(scene: Scene) -> Iterator[WebSocketServer]:
    with WebSocketServer(scene.mcp) as server:
        yield server


def run(block: str, scene: Scene, names: dict[str, Any] | None = None) -> dict[str, Any]:
    """Run a block; its servers are those of the scene. Returns the names it leaves."""
    names = {"__name__": "__main__"} if names is None else names
    address = scene.mcp.url
    ours = block.replace(HTTP, address).replace(WEB_SOCKET, address.replace("http", "ws", 1))
    exec(compile(ours, DOCUMENT.name, "exec"), names)
    return names


@pytest.mark.parametrize("bound", [False, True], ids=["bearer", "bound"])
def test_a_web_socket_is_opened_with_the_token(
    scene: Scene, web_socket: WebSocketServer, capsys: pytest.CaptureFixture[str], bound: bool
) -> None:
    if bound:
        scene.offer_binding(only=True)
    scene.sign_in()
    first, again = code("A WebSocket")
    names = run(first, scene)
    run(again, scene, names)
    assert capsys.readouterr().out == "hello\nhello again\n"
    schemes = [exchange.credentials[0] for exchange in web_socket.handshakes]
    assert schemes == ["dpop" if bound else "bearer"] * 2
    assert scene.az.exchanges == 1


def test_a_web_socket_whose_server_wants_a_nonce_is_opened_the_second_time(
    scene: Scene, web_socket: WebSocketServer, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.offer_binding(only=True, nonces=True)
    scene.sign_in()
    first, again = code("A WebSocket")
    names: dict[str, Any] = {"__name__": "__main__"}
    with pytest.raises(InvalidStatus):
        run(first, scene, names)
    run(again, scene, names)
    assert capsys.readouterr().out == "hello again\n"


def test_a_web_socket_is_not_opened_without_a_token_nor_with_one_for_another_server(
    scene: Scene, web_socket: WebSocketServer
) -> None:
    oauth = scene.sign_in()
    with pytest.raises(InvalidStatus) as refused, connect(web_socket.url):
        pass
    assert refused.value.response.status_code == 401
    assert "resource_metadata" in refused.value.response.headers["WWW-Authenticate"]
    for elsewhere in (web_socket.url.replace("ws:", "wss:"), "ws://127.0.0.1:1/live", "ws://localhost/live"):
        with pytest.raises(InsecureURLError):
            oauth.headers("GET", elsewhere)


def test_an_expired_token_is_renewed_before_the_handshake(scene: Scene, web_socket: WebSocketServer) -> None:
    scene.sign_in()
    scene.expire()
    oauth = scene.oauth()
    logging.getLogger("websockets.client").setLevel(logging.INFO)
    with connect(web_socket.url, additional_headers=oauth.headers("GET", web_socket.url)) as socket:
        socket.send("x")
        assert socket.recv(timeout=10) == "x"
    assert scene.az.refreshes == 1


def test_a_handler_makes_headers_for_a_web_socket_too(scene: Scene, web_socket: WebSocketServer) -> None:
    logging.getLogger("websockets.client").setLevel(logging.INFO)
    headers = scene.handler().prepare_headers_for_mcp_server("example", scene.url, url=web_socket.url)
    with connect(web_socket.url, additional_headers=headers) as socket:
        socket.send("x")
        assert socket.recv(timeout=10) == "x"


@pytest.mark.parametrize("nonces", [None, False, True], ids=["bearer", "bound", "nonces"])
def test_httpx_is_signed_for(scene: Scene, capsys: pytest.CaptureFixture[str], nonces: bool | None) -> None:
    if nonces is not None:
        scene.offer_binding(only=True, nonces=nonces)
    scene.sign_in()
    [block] = code("httpx")
    run(block, scene)
    assert capsys.readouterr().out == "<Response [200 OK]>\n"
    assert [exchange.status for exchange in scene.mcp.requests(scene.mcp.path)] == ([401, 200] if nonces else [200])


def test_urllib_is_signed_for_and_takes_the_token_nowhere_else(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.sign_in()
    [block] = code("urllib")
    names = run(block, scene)
    assert capsys.readouterr().out == "200\n"
    assert "Authorization" not in names["request"].headers


@pytest.mark.curl
def test_curl_gets_the_headers_on_its_standard_input(scene: Scene) -> None:
    scene.sign_in()
    [block] = code("curl")
    script = block.replace(HTTP, scene.mcp.url).replace("python -c", f"{sys.executable} -c", 1)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, '"result"' in done.stdout) == (0, True), done.stderr
    [exchange] = scene.mcp.requests(scene.mcp.path)
    assert exchange.bearer is not None


def test_every_block_of_the_document_is_run_here() -> None:
    titles = {"A WebSocket": 2, "httpx": 1, "urllib": 1, "curl": 1}
    assert sum(titles.values()) == DOCUMENT.read_text(encoding="utf-8").count(".. code-block::")
    assert {title: len(code(title)) for title in titles} == titles
