"""The person with the browser: does our Chromium do what a person does?"""

from __future__ import annotations

import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from .chromium import Chromium
from .plain_client import PlainClient
from .sdk import SdkServer, Tls

pytestmark = [pytest.mark.chromium, pytest.mark.demo]


class Landing:
    """Where the browser is sent back to."""

    def __init__(self) -> None:
        landed: SimpleQueue[dict[str, list[str]]] = SimpleQueue()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path == "/callback":
                    landed.put(parse_qs(parts.query))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"<title>Landed</title>You may close this tab.")

            def log_message(self, *_: object) -> None:
                pass

        self.landed = landed
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self.http.server_address[1]}/callback"
        self.thread = Thread(target=self.http.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def landing() -> Iterator[Landing]:
    made = Landing()
    yield made
    made.close()


def consent_url(client: PlainClient, landing: Landing) -> str:
    registered = client.http.post(
        f"{client.server.issuer}/register",
        json={"redirect_uris": [landing.uri], "client_name": "MCP OAuth Sync"},
    )
    sent = client.authorize(client_id=registered.json()["client_id"], redirect_uri=landing.uri)
    return str(sent.headers["location"])


@pytest.fixture(scope="module")
def server() -> Iterator[SdkServer]:
    with SdkServer() as running:
        yield running


@pytest.fixture
def client(server: SdkServer) -> Iterator[PlainClient]:
    with PlainClient(server) as made:
        yield made


@pytest.mark.parametrize(("click", "outcome"), [("#allow", "code"), ("#deny", "error")])
def test_it_opens_the_page_clicks_and_lands(
    tmp_path: Path, client: PlainClient, landing: Landing, click: str, outcome: str
) -> None:
    chromium = Chromium(tmp_path, click=click)
    visit = chromium.visit(consent_url(client, landing))
    assert visit.failure is None
    assert visit.clicked
    assert visit.title == "Landed"
    assert visit.url.startswith(landing.uri + "?")
    assert outcome in landing.landed.get(timeout=10)
    assert chromium.shot.stat().st_size > 0
    assert "You may close this tab." in chromium.html.read_text(encoding="utf-8")


def test_it_is_the_browser_of_this_process(
    tmp_path: Path, client: PlainClient, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    chromium = Chromium(tmp_path)
    chromium.become_the_browser(monkeypatch)
    assert webbrowser.open(consent_url(client, landing))
    assert "code" in landing.landed.get(timeout=60)
    assert chromium.finish().title == "Landed"


def test_it_is_the_browser_of_another_process(
    tmp_path: Path, client: PlainClient, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    chromium = Chromium(tmp_path, click="#deny")
    monkeypatch.setenv("BROWSER", chromium.browser_variable())
    code = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, consent_url(client, landing)], timeout=60, check=True)
    assert landing.landed.get(timeout=60)["error"] == ["access_denied"]
    assert chromium.finish().clicked


def test_it_accepts_the_certificate_of_a_test_only_when_told(
    tmp_path: Path, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = Tls.make(tmp_path)
    with SdkServer(tls=tls) as server, PlainClient(server, str(tls.ca)) as client:
        url = consent_url(client, landing)
        refused = Chromium(tmp_path).visit(url)
        assert refused.failure is not None
        assert "ERR_CERT" in refused.failure
        visit = Chromium(tmp_path, insecure=True).visit(url)
        assert visit.title == "Landed"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_consent_page_shows_both_buttons_without_scrolling_and_complains_about_nothing(
    tmp_path: Path, client: PlainClient, landing: Landing, scheme: str
) -> None:
    chromium = Chromium(tmp_path, click="#nothing")
    visit = chromium.visit(consent_url(client, landing), "--scheme", scheme, "--size", "900x700")
    assert not visit.clicked
    assert "Allow “MCP OAuth Sync” to use your notes?" in visit.text
    assert visit.console == []
    assert visit.scroll_height <= 700
