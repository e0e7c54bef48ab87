"""The library against the official SDK's server, end to end: sign in, refresh, step up, come back, sign out."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from mcp_oauth_sync import BrowserPrompt, CallbackPrompt, NoPrompt, OAuth
from mcp_oauth_sync.exceptions import AccessDeniedError, AuthorizationError
from mcp_oauth_sync.models.callback import Callback
from mcp_oauth_sync.prompts.loopback import loopback_listener
from tests.servers.person import Person

from .chromium import Chromium
from .plain_client import text_of
from .sdk import ROOT, SdkServer, Tls

pytestmark = pytest.mark.demo

COLD = [
    "POST /mcp 401",
    "GET /.well-known/oauth-protected-resource/mcp 200",
    "GET /.well-known/oauth-authorization-server 200",
    "POST /register 201",
    "POST /token 200",
    "POST /mcp 200",
]

# This server gives a client no scope that it did not register for: a new one takes a new registration.
STEP_UP = ["POST /mcp 403", *COLD[1:]]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def combined() -> Iterator[SdkServer]:
    with SdkServer() as running:
        yield running


@pytest.fixture(scope="module")
def split() -> Iterator[SdkServer]:
    with SdkServer("split") as running:
        yield running


@pytest.fixture(scope="module")
def combined_https(tls: Tls) -> Iterator[SdkServer]:
    with SdkServer(tls=tls) as running:
        yield running


@pytest.fixture(scope="module")
def split_https(tls: Tls) -> Iterator[SdkServer]:
    with SdkServer("split", tls=tls) as running:
        yield running


class Recorder(HTTPAdapter):
    """Sends as usual, and notes what was sent and what came back."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.tokens: list[str] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        response = super().send(request, *args, **kwargs)
        self.seen.append(f"{request.method} {urlsplit(str(request.url)).path} {response.status_code}")
        if token := request.headers.get("Authorization"):
            self.tokens.append(str(token))
        return response

    def take(self) -> list[str]:
        seen, self.seen = self.seen, []
        return seen


class Program:
    """A program with a session of its own that signs in through a person who fills in the form.

    Args:
        server: What to call.
        session_ca: CA file that the session trusts.
        person_ca: CA file that the person's browser trusts.
        options: For the sign-in.
    """

    def __init__(
        self,
        server: SdkServer,
        *,
        session_ca: Path | None = None,
        person_ca: Path | None = None,
        **options: Any,
    ) -> None:
        self.server = server
        self.person = Person(ca=person_ca)
        self.wire = Recorder()
        self.session = requests.Session()
        self.session.mount("http://", self.wire)
        self.session.mount("https://", self.wire)
        if session_ca is not None:
            self.session.verify = str(session_ca)
        prompt = options.pop("prompt", None) or CallbackPrompt(self.person.in_thread)
        self.auth = OAuth(server.mcp_url, prompt=prompt, session=self.session if not options.pop("alone", 0) else None)
        self.session.auth = self.auth

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.person.join()
        self.session.close()

    def call(self, tool: str, *, verify: str | None = None, **arguments: str) -> str:
        """Call a tool and return what it said."""
        message = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
        }
        accept = {"Accept": "application/json, text/event-stream"}
        return text_of(self.session.post(self.server.mcp_url, json=message, headers=accept, verify=verify))

    def is_let_in(self, token: str) -> bool:
        """Whether the server takes a token."""
        answer = requests.post(
            self.server.mcp_url,
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
            headers={"Authorization": token, "Accept": "application/json, text/event-stream"},
            timeout=30,
        )
        assert answer.status_code in (200, 401), answer.text
        return answer.status_code == 200


@pytest.mark.parametrize("form", ["combined", "split", "combined_https", "split_https"])
def test_a_cold_start_takes_the_few_requests_it_needs_and_the_second_call_only_itself(
    tls: Tls, form: str, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(form)
    ca = tls.ca if "https" in form else None
    with Program(server, session_ca=ca, person_ca=ca) as program:
        assert program.call("whoami").startswith("You are Ada. mcp-oauth-sync acts for you and may use: mcp.")
        assert program.wire.take() == COLD
        assert program.call("list_notes").startswith("1. Welcome!")
        assert program.wire.take() == ["POST /mcp 200"]
        program.person.join()
        assert program.person.page is not None
        assert "You are signed in" in program.person.page.html
    assert [process.errors() for process in server.processes] == [""] * len(server.processes)


@pytest.mark.parametrize("given", ["to the session", "to the request", "by the environment"])
def test_a_private_authority_is_trusted_for_every_step_however_it_was_named(
    tls: Tls, split_https: SdkServer, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_ca = tls.ca if given == "to the session" else None
    verify = str(tls.ca) if given == "to the request" else None
    if given == "by the environment":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.ca))
    with Program(split_https, session_ca=session_ca, person_ca=tls.ca, alone=True) as program:
        assert program.call("whoami", verify=verify).startswith("You are Ada.")
        assert program.wire.take() == COLD
        assert program.call("add_note", verify=verify, text="trusted").startswith("Noted")
        assert program.wire.take() == STEP_UP


def test_an_authority_that_is_not_trusted_gets_no_request_at_all(tls: Tls, combined_https: SdkServer) -> None:
    with Program(combined_https, person_ca=tls.ca) as program:
        with pytest.raises(requests.exceptions.SSLError):
            program.call("whoami")
        assert program.wire.seen == []
        assert program.person.visited == []


def test_an_expired_token_is_renewed_without_a_person_and_by_a_later_program_too() -> None:
    with SdkServer(access_ttl=1) as server, Program(server) as program:
        program.call("whoami")
        first = program.wire.tokens[-1]
        program.wire.take()
        wait_until_expired(program.auth)
        assert program.call("whoami").startswith("You are Ada.")
        assert program.wire.take() == ["POST /token 200", "POST /mcp 200"]
        second = program.wire.tokens[-1]
        assert first != second
        wait_until_expired(program.auth)
        with Program(server, prompt=NoPrompt()) as later:
            assert later.call("whoami").startswith("You are Ada.")
            assert later.wire.take() == ["POST /token 200", "POST /mcp 200"]
            assert second not in later.wire.tokens
            assert later.person.visited == []


def wait_until_expired(auth: OAuth) -> None:
    while auth.tokens is not None and not auth.tokens.is_expired():
        time.sleep(0.01)
    assert auth.tokens is not None


def test_a_tool_that_needs_more_asks_the_person_once_more_and_then_works(combined: SdkServer) -> None:
    with Program(combined) as program:
        program.call("whoami")
        program.wire.take()
        assert program.call("add_note", text="written after a second consent").startswith("Noted")
        assert program.wire.take() == STEP_UP
        assert "may use: mcp, notes:write." in program.call("whoami")
        assert program.call("add_note", text="no third one").startswith("Noted")
        assert program.wire.take() == ["POST /mcp 200"] * 2


def test_twenty_threads_at_a_cold_start_ask_the_person_once(combined: SdkServer) -> None:
    with Program(combined) as program:
        said: list[str] = []
        threads = [threading.Thread(target=lambda: said.append(program.call("whoami"))) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [text.startswith("You are Ada.") for text in said] == [True] * 20
        assert program.wire.seen.count("POST /register 201") == 1
        assert program.wire.seen.count("POST /token 200") == 1


SECOND_PROCESS = """
import sys, requests
from mcp_oauth_sync import OAuth
session = requests.Session()
session.auth = OAuth(sys.argv[1])
message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}
answer = session.post(sys.argv[1], json=message, headers={"Accept": "application/json, text/event-stream"})
print(answer.status_code, len(answer.history), answer.json()["result"]["content"][0]["text"])
"""


def test_another_process_needs_no_sign_in(combined: SdkServer) -> None:
    with Program(combined) as program:
        program.call("whoami")
    done = subprocess.run(
        [sys.executable, "-c", SECOND_PROCESS, combined.mcp_url],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("200 0 You are Ada. mcp-oauth-sync")


def test_signing_out_revokes_at_the_server_and_forgets_here(combined: SdkServer) -> None:
    with Program(combined) as program:
        program.call("whoami")
        token = program.wire.tokens[-1]
        assert program.is_let_in(token)
        program.wire.take()
        assert program.auth.sign_out() is True
        assert program.wire.take() == ["POST /revoke 200"] * 2
        assert not program.is_let_in(token)
        assert program.auth.tokens is None
        program.call("whoami")  # asks again, as the program it was before
        seen = program.wire.take()
        assert seen[-2:] == ["POST /token 200", "POST /mcp 200"]
        assert "POST /register 201" not in seen


# With a real browser


@pytest.mark.chromium
def test_in_a_real_browser_allow_signs_in_and_the_last_page_says_so(
    combined: SdkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    chromium = Chromium(tmp_path)
    chromium.become_the_browser(monkeypatch)
    with Program(combined, prompt=BrowserPrompt()) as program:
        assert program.call("whoami").startswith("You are Ada.")
        visit = chromium.finish()
    assert visit.clicked
    assert visit.failure is None
    assert visit.title == "You are signed in"
    assert "close this tab" in visit.text
    assert visit.console == []
    assert visit.scroll_height <= 700
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "A browser window opens now" in printed.err


@pytest.mark.chromium
def test_in_a_real_browser_deny_is_an_error_at_once_and_the_last_page_says_so(
    combined: SdkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chromium = Chromium(tmp_path, click="#deny")
    chromium.become_the_browser(monkeypatch)
    began = time.monotonic()
    with Program(combined, prompt=BrowserPrompt()) as program:
        with pytest.raises(AccessDeniedError) as caught:
            program.call("whoami")
        assert time.monotonic() - began < 100  # of the 300 s that a person has
        visit = chromium.finish()
        assert "POST /token 200" not in program.wire.seen
    assert caught.value.error == "access_denied"
    assert visit.title == "Access was not granted"
    assert "start the sign-in once more" in visit.text
    assert visit.console == []


@pytest.mark.chromium
def test_in_a_real_browser_an_https_server_leads_back_to_the_program_at_localhost(
    tls: Tls, split_https: SdkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chromium = Chromium(tmp_path, insecure=True)
    chromium.become_the_browser(monkeypatch)
    with requests.Session() as session:
        session.verify = str(tls.ca)
        auth = OAuth(split_https.mcp_url, prompt=BrowserPrompt(), callback_host="localhost", session=session)
        assert auth.sign_in().access_token
        visit = chromium.finish()
    assert visit.title == "You are signed in"
    assert visit.url.startswith("http://localhost:")
    assert visit.console == []


@pytest.mark.chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_real_browser_what_the_server_says_is_text_whatever_it_is(tmp_path: Path, scheme: str) -> None:
    hostile = "<script>document.title='taken over'</script><img src=x onerror=\"document.title='taken over'\">"
    with loopback_listener(Callback.at("http://127.0.0.1/callback"), state="a-state") as listener:
        listener.conclude(AuthorizationError(hostile))
        chromium = Chromium(tmp_path)
        visit = chromium.visit(f"{listener.redirect_uri}?error=x&state=a-state", "--scheme", scheme)
    assert visit.title == "The sign-in did not work"
    assert hostile in visit.text
    assert visit.console == []
    assert visit.scroll_height <= 700
