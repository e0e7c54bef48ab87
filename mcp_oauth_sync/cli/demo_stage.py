"""The demo's stage: the server as a child process, a person who can be played, and a record of what is sent."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter

from ..exceptions import OAuthError
from ..models.callback import Callback
from ..prompts import Listener, Prompt
from ..prompts.surroundings import browser_at_hand, somebody_there

#: Seconds for the server to come up, and to end.
STARTUP, SHUTDOWN = 30.0, 5.0


@contextmanager
def demo_server(*, access_ttl: int, event_streams: bool = False) -> Iterator[str]:
    """Run the demo's server as a child process and yield the URL of its MCP endpoint.

    Args:
        access_ttl: Lifetime of its access tokens in seconds.
        event_streams: True makes it answer in event streams, as many servers do.

    Raises:
        OAuthError: It did not start.
    """
    command = [sys.executable, "-m", "mcp_oauth_sync.cli.demo_server", "0", "--access-ttl", str(access_ttl)]
    command += ["--event-streams"] if event_streams else []
    # Its standard input is a pipe that closes when this process ends, however it ends: then the server ends too.
    # In a session of its own a Ctrl-C does not reach it, so that it can still answer while we clean up.
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        watchdog = threading.Timer(STARTUP, process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            ready = process.stdout.readline().split() if process.stdout else []
            watchdog.cancel()
            if len(ready) != 2 or ready[0] != "READY":
                raise _did_not_start(process.stderr.read() if process.stderr else "")
            yield ready[1]
        finally:
            watchdog.cancel()
            process.terminate()
            try:
                process.wait(SHUTDOWN)
            except subprocess.TimeoutExpired:
                process.kill()


def _did_not_start(said: str) -> OAuthError:
    if "No module named" in said:
        return OAuthError(
            "The demo's server needs the official MCP SDK, which is not installed.",
            hint="Run: pip install 'mcp-oauth-sync[demo]'",
        )
    last = said.strip().splitlines()[-1:] or ["it said nothing"]
    return OAuthError(f"The demo's server did not start: {last[0]}")


class Recorder(HTTPAdapter):
    """A requests adapter that tells every exchange: what it shows is what was sent.

    Args:
        tell: Called with a line for each exchange, in whatever thread makes it.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        """Tell ``tell``."""
        super().__init__()
        self._tell = tell
        self._refused = ""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request and tell what came of it."""
        response = super().send(request, *args, **kwargs)
        path = urlsplit(request.url or "").path
        detail, remark = _explain(path, request.body if isinstance(request.body, bytes) else b"")
        what = f"{request.method} {path} {detail}".rstrip()
        if response.status_code in (401, 403):
            missing = re.search(r'scope="([^"]+)"', response.headers.get("WWW-Authenticate", ""))
            remark = f"needs {missing.group(1)}" if missing and response.status_code == 403 else "a token is needed"
            self._refused = what
        elif what == self._refused:
            remark, self._refused = "the same call again", ""
        elif not response.ok:
            remark = ""
        with suppress(OSError):  # a reader who has gone is noticed by the next line of the demo itself
            self._tell(f"{what:<46} {response.status_code}  {remark}".rstrip())
        return response


def _explain(path: str, body: bytes) -> tuple[str, str]:
    """Return what a request is about, and what a good answer to it means. Looks at no secret."""
    if path.startswith("/.well-known/oauth-protected-resource"):
        return "", "who gives out tokens"
    if path.startswith("/.well-known/"):
        return "", "how to get one there"
    if path == "/register":
        return "", "this program is known"
    form = parse_qs(body.decode("utf-8", "replace"))
    if path == "/token":
        grant = form.get("grant_type", [""])[0]
        return f"({grant})", "fresh tokens" if grant == "refresh_token" else "you agreed: tokens"
    if path == "/revoke":
        return "", f"{form.get('token_type_hint', ['token'])[0].replace('_', ' ')} revoked"
    try:
        message = json.loads(body)
        name = message.get("params", {}).get("name") if message["method"] == "tools/call" else None
        return f"({message['method']}{f' {name}' if name else ''})", ""
    except (ValueError, KeyError, AttributeError):
        return "", ""


class Announced(Prompt):
    """Another prompt, with a word before a person is asked.

    Args:
        prompt: How the person is asked.
        announce: Called before.
    """

    def __init__(self, prompt: Prompt, announce: Callable[[], None]) -> None:
        """Ask through ``prompt``."""
        self._prompt, self._announce = prompt, announce

    def listen(self, callback: Callback, *, state: str) -> AbstractContextManager[Listener]:
        """Listen as the prompt does."""
        return self._prompt.listen(callback, state=state)

    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        """Say the word, then show as the prompt does."""
        self._announce()
        self._prompt.show(url, listener=listener, server_url=server_url)


class PlayedPerson(Prompt, AbstractContextManager["PlayedPerson"]):
    """Plays the person where nobody can: opens the link, reads the consent page, presses Allow.

    It goes through the same page and the same redirect as a person in a browser. As a context manager it
    closes the browser at the end.

    Args:
        tell: Called with what the person sees and does.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        """Tell what happens to ``tell``."""
        self.tell = tell
        self._thread: threading.Thread | None = None

    @classmethod
    def needed(cls) -> bool:
        """Tell whether the person has to be played: nobody is there, or no browser can be opened."""
        return not (somebody_there() and browser_at_hand())

    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        """Open the link."""
        self.open(url)

    def open(self, url: str) -> None:
        """Walk through the pages; the last one, which waits for the program, in a thread beside it.

        Args:
            url: The link that the person was given.

        Raises:
            OAuthError: The consent page did not take the answer.
        """
        browser = requests.Session()
        browser.trust_env = False  # everything is on this computer: no proxy
        page = browser.get(url, timeout=10)
        title = re.search(r"<h1[^>]*>(.*?)</h1>", page.text, re.DOTALL)
        self.tell(" ".join(unescape(re.sub(r"<[^>]+>", "", title.group(1))).split()) if title else "A consent page.")
        self.tell("Allow is pressed.")
        fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
        action = re.search(r'<form[^>]*\baction="([^"]+)"', page.text)
        answer = {name: unescape(value) for name, value in fields} | {"decision": "allow"}
        target = urljoin(page.url, unescape(action.group(1)) if action else "")
        sent_back = browser.post(target, data=answer, timeout=10, allow_redirects=False).headers.get("Location")
        if sent_back is None:
            raise OAuthError("The demo's consent page did not take the answer.")
        self._thread = threading.Thread(target=_land, args=(browser, sent_back), name="played person", daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        """Wait until the browser is closed."""
        if self._thread is not None:
            self._thread.join(10)


def _land(browser: requests.Session, url: str) -> None:
    with browser, suppress(requests.RequestException):  # the program ended before its page was there
        browser.get(url, timeout=10)
